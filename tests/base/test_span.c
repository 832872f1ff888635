/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"

static void test_make_and_skip(void **unused)
{
    (void)unused;
    struct span s = SPAN("presence");
    assert_int_equal(s.len, 8);
    assert_int_equal(SPAN("").len, 0);
    assert_int_equal(SPAN("a\0b").len, 3); /* no terminator counts */
    assert_int_equal(span_of(NULL).len, 0);
    assert_null(span_of(NULL).ptr);
    assert_int_equal(span_of("abc").len, 3);
    assert_ptr_equal(span_skip(s, 3).ptr, s.ptr + 3);
    assert_int_equal(span_skip(s, 3).len, 5);
    assert_int_equal(span_skip(s, 8).len, 0);
    assert_ptr_equal(span_make(s.ptr, 2).ptr, s.ptr);
    assert_int_equal(span_make(s.ptr, 2).len, 2);
}

static void test_compare(void **unused)
{
    (void)unused;
    static const struct {
        struct span a, b;
        bool is_equal, a_starts_with_b;
    } rows[] = {
        {{"iq", 2}, {"iq", 2}, true, true},       {{"iq", 2}, {"i", 1}, false, true},
        {{"i", 1}, {"iq", 2}, false, false},      {{"iq", 2}, {"iQ", 2}, false, false},
        {{"a\0b", 3}, {"a\0c", 3}, false, false}, {{"a\0b", 3}, {"a\0b", 3}, true, true},
        {{"", 0}, {NULL, 0}, true, true},         {{NULL, 0}, {NULL, 0}, true, true},
        {{"x", 1}, {"", 0}, false, true},         {{NULL, 0}, {"x", 1}, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(span_equal(rows[i].a, rows[i].b), rows[i].is_equal);
        assert_int_equal(span_equal(rows[i].b, rows[i].a), rows[i].is_equal);
        if (rows[i].a.ptr && rows[i].b.ptr)
            assert_int_equal(span_starts(rows[i].a, rows[i].b), rows[i].a_starts_with_b);
    }
    assert_true(span_is(span_make("presence", 3), "pre"));
    assert_false(span_is(span_make("presence", 4), "pre"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make_and_skip),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
