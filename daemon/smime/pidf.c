/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/pidf.h"

#include <errno.h>
#include <stdint.h>
#include <strings.h>

#include "smime/mime_text.h"
#include "smime/uri.h"
#include "xml/scanner.h"
#include "xml/tree.h"
#include "xml/write.h"

#define NAMESPACE SPAN("urn:ietf:params:xml:ns:pidf")

/* A whole document as one tree: 0, PIDF_BAD, -ENOMEM. The scanner knows streams. So the document's head is looked at as a stream's (its
 * declaration, and where the root begins), and then all of it from the root's '<' on as one stanza. */
static int document_scan(struct xml_scan *scan, struct span document, struct span *ret_root)
{
    struct xml_item item;
    enum xml_error error;
    size_t used;
    if (xml_scan_next(scan, XML_AT_HEADER, SPAN(""), document, &item, &used, &error) != 0 ||
        item.kind != XML_STREAM_OPEN)
        return PIDF_BAD;
    struct span root = span_skip(document, (size_t)(item.name.ptr - document.ptr) - 1);
    xml_scan_reset(scan);
    if (xml_scan_next(scan, XML_AT_CONTENT, SPAN(""), root, &item, &used, &error) != 0 ||
        item.kind != XML_STANZA || !text_is_all_space(span_skip(root, used)))
        return PIDF_BAD;
    *ret_root = item.raw;
    return 0;
}

static int document_read(struct arena *arena, struct span document, struct xml_node **ret_root)
{
    struct span root;
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    if (!scan)
        return -ENOMEM;
    int r = document_scan(scan, document, &root);
    xml_scan_free(scan);
    if (r != 0)
        return r;
    r = xml_tree_build(arena, root, SPAN(""), ret_root);
    return r == -EINVAL ? PIDF_BAD : r;
}

static bool is_element(const struct xml_node *node, struct span name)
{
    return span_equal(node->name, name) && span_equal(node->xmlns, NAMESPACE);
}

/* With a prefix or without: the schema has it global, the RFC's examples do both (s. 4.2.3). */
static bool must_be_understood(const struct xml_node *node)
{
    static const char word[] = "mustUnderstand";
    for (const struct xml_node_attribute *a = node->attributes; a; a = a->next) {
        size_t len = sizeof word - 1;
        if (a->name.len >= len && memcmp(a->name.ptr + a->name.len - len, word, len) == 0 &&
            (a->name.len == len || a->name.ptr[a->name.len - len - 1] == ':'))
            return true;
    }
    return false;
}

/* 0 to 1, at most three digits behind the point: "0", "0.021", "1.00" (s. 4.1.5). */
static bool is_priority(struct span text)
{
    bool is_one = text.len && text.ptr[0] == '1';
    if (text.len == 0 || text.len == 2 || text.len > 5 || (!is_one && text.ptr[0] != '0'))
        return false;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (i == 1 ? c != '.' : c < '0' || c > (is_one ? '0' : '9'))
            return false;
    }
    return true;
}

static bool is_status(const struct xml_node *status)
{
    unsigned basics = 0;
    for (const struct xml_node *child = status->children; child; child = child->next) {
        if (!is_element(child, SPAN("basic")))
            continue;
        if (++basics > 1 || child->children ||
            (!span_is(child->text, "open") && !span_is(child->text, "closed")))
            return false;
    }
    return status->children != NULL;
}

struct tuple {
    struct span id;
    bool has_status, has_contact, has_stamp;
    struct moment stamp;
};

static bool tuple_note(struct tuple *t, const struct xml_node *child)
{
    if (must_be_understood(child))
        return false;
    if (is_element(child, SPAN("status"))) {
        if (t->has_status || !is_status(child))
            return false;
        t->has_status = true;
    } else if (is_element(child, SPAN("contact"))) {
        struct span priority = xml_node_attribute(child, SPAN("priority"));
        if (t->has_contact || (priority.ptr && !is_priority(priority)))
            return false;
        t->has_contact = true;
    } else if (is_element(child, SPAN("timestamp"))) {
        if (t->has_stamp || child->children || moment_read(child->text, &t->stamp) != 0)
            return false;
        t->has_stamp = true;
    }
    return true;
}

static bool tuple_read(const struct xml_node *node, struct tuple *ret)
{
    *ret = (struct tuple){.id = xml_node_attribute(node, SPAN("id"))};
    if (!ret->id.len)
        return false;
    for (const struct xml_node *child = node->children; child; child = child->next)
        if (!tuple_note(ret, child))
            return false;
    return ret->has_status;
}

static bool presence_read_tuples(const struct xml_node *root, struct pidf *p)
{
    struct tuple tuples[PIDF_TUPLES_MAX];
    uint32_t count = 0;
    for (const struct xml_node *child = root->children; child; child = child->next) {
        if (must_be_understood(child))
            return false;
        if (!is_element(child, SPAN("tuple")))
            continue;
        struct tuple *t = &tuples[count];
        if (count == PIDF_TUPLES_MAX || !tuple_read(child, t))
            return false;
        for (uint32_t i = 0; i < count; i++)
            if (span_equal(tuples[i].id, t->id))
                return false;
        count++;
        if (t->has_stamp && (!p->has_stamp || moment_compare(t->stamp, p->stamp) > 0)) {
            p->has_stamp = true;
            p->stamp = t->stamp;
        }
    }
    return true;
}

int pidf_read(struct arena *arena, struct span document, struct pidf *ret_pidf)
{
    struct xml_node *root;
    if (!span_starts(document, SPAN("<?xml")))
        return PIDF_BAD;
    int r = document_read(arena, document, &root);
    if (r != 0)
        return r;
    struct pidf p = {.entity = xml_node_attribute(root, SPAN("entity"))};
    if (!is_element(root, SPAN("presence")) || must_be_understood(root) || p.entity.len <= 5 ||
        strncasecmp(p.entity.ptr, "pres:", 5) != 0 || !presence_read_tuples(root, &p))
        return PIDF_BAD;
    *ret_pidf = p;
    return 0;
}

int pidf_write(struct buffer *out, struct span bare_jid, bool basic_open, struct span note,
               struct moment stamp)
{
    char text[MOMENT_BYTES];
    moment_write(stamp, text);
    buffer_literal(out, "<?xml version='1.0' encoding='UTF-8'?>\r\n"
                        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='");
    uri_write(out, SPAN("pres"), bare_jid);
    buffer_printf(out, "'>\r\n<tuple id='xmpp'><status><basic>%s</basic></status><contact>",
                  basic_open ? "open" : "closed");
    uri_write(out, SPAN("im"), bare_jid);
    buffer_literal(out, "</contact>");
    if (note.len) {
        buffer_literal(out, "<note>");
        xml_escape(out, note);
        buffer_literal(out, "</note>");
    }
    buffer_printf(out, "<timestamp>%s</timestamp></tuple>\r\n</presence>\r\n", text);
    return buffer_ok(out) ? 0 : -ENOMEM;
}

static bool is_stanza(const struct xml_node *node)
{
    return span_is(node->name, "message") || span_is(node->name, "presence") || span_is(node->name, "iq");
}

int xmpp_document_read(struct arena *arena, struct span document, struct xmpp_document *ret_document)
{
    struct xml_node *root;
    int r = document_read(arena, document, &root);
    if (r != 0)
        return r;
    const struct xml_node *stanza = root->children;
    if (!span_is(root->name, "xmpp") || !text_is_all_space(root->text) || !stanza || stanza->next ||
        !is_stanza(stanza) || !span_equal(stanza->xmlns, root->xmlns) ||
        (!span_is(root->xmlns, "jabber:client") && !span_is(root->xmlns, "jabber:server")))
        return PIDF_BAD;
    struct xmpp_document d = {.stanza = stanza->raw,
                              .from = xml_node_attribute(stanza, SPAN("from")),
                              .to = xml_node_attribute(stanza, SPAN("to"))};
    d.has_from = d.from.ptr != NULL;
    d.has_to = d.to.ptr != NULL;
    *ret_document = d;
    return 0;
}
