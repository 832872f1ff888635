/* SPDX-License-Identifier: Apache-2.0 */
/* The domainpart (RFC 7622 s. 3.2): a host name of letters-digits-hyphen labels, U-labels (RFC 5890) or
 * A-labels as they come, an IPv4 address, or an IPv6 address in brackets (RFC 6874). */
#include <arpa/inet.h>

#include "jid/jid.h"
#include "jid/precis.h"

/* RFC 1034 s. 3.1. For a U-label it bounds the A-label. */
#define LABEL_BYTES_MAX 63
/* An A-label spends four octets on "xn--" and at least one on every code point: a longer U-label has none. */
#define U_LABEL_CODE_POINTS_MAX (LABEL_BYTES_MAX - 4)
/* "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255" */
#define IPV6_BYTES_MAX 45

#define IDEOGRAPHIC_FULL_STOP 0x3002

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_letter_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* "[address]" or "[address%25zone]". */
static int prepare_literal(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    char address[IPV6_BYTES_MAX + 1]; /* inet_pton wants a terminator */
    struct in6_addr parsed;
    size_t end = 1;

    if (in.len > storage_bytes || in.len < 2 || in.ptr[in.len - 1] != ']')
        return JID_BAD;
    while (end < in.len - 1 && in.ptr[end] != '%')
        end++;
    if (end - 1 > IPV6_BYTES_MAX || memchr(in.ptr, 0, end))
        return JID_BAD;
    memcpy(address, in.ptr + 1, end - 1);
    address[end - 1] = 0;
    if (inet_pton(AF_INET6, address, &parsed) != 1)
        return JID_BAD;

    if (in.ptr[end] == '%') {
        struct span zone = span_make(in.ptr + end, in.len - 1 - end);
        if (!span_starts(zone, SPAN("%25")) || zone.len == 3)
            return JID_BAD;
        for (size_t i = 3; i < zone.len; i++)
            if (!is_letter_digit(zone.ptr[i]) && !memchr("-._~", zone.ptr[i], 4))
                return JID_BAD;
    }
    for (size_t i = 0; i < in.len; i++) /* a zone names an interface and keeps its case */
        storage[i] = i < end ? ascii_lower(in.ptr[i]) : in.ptr[i];
    *ret_len = in.len;
    return 0;
}

static int prepare_ascii(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    size_t label = 0; /* where the current label begins */

    if (in.len == 0 || in.len > storage_bytes)
        return JID_BAD;
    for (size_t i = 0; i <= in.len; i++) {
        if (i == in.len || in.ptr[i] == '.') {
            if (i == label || i - label > LABEL_BYTES_MAX || in.ptr[label] == '-' || in.ptr[i - 1] == '-')
                return JID_BAD;
            label = i + 1;
        } else if (!is_letter_digit(in.ptr[i]) && in.ptr[i] != '-') {
            return JID_BAD;
        }
        if (i < in.len)
            storage[i] = ascii_lower(in.ptr[i]);
    }
    *ret_len = in.len;
    return 0;
}

/* One mapped label that is not all ASCII (RFC 5891 s. 4.2.3, 5.4). */
static bool u_label_holds(const uint32_t *at, size_t count, bool is_bidi_domain)
{
    if (count > U_LABEL_CODE_POINTS_MAX || at[0] == '-' || at[count - 1] == '-')
        return false;
    if (count >= 4 && at[2] == '-' && at[3] == '-')
        return false;
    if (precis_is_mark(at[0]) || !precis_class_holds(PRECIS_IDENTIFIER, at, count, true))
        return false;
    return !is_bidi_domain || precis_bidi_holds(at, count);
}

/* One label. The names of the ASCII form hold here too, with no letters to lower. */
static bool label_holds(const uint32_t *at, size_t count, bool is_bidi_domain)
{
    bool is_ascii = true;

    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        is_ascii &= at[i] < 0x80;
        if (at[i] < 0x80 && !is_letter_digit((char)at[i]) && at[i] != '-')
            return false;
    }
    if (!is_ascii)
        return u_label_holds(at, count, is_bidi_domain);
    return count <= LABEL_BYTES_MAX && at[0] != '-' && at[count - 1] != '-' &&
           (!is_bidi_domain || precis_bidi_holds(at, count));
}

static int prepare_unicode(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    struct code_points c;

    /* RFC 5895 s. 2: lower case, width, NFC, and the ideographic full stop is a dot. */
    if (!precis_decode(in, &c) || !precis_map_lower(&c) || !precis_map_width(&c) || !precis_compose(&c))
        return JID_BAD;
    for (size_t i = 0; i < c.count; i++)
        if (c.at[i] == IDEOGRAPHIC_FULL_STOP)
            c.at[i] = '.';
    /* Such a dot at the end is dropped as a plain one was. */
    if (c.count > 0 && c.at[c.count - 1] == '.')
        c.count--;

    bool is_bidi_domain = precis_has_right_to_left(c.at, c.count);
    size_t label = 0;
    for (size_t i = 0; i <= c.count; i++) {
        if (i < c.count && c.at[i] != '.')
            continue;
        if (!label_holds(c.at + label, i - label, is_bidi_domain))
            return JID_BAD;
        label = i + 1;
    }
    return precis_encode(&c, storage, storage_bytes, ret_len) ? 0 : JID_BAD;
}

int domain_prepare(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    bool is_ascii = true;

    if (in.len > 0 && in.ptr[0] == '[')
        return prepare_literal(in, storage, storage_bytes, ret_len);
    if (in.len > 0 && in.ptr[in.len - 1] == '.') /* before anything else: RFC 7622 s. 3.2 */
        in.len--;
    for (size_t i = 0; i < in.len; i++)
        is_ascii &= (unsigned char)in.ptr[i] < 0x80;
    return is_ascii ? prepare_ascii(in, storage, storage_bytes, ret_len)
                    : prepare_unicode(in, storage, storage_bytes, ret_len);
}
