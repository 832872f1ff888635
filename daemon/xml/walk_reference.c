/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/walk.h"

int walk_reference(struct walk *c)
{
    struct xml_scan *s = c->scan;
    s->reference_len = 0;
    s->reference_value = 0;
    if (*c->p == '#') {
        c->p++;
        return enter(c, SCAN_REFERENCE_NUMBER);
    }
    return enter(c, SCAN_REFERENCE_NAME);
}

#define NAMED(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

int walk_reference_name(struct walk *c)
{
    struct xml_scan *s = c->scan;
    for (; c->p < c->end; c->p++) {
        uint8_t b = *c->p;
        if (b == ';' && s->reference_len > 0) {
            uint32_t name = s->reference_value;
            if (name != NAMED(0, 0, 'l', 't') && name != NAMED(0, 0, 'g', 't') &&
                name != NAMED(0, 'a', 'm', 'p') && name != NAMED('a', 'p', 'o', 's') &&
                name != NAMED('q', 'u', 'o', 't'))
                return refuse(c, XML_RESTRICTED);
            c->p++;
            return enter(c, s->reference_return);
        }
        if (!(chars_class[b] & (s->reference_len ? CHAR_NAME : CHAR_NAME_START))) {
            int r = walk_char(c);
            return r == SCAN_ON ? malformed(c) : r;
        }
        if (s->reference_len == 4) /* longer than any that is predefined */
            return refuse(c, XML_RESTRICTED);
        s->reference_len++;
        s->reference_value = s->reference_value << 8 | b;
    }
    return XML_MORE;
}

int walk_reference_number(struct walk *c)
{
    if (*c->p != 'x')
        return enter(c, SCAN_REFERENCE_DECIMAL);
    c->p++;
    return enter(c, SCAN_REFERENCE_HEX);
}

static int digit_value(uint8_t b, uint32_t radix)
{
    if (b >= '0' && b <= '9')
        return b - '0';
    b |= 0x20;
    return radix == 16 && b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

int walk_reference_digits(struct walk *c, uint32_t radix)
{
    struct xml_scan *s = c->scan;
    for (; c->p < c->end; c->p++) {
        int digit = digit_value(*c->p, radix);
        if (digit >= 0) {
            s->reference_value = s->reference_value * radix + (uint32_t)digit;
            if (s->reference_value > 0x10FFFF)
                return malformed(c);
            continue;
        }
        /* Without a digit it is 0, which is no character. */
        if (*c->p == ';' && chars_is_legal(s->reference_value)) {
            c->p++;
            return enter(c, s->reference_return);
        }
        int r = walk_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    return XML_MORE;
}
