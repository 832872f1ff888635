/* SPDX-License-Identifier: Apache-2.0 */
/* base64: there and back, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sasl/sasl.h"

struct base64_row {
    const char *name;
    const char *text;
    const char *octets; /* NULL: refused */
    bool is_one_way;    /* decodes only */
};

static const struct base64_row rows[] = {
    {"the empty message", "=", "", false},
    {"nothing", "", "", true},
    {"one octet", "Zg==", "f", false},
    {"two", "Zm8=", "fo", false},
    {"three", "Zm9v", "foo", false},
    {"four", "Zm9vYg==", "foob", false},
    {"six", "Zm9vYmFy", "foobar", false},
    {"plus and slash", "+/+/", "\xFB\xFF\xBF", false},
    {"unpadded", "Zg", NULL, false},
    {"half padded", "Zg=", NULL, false},
    {"padding only", "====", NULL, false},
    {"two equals signs", "==", NULL, false},
    {"three padding", "Z===", NULL, false},
    {"padding inside", "Zg==Zm9v", NULL, false},
    {"padding before a digit", "Zm=v", NULL, false},
    {"unused bits, two octets short", "Zh==", NULL, false},
    {"unused bits, one octet short", "Zm9=", NULL, false},
    {"white space before", " Zm9v", NULL, false},
    {"white space behind", "Zm9v\n", NULL, false},
    {"white space instead", "Zm9 ", NULL, false},
    {"url alphabet", "-_-_", NULL, false},
    {"a byte beyond ASCII", "Zm9\xE9", NULL, false},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer out, back;

        buffer_init(&out);
        buffer_init(&back);
        buffer_literal(&out, "kept");
        int rc = sasl_base64_decode(span_of(rows[i].text), &out);
        if (rc != (rows[i].octets ? 0 : SASL_FAILURE))
            fail_msg("%s: %d", rows[i].name, rc);
        if (!rows[i].octets) {
            assert_true(span_is(buffer_span(&out), "kept"));
        } else {
            buffer_consume(&out, 4);
            if (!span_equal(buffer_span(&out), span_of(rows[i].octets)))
                fail_msg("%s: other octets", rows[i].name);
            sasl_base64_encode(buffer_span(&out), &back);
            if (!rows[i].is_one_way && !span_equal(buffer_span(&back), span_of(rows[i].text)))
                fail_msg("%s: other text", rows[i].name);
        }
        buffer_fini(&out);
        buffer_fini(&back);
    }
}

/* Every octet at every place, there and back; no prefix of a text that is no multiple of four is taken. */
static void test_round_trips(void **state)
{
    char octets[256];

    (void)state;
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (char)i;
    for (size_t len = 1; len <= sizeof(octets); len++) {
        struct span in = span_make(octets + sizeof(octets) - len, len);
        struct buffer text, back;

        buffer_init(&text);
        buffer_init(&back);
        sasl_base64_encode(in, &text);
        assert_int_equal(text.len, (len + 2) / 3 * 4);
        assert_int_equal(sasl_base64_decode(buffer_span(&text), &back), 0);
        assert_true(span_equal(buffer_span(&back), in));
        for (size_t cut = 1; cut < text.len; cut++) {
            buffer_clear(&back);
            assert_int_equal(sasl_base64_decode(span_make(text.ptr, cut), &back),
                             cut % 4 == 0 ? 0 : SASL_FAILURE);
        }
        buffer_fini(&text);
        buffer_fini(&back);
    }
}

static void test_guard_page(void **state)
{
    static const char *const texts[] = {"Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy", "Zm9vYmF", "=", "Zm9v="};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(room != MAP_FAILED);
    assert_int_equal(mprotect(room + page, page, PROT_NONE), 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t len = strlen(texts[i]);
        char *at = memcpy(room + page - len, texts[i], len);
        struct buffer out;

        buffer_init(&out);
        assert_int_equal(sasl_base64_decode(span_make(at, len), &out), i < 3 || i == 4 ? 0 : SASL_FAILURE);
        buffer_clear(&out);
        sasl_base64_encode(span_make(at, len), &out);
        assert_int_equal(out.len, (len + 2) / 3 * 4);
        buffer_fini(&out);
    }
    munmap(room, 2 * page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_guard_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
