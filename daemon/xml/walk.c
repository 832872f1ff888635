/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner's state machine. Each step begins in one state at an unread byte, consumes what it can, and
 * leaves either the next state or a request for more; so a call may end behind any character. Only a
 * character of several bytes that is cut is looked at again. */
#include "xml/walk.h"

static int step_boundary(struct walk *c)
{
    struct xml_scan *s = c->scan;
    if (chars_class[*c->p] & CHAR_SPACE) {
        take_space(c);
        s->kind = XML_KEEPALIVE;
        return SCAN_DONE;
    }
    if (*c->p == '<') {
        c->p++;
        return enter(c, SCAN_TOP);
    }
    int r = walk_char(c);
    return r == SCAN_ON ? refuse(c, XML_BAD_FORMAT) : r;
}

static int step_header(struct walk *c)
{
    take_space(c);
    if (c->p == c->end)
        return XML_MORE;
    if (*c->p == '<') {
        c->p++;
        return enter(c, SCAN_HEADER_OPEN);
    }
    if (*c->p == '\0') /* UTF-16 or UTF-32 */
        return refuse(c, XML_UNSUPPORTED_ENCODING);
    int r = walk_char(c);
    return r == SCAN_ON ? malformed(c) : r;
}

static int step_header_open(struct walk *c)
{
    struct xml_scan *s = c->scan;
    if (*c->p == '\0') /* UTF-16 or UTF-32 */
        return refuse(c, XML_UNSUPPORTED_ENCODING);
    if (*c->p == '!' || (*c->p == '?' && s->has_declaration))
        return refuse(c, XML_RESTRICTED);
    if (*c->p == '?') {
        s->mark = offset(c) - 1;
        return enter(c, SCAN_DECLARATION);
    }
    s->kind = XML_STREAM_OPEN;
    return enter_name(c, SCAN_NAME);
}

/* One byte of the declaration, `i` bytes behind its '<'. What is no XML declaration is an instruction. */
static int look_declaration(struct walk *c, uint32_t i)
{
    static const char opening[] = "<?xml";
    uint8_t b = *c->p;
    if (!(chars_class[b] & CHAR_CDATA) && b != '>' && b != ']') {
        int r = walk_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    if (i < 5 && b != (uint8_t)opening[i])
        return refuse(c, XML_RESTRICTED);
    if (i == 5 && !(chars_class[b] & CHAR_SPACE))
        return b == '?' ? malformed(c) : refuse(c, XML_RESTRICTED);
    if (i >= SCAN_DECLARATION_BYTES_MAX)
        return refuse(c, XML_POLICY_VIOLATION);
    return b == '<' || (b == '>' && c->p[-1] != '?') ? malformed(c) : SCAN_ON;
}

static int step_declaration(struct walk *c)
{
    struct xml_scan *s = c->scan;
    while (c->p < c->end) {
        int r = look_declaration(c, offset(c) - s->mark);
        if (r != SCAN_ON)
            return r;
        if (*c->p++ == '>') {
            s->has_declaration = true;
            s->state = SCAN_HEADER;
            return scan_declaration(s, c->base + s->mark, offset(c) - s->mark);
        }
    }
    return XML_MORE;
}

static int step_top(struct walk *c)
{
    struct xml_scan *s = c->scan;
    switch (*c->p) {
    case '/':
        s->kind = XML_STREAM_CLOSE;
        c->p++;
        return enter_name(c, SCAN_END_NAME);
    case '!':
        c->p++;
        s->matched = 0;
        return enter(c, SCAN_BANG);
    case '?':
        return refuse(c, XML_RESTRICTED);
    default:
        s->kind = XML_STANZA;
        return enter_name(c, SCAN_NAME);
    }
}

static int step_content(struct walk *c)
{
    struct xml_scan *s = c->scan;
    while (c->p < c->end) {
        uint8_t b = *c->p;
        if (b == ']') {
            s->brackets += s->brackets < 2;
            c->p++;
            continue;
        }
        if (b == '>' && s->brackets == 2)
            return malformed(c);
        s->brackets = 0;
        if (b == '<') {
            c->p++;
            return enter(c, SCAN_MARKUP);
        }
        if (b == '&') {
            c->p++;
            s->reference_return = SCAN_CONTENT;
            return enter(c, SCAN_REFERENCE);
        }
        if ((chars_class[b] & CHAR_TEXT) || b == '>') {
            c->p++;
            continue;
        }
        int r = walk_char(c);
        if (r != SCAN_ON)
            return r;
    }
    return XML_MORE;
}

static int step_markup(struct walk *c)
{
    struct xml_scan *s = c->scan;
    switch (*c->p) {
    case '/':
        s->content_end = offset(c) - 1; /* the last one stays */
        c->p++;
        return enter_name(c, SCAN_END_NAME);
    case '!':
        c->p++;
        s->matched = 0;
        return enter(c, SCAN_BANG);
    case '?':
        return refuse(c, XML_RESTRICTED);
    default:
        if (s->depth >= s->limits.depth)
            return refuse(c, XML_POLICY_VIOLATION);
        return enter_name(c, SCAN_NAME);
    }
}

static int step_bang(struct walk *c)
{
    static const char opening[] = "[CDATA[";
    struct xml_scan *s = c->scan;
    while (c->p < c->end) {
        if (*c->p != (uint8_t)opening[s->matched]) {
            bool is_named = s->matched == 0 && (*c->p == '-' || (*c->p >= 'A' && *c->p <= 'Z'));
            return refuse(c, is_named ? XML_RESTRICTED : XML_NOT_WELL_FORMED);
        }
        if (s->depth == 0)
            return refuse(c, XML_BAD_FORMAT);
        c->p++;
        if (++s->matched == sizeof opening - 1) {
            s->brackets = 0;
            return enter(c, SCAN_CDATA);
        }
    }
    return XML_MORE;
}

static int step_cdata(struct walk *c)
{
    struct xml_scan *s = c->scan;
    while (c->p < c->end) {
        uint8_t b = *c->p;
        if (b == ']') {
            s->brackets += s->brackets < 2;
            c->p++;
            continue;
        }
        bool is_end = b == '>' && s->brackets == 2;
        s->brackets = 0;
        if ((chars_class[b] & CHAR_CDATA) || b == '>') {
            c->p++;
            if (is_end)
                return enter(c, SCAN_CONTENT);
            continue;
        }
        int r = walk_char(c);
        if (r != SCAN_ON)
            return r;
    }
    return XML_MORE;
}

/* One step at an unread byte. */
static int step(struct walk *c)
{
    switch ((enum scan_state)c->scan->state) {
    case SCAN_BOUNDARY:
        return step_boundary(c);
    case SCAN_HEADER:
        return step_header(c);
    case SCAN_HEADER_OPEN:
        return step_header_open(c);
    case SCAN_DECLARATION:
        return step_declaration(c);
    case SCAN_TOP:
        return step_top(c);
    case SCAN_CONTENT:
        return step_content(c);
    case SCAN_MARKUP:
        return step_markup(c);
    case SCAN_BANG:
        return step_bang(c);
    case SCAN_CDATA:
        return step_cdata(c);
    case SCAN_NAME:
        return walk_start_name(c);
    case SCAN_TAG:
    case SCAN_TAG_SPACE:
        return walk_tag(c);
    case SCAN_ATTRIBUTE:
        return walk_attribute(c);
    case SCAN_EQUALS:
        return walk_equals(c);
    case SCAN_QUOTE:
        return walk_quote(c);
    case SCAN_VALUE:
        return walk_value(c);
    case SCAN_SLASH:
        return walk_slash(c);
    case SCAN_END_NAME:
        return walk_end_name(c);
    case SCAN_END_SPACE:
        return walk_end_space(c);
    case SCAN_REFERENCE:
        return walk_reference(c);
    case SCAN_REFERENCE_NAME:
        return walk_reference_name(c);
    case SCAN_REFERENCE_NUMBER:
        return walk_reference_number(c);
    case SCAN_REFERENCE_DECIMAL:
        return walk_reference_digits(c, 10);
    case SCAN_REFERENCE_HEX:
        return walk_reference_digits(c, 16);
    }
    return malformed(c);
}

int scan_walk(struct xml_scan *scan, const uint8_t *base, size_t len, struct span root_name, bool plain)
{
    struct walk c = {scan, base, base + scan->at, base + len, root_name};
    int r = SCAN_ON;
    while (r == SCAN_ON && c.p < c.end) {
        if (!plain)
            r = scan_fast(scan, base, &c.p, c.end);
        if (r == SCAN_ON && c.p < c.end)
            r = step(&c);
    }
    scan->at = offset(&c);
    return r == SCAN_ON ? XML_MORE : r;
}
