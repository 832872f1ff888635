/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"

static void test_append(void **unused)
{
    (void)unused;
    struct buffer b;
    buffer_init(&b);
    assert_int_equal(buffer_span(&b).len, 0);
    buffer_append(&b, (struct span){0});
    assert_null(b.ptr); /* nothing costs nothing */
    buffer_literal(&b, "<presence");
    buffer_append_char(&b, '/');
    buffer_printf(&b, "%s%d", ">", 12);
    buffer_printf(&b, "%s", "");
    assert_true(buffer_ok(&b));
    assert_true(span_is(buffer_span(&b), "<presence/>12"));
    buffer_clear(&b);
    assert_int_equal(b.len, 0);
    assert_non_null(b.ptr);
    buffer_literal(&b, "x");
    assert_true(span_is(buffer_span(&b), "x"));
    buffer_fini(&b);
    assert_null(b.ptr);
    buffer_literal(&b, "usable again");
    assert_true(span_is(buffer_span(&b), "usable again"));
    buffer_fini(&b);
    buffer_fini(&b);
}

static void test_consume(void **unused)
{
    (void)unused;
    struct buffer b;
    buffer_init(&b);
    buffer_consume(&b, 0);
    buffer_literal(&b, "abcdef");
    buffer_consume(&b, 0);
    assert_true(span_is(buffer_span(&b), "abcdef"));
    buffer_consume(&b, 2);
    assert_true(span_is(buffer_span(&b), "cdef"));
    buffer_literal(&b, "g");
    assert_true(span_is(buffer_span(&b), "cdefg"));
    buffer_consume(&b, 5);
    assert_int_equal(b.len, 0);
    buffer_fini(&b);
}

static void test_reserve(void **unused)
{
    (void)unused;
    struct buffer b;
    buffer_init(&b);
    buffer_literal(&b, "ab");
    char *end = buffer_reserve(&b, 5000);
    assert_non_null(end);
    assert_ptr_equal(end, b.ptr + 2);
    assert_int_equal(b.len, 2);
    memset(end, 'x', 5000);
    b.len += 5000;
    const char *before = b.ptr;
    assert_ptr_equal(buffer_reserve(&b, b.cap - b.len),
                     b.ptr + b.len); /* what is there is not asked for again */
    assert_ptr_equal(b.ptr, before);
    assert_int_equal(b.ptr[5001], 'x');
    buffer_fini(&b);
}

/* Pieces of every length across every growth, against a plain copy. */
static void test_growth_keeps_contents(void **unused)
{
    (void)unused;
    enum { BYTES = 100000 };
    char *want = malloc(BYTES);
    struct buffer b;
    unsigned seed = 3;
    buffer_init(&b);
    size_t len = 0;
    for (int i = 0; i < BYTES; i++)
        want[i] = (char)rand_r(&seed);
    while (len < BYTES) {
        size_t piece = (size_t)rand_r(&seed) % 300;
        if (piece > BYTES - len)
            piece = BYTES - len;
        buffer_append(&b, span_make(want + len, piece));
        len += piece;
        assert_int_equal(b.len, len);
        assert_true(b.cap >= b.len);
    }
    assert_memory_equal(b.ptr, want, BYTES);
    buffer_fini(&b);
    free(want);
}

/* An append that is lost is remembered until the buffer is cleared, whatever is appended behind it. */
static void test_failure_is_remembered(void **unused)
{
    (void)unused;
    struct buffer b;
    buffer_init(&b);
    buffer_literal(&b, "kept");
    assert_null(buffer_reserve(&b, (size_t)INT32_MAX)); /* more than any buffer holds */
    assert_false(buffer_ok(&b));
    assert_true(span_is(buffer_span(&b), "kept"));
    buffer_literal(&b, "!");
    assert_false(buffer_ok(&b));
    buffer_clear(&b);
    assert_true(buffer_ok(&b));
    buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_growth_keeps_contents),
        cmocka_unit_test(test_failure_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
