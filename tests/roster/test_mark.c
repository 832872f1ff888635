/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "roster/mark.h"

static void test_written_and_read(void **unused)
{
    static const struct {
        struct roster_mark mark;
        const char *text;
    } rows[] = {
        {{0, 0, 0}, "0-0"},
        {{0xdeadbeef, 0x19234abcdef, 0}, "deadbeef-19234abcdef"},
        {{1, 0, 5}, "1-0-5"},
        {{UINT32_MAX, UINT64_MAX, UINT64_MAX}, "ffffffff-ffffffffffffffff-ffffffffffffffff"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char storage[ROSTER_MARK_BYTES];
        struct roster_mark read;
        struct span text = roster_mark_write(&rows[i].mark, storage);
        assert_true(span_equal(text, span_of(rows[i].text)));
        assert_true(roster_mark_read(text, &read));
        assert_int_equal(read.epoch, rows[i].mark.epoch);
        assert_int_equal(read.version, rows[i].mark.version);
        assert_int_equal(read.groups, rows[i].mark.groups);
        for (size_t len = 0; len < text.len;
             len++) { /* a prefix is another mark or none, and read to its end only */
            char *copy = malloc(len ? len : 1);
            memcpy(copy, text.ptr, len);
            if (roster_mark_read(span_make(copy, len), &read))
                assert_true(roster_mark_write(&read, storage).len == len);
            free(copy);
        }
    }
}

static void test_not_ours(void **unused)
{
    static const char *const texts[] = {"",
                                        "1",
                                        "1-",
                                        "-1",
                                        "1-2-",
                                        "1-2-0",
                                        "1-2-3-",
                                        "1-2-3-4",
                                        "01-2",
                                        "1-02",
                                        "A-1",
                                        "1-G",
                                        "g-1",
                                        " 1-2",
                                        "1-2 ",
                                        "123456789-1",
                                        "1-12345678901234567",
                                        "ver14",
                                        "1--2",
                                        "00-1",
                                        "1-00"};
    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct roster_mark read;
        if (roster_mark_read(span_of(texts[i]), &read))
            fail_msg("\"%s\" is read", texts[i]);
    }
    struct roster_mark read;
    assert_false(roster_mark_read((struct span){0}, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
