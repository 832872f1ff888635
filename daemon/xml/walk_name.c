/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/walk.h"

/* Decode the character at c->p without consuming it. */
int walk_look(struct walk *c, uint32_t *ret_code, int *ret_len)
{
    int len = chars_decode(c->p, c->end, ret_code);
    if (len == CHARS_MORE)
        return XML_MORE;
    if (len == CHARS_BAD)
        return refuse(c, XML_UNSUPPORTED_ENCODING);
    *ret_len = len;
    return chars_is_legal(*ret_code) ? SCAN_ON : malformed(c);
}

static inline bool is_continuation(uint8_t b)
{
    return (b & 0xC0) == 0x80;
}

/* Consume one character that needs a closer look: above ASCII, or a control character. */
int walk_char(struct walk *c)
{
    const uint8_t *p = c->p;
    size_t room = (size_t)(c->end - p);
    /* Most of them need no more than this: any continuation is good, and no character is forbidden. */
    if (*p >= 0xC2 && *p <= 0xDF && room >= 2 && is_continuation(p[1])) {
        c->p += 2;
        return SCAN_ON;
    }
    if (*p > 0xE0 && *p < 0xEF && *p != 0xED && room >= 3 && is_continuation(p[1]) && is_continuation(p[2])) {
        c->p += 3;
        return SCAN_ON;
    }
    uint32_t code;
    int len;
    int r = walk_look(c, &code, &len);
    if (r == SCAN_ON)
        c->p += len;
    return r;
}

/* May the character at c->p continue the name whose first `len` bytes are consumed? */
static int look_name(struct walk *c, uint32_t len, int *ret_len)
{
    struct xml_scan *s = c->scan;
    bool is_start = len == 0 || (s->colon && len == s->colon + 1u);
    uint8_t class = chars_class[*c->p];
    *ret_len = 1;
    if (class & CHAR_NAME)
        return is_start && !(class & CHAR_NAME_START) ? malformed(c) : SCAN_ON;
    if (*c->p == ':') {
        if (is_start || s->colon)
            return malformed(c);
        s->colon = (uint16_t)len;
        return SCAN_ON;
    }
    uint32_t code;
    int r = walk_look(c, &code, ret_len);
    if (r != SCAN_ON)
        return r;
    if (code < 0x80) { /* the name ends here */
        *ret_len = 0;
        return is_start ? malformed(c) : SCAN_ON;
    }
    return (is_start ? chars_is_name_start(code) : chars_is_name(code)) ? SCAN_ON : malformed(c);
}

/* Consume the name that begins at the mark, to the byte behind it. */
int walk_name(struct walk *c, uint16_t *ret_len)
{
    while (c->p < c->end) {
        uint32_t len = offset(c) - c->scan->mark;
        int char_len;
        int r = look_name(c, len, &char_len);
        if (r != SCAN_ON)
            return r;
        if (char_len == 0) {
            *ret_len = (uint16_t)len;
            return SCAN_ON;
        }
        if (len + (uint32_t)char_len > c->scan->limits.name_bytes)
            return refuse(c, XML_POLICY_VIOLATION);
        c->p += char_len;
    }
    return XML_MORE;
}
