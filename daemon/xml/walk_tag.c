/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/walk.h"

int walk_start_name(struct walk *c)
{
    struct xml_scan *s = c->scan;
    uint16_t len;
    int r = walk_name(c, &len);
    if (r != SCAN_ON)
        return r;
    scan_tag_begin(s, s->mark, len, s->colon);
    return enter(c, SCAN_TAG);
}

/* The tag's '>' is next. */
static int close_tag(struct walk *c, bool is_empty)
{
    c->p++;
    c->scan->state = SCAN_CONTENT;
    return scan_tag_close(c->scan, c->base, offset(c), is_empty);
}

int walk_tag(struct walk *c)
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
        int r = walk_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    if (s->attribute_count >= s->limits.attributes)
        return refuse(c, XML_POLICY_VIOLATION);
    return enter_name(c, SCAN_ATTRIBUTE);
}

int walk_attribute(struct walk *c)
{
    struct xml_scan *s = c->scan;
    uint16_t len;
    int r = walk_name(c, &len);
    if (r != SCAN_ON)
        return r;
    r = scan_tag_attribute(s, c->base, s->mark, len, s->colon);
    return r == SCAN_ON ? enter(c, SCAN_EQUALS) : r;
}

int walk_equals(struct walk *c)
{
    take_space(c);
    if (c->p == c->end)
        return XML_MORE;
    if (*c->p != '=') {
        int r = walk_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    c->p++;
    return enter(c, SCAN_QUOTE);
}

int walk_quote(struct walk *c)
{
    struct xml_scan *s = c->scan;
    take_space(c);
    if (c->p == c->end)
        return XML_MORE;
    if (*c->p != '\'' && *c->p != '"') {
        int r = walk_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    s->quote = *c->p++;
    s->mark = offset(c);
    return enter(c, SCAN_VALUE);
}

int walk_value(struct walk *c)
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
        int r = walk_char(c); /* the other quote, too */
        if (r != SCAN_ON)
            return r;
    }
    return XML_MORE;
}

int walk_slash(struct walk *c)
{
    if (*c->p == '>')
        return close_tag(c, true);
    int r = walk_char(c);
    return r == SCAN_ON ? malformed(c) : r;
}

int walk_end_name(struct walk *c)
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
            int r = walk_char(c);
            return r == SCAN_ON ? malformed(c) : r;
        }
        c->p++;
    }
    return enter(c, SCAN_END_SPACE);
}

int walk_end_space(struct walk *c)
{
    struct xml_scan *s = c->scan;
    take_space(c);
    if (c->p == c->end)
        return XML_MORE;
    if (*c->p != '>') {
        int r = walk_char(c);
        return r == SCAN_ON ? malformed(c) : r;
    }
    c->p++;
    if (s->depth <= 1)
        return SCAN_DONE;
    s->binding_count = s->open[--s->depth].bindings;
    return enter(c, SCAN_CONTENT);
}
