/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

static void what_must_be_escaped_is(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        const char *written;
    } rows[] = {
        {SPAN(""), "\"\""},
        {SPAN("plain"), "\"plain\""},
        {SPAN("a\"b\\c"), "\"a\\\"b\\\\c\""},
        {SPAN("\n\t\x1f\0"), "\"\\u000a\\u0009\\u001f\\u0000\""},
        {SPAN("\x7f gr\xc3\xbc\xc3\x9f"), "\"\x7f gr\xc3\xbc\xc3\x9f\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer out = {0};
        json_string(&out, rows[i].text);
        assert_int_equal(out.len, strlen(rows[i].written));
        assert_memory_equal(out.ptr, rows[i].written, out.len);
        buffer_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_must_be_escaped_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
