/* SPDX-License-Identifier: Apache-2.0 */
#include "roster/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct block_list *list_of(const char *const *jids, uint32_t count)
{
    struct span spans[8];
    struct block_list *list = NULL;
    for (uint32_t i = 0; i < count; i++)
        spans[i] = span_of(jids[i]);
    assert_int_equal(block_list_make(spans, count, &list), 0);
    return list;
}

static void test_matching(void **unused)
{
    (void)unused;
    static const struct {
        const char *entry, *jid;
        bool is_match;
    } rows[] = {
        /* XEP-0191 s. 4 */
        {"user@domain/resource", "user@domain/resource", true},
        {"user@domain/resource", "user@domain/other", false},
        {"user@domain/resource", "user@domain", false},
        {"user@domain", "user@domain", true},
        {"user@domain", "user@domain/any", true},
        {"user@domain", "other@domain", false},
        {"user@domain", "domain", false},
        {"domain/resource", "domain/resource", true},
        {"domain/resource", "domain/other", false},
        {"domain/resource", "domain", false},
        {"domain/resource", "user@domain/resource", false},
        {"domain", "domain", true},
        {"domain", "domain/any", true},
        {"domain", "user@domain", true},
        {"domain", "user@domain/any", true},
        {"domain", "user@sub.domain", false},
        {"domain", "user@domai", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const jids[] = {"zz@last", rows[i].entry, "aa@first"};
        struct block_list *list = list_of(jids, 3);
        struct jid jid = jid_of_prepared(span_of(rows[i].jid));
        assert_int_equal(list->count, 3);
        if (block_list_matches(list, &jid) != rows[i].is_match)
            fail_msg("%s in the list, %s asked", rows[i].entry, rows[i].jid);
        block_list_unref(list);
    }
    struct jid jid = jid_of_prepared(SPAN("user@domain"));
    assert_false(block_list_matches(NULL, &jid));
}

static void test_lists_are_sets(void **unused)
{
    (void)unused;
    const char *const jids[] = {"b@x", "a@x", "b@x", "a@x/r"};
    struct block_list *one = list_of(jids, 4), *more = NULL, *less = NULL, *none = NULL;
    assert_int_equal(one->count, 3);
    assert_true(one->has_resources);
    assert_true(span_is(one->jids[0], "a@x"));
    assert_true(span_is(one->jids[1], "a@x/r"));
    assert_true(span_is(one->jids[2], "b@x"));
    const struct span added[] = {SPAN("c@x"), SPAN("a@x")}, gone[] = {SPAN("a@x/r"), SPAN("d@x")};
    assert_int_equal(block_list_with(one, added, 2, &more), 0);
    assert_int_equal(more->count, 4);
    assert_int_equal(block_list_without(more, gone, 2, &less), 0);
    assert_int_equal(less->count, 3);
    assert_false(less->has_resources);
    assert_true(block_list_has(less, SPAN("c@x")));
    assert_false(block_list_has(less, SPAN("a@x/r")));
    assert_int_equal(block_list_without(less, less->jids, less->count, &none), 0);
    assert_null(none);
    assert_int_equal(block_list_without(NULL, gone, 2, &none), 0);
    assert_null(none);
    assert_int_equal(block_list_make(NULL, 0, &none), 0);
    assert_null(none);
    /* Who reads a list keeps it. */
    struct block_list *held = block_list_ref(one);
    block_list_unref(one);
    assert_true(block_list_has(held, SPAN("b@x")));
    block_list_unref(held);
    block_list_unref(more);
    block_list_unref(less);
    assert_null(block_list_ref(NULL));
    block_list_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_lists_are_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
