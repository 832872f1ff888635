/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles within a bucket's width, for small and large values alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"

static void test_every_octave(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 63; shift++) {
        static struct histogram h;
        h = (struct histogram){0};
        uint64_t value = (UINT64_C(1) << shift) + (UINT64_C(1) << shift) / 3;
        histogram_add(&h, value);
        histogram_add(&h, UINT64_MAX / 2);
        uint64_t p = histogram_percentile(&h, 50);
        assert_true(p >= value);
        assert_true(p - value <= value / 31 + 1);
    }
}

static void test_percentiles(void **state)
{
    (void)state;
    static struct histogram h;
    for (uint64_t i = 1; i <= 1000; i++)
        histogram_add(&h, i * 1000);
    assert_int_equal(h.count, 1000);
    assert_int_equal(histogram_percentile(&h, 100), 1000000);
    assert_in_range(histogram_percentile(&h, 50), 500000, 516000);
    assert_in_range(histogram_percentile(&h, 99), 990000, 1000000);
}

/* Two threads' are worth one that got everything. */
static void test_merge(void **state)
{
    (void)state;
    static struct histogram parts[2], all, merged;
    for (uint64_t i = 1; i <= 3000; i++) {
        histogram_add(&parts[i % 3 == 0], i * i);
        histogram_add(&all, i * i);
    }
    histogram_add_many(&parts[0], 77, 5);
    histogram_add_many(&parts[1], UINT64_MAX / 2, 0);
    for (int i = 0; i < 5; i++)
        histogram_add(&all, 77);
    histogram_merge(&merged, &parts[0]);
    histogram_merge(&merged, &parts[1]);
    assert_memory_equal(&merged, &all, sizeof all);
    assert_int_equal(merged.max, 9000000);
}

static void test_empty(void **state)
{
    (void)state;
    static const struct histogram h;
    assert_int_equal(histogram_percentile(&h, 99), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_octave),
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
