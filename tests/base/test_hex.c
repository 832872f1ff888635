/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

static void every_octet_comes_back(void **state)
{
    (void)state;
    uint8_t all[256], back[256];
    char text[2 * sizeof all + 1];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    hex_write(all, sizeof all, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
    assert_true(hex_read(span_of(text), back, sizeof back));
    assert_memory_equal(all, back, sizeof all);
}

static void what_is_no_hex_is_refused(void **state)
{
    (void)state;
    uint8_t byte;
    const char *const wrong[] = {"", "0", "000", "0g", "g0", "A0", "0A", " 0", "-1", "0x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(hex_read(span_of(wrong[i]), &byte, 1));
    assert_true(hex_read(SPAN("a0"), &byte, 1));
    assert_int_equal(byte, 0xa0);
    assert_true(hex_read(SPAN(""), &byte, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_octet_comes_back),
        cmocka_unit_test(what_is_no_hex_is_refused),
    };
    return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
