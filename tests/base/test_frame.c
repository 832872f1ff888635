/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>

#include <cmocka.h>

#include "base/frame.h"

static void test_contents(void **unused)
{
    (void)unused;
    struct frame *f = frame_new(SPAN("<presence/>"), 9, 3);
    assert_true(span_is(span_make(f->bytes, f->len), "<presence/>"));
    assert_int_equal(f->head_at, 9);
    assert_int_equal(f->kind, 3);
    assert_int_equal(f->references, 1);
    assert_null(frame_unref(f));
    f = frame_new2(SPAN("<presence"), SPAN("/>"), FRAME_NO_HEAD, 0);
    assert_true(span_is(span_make(f->bytes, f->len), "<presence/>"));
    frame_unref(f);
    f = frame_new((struct span){0}, FRAME_NO_HEAD, 0);
    assert_int_equal(f->len, 0);
    frame_unref(f);
    assert_null(frame_unref(NULL));
}

static void test_sameness(void **unused)
{
    (void)unused;
    struct frame *f = frame_new(SPAN("<presence/>"), 9, 1);
    const struct {
        struct frame *other;
        bool is_same;
    } rows[] = {
        {frame_new(SPAN("<presence/>"), 9, 1), true},  {frame_new(SPAN("<presence />"), 9, 1), false},
        {frame_new(SPAN("<presence>>"), 9, 1), false}, {frame_new(SPAN("<presence/>"), 8, 1), false},
        {frame_new(SPAN("<presence/>"), 9, 2), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(frame_is_same(f, rows[i].other), rows[i].is_same);
        frame_unref(rows[i].other);
    }
    frame_unref(f);
}

static void test_references(void **unused)
{
    (void)unused;
    struct frame *f = frame_new(SPAN("x"), 0, 0);
    assert_ptr_equal(frame_ref(f), f);
    frame_ref_many(f, 10);
    assert_int_equal(f->references, 12);
    frame_unref_many(f, 9);
    frame_unref(f);
    assert_int_equal(f->references, 2);
    frame_unref_many(f, 2); /* the last ones: the leak checker sees that it is gone */
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *use(void *frame)
{
    struct frame *f = frame;
    for (int i = 0; i < ROUNDS; i++) {
        frame_ref_many(f, 2);
        frame_unref(f);
        frame_unref(f);
    }
    frame_unref(f);
    return NULL;
}

static void test_threads_share_a_frame(void **unused)
{
    (void)unused;
    struct frame *f = frame_new(SPAN("shared"), 0, 0);
    pthread_t threads[THREADS];
    frame_ref_many(f, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, f), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(f->references, 1);
    frame_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_sameness),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_threads_share_a_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
