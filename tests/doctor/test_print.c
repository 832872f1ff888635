/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of the report, octet by octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doctor/finding.h"

static void sample_make(struct findings *all)
{
    all->count = 0;
    finding_add(all, "first", FINDING_NEEDED, FINDING_OK, "all is %s", "well");
    finding_change(finding_add(all, "second.one", FINDING_OPTIONAL, FINDING_MISSING,
                               "a \"quote\", a \\ and gr\xc3\xbc\xc3\x9f"),
                   "echo \"%d\" > /x", 7);
    finding_add(all, "third", FINDING_OPTIONAL, FINDING_NOT_APPLICABLE,
                "line\none\x1b[31m, \x7f\xc2\x9b\xff\xc3");
}

static void text_must_be(struct buffer *text, const char *wanted)
{
    buffer_append_char(text, '\0');
    assert_string_equal(text->ptr, wanted);
    buffer_fini(text);
}

static void as_a_table(void **state)
{
    (void)state;
    struct findings all;
    struct buffer out = {0};
    sample_make(&all);
    findings_write_table(&all, &out);
    text_must_be(&out, "NAME        STATE           REASON, AND THE LINE THAT CHANGES IT\n"
                       "first       ok              all is well\n"
                       "second.one  missing         a \"quote\", a \\ and gr\xc3\xbc\xc3\x9f\n"
                       "                            > echo \"7\" > /x\n"
                       "third       not applicable  line?one?[31m, ????\n"
                       "\n"
                       "musterd can run here: 1 ok, 0 degraded, 1 missing, 1 not applicable\n");
    findings_fini(&all);
}

static void long_reasons_go_on_below(void **state)
{
    (void)state;
    struct findings all = {0};
    struct buffer out = {0};
    /* The reason begins at column 22 and ends at 120: 98 characters, of which one is two octets. */
    finding_change(
        finding_add(&all, "name", FINDING_NEEDED, FINDING_MISSING,
                    "\xc3\xbc"
                    "aaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg "
                    "hhhhhhhhhh iiiiiiiiii and more"),
        "a line that is to be copied and therefore never broken, however long it may come to be in the end of it all");
    findings_write_table(&all, &out);
    text_must_be(
        &out,
        "NAME  STATE           REASON, AND THE LINE THAT CHANGES IT\n"
        "name  missing         \xc3\xbc"
        "aaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg "
        "hhhhhhhhhh iiiiiiiiii\n"
        "                      and more\n"
        "                      > a line that is to be copied and therefore never broken, however long it may come to "
        "be in the end of it all\n"
        "\n"
        "musterd cannot run here: 0 ok, 0 degraded, 1 missing (1 of them needed), 0 not applicable\n");
    findings_fini(&all);
}

static void as_json(void **state)
{
    (void)state;
    struct findings all;
    struct buffer out = {0};
    sample_make(&all);
    findings_write_json(&all, &out);
    text_must_be(
        &out,
        "{\"version\": \"" MUSTER_VERSION "\", \"can_run\": true, \"findings\": [\n"
        "  {\"name\": \"first\", \"state\": \"ok\", \"needed\": true, \"reason\": \"all is well\", \"change\": \"\"},\n"
        "  {\"name\": \"second.one\", \"state\": \"missing\", \"needed\": false, "
        "\"reason\": \"a \\\"quote\\\", a \\\\ and gr\xc3\xbc\xc3\x9f\", \"change\": \"echo \\\"7\\\" > /x\"},\n"
        "  {\"name\": \"third\", \"state\": \"not applicable\", \"needed\": false, "
        "\"reason\": \"line?one?[31m, ????\", \"change\": \"\"}\n"
        "]}\n");
    findings_fini(&all);
}

/* Only what is needed and missing keeps the daemon from running. */
static void who_can_run(void **state)
{
    (void)state;
    for (int need = FINDING_OPTIONAL; need <= FINDING_NEEDED; need++)
        for (int s = FINDING_OK; s <= FINDING_NOT_APPLICABLE; s++) {
            struct findings all = {0};
            finding_add(&all, "before", FINDING_NEEDED, FINDING_OK, "x");
            finding_add(&all, "row", (enum finding_need)need, (enum finding_state)s, "x");
            finding_add(&all, "behind", FINDING_NEEDED, FINDING_OK, "x");
            assert_int_equal(findings_let_run(&all), !(need == FINDING_NEEDED && s == FINDING_MISSING));
            findings_fini(&all);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_table),
        cmocka_unit_test(long_reasons_go_on_below),
        cmocka_unit_test(as_json),
        cmocka_unit_test(who_can_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
