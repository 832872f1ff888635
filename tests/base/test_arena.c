/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_taken_memory_is_apart_zeroed_and_aligned(void **unused)
{
    (void)unused;
    enum { COUNT = 400 };
    struct arena a;
    unsigned char *taken[COUNT];
    size_t sizes[COUNT];
    unsigned seed = 5;
    arena_init(&a);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            sizes[i] = (size_t)rand_r(&seed) % (i % 50 == 0 ? 20000 : 200);
            taken[i] = arena_take(&a, sizes[i]);
            assert_non_null(taken[i]);
            assert_int_equal((uintptr_t)taken[i] % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(taken[i][k], 0); /* also what a round before has written on */
                taken[i][k] = (unsigned char)(i % 255 + 1);
            }
        }
        for (int i = 0; i < COUNT; i++)
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(taken[i][k], i % 255 + 1);
        arena_reset(&a);
    }
    arena_fini(&a);
}

static void test_copy(void **unused)
{
    (void)unused;
    struct arena a;
    char text[] = "juliet";
    arena_init(&a);
    struct span copy = arena_copy(&a, span_of(text));
    text[0] = 'J';
    assert_true(span_is(copy, "juliet"));
    assert_int_equal(copy.ptr[6], '\0');
    struct span empty = arena_copy(&a, (struct span){0});
    assert_non_null(empty.ptr);
    assert_int_equal(empty.len, 0);
    assert_int_equal(empty.ptr[0], '\0');
    arena_fini(&a);
}

/* A reset arena serves a usual stanza from the block it kept, and keeps no large one. */
static void test_reset_keeps_one_block(void **unused)
{
    (void)unused;
    struct arena a;
    arena_init(&a);
    arena_reset(&a);
    void *first = arena_take(&a, 100);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_take(&a, 1000));
    arena_reset(&a);
    assert_ptr_equal(arena_take(&a, 100), first);
    arena_fini(&a);

    assert_non_null(arena_take(&a, 1 << 20));
    arena_reset(&a);
    assert_null(a.blocks);
    assert_non_null(arena_take(&a, 1));
    arena_fini(&a);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_memory_is_apart_zeroed_and_aligned),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_reset_keeps_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
