/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner's state machine. Each step begins in one state at an unread byte, consumes what it can, and
 * leaves either the next state or a request for more; so a call may end behind any character. Only a
 * character of several bytes that is cut is looked at again. */
#include "xml/scan.h"

struct cursor {
    struct xml_scan *scan;
    const uint8_t *base, *p, *end;
    struct span root_name;
};

static inline uint32_t offset(const struct cursor *c)
{
    return (uint32_t)(c->p - c->base);
}

static inline int enter(struct cursor *c, enum scan_state state)
{
    c->scan->state = state;
    return SCAN_ON;
}

static inline int refuse(struct cursor *c, enum xml_error error)
{
    return scan_refuse(c->scan, error);
}

static inline int malformed(struct cursor *c)
{
    return scan_refuse(c->scan, XML_NOT_WELL_FORMED);
}

/* Decode the character at c->p without consuming it. */
static int look(struct cursor *c, uint32_t *ret_code, int *ret_len)
{
    int len = chars_decode(c->p, c->end, ret_code);
    if (len == CHARS_MORE)
        return XML_MORE;
    if (len == CHARS_BAD)
        return refuse(c, XML_UNSUPPORTED_ENCODING);
    *ret_len = len;
    return chars_is_legal(*ret_code) ? SCAN_ON : malformed(c);
}

/* Consume one character that needs a closer look: above ASCII, or a control character. */
static int take_char(struct cursor *c)
{
    uint32_t code;
    int len;
    int r = look(c, &code, &len);
    if (r == SCAN_ON)
        c->p += len;
    return r;
}

static void take_space(struct cursor *c)
{
    while (c->p < c->end && (chars_class[*c->p] & CHAR_SPACE))
        c->p++;
}

/* Begin a name at c->p. */
static int enter_name(struct cursor *c, enum scan_state state)
{
    c->scan->mark = offset(c);
    c->scan->colon = 0;
    return enter(c, state);
}

/* May the character at c->p continue the name whose first `len` bytes are consumed? */
static int look_name(struct cursor *c, uint32_t len, int *ret_len)
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
    int r = look(c, &code, ret_len);
    if (r != SCAN_ON)
        return r;
    if (code < 0x80) { /* the name ends here */
        *ret_len = 0;
        return is_start ? malformed(c) : SCAN_ON;
    }
    return (is_start ? chars_is_name_start(code) : chars_is_name(code)) ? SCAN_ON : malformed(c);
}

/* Consume the name that begins at the mark, to the byte behind it. */
static int take_name(struct cursor *c, uint16_t *ret_len)
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

static int step_boundary(struct cursor *c)
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
    int r = take_char(c);
    return r == SCAN_ON ? refuse(c, XML_BAD_FORMAT) : r;
}

static int step_header(struct cursor *c)
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
    int r = take_char(c);
    return r == SCAN_ON ? malformed(c) : r;
}

static int step_header_open(struct cursor *c)
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
static int look_declaration(struct cursor *c, uint32_t i)
{
    static const char opening[] = "<?xml";
    uint8_t b = *c->p;
    if (!(chars_class[b] & CHAR_CDATA) && b != '>' && b != ']') {
        int r = take_char(c);
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

static int step_declaration(struct cursor *c)
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

static int step_top(struct cursor *c)
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

static int step_content(struct cursor *c)
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
        int r = take_char(c);
        if (r != SCAN_ON)
            return r;
    }
    return XML_MORE;
}

static int step_markup(struct cursor *c)
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

static int step_bang(struct cursor *c)
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

static int step_cdata(struct cursor *c)
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
        int r = take_char(c);
        if (r != SCAN_ON)
            return r;
    }
    return XML_MORE;
}

static int step_name(struct cursor *c)
{
    struct xml_scan *s = c->scan;
    uint16_t len;
    int r = take_name(c, &len);
    if (r != SCAN_ON)
        return r;
    scan_tag_begin(s, s->mark, len, s->colon);
    return enter(c, SCAN_TAG);
}

/* The tag's '>' is next. */
static int close_tag(struct cursor *c, bool is_empty)
{
    c->p++;
    c->scan->state = SCAN_CONTENT;
    return scan_tag_close(c->scan, c->base, offset(c), is_empty);
}

static int step_tag(struct cursor *c)
{
    struct xml_scan *s = c->scan;
    if (chars_class[*c->p] & CHAR_SPACE) {
        s->state = SCAN_TAG_SPACE;
        take_space(c);
        if (c->p == c->end)
            return XML_MORE;
    }
    if (*c->p == '>')
        return close_tag(c, false);
    if (*c->p == '/') {
        c->p++;
        return enter(c, SCAN_SLASH);
    }
    if (s->state == SCAN_TAG) {
        int r = take_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    if (s->attribute_count >= s->limits.attributes)
        return refuse(c, XML_POLICY_VIOLATION);
    return enter_name(c, SCAN_ATTRIBUTE);
}

static int step_attribute(struct cursor *c)
{
    struct xml_scan *s = c->scan;
    uint16_t len;
    int r = take_name(c, &len);
    if (r != SCAN_ON)
        return r;
    r = scan_tag_attribute(s, c->base, s->mark, len, s->colon);
    return r == SCAN_ON ? enter(c, SCAN_EQUALS) : r;
}

static int step_equals(struct cursor *c)
{
    take_space(c);
    if (c->p == c->end)
        return XML_MORE;
    if (*c->p != '=') {
        int r = take_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    c->p++;
    return enter(c, SCAN_QUOTE);
}

static int step_quote(struct cursor *c)
{
    struct xml_scan *s = c->scan;
    take_space(c);
    if (c->p == c->end)
        return XML_MORE;
    if (*c->p != '\'' && *c->p != '"') {
        int r = take_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    s->quote = *c->p++;
    s->mark = offset(c);
    return enter(c, SCAN_VALUE);
}

static int step_value(struct cursor *c)
{
    struct xml_scan *s = c->scan;
    while (c->p < c->end) {
        uint8_t b = *c->p;
        if (chars_class[b] & CHAR_VALUE) {
            c->p++;
            continue;
        }
        if (b == s->quote) {
            struct scan_attribute *a = &scan_attributes(s)[s->attribute_count++];
            a->value = s->mark;
            a->value_len = offset(c) - s->mark;
            c->p++;
            return enter(c, SCAN_TAG);
        }
        if (b == '<')
            return malformed(c);
        if (b == '&') {
            c->p++;
            s->has_reference |= s->depth == 0;
            s->reference_return = SCAN_VALUE;
            return enter(c, SCAN_REFERENCE);
        }
        int r = take_char(c); /* the other quote, too */
        if (r != SCAN_ON)
            return r;
    }
    return XML_MORE;
}

static int step_slash(struct cursor *c)
{
    if (*c->p == '>')
        return close_tag(c, true);
    int r = take_char(c);
    return r == SCAN_ON ? malformed(c) : r;
}

static int step_end_name(struct cursor *c)
{
    struct xml_scan *s = c->scan;
    const uint8_t *name = (const uint8_t *)c->root_name.ptr;
    size_t len = c->root_name.len;
    if (s->depth > 0) {
        name = c->base + s->open[s->depth - 1].name;
        len = s->open[s->depth - 1].name_len;
    }
    while (offset(c) - s->mark < len) {
        if (c->p == c->end)
            return XML_MORE;
        if (*c->p != name[offset(c) - s->mark]) {
            int r = take_char(c);
            return r == SCAN_ON ? malformed(c) : r;
        }
        c->p++;
    }
    return enter(c, SCAN_END_SPACE);
}

static int step_end_space(struct cursor *c)
{
    struct xml_scan *s = c->scan;
    take_space(c);
    if (c->p == c->end)
        return XML_MORE;
    if (*c->p != '>') {
        int r = take_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    c->p++;
    if (s->depth <= 1)
        return SCAN_DONE;
    s->binding_count = s->open[--s->depth].bindings;
    return enter(c, SCAN_CONTENT);
}

static int step_reference(struct cursor *c)
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

static int step_reference_name(struct cursor *c)
{
    struct xml_scan *s = c->scan;
    for (; c->p < c->end; c->p++) {
        uint8_t b = *c->p;
        if (b == ';' && s->reference_len > 0) {
            uint32_t name = s->reference_value;
            if (name != NAMED(0, 0, 'l', 't') && name != NAMED(0, 0, 'g', 't') && name != NAMED(0, 'a', 'm', 'p') &&
                name != NAMED('a', 'p', 'o', 's') && name != NAMED('q', 'u', 'o', 't'))
                return refuse(c, XML_RESTRICTED);
            c->p++;
            return enter(c, s->reference_return);
        }
        if (!(chars_class[b] & (s->reference_len ? CHAR_NAME : CHAR_NAME_START))) {
            int r = take_char(c);
            return r == SCAN_ON ? malformed(c) : r;
        }
        if (s->reference_len == 4) /* longer than any that is predefined */
            return refuse(c, XML_RESTRICTED);
        s->reference_len++;
        s->reference_value = s->reference_value << 8 | b;
    }
    return XML_MORE;
}

static int step_reference_number(struct cursor *c)
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

static int step_reference_digits(struct cursor *c, uint32_t radix)
{
    struct xml_scan *s = c->scan;
    for (; c->p < c->end; c->p++) {
        int digit = digit_value(*c->p, radix);
        if (digit >= 0) {
            s->reference_len = 1;
            s->reference_value = s->reference_value * radix + (uint32_t)digit;
            if (s->reference_value > 0x10FFFF)
                return malformed(c);
            continue;
        }
        if (*c->p == ';' && s->reference_len > 0 && chars_is_legal(s->reference_value)) {
            c->p++;
            return enter(c, s->reference_return);
        }
        int r = take_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    return XML_MORE;
}

/* One step at an unread byte. */
static int step(struct cursor *c)
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
        return step_name(c);
    case SCAN_TAG:
    case SCAN_TAG_SPACE:
        return step_tag(c);
    case SCAN_ATTRIBUTE:
        return step_attribute(c);
    case SCAN_EQUALS:
        return step_equals(c);
    case SCAN_QUOTE:
        return step_quote(c);
    case SCAN_VALUE:
        return step_value(c);
    case SCAN_SLASH:
        return step_slash(c);
    case SCAN_END_NAME:
        return step_end_name(c);
    case SCAN_END_SPACE:
        return step_end_space(c);
    case SCAN_REFERENCE:
        return step_reference(c);
    case SCAN_REFERENCE_NAME:
        return step_reference_name(c);
    case SCAN_REFERENCE_NUMBER:
        return step_reference_number(c);
    case SCAN_REFERENCE_DECIMAL:
        return step_reference_digits(c, 10);
    case SCAN_REFERENCE_HEX:
        return step_reference_digits(c, 16);
    }
    return malformed(c);
}

int scan_walk(struct xml_scan *scan, const uint8_t *base, size_t len, struct span root_name, bool plain)
{
    struct cursor c = {scan, base, base + scan->at, base + len, root_name};
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
