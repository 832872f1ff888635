/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slab.h"

static void test_objects_are_apart_zeroed_and_aligned(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {1, 8, 16, 17, 48, 100, 4095, 4096, 70000};
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        enum { COUNT = 100 };
        struct slab s;
        unsigned char *objects[COUNT];
        slab_init(&s, "test", sizes[n]);
        assert_true(s.object_bytes >= sizes[n] && s.object_bytes % 16 == 0);
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < COUNT; i++) {
                objects[i] = slab_take(&s);
                assert_non_null(objects[i]);
                assert_int_equal((uintptr_t)objects[i] % 16, 0);
                for (size_t k = 0; k < sizes[n]; k++)
                    assert_int_equal(objects[i][k], 0);
                memset(objects[i], i + 1, sizes[n]);
            }
            assert_int_equal(s.live, COUNT);
            for (int i = 0; i < COUNT; i++) {
                for (size_t k = 0; k < sizes[n]; k++)
                    assert_int_equal(objects[i][k], i + 1);
                slab_give(&s, objects[i]);
            }
            assert_int_equal(s.live, 0);
        }
        slab_fini(&s);
    }
}

static void test_given_back_objects_are_taken_again(void **unused)
{
    (void)unused;
    struct slab s;
    slab_init(&s, "test", 64);
    void *a = slab_take(&s);
    size_t chunks = s.chunk_count;
    for (int i = 0; i < 100000; i++) {
        slab_give(&s, a);
        void *again = slab_take(&s);
        if (slab_recycles)
            assert_ptr_equal(again, a);
        a = again;
        assert_non_null(a);
    }
    assert_int_equal(s.chunk_count, chunks);
    slab_give(&s, a);
    slab_give(&s, NULL);
    assert_int_equal(s.live, 0);
    slab_fini(&s);
}

/* An object that moves to another worker is given back there; both slabs go together. */
static void test_migration(void **unused)
{
    (void)unused;
    struct slab from, to;
    slab_init(&from, "test", 64);
    slab_init(&to, "test", 64);
    void *object = slab_take(&from);
    slab_disown(&from);
    slab_adopt(&to);
    assert_int_equal(from.live, 0);
    assert_int_equal(to.live, 1);
    slab_give(&to, object);
    assert_int_equal(to.live, 0);
    void *again = slab_take(&to);
    if (slab_recycles)
        assert_ptr_equal(again, object);
    assert_int_equal(to.live, 1);
    slab_give(&to, again);
    slab_fini(&from);
    slab_fini(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_apart_zeroed_and_aligned),
        cmocka_unit_test(test_given_back_objects_are_taken_again),
        cmocka_unit_test(test_migration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
