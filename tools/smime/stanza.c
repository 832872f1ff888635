/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza.h"

#include <errno.h>
#include <strings.h>

#include "files.h"
#include "xml/tree.h"
#include "xml/write.h"

#define E2E SPAN("urn:ietf:params:xml:ns:xmpp-e2e")

static struct span blanks_skip(struct span in)
{
    while (in.len && memchr(" \t\r\n", *in.ptr, 4))
        in = span_skip(in, 1);
    return in;
}

/* Files have an XML declaration that streams have only once. What says another encoding than UTF-8 stays, and is no stanza. */
static struct span declaration_skip(struct span in)
{
    const char *end = in.ptr && span_starts(in, SPAN("<?xml ")) ? memmem(in.ptr, in.len, "?>", 2) : NULL;
    if (!end)
        return in;
    struct span declaration = span_make(in.ptr, (size_t)(end - in.ptr));
    const char *encoding = memmem(declaration.ptr, declaration.len, "encoding", 8);
    if (encoding && strncasecmp(encoding, "encoding='utf-8'", 16) != 0 &&
        strncasecmp(encoding, "encoding=\"utf-8\"", 16) != 0)
        return in;
    return blanks_skip(span_skip(in, declaration.len + 2));
}

bool stanza_is(struct span in)
{
    in = blanks_skip(in);
    return in.len && *in.ptr == '<';
}

/* The one stanza's bytes, accepted by the scanner. */
static int scan(struct span in, struct span *ret_raw, enum xml_error *ret_error)
{
    struct xml_limits limits = xml_limits_default;
    limits.stanza_bytes =
        INPUT_BYTES_MAX; /* what is too large for an object is to be told from what is no XML */
    struct xml_scan *s = xml_scan_new(&limits);
    if (!s)
        return -ENOMEM;
    struct xml_item item;
    size_t used;
    *ret_error = XML_NOT_WELL_FORMED;
    int result = xml_scan_next(s, XML_AT_CONTENT, SPAN("stream"), in, &item, &used, ret_error);
    xml_scan_free(s);
    if (result)
        return STANZA_BAD;
    *ret_error = XML_ERROR_NONE;
    if (item.kind != XML_STANZA || blanks_skip(span_skip(in, used)).len)
        return STANZA_BAD;
    *ret_raw = item.raw;
    return 0;
}

int stanza_read(struct arena *arena, struct span in, struct stanza *ret_stanza, enum xml_error *ret_error)
{
    struct stanza s = {0};
    struct xml_node *root;
    int error = scan(declaration_skip(blanks_skip(in)), &s.raw, ret_error);
    if (!error)
        error = xml_tree_build(arena, s.raw, SPAN("jabber:client"), &root);
    if (error)
        return error;
    bool is_stanza =
        span_is(root->name, "message") || span_is(root->name, "presence") || span_is(root->name, "iq");
    if (!is_stanza || !(span_is(root->xmlns, "jabber:client") || span_is(root->xmlns, "jabber:server")))
        return STANZA_BAD;
    s.kind = root->name;
    s.from = xml_node_attribute(root, SPAN("from"));
    s.to = xml_node_attribute(root, SPAN("to"));
    s.type = xml_node_attribute(root, SPAN("type"));
    s.id = xml_node_attribute(root, SPAN("id"));
    s.has_body = xml_node_child(root, SPAN("body"), root->xmlns) != NULL;
    for (const struct xml_node *child = root->children; child; child = child->next) {
        if (!span_is(child->name, "e2e") || !span_equal(child->xmlns, E2E))
            continue;
        if (s.object_count++ == 0) {
            s.object = child->text;
            s.object_raw = child->raw;
        }
    }
    *ret_stanza = s;
    return 0;
}

const char *stanza_error_text(enum xml_error error)
{
    switch (error) {
    case XML_ERROR_NONE:
        return "not exactly one message, presence or iq";
    case XML_RESTRICTED:
        return "XML that XMPP forbids: a comment, a processing instruction, a DTD or an entity";
    case XML_BAD_NAMESPACE_PREFIX:
        return "a namespace prefix without a declaration";
    case XML_UNSUPPORTED_ENCODING:
        return "not UTF-8";
    case XML_POLICY_VIOLATION:
        return "larger or deeper than a stanza may be";
    case XML_BAD_FORMAT:
    case XML_NOT_WELL_FORMED:
        break;
    }
    return "not well-formed XML";
}

void stanza_object_write(struct buffer *out, struct span object)
{
    buffer_literal(out, "<e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'><![CDATA[");
    for (size_t i = 0; i < object.len; i++) {
        if (object.ptr[i] == '\r' && i + 1 < object.len && object.ptr[i + 1] == '\n')
            continue;
        if (object.ptr[i] == '>' && i >= 2 && memcmp(object.ptr + i - 2, "]]", 2) == 0)
            buffer_literal(out, "]]><![CDATA["); /* what would end it is spread over two */
        buffer_append_char(out, object.ptr[i]);
    }
    buffer_literal(out, "]]></e2e>");
}

void stanza_write(struct buffer *out, const struct stanza *outline, struct span body, struct span object)
{
    buffer_append_char(out, '<');
    buffer_append(out, outline->kind);
    xml_write_attribute(out, "from", outline->from);
    xml_write_attribute(out, "to", outline->to);
    if (outline->type.ptr)
        xml_write_attribute(out, "type", outline->type);
    xml_write_attribute(out, "id", outline->id);
    buffer_append_char(out, '>');
    if (body.ptr) {
        buffer_literal(out, "<body>");
        xml_escape(out, body);
        buffer_literal(out, "</body>");
    }
    stanza_object_write(out, object);
    buffer_literal(out, "</");
    buffer_append(out, outline->kind);
    buffer_literal(out, ">\n");
}

void stanza_rewrite(struct buffer *out, const struct stanza *s, struct span object)
{
    size_t before = (size_t)(s->object_raw.ptr - s->raw.ptr);
    buffer_append(out, span_make(s->raw.ptr, before));
    stanza_object_write(out, object);
    buffer_append(out, span_skip(s->raw, before + s->object_raw.len));
    buffer_append_char(out, '\n');
}
