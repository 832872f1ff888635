/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza/child.h"

#include <errno.h>
#include <stdint.h>

#include "stanza/stanza.h"
#include "xml/write.h"

/* Behind the '>' that ends the tag at in[0] == '<'; quoted values may hold '>'. 0 when it does not end. */
static size_t tag_end(struct span in)
{
    char quote = 0;
    for (size_t i = 1; i < in.len; i++) {
        char c = in.ptr[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '>')
            return i + 1;
    }
    return 0;
}

size_t stanza_cdata_end(struct span in)
{
    const char *end = memmem(in.ptr, in.len, "]]>", 3);
    return end ? (size_t)(end - in.ptr) + 3 : 0;
}

bool stanza_is_cdata(struct span in)
{
    return span_starts(in, SPAN("<![CDATA["));
}

/* Go to the next '<' in *rest; false when there is none. */
static bool next_markup(struct span *rest)
{
    const char *at = rest->len ? memchr(rest->ptr, '<', rest->len) : NULL;
    if (!at)
        return false;
    *rest = span_skip(*rest, (size_t)(at - rest->ptr));
    return true;
}

/* The start tag's name and attributes; the tag is `<` ... `>`. */
static void read_tag(struct span tag, bool is_empty, struct stanza_child *ret_child)
{
    struct span inside = span_make(tag.ptr + 1, tag.len - 2 - (is_empty ? 1 : 0));
    size_t len = 0;
    while (len < inside.len && !stanza_is_space(inside.ptr[len]))
        len++;
    ret_child->name = span_make(inside.ptr, len);
    ret_child->attributes = span_skip(inside, len);
}

bool stanza_attribute_next(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    struct span in = *rest;
    size_t i = 0;
    while (i < in.len && stanza_is_space(in.ptr[i]))
        i++;
    size_t name = i;
    while (i < in.len && in.ptr[i] != '=' && !stanza_is_space(in.ptr[i]))
        i++;
    *ret_name = span_make(in.ptr + name, i - name);
    while (i < in.len && in.ptr[i] != '"' && in.ptr[i] != '\'')
        i++;
    const char *end = i < in.len ? memchr(in.ptr + i + 1, in.ptr[i], in.len - i - 1) : NULL;
    if (!end)
        return false;
    *ret_value = span_make(in.ptr + i + 1, (size_t)(end - in.ptr) - i - 1);
    *rest = span_skip(in, (size_t)(end - in.ptr) + 1);
    return true;
}

int stanza_child_next(struct span *rest, struct stanza_child *ret_child)
{
    uint32_t depth = 0;
    const char *content = NULL;
    while (next_markup(rest)) {
        if (stanza_is_cdata(*rest)) {
            size_t len = stanza_cdata_end(*rest);
            if (len == 0)
                return CHILD_BAD;
            *rest = span_skip(*rest, len);
            continue;
        }
        struct span tag = span_make(rest->ptr, tag_end(*rest));
        if (tag.len < 3) /* "<a>" */
            return CHILD_BAD;
        *rest = span_skip(*rest, tag.len);
        if (tag.ptr[1] == '/') {
            if (depth == 0)
                return CHILD_BAD;
            if (--depth > 0)
                continue;
            ret_child->content = span_make(content, (size_t)(tag.ptr - content));
            return 0;
        }
        bool is_empty = tag.ptr[tag.len - 2] == '/';
        if (depth == 0) {
            read_tag(tag, is_empty, ret_child);
            content = rest->ptr;
            ret_child->content = span_make(content, 0);
            if (is_empty)
                return 0;
        }
        depth += !is_empty;
    }
    return depth ? CHILD_BAD : CHILD_NONE;
}

struct span stanza_child_attribute(struct span attributes, struct span wanted)
{
    struct span name, value;
    while (stanza_attribute_next(&attributes, &name, &value))
        if (span_equal(name, wanted))
            return value;
    return (struct span){0};
}

bool stanza_has_one_child(const struct stanza *s)
{
    struct stanza_child child;
    struct span rest = s->content;
    return stanza_child_next(&rest, &child) == 0 && stanza_child_next(&rest, &child) == CHILD_NONE;
}

/* The value of the declaration `xmlns` or `xmlns:prefix`; ptr NULL: it is not there. */
static struct span declared(struct span attributes, struct span prefix)
{
    struct span name, value;
    while (stanza_attribute_next(&attributes, &name, &value)) {
        if (!span_starts(name, SPAN("xmlns")))
            continue;
        struct span rest = span_skip(name, SPAN("xmlns").len);
        if (prefix.len ? rest.len && rest.ptr[0] == ':' && span_equal(span_skip(rest, 1), prefix) : !rest.len)
            return value;
    }
    return (struct span){0};
}

/* A prefix that is declared on the message itself. */
static struct span declared_above(const struct stanza *s, struct span prefix)
{
    for (uint32_t i = 0; i < s->attribute_count; i++) {
        struct span name = s->attributes[i].name;
        if (span_starts(name, SPAN("xmlns:")) && span_equal(span_skip(name, SPAN("xmlns:").len), prefix))
            return s->attributes[i].value;
    }
    return (struct span){0};
}

int stanza_child_resolve(const struct stanza *s, const struct stanza_child *c, struct arena *arena,
                         struct span *ret_name, struct span *ret_xmlns)
{
    const char *colon = memchr(c->name.ptr, ':', c->name.len);
    struct span prefix = span_make(c->name.ptr, colon ? (size_t)(colon - c->name.ptr) : 0);
    struct span xmlns = declared(c->attributes, prefix);
    if (!xmlns.ptr)
        xmlns = prefix.len ? declared_above(s, prefix) : SPAN("jabber:client");
    *ret_name = colon ? span_skip(c->name, prefix.len + 1) : c->name;
    *ret_xmlns = xmlns;
    if (!xmlns.len || !memchr(xmlns.ptr, '&', xmlns.len))
        return 0;
    *ret_xmlns = xml_unescape(arena, xmlns);
    return ret_xmlns->ptr ? 0 : -ENOMEM;
}

void stanza_first_child_read(struct stanza *s)
{
    struct stanza_child child = {0};
    struct span rest = s->content;
    bool has_child = stanza_child_next(&rest, &child) == 0;
    s->child_name = child.name;
    s->child_xmlns = has_child ? stanza_child_attribute(child.attributes, SPAN("xmlns")) : (struct span){0};
}
