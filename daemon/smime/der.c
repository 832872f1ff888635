/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/der.h"

#include <time.h>

/* Two octets of length reach 65535, and nothing we read is longer than that (SMIME_DER_BYTES_MAX). */
#define LENGTH_OCTETS_MAX 2

static bool length_take(struct span in, size_t *ret_header, size_t *ret_len)
{
    const uint8_t *bytes = (const uint8_t *)in.ptr;
    if (in.len < 2)
        return false;
    size_t octets = bytes[1] & 0x7F, len = 0;
    if (!(bytes[1] & 0x80)) {
        *ret_header = 2;
        *ret_len = bytes[1];
        return true;
    }
    if (octets == 0 || octets > LENGTH_OCTETS_MAX || in.len < 2 + octets)
        return false;
    for (size_t i = 0; i < octets; i++)
        len = len << 8 | bytes[2 + i];
    if (len < 0x80 || (octets > 1 && bytes[2] == 0))
        return false;
    *ret_header = 2 + octets;
    *ret_len = len;
    return true;
}

bool der_take_any(struct span *in, uint8_t *ret_tag, struct span *ret_value, struct span *ret_whole)
{
    size_t header, len;
    if (!length_take(*in, &header, &len) || len > in->len - header || ((uint8_t)in->ptr[0] & 0x1F) == 0x1F)
        return false;
    *ret_tag = (uint8_t)in->ptr[0];
    *ret_value = span_make(in->ptr + header, len);
    *ret_whole = span_make(in->ptr, header + len);
    *in = span_skip(*in, header + len);
    return true;
}

bool der_is_next(struct span in, uint8_t tag)
{
    return in.len > 0 && (uint8_t)in.ptr[0] == tag;
}

bool der_take(struct span *in, uint8_t tag, struct span *ret_value)
{
    struct span whole;
    uint8_t found;
    return der_is_next(*in, tag) && der_take_any(in, &found, ret_value, &whole);
}

bool der_take_uint(struct span *in, uint32_t *ret_number)
{
    struct span value;
    uint32_t number = 0;
    if (!der_take(in, DER_INTEGER, &value) || value.len == 0 || value.len > 4 || (value.ptr[0] & 0x80) ||
        (value.len > 1 && value.ptr[0] == 0 && !(value.ptr[1] & 0x80)))
        return false;
    for (size_t i = 0; i < value.len; i++)
        number = number << 8 | (uint8_t)value.ptr[i];
    *ret_number = number;
    return true;
}

static bool digits_take(struct span *in, size_t count, int *ret_number)
{
    int number = 0;
    if (in->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (in->ptr[i] < '0' || in->ptr[i] > '9')
            return false;
        number = number * 10 + (in->ptr[i] - '0');
    }
    *in = span_skip(*in, count);
    *ret_number = number;
    return true;
}

bool der_take_time(struct span *in, int64_t *ret_s)
{
    bool is_short = der_is_next(*in, DER_UTC_TIME);
    struct span text;
    struct tm t = {0}, back;
    int year;
    if (!der_take(in, is_short ? DER_UTC_TIME : DER_GENERALIZED_TIME, &text) ||
        !digits_take(&text, is_short ? 2 : 4, &year) || !digits_take(&text, 2, &t.tm_mon) ||
        !digits_take(&text, 2, &t.tm_mday) || !digits_take(&text, 2, &t.tm_hour) ||
        !digits_take(&text, 2, &t.tm_min) || !digits_take(&text, 2, &t.tm_sec) || !span_is(text, "Z"))
        return false;
    t.tm_year = is_short ? (year < 50 ? year + 100 : year) : year - 1900;
    t.tm_mon--;
    back = t;
    time_t s = timegm(&t); /* sets right what no calendar has */
    if (t.tm_mon != back.tm_mon || t.tm_mday != back.tm_mday || t.tm_hour != back.tm_hour ||
        t.tm_min != back.tm_min || t.tm_sec != back.tm_sec)
        return false;
    *ret_s = s;
    return true;
}

void der_put(struct buffer *out, uint8_t tag, struct span value)
{
    buffer_append_char(out, (char)tag);
    if (value.len < 0x80) {
        buffer_append_char(out, (char)value.len);
    } else {
        int octets = value.len > 0xFFFFFF ? 4 : value.len > 0xFFFF ? 3 : value.len > 0xFF ? 2 : 1;
        buffer_append_char(out, (char)(0x80 | octets));
        while (octets-- > 0)
            buffer_append_char(out, (char)(value.len >> (8 * octets)));
    }
    buffer_append(out, value);
}

void der_put_uint(struct buffer *out, uint32_t number)
{
    char bytes[5] = {0, (char)(number >> 24), (char)(number >> 16), (char)(number >> 8), (char)number};
    size_t skip = 0;
    while (skip < 4 && bytes[skip] == 0 && !(bytes[skip + 1] & 0x80))
        skip++;
    der_put(out, DER_INTEGER, span_make(bytes + skip, sizeof bytes - skip));
}

void der_put_time(struct buffer *out, int64_t s)
{
    time_t when = (time_t)s;
    struct tm t;
    char text[32];
    gmtime_r(&when, &t);
    /* UTCTime from 1950 to 2049 (RFC 5652 s. 11.3). */
    bool is_short = t.tm_year >= 50 && t.tm_year < 150;
    size_t len = strftime(text, sizeof text, is_short ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &t);
    der_put(out, is_short ? DER_UTC_TIME : DER_GENERALIZED_TIME, span_make(text, len));
}
