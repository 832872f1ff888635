/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/chars.h"

#define DATA (CHAR_TEXT | CHAR_VALUE | CHAR_CDATA)
#define LETTER (DATA | CHAR_NAME | CHAR_NAME_START | CHAR_IRI)
#define SPACE (DATA | CHAR_SPACE)

const uint8_t chars_class[256] = {
    ['\t' ... '\n'] = SPACE,
    ['\r'] = SPACE,
    [' '] = SPACE,
    ['!'] = DATA | CHAR_IRI,
    ['"'] = CHAR_TEXT | CHAR_CDATA,
    ['#' ... '%'] = DATA | CHAR_IRI,
    ['&'] = CHAR_CDATA | CHAR_IRI,
    ['\''] = CHAR_TEXT | CHAR_CDATA | CHAR_IRI,
    ['(' ... ','] = DATA | CHAR_IRI,
    ['-' ... '.'] = DATA | CHAR_NAME | CHAR_IRI,
    ['/'] = DATA | CHAR_IRI,
    ['0' ... '9'] = DATA | CHAR_NAME | CHAR_IRI,
    [':' ... ';'] = DATA | CHAR_IRI,
    ['<'] = CHAR_CDATA,
    ['='] = DATA | CHAR_IRI,
    ['>'] = CHAR_VALUE,
    ['?' ... '@'] = DATA | CHAR_IRI,
    ['A' ... 'Z'] = LETTER,
    ['['] = DATA | CHAR_IRI,
    ['\\'] = DATA,
    [']'] = CHAR_VALUE | CHAR_IRI,
    ['^'] = DATA,
    ['_'] = LETTER,
    ['`'] = DATA,
    ['a' ... 'z'] = LETTER,
    ['{' ... '}'] = DATA,
    ['~'] = DATA | CHAR_IRI,
    [0x7F] = DATA,
};

/* One row per lead byte that is special; between, the plain ranges of Unicode's table 3-7. */
static int lead_length(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
    *ret_low = 0x80;
    *ret_high = 0xBF;
    if (lead < 0xC2)
        return CHARS_BAD;
    if (lead < 0xE0)
        return 2;
    if (lead < 0xF0) {
        if (lead == 0xE0)
            *ret_low = 0xA0; /* below: overlong */
        if (lead == 0xED)
            *ret_high = 0x9F; /* above: surrogates */
        return 3;
    }
    if (lead == 0xF0)
        *ret_low = 0x90; /* below: overlong */
    if (lead == 0xF4)
        *ret_high = 0x8F; /* above: beyond U+10FFFF */
    return lead < 0xF5 ? 4 : CHARS_BAD;
}

int chars_decode(const uint8_t *p, const uint8_t *end, uint32_t *ret_code)
{
    if (*p < 0x80) {
        *ret_code = *p;
        return 1;
    }
    uint8_t low, high;
    int len = lead_length(*p, &low, &high);
    if (len < 0)
        return CHARS_BAD;
    uint32_t code = *p & (0x7F >> len);
    for (int i = 1; i < len; i++) {
        if (p + i == end)
            return CHARS_MORE;
        if (p[i] < low || p[i] > high)
            return CHARS_BAD;
        code = code << 6 | (p[i] & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    *ret_code = code;
    return len;
}

bool chars_is_name_start(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x2FF},    {0x370, 0x37D},
        {0x37F, 0x1FFF},  {0x200C, 0x200D}, {0x2070, 0x218F}, {0x2C00, 0x2FEF},
        {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code <= ranges[i].last)
            return code >= ranges[i].first;
    return false;
}

bool chars_is_name(uint32_t code)
{
    return chars_is_name_start(code) || code == 0xB7 || (code >= 0x300 && code <= 0x36F) || code == 0x203F ||
           code == 0x2040;
}
