/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/internal.h"

static void test_doubles(void **state)
{
    (void)state;
    static const uint32_t most[] = {1000, 2000, 4000, 8000, 10000, 10000};
    for (uint32_t i = 0; i < sizeof most / sizeof *most; i++) {
        uint32_t least = UINT32_MAX, largest = 0;
        for (uint32_t random = 0; random < 20000; random++) {
            uint32_t delay = retry_delay_ms(i + 1, 1000, 10000, random);
            least = delay < least ? delay : least;
            largest = delay > largest ? delay : largest;
        }
        assert_int_equal(least, most[i] / 2);
        assert_int_equal(largest, most[i]);
    }
}

static void test_ends(void **state)
{
    (void)state;
    assert_in_range(retry_delay_ms(UINT32_MAX, 1, 86400000, 12345), 43200000, 86400000);
    assert_in_range(retry_delay_ms(40, 3600000, 86400000, UINT32_MAX), 43200000, 86400000);
    assert_int_equal(retry_delay_ms(1, 100, 100, 50), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_doubles), cmocka_unit_test(test_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
