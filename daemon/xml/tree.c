/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "xml/reference.h"
#include "xml/scan.h"
#include "xml/write.h"

#define STREAM_NAMESPACE "http://etherx.jabber.org/streams"
#define DIALBACK_NAMESPACE "jabber:server:dialback"

/* A run of character data as written. */
struct piece {
    struct piece *next;
    struct span raw;
    bool is_cdata;
};

struct level {
    struct xml_node *node;
    const struct xml_declaration *outer; /* what is in scope outside the element */
    struct piece *pieces, *last_piece;
    const char *start; /* its '<' */
};

struct builder {
    struct arena *arena;
    const char *p, *end;
    const struct xml_declaration *scope;
    struct level levels[XML_DEPTH_MAX];
    uint32_t depth;
    struct xml_node *root;
    bool is_out_of_memory;
};

static void *take(struct builder *b, size_t size)
{
    void *taken = arena_take(b->arena, size ? size : 1);
    if (!taken)
        b->is_out_of_memory = true;
    return taken;
}

static struct span copy(struct builder *b, struct span s)
{
    char *bytes = take(b, s.len);
    if (!bytes)
        return (struct span){NULL, 0};
    if (s.len > 0)
        memcpy(bytes, s.ptr, s.len);
    return span_make(bytes, s.len);
}

/* Append `raw` decoded to `out`, which has raw.len bytes of room: a reference never grows. Line ends become
 * LF in character data (XML 1.0 s. 2.11), every white space a blank in values (s. 3.3.3). */
static size_t decode(char *out, struct span raw, bool is_value, bool is_cdata)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len;) {
        char c = raw.ptr[i];
        uint32_t code;
        if (c == '&' && !is_cdata) {
            i += reference_decode(span_skip(raw, i), &code);
            len += reference_encode(code, out + len);
            continue;
        }
        i += c == '\r' && i + 1 < raw.len && raw.ptr[i + 1] == '\n' ? 2 : 1;
        if (c == '\r')
            c = '\n';
        out[len++] = is_value && (c == '\n' || c == '\t') ? ' ' : c;
    }
    return len;
}

static struct span decode_value(struct builder *b, struct span raw)
{
    char *bytes = take(b, raw.len);
    return bytes ? span_make(bytes, decode(bytes, raw, true, false)) : (struct span){NULL, 0};
}

static bool is_space(char c)
{
    return chars_class[(uint8_t)c] & CHAR_SPACE;
}

static void skip_space(struct builder *b)
{
    while (is_space(*b->p))
        b->p++;
}

static struct span take_name(struct builder *b)
{
    const char *start = b->p;
    while (!is_space(*b->p) && *b->p != '=' && *b->p != '/' && *b->p != '>')
        b->p++;
    return span_make(start, (size_t)(b->p - start));
}

/* Split at the colon; returns the prefix, empty when there is none. */
static struct span split_name(struct span name, struct span *ret_local)
{
    const char *colon = memchr(name.ptr, ':', name.len);
    size_t len = colon ? (size_t)(colon - name.ptr) : 0;
    *ret_local = colon ? span_skip(name, len + 1) : name;
    return span_make(name.ptr, len);
}

static struct span resolve(const struct builder *b, struct span prefix)
{
    for (const struct xml_declaration *d = b->scope; d; d = d->outer)
        if (span_equal(d->prefix, prefix))
            return d->xmlns;
    if (span_is(prefix, "db")) /* of a server's stream: else the scanner has refused it */
        return SPAN(DIALBACK_NAMESPACE);
    return span_is(prefix, "stream") ? SPAN(STREAM_NAMESPACE) : SPAN(SCAN_XML_NAMESPACE);
}

static void bind(struct builder *b, struct span prefix, struct span raw)
{
    struct xml_declaration *d = take(b, sizeof *d);
    if (!d)
        return;
    d->prefix = prefix;
    d->xmlns = decode_value(b, raw);
    d->outer = b->scope;
    b->scope = d;
}

/* One attribute at b->p; returns where the next is linked. */
static struct xml_node_attribute **take_attribute(struct builder *b, struct xml_node_attribute **link)
{
    struct span name = take_name(b), local;
    skip_space(b);
    b->p++;
    skip_space(b);
    const char *start = b->p + 1;
    const char *end = memchr(start, *b->p, (size_t)(b->end - start));
    struct span value = span_make(start, (size_t)(end - start));
    b->p = end + 1;
    struct span prefix = split_name(name, &local);
    if (span_is(name, "xmlns") || span_is(prefix, "xmlns")) {
        bind(b, prefix.len ? local : prefix, value);
        return link;
    }
    struct xml_node_attribute *a = take(b, sizeof *a);
    if (!a)
        return link;
    a->name = copy(b, name);
    a->value = decode_value(b, value);
    *link = a;
    return &a->next;
}

static void append_child(struct xml_node *parent, struct xml_node *node)
{
    node->parent = parent;
    if (parent->last_child)
        parent->last_child->next = node;
    else
        parent->children = node;
    parent->last_child = node;
}

static void close_element(struct builder *b)
{
    struct level *level = &b->levels[--b->depth];
    struct xml_node *node = level->node;
    node->raw = span_make(level->start, (size_t)(b->p - level->start));
    b->scope = level->outer;
    size_t size = 0, len = 0;
    for (struct piece *piece = level->pieces; piece; piece = piece->next)
        size += piece->raw.len;
    char *bytes = take(b, size);
    if (!bytes)
        return;
    for (struct piece *piece = level->pieces; piece; piece = piece->next)
        len += decode(bytes + len, piece->raw, false, piece->is_cdata);
    node->text = span_make(bytes, len);
}

/* A start tag at b->p. */
static void open_element(struct builder *b)
{
    struct xml_node *node = take(b, sizeof *node);
    if (!node)
        return;
    struct level *level = &b->levels[b->depth++];
    *level = (struct level){.node = node, .outer = b->scope, .start = b->p};
    b->p++;
    struct span name = take_name(b), local;
    struct xml_node_attribute **link = &node->attributes;
    for (skip_space(b); *b->p != '>' && *b->p != '/'; skip_space(b))
        link = take_attribute(b, link);
    bool is_empty = *b->p == '/';
    b->p += is_empty ? 2 : 1;
    node->xmlns = resolve(b, split_name(name, &local));
    node->name = copy(b, local);
    node->scope = b->scope;
    if (b->depth > 1)
        append_child(b->levels[b->depth - 2].node, node);
    else
        b->root = node;
    if (is_empty)
        close_element(b);
}

static void take_text(struct builder *b, struct span raw, bool is_cdata)
{
    struct level *level = &b->levels[b->depth - 1];
    struct piece *piece = take(b, sizeof *piece);
    if (!piece)
        return;
    *piece = (struct piece){.raw = raw, .is_cdata = is_cdata};
    if (level->last_piece)
        level->last_piece->next = piece;
    else
        level->pieces = piece;
    level->last_piece = piece;
}

static void take_cdata(struct builder *b)
{
    const char *start = b->p + sizeof "<![CDATA[" - 1;
    const char *end = memmem(start, (size_t)(b->end - start), "]]>", 3);
    take_text(b, span_make(start, (size_t)(end - start)), true);
    b->p = end + 3;
}

/* What stands at b->p, within the element open last. */
static void take_content(struct builder *b)
{
    if (*b->p != '<') {
        const char *end = memchr(b->p, '<', (size_t)(b->end - b->p));
        take_text(b, span_make(b->p, (size_t)(end - b->p)), false);
        b->p = end;
    } else if (b->p[1] == '!') {
        take_cdata(b);
    } else if (b->p[1] == '/') {
        b->p = (const char *)memchr(b->p, '>', (size_t)(b->end - b->p)) + 1;
        close_element(b);
    } else {
        open_element(b);
    }
}

/* What follows trusts the bytes, so they pass the scanner once more; the stanza's own limits were met
 * before. */
static bool is_stanza(struct span stanza)
{
    struct xml_scan scan = {.limits = {UINT32_MAX, XML_DEPTH_MAX, XML_ATTRIBUTES_MAX, UINT16_MAX}};
    struct xml_item item;
    size_t used;
    enum xml_error error;
    return stanza.len > 0 &&
           xml_scan_next(&scan, XML_AT_CONTENT, SPAN(""), stanza, &item, &used, &error) == 0 &&
           item.kind == XML_STANZA && used == stanza.len;
}

int xml_tree_build(struct arena *arena, struct span stanza, struct span default_xmlns,
                   struct xml_node **ret_root)
{
    if (!is_stanza(stanza))
        return -EINVAL;
    struct xml_declaration *outermost = arena_take(arena, sizeof *outermost);
    if (!outermost)
        return -ENOMEM;
    struct builder b = {.arena = arena, .p = stanza.ptr, .end = stanza.ptr + stanza.len, .scope = outermost};
    outermost->xmlns = copy(&b, default_xmlns);
    do {
        if (b.root)
            take_content(&b);
        else
            open_element(&b);
    } while (b.depth > 0 && !b.is_out_of_memory);
    if (b.is_out_of_memory)
        return -ENOMEM;
    *ret_root = b.root;
    return 0;
}

struct xml_node *xml_node_child(const struct xml_node *node, struct span name, struct span xmlns)
{
    for (struct xml_node *child = node->children; child; child = child->next)
        if (span_equal(child->name, name) && span_equal(child->xmlns, xmlns))
            return child;
    return NULL;
}

struct span xml_node_attribute(const struct xml_node *node, struct span name)
{
    for (const struct xml_node_attribute *a = node->attributes; a; a = a->next)
        if (span_equal(a->name, name))
            return a->value;
    return (struct span){NULL, 0};
}

/* Is the prefix declared by one of those from `d` on that stand before `end`? */
static bool is_declared(const struct xml_declaration *d, const struct xml_declaration *end,
                        struct span prefix)
{
    for (; d != end; d = d->outer)
        if (span_equal(d->prefix, prefix))
            return true;
    return false;
}

void xml_node_write(struct buffer *out, const struct xml_node *node)
{
    const struct xml_declaration *outside = node->scope;
    if (node->parent)
        outside = node->parent->scope;
    else /* the root: all but the default namespace that the tree was built with is its own */
        while (outside->outer)
            outside = outside->outer;
    size_t name = 1;
    while (!is_space(node->raw.ptr[name]) && node->raw.ptr[name] != '/' && node->raw.ptr[name] != '>')
        name++;
    buffer_append(out, span_make(node->raw.ptr, name));
    for (const struct xml_declaration *d = outside; d; d = d->outer) {
        if (is_declared(node->scope, d, d->prefix))
            continue;
        buffer_literal(out, " xmlns");
        if (d->prefix.len)
            buffer_append_char(out, ':');
        buffer_append(out, d->prefix);
        buffer_literal(out, "='");
        xml_escape(out, d->xmlns);
        buffer_append_char(out, '\'');
    }
    buffer_append(out, span_skip(node->raw, name));
}
