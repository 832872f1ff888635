/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smime/moment.h"

static const struct {
    const char *text;
    int64_t seconds;
    uint32_t nanoseconds;
    const char *written; /* NULL: as it was read */
} good[] = {
    {"1970-01-01T00:00:00Z", 0, 0, NULL},
    {"1969-12-31T23:59:59.5Z", -1, 500000000, NULL},
    {"0000-01-01T00:00:00Z", -62167219200, 0, NULL},
    {"0987-01-01T00:00:00Z", -31020451200, 0, NULL},
    {"2010-06-07T00:00:00Z", 1275868800, 0, NULL},
    {"2010-06-07T00:00:00.000000001Z", 1275868800, 1, NULL},
    {"2010-06-07T00:00:00.123456789Z", 1275868800, 123456789, NULL},
    {"2010-06-07T00:00:00.660Z", 1275868800, 660000000, "2010-06-07T00:00:00.66Z"},
    {"2010-06-07T00:00:00.000Z", 1275868800, 0, "2010-06-07T00:00:00Z"},
    {"2012-02-29T00:00:00Z", 1330473600, 0, NULL},
    {"2016-12-31T23:59:60Z", 1483228800, 0, "2017-01-01T00:00:00Z"}, /* a leap second is the next one */
    {"9999-12-31T23:59:59.999999999Z", 253402300799, 999999999, NULL},
};

static const char *const bad[] = {
    "",
    "Z",
    "2010-06-07",
    "2010-06-07T00:00:00",
    "2010-06-07t00:00:00Z",
    "2010-06-07T00:00:00z",
    "2010-06-07 00:00:00Z",
    "2010-06-07T00:00:00+00:00", /* an offset, even of nothing: RFC 3923 s. 6.9 */
    "2010-06-07T02:00:00+02:00",
    "2010-06-07T00:00:00-00:00",
    "2010-06-07T00:00:00.Z",
    "2010-06-07T00:00:00,5Z",
    "2010-06-07T00:00:00.1234567890Z",
    "2010-06-07T00:00:00.5",
    "2010-06-07T00:00:00.-5Z",
    "2010-06-07T00:00:00ZZ",
    "2010-06-07T00:00:00Z ",
    " 2010-06-07T00:00:00Z",
    "2010-00-07T00:00:00Z",
    "2010-13-07T00:00:00Z",
    "2010-06-00T00:00:00Z",
    "2010-06-31T00:00:00Z",
    "2011-02-29T00:00:00Z",
    "2010-06-07T24:00:00Z",
    "2010-06-07T00:60:00Z",
    "2010-06-07T00:00:60Z", /* a leap second is at the end of a day only */
    "2010-06-07T00:00:61Z",
    "-010-06-07T00:00:00Z",
    "20100607T000000Z",
    "12010-06-07T00:00:00Z",
};

static void test_read(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct moment m = {7, 7}, again;
        char text[MOMENT_BYTES];
        struct span in = span_of(good[i].text);
        if (moment_read(in, &m) != 0 || m.seconds != good[i].seconds || m.nanoseconds != good[i].nanoseconds)
            fail_msg("%s: %lld, %u", good[i].text, (long long)m.seconds, m.nanoseconds);
        moment_write(m, text);
        assert_string_equal(text, good[i].written ? good[i].written : good[i].text);
        assert_int_equal(moment_read(span_of(text), &again), 0);
        assert_int_equal(moment_compare(m, again), 0);
        /* Exactly as long as it is, so that a byte too far is seen; and no shorter. */
        for (size_t cut = 0; cut < in.len; cut++) {
            char *copy = malloc(cut + 1);
            memcpy(copy, in.ptr, cut);
            assert_int_equal(moment_read(span_make(copy, cut), &m), MOMENT_BAD);
            free(copy);
        }
    }
}

static void test_bad(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct moment m = {7, 7};
        if (moment_read(span_of(bad[i]), &m) != MOMENT_BAD)
            fail_msg("%s is read", bad[i]);
        assert_int_equal(m.seconds, 7);
    }
}

static void test_compare(void **unused)
{
    const struct moment rising[] = {{INT64_MIN, 0}, {-1, 999999999}, {0, 0},
                                    {0, 1},         {1, 0},          {INT64_MAX, 999999999}};
    (void)unused;
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 6; k++) {
            int order = moment_compare(rising[i], rising[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
}

/* What four digits of a year cannot say. */
static void test_write_far(void **unused)
{
    char text[MOMENT_BYTES];
    (void)unused;
    moment_write((struct moment){INT64_MAX, 999999999}, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999999Z");
    moment_write((struct moment){INT64_MIN, 0}, text);
    assert_string_equal(text, "0000-01-01T00:00:00Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_write_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
