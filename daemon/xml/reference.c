/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/reference.h"

#include "xml/chars.h"

static size_t decode_number(struct span text, uint32_t *ret_code)
{
    uint32_t code = 0, radix = 10;
    size_t i = 2;
    if (i < text.len && text.ptr[i] == 'x') {
        radix = 16;
        i++;
    }
    for (; i < text.len && text.ptr[i] != ';'; i++) {
        uint32_t digit = (uint32_t)text.ptr[i] - '0';
        uint32_t letter = ((uint32_t)text.ptr[i] | 0x20) - 'a';
        if (digit > 9 && radix == 16 && letter < 6)
            digit = letter + 10;
        if (digit >= radix)
            return 0;
        code = code * radix + digit;
        if (code > 0x10FFFF)
            return 0;
    }
    if (i == text.len || !chars_is_legal(code)) /* without a digit it is 0, which is no character */
        return 0;
    *ret_code = code;
    return i + 1;
}

size_t reference_decode(struct span text, uint32_t *ret_code)
{
    static const struct {
        struct span name;
        uint32_t code;
    } predefined[] = {
        {{"&amp;", 5}, '&'},   {{"&lt;", 4}, '<'},   {{"&gt;", 4}, '>'},
        {{"&apos;", 6}, '\''}, {{"&quot;", 6}, '"'},
    };
    if (text.len > 1 && text.ptr[1] == '#')
        return decode_number(text, ret_code);
    for (size_t i = 0; i < sizeof predefined / sizeof *predefined; i++) {
        if (span_starts(text, predefined[i].name)) {
            *ret_code = predefined[i].code;
            return predefined[i].name.len;
        }
    }
    return 0;
}

size_t reference_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)((0xF00 >> len) | code);
    return len;
}

/* A value being read character by character. */
struct reader {
    struct span rest;
    char bytes[4]; /* of a reference, not yet given */
    size_t given, len;
};

/* The next byte of the normalised value; -1 at its end, -2 for a bad reference. */
static int reader_next(struct reader *r)
{
    if (r->given < r->len)
        return (unsigned char)r->bytes[r->given++];
    if (r->rest.len == 0)
        return -1;
    char first = r->rest.ptr[0];
    if (first == '&') {
        uint32_t code;
        size_t used = reference_decode(r->rest, &code);
        if (used == 0)
            return -2;
        r->rest = span_skip(r->rest, used);
        r->len = reference_encode(code, r->bytes);
        r->given = 1;
        return (unsigned char)r->bytes[0];
    }
    bool is_pair = first == '\r' && r->rest.len > 1 && r->rest.ptr[1] == '\n';
    r->rest = span_skip(r->rest, is_pair ? 2 : 1);
    return first == '\t' || first == '\n' || first == '\r' ? ' ' : (unsigned char)first;
}

static bool needs_decoding(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '&' || (unsigned char)text.ptr[i] < ' ')
            return true;
    return false;
}

bool reference_text_equal(struct span a, struct span b)
{
    if (span_equal(a, b))
        return true;
    if (!needs_decoding(a) && !needs_decoding(b))
        return false;
    struct reader x = {.rest = a}, y = {.rest = b};
    for (;;) {
        int c = reader_next(&x);
        if (c != reader_next(&y) || c == -2)
            return false;
        if (c == -1)
            return true;
    }
}

bool reference_is_iri(struct span value)
{
    size_t i = 0;
    while (i < value.len && value.ptr[i] != '&' &&
           ((value.ptr[i] & 0x80) || (chars_class[(uint8_t)value.ptr[i]] & CHAR_IRI)))
        i++;
    if (i == value.len || value.ptr[i] != '&')
        return i == value.len;
    struct reader rest = {.rest = span_skip(value, i)};
    int c = reader_next(&rest);
    while (c >= 0 && (c & 0x80 || (chars_class[c] & CHAR_IRI)))
        c = reader_next(&rest);
    return c == -1;
}
