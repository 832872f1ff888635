/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/datetime.h"

#define BAD UINT64_MAX

static const struct {
    const char *text;
    uint64_t us;
} rows[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1969-07-21T02:56:15Z", 0}, /* XEP-0082's own example is before our time */
    {"2010-06-07T00:00:00Z", 1275868800000000},
    {"2010-06-07T00:00:00.5Z", 1275868800500000},
    {"2010-06-07T00:00:00.1234567Z", 1275868800123456},
    {"2010-06-07T02:00:00+02:00", 1275868800000000},
    {"2010-06-06T18:30:00-05:30", 1275868800000000},
    {"2012-02-29T00:00:00Z", 1330473600000000},
    {"2016-12-31T23:59:60Z", 1483228800000000}, /* a leap second is the next one */
    {"9999-12-31T23:59:59Z", 253402300799000000},
    {"", BAD},
    {"2010-06-07", BAD},
    {"2010-06-07T00:00:00", BAD},
    {"2010-06-07T00:00:00z", BAD},
    {"2010-06-07 00:00:00Z", BAD},
    {"2010-06-07T00:00:00.Z", BAD},
    {"2010-06-07T00:00:00ZZ", BAD},
    {"2010-06-07T00:00:00+0200", BAD},
    {"2010-06-07T00:00:00+24:00", BAD},
    {"2010-06-07T00:00:00+02:60", BAD},
    {"2010-13-07T00:00:00Z", BAD},
    {"2010-00-07T00:00:00Z", BAD},
    {"2010-06-32T00:00:00Z", BAD},
    {"2010-06-31T00:00:00Z", BAD},
    {"2010-06-00T00:00:00Z", BAD},
    {"2010-06-07T24:00:00Z", BAD},
    {"2010-06-07T00:60:00Z", BAD},
    {"2010-06-07T00:00:61Z", BAD},
    {"-010-06-07T00:00:00Z", BAD},
    {"20100607T00:00:00Z", BAD},
};

static void test_read(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t us = 7;
        int outcome = datetime_read(span_of(rows[i].text), &us);
        if (outcome != (rows[i].us == BAD ? DATETIME_BAD : 0) || us != (rows[i].us == BAD ? 7 : rows[i].us))
            fail_msg("%s: %d, %llu", rows[i].text, outcome, (unsigned long long)us);
        /* Exactly as long as it is, so that a byte too far is seen; and no shorter. */
        size_t len = span_of(rows[i].text).len;
        for (size_t cut = 0; rows[i].us != BAD && cut < len; cut++) {
            char *copy = malloc(cut + 1);
            memcpy(copy, rows[i].text, cut);
            assert_int_equal(datetime_read(span_make(copy, cut), &us), DATETIME_BAD);
            free(copy);
        }
    }
}

static void test_write(void **unused)
{
    char text[DATETIME_BYTES];
    (void)unused;
    datetime_write(1275868800000001, text);
    assert_string_equal(text, "2010-06-07T00:00:00.000001Z");
    datetime_write(UINT64_MAX, text);
    assert_memory_equal(text, "9999-12-31T23:59:59.", 20);
    for (uint64_t us = 1; us < 4000000000000000; us = us * 3 + 1) {
        uint64_t again;
        datetime_write(us, text);
        assert_int_equal(datetime_read(span_of(text), &again), 0);
        assert_int_equal(again, us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_write)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
