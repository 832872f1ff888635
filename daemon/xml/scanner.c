/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/scanner.h"

#include <stdlib.h>

#include "xml/scan.h"

const struct xml_limits xml_limits_default = {
    .stanza_bytes = 262144,
    .depth = 64,
    .attributes = 32,
    .name_bytes = 256,
};

static bool is_plain_forced;

void xml_scan_use_plain(bool is_plain)
{
    is_plain_forced = is_plain;
}

struct xml_scan *xml_scan_new(const struct xml_limits *limits)
{
    struct xml_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        return NULL;
    scan->limits = *limits;
    if (scan->limits.depth > XML_DEPTH_MAX)
        scan->limits.depth = XML_DEPTH_MAX;
    if (scan->limits.attributes > XML_ATTRIBUTES_MAX)
        scan->limits.attributes = XML_ATTRIBUTES_MAX;
    return scan;
}

struct xml_scan *xml_scan_free(struct xml_scan *scan)
{
    free(scan);
    return NULL;
}

void xml_scan_reset(struct xml_scan *scan)
{
    scan->at = 0;
    scan->state = SCAN_BOUNDARY;
}

bool xml_scan_is_partial(const struct xml_scan *scan)
{
    return scan->at > 0;
}

static void begin(struct xml_scan *s, enum xml_scan_position position)
{
    s->state = position == XML_AT_HEADER ? SCAN_HEADER : SCAN_BOUNDARY;
    s->kind = position == XML_AT_HEADER ? XML_STREAM_OPEN : XML_STANZA;
    s->error = XML_ERROR_NONE;
    s->brackets = 0;
    s->has_declaration = false;
    s->has_reference = false;
    s->has_child = false;
    s->depth = 0;
    s->own_count = 0;
    s->binding_count = 0;
}

static struct span part(struct span in, struct scan_part at)
{
    return at.at == SCAN_NOWHERE ? (struct span){NULL, 0} : span_make(in.ptr + at.at, at.len);
}

/* Keep the usual ones at hand. */
static void note_attribute(struct xml_item *item, const struct xml_attribute *a)
{
    const char *name = a->name.ptr;
    switch (a->name.len) {
    case 2:
        if (memcmp(name, "to", 2) == 0)
            item->to = a->value;
        else if (memcmp(name, "id", 2) == 0)
            item->id = a->value;
        break;
    case 4:
        if (memcmp(name, "from", 4) == 0)
            item->from = a->value;
        else if (memcmp(name, "type", 4) == 0)
            item->type = a->value;
        break;
    case 5:
        if (memcmp(name, "xmlns", 5) == 0)
            item->xmlns = a->value;
        break;
    case 8:
        if (memcmp(name, "xml:lang", 8) == 0)
            item->lang = a->value;
        break;
    default:
        break;
    }
}

static void fill_item(struct xml_scan *s, struct span in, struct xml_item *item)
{
    *item = (struct xml_item){.kind = s->kind, .raw = span_make(in.ptr, s->at)};
    if (s->kind != XML_STANZA && s->kind != XML_STREAM_OPEN)
        return;
    item->name = part(in, s->own_name);
    item->is_self_closing = s->is_self_closing;
    item->has_reference = s->has_reference;
    item->attributes = s->given;
    item->attribute_count = s->own_count;
    for (uint32_t i = 0; i < s->own_count; i++) {
        const struct scan_attribute *a = &s->own[i];
        s->given[i].name = span_make(in.ptr + a->name, a->name_len);
        s->given[i].value = span_make(in.ptr + a->value, a->value_len);
        note_attribute(item, &s->given[i]);
    }
    if (s->kind == XML_STANZA)
        item->content = span_make(in.ptr + s->content_start, s->content_end - s->content_start);
    if (s->has_child) {
        item->child_name = part(in, s->child_name);
        item->child_xmlns = part(in, s->child_xmlns);
    }
}

int xml_scan_next(struct xml_scan *scan, enum xml_scan_position position, struct span root_name,
                  struct span in, struct xml_item *ret_item, size_t *ret_used, enum xml_error *ret_error)
{
    if (scan->at == 0)
        begin(scan, position);
    size_t len = in.len < scan->limits.stanza_bytes ? in.len : scan->limits.stanza_bytes;
    int r = scan_walk(scan, (const uint8_t *)in.ptr, len, root_name, is_plain_forced);
    if (r == XML_MORE && in.len >= scan->limits.stanza_bytes)
        r = scan_refuse(scan, XML_POLICY_VIOLATION);
    if (r == XML_MORE) {
        *ret_used = 0;
        return XML_MORE;
    }
    if (r == XML_BAD) {
        *ret_error = scan->error;
        xml_scan_reset(scan);
        return XML_BAD;
    }
    fill_item(scan, in, ret_item);
    *ret_used = scan->at;
    xml_scan_reset(scan);
    return 0;
}

struct span xml_item_attribute(const struct xml_item *item, struct span name)
{
    for (uint32_t i = 0; i < item->attribute_count; i++)
        if (span_equal(item->attributes[i].name, name))
            return item->attributes[i].value;
    return (struct span){NULL, 0};
}
