/* SPDX-License-Identifier: Apache-2.0 */
#include "base/datetime.h"

#include <stdio.h>
#include <time.h>

#define US 1000000
/* 9999-12-31T23:59:59Z */
#define LAST_SECOND 253402300799

void datetime_write(uint64_t us, char text[static DATETIME_BYTES])
{
    struct tm utc;
    time_t seconds = (time_t)(us / US);
    if (seconds > LAST_SECOND)
        seconds = LAST_SECOND;
    gmtime_r(&seconds, &utc);
    size_t used = strftime(text, DATETIME_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + used, DATETIME_BYTES - used, ".%06uZ", (unsigned)(us % US));
}

/* Take `count` digits, then the character `end` (0: nothing). */
static bool take(struct span *in, unsigned count, char end, int *ret_value)
{
    if (in->len < count + (end != 0))
        return false;
    *ret_value = 0;
    for (unsigned i = 0; i < count; i++) {
        if (in->ptr[i] < '0' || in->ptr[i] > '9')
            return false;
        *ret_value = *ret_value * 10 + (in->ptr[i] - '0');
    }
    if (end && in->ptr[count] != end)
        return false;
    *in = span_skip(*in, count + (end != 0));
    return true;
}

/* ".123", if it is there. */
static bool take_fraction(struct span *in, uint64_t *ret_us)
{
    uint64_t unit = US;
    size_t i = 1;
    *ret_us = 0;
    if (!in->len || in->ptr[0] != '.')
        return true;
    for (; i < in->len && in->ptr[i] >= '0' && in->ptr[i] <= '9'; i++) {
        unit /= 10;
        *ret_us += unit * (uint64_t)(in->ptr[i] - '0');
    }
    *in = span_skip(*in, i);
    return i > 1;
}

/* "Z" or "+01:00": what is to be taken off. */
static bool take_zone(struct span *in, int64_t *ret_seconds)
{
    int hours, minutes;
    *ret_seconds = 0;
    if (in->len && in->ptr[0] == 'Z') {
        *in = span_skip(*in, 1);
        return true;
    }
    if (!in->len || (in->ptr[0] != '+' && in->ptr[0] != '-'))
        return false;
    int sign = in->ptr[0] == '+' ? 1 : -1;
    *in = span_skip(*in, 1);
    if (!take(in, 2, ':', &hours) || !take(in, 2, 0, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

int datetime_read(struct span text, uint64_t *ret_us)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct tm tm = {0};
    uint64_t fraction;
    int64_t zone;
    if (!take(&text, 4, '-', &tm.tm_year) || !take(&text, 2, '-', &tm.tm_mon) ||
        !take(&text, 2, 'T', &tm.tm_mday) || !take(&text, 2, ':', &tm.tm_hour) ||
        !take(&text, 2, ':', &tm.tm_min) || !take(&text, 2, 0, &tm.tm_sec) ||
        !take_fraction(&text, &fraction) || !take_zone(&text, &zone) || text.len)
        return DATETIME_BAD;
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > month_days[tm.tm_mon - 1] ||
        tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return DATETIME_BAD;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t seconds = (int64_t)timegm(&tm) - zone;
    *ret_us = seconds < 0 ? 0 : (uint64_t)seconds * US + fraction;
    return 0;
}
