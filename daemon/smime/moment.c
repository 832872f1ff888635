/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/moment.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits of a year can say. */
#define FIRST_SECOND (-62167219200)
#define LAST_SECOND 253402300799
#define FRACTION_DIGITS_MAX 9

/* Every digit of the shape stands for any digit. */
static const char shape[] = "0000-00-00T00:00:00";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int number(const char *p, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + (p[i] - '0');
    return value;
}

/* "Z" or ".123Z". */
static bool read_end(struct span text, uint32_t *ret_nanoseconds)
{
    uint32_t unit = 1000000000, value = 0;
    size_t at = 0;
    if (text.len && text.ptr[0] == '.') {
        for (at = 1; at < text.len && is_digit(text.ptr[at]); at++) {
            if (at > FRACTION_DIGITS_MAX)
                return false;
            unit /= 10;
            value += unit * (uint32_t)(text.ptr[at] - '0');
        }
        if (at == 1)
            return false;
    }
    if (text.len != at + 1 || text.ptr[at] != 'Z')
        return false;
    *ret_nanoseconds = value;
    return true;
}

int moment_read(struct span text, struct moment *ret_moment)
{
    const char *p = text.ptr;
    uint32_t nanoseconds;
    if (text.len < sizeof shape - 1)
        return MOMENT_BAD;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (is_digit(shape[i]) ? !is_digit(p[i]) : p[i] != shape[i])
            return MOMENT_BAD;
    if (!read_end(span_skip(text, sizeof shape - 1), &nanoseconds))
        return MOMENT_BAD;
    struct tm tm = {.tm_year = number(p, 4) - 1900,
                    .tm_mon = number(p + 5, 2) - 1,
                    .tm_mday = number(p + 8, 2),
                    .tm_hour = number(p + 11, 2),
                    .tm_min = number(p + 14, 2),
                    .tm_sec = number(p + 17, 2)};
    /* A leap second, which is only where a day ends in UTC, is the next one. */
    bool is_leap = tm.tm_sec == 60 && tm.tm_min == 59 && tm.tm_hour == 23;
    tm.tm_sec -= is_leap;
    struct tm again = tm;
    int64_t seconds = timegm(&again);
    /* What is no date or time of day, timegm() makes another of; of a day that its month has not, one in another month. */
    if (again.tm_mon != tm.tm_mon || again.tm_hour != tm.tm_hour || again.tm_min != tm.tm_min ||
        again.tm_sec != tm.tm_sec)
        return MOMENT_BAD;
    *ret_moment = (struct moment){seconds + is_leap, nanoseconds};
    return 0;
}

void moment_write(struct moment m, char text[static MOMENT_BYTES])
{
    struct tm utc;
    time_t seconds = (time_t)m.seconds;
    if (seconds > LAST_SECOND)
        seconds = LAST_SECOND;
    if (seconds < FIRST_SECOND)
        seconds = FIRST_SECOND;
    gmtime_r(&seconds, &utc);
    char fraction[sizeof ".000000000"] = "";
    if (m.nanoseconds) {
        int len = snprintf(fraction, sizeof fraction, ".%09u", m.nanoseconds % 1000000000u);
        while (fraction[len - 1] == '0')
            fraction[--len] = '\0';
    }
    /* The remainders are what the fields are anyway; they let the compiler see that it fits. */
    snprintf(text, MOMENT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u%sZ", (unsigned)(utc.tm_year + 1900) % 10000,
             (unsigned)(utc.tm_mon + 1) % 100, (unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100,
             (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100, fraction);
}

int moment_compare(struct moment a, struct moment b)
{
    if (a.seconds != b.seconds)
        return a.seconds < b.seconds ? -1 : 1;
    return (a.nanoseconds > b.nanoseconds) - (a.nanoseconds < b.nanoseconds);
}
