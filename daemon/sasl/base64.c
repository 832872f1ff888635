/* SPDX-License-Identifier: Apache-2.0 */
/* base64 as SASL in XMPP wants it (RFC 4648 s. 4, RFC 6120 s. 6.4.2 and 13.9.1): nothing but the alphabet,
 * padded, unused bits zero. OpenSSL's decoder forgives white space and says nothing about padding, hence this
 * one. */
#include <openssl/evp.h>

#include "sasl/sasl.h"

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to `count` octets, 1 to 3; the characters that stand for no octet must be '='. */
static bool decode_group(const char *in, int count, char *out)
{
    uint32_t bits = 0;

    for (int i = 0; i < 4; i++) {
        int value = i <= count ? digit_value(in[i]) : 0;
        if (value < 0 || (i > count && in[i] != '='))
            return false;
        bits = bits << 6 | (uint32_t)value;
    }
    if ((bits & (0xFFFFFFu >> (8 * count))) != 0)
        return false;
    for (int i = 0; i < count; i++)
        out[i] = (char)(bits >> (16 - 8 * i));
    return true;
}

int sasl_base64_decode(struct span in, struct buffer *out)
{
    uint32_t len_before = out->len;

    if (span_is(in, "="))
        return 0;
    if (in.len % 4 != 0)
        return SASL_FAILURE;
    for (size_t at = 0; at < in.len; at += 4) {
        char octets[3];
        bool is_last = at + 4 == in.len;
        int padding = is_last && in.ptr[at + 3] == '=' ? 1 + (in.ptr[at + 2] == '=') : 0;

        if (!decode_group(in.ptr + at, 3 - padding, octets)) {
            out->len = len_before;
            return SASL_FAILURE;
        }
        buffer_append(out, span_make(octets, (size_t)(3 - padding)));
    }
    return 0;
}

void sasl_base64_encode(struct span in, struct buffer *out)
{
    if (in.len == 0) {
        buffer_append_char(out, '=');
        return;
    }
    /* One more for the NUL that OpenSSL writes behind it. */
    char *to = buffer_reserve(out, (in.len + 2) / 3 * 4 + 1);
    if (to)
        out->len +=
            (uint32_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)in.ptr, (int)in.len);
}
