/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a stream: the scanner says the same with the vector code and without, whole and cut anywhere;
 * what it accepts makes a tree, and its values decode and survive being written again. */
#include "base/buffer.h"
#include "../xml/feed.h"
#include "xml/tree.h"
#include "xml/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CUTS_MAX 16
#define WAYS 4

static void require(bool is_true)
{
    if (!is_true)
        abort();
}

/* Cuts that depend on the input alone, so that a crash repeats. */
static struct feed feed_in_pieces(struct xml_scan *scan, struct span in, uint32_t seed)
{
    struct feed f;
    feed_init(&f, scan, in.ptr, NULL);
    size_t at = 0;
    for (uint32_t n = seed % CUTS_MAX; n > 0; n--) {
        seed = seed * 1664525 + 1013904223;
        at += (seed >> 8) % (in.len - at + 1);
        feed_to(&f, at);
    }
    feed_to(&f, in.len);
    return f;
}

static void check_value(struct arena *arena, struct span value)
{
    struct span text = xml_unescape(arena, value);
    struct buffer b;
    require(text.ptr != NULL);
    buffer_init(&b);
    xml_escape(&b, text);
    struct span again = xml_unescape(arena, buffer_span(&b));
    require(text.len == 0 || span_equal(text, again));
    buffer_fini(&b);
}

static void check_stanza(struct arena *arena, const struct xml_item *item)
{
    struct xml_node *root;
    require(xml_tree_build(arena, item->raw, SPAN("jabber:client"), &root) == 0);
    require(span_equal(root->raw, item->raw));
    require((root->children != NULL) == (item->child_name.ptr != NULL));
    for (uint32_t i = 0; i < item->attribute_count; i++)
        check_value(arena, item->attributes[i].value);
    for (const struct xml_node *n = root; n; n = n->children)
        require(n->raw.ptr >= item->raw.ptr && n->raw.ptr + n->raw.len <= item->raw.ptr + item->raw.len);
}

/* Once more over the items, to look into them. */
static void check_items(struct xml_scan *scan, struct span in)
{
    struct span root = {NULL, 0};
    struct xml_item item;
    size_t used;
    enum xml_error error;
    struct arena arena;
    arena_init(&arena);
    xml_scan_reset(scan);
    while (xml_scan_next(scan, root.ptr ? XML_AT_CONTENT : XML_AT_HEADER, root, in, &item, &used, &error) ==
           0) {
        if (item.kind == XML_STREAM_OPEN)
            root = item.name;
        if (item.kind == XML_STANZA)
            check_stanza(&arena, &item);
        arena_reset(&arena);
        in = span_skip(in, used);
        if (item.kind == XML_STREAM_CLOSE)
            break;
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xml_scan *scan;
    if (!scan)
        scan = xml_scan_new(&xml_limits_default);
    require(scan != NULL);
    struct span in = span_make((const char *)data, size);
    uint32_t seed = 2166136261u;
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * 16777619;
    xml_scan_use_plain(false);
    struct feed whole;
    feed_init(&whole, scan, in.ptr, NULL);
    feed_to(&whole, in.len);
    for (uint32_t way = 0; way < WAYS; way++) {
        xml_scan_use_plain(way & 1);
        struct feed f = feed_in_pieces(scan, in, way == 1 ? 0 : seed + way * 977);
        require(feed_equal(&whole, &f));
    }
    xml_scan_use_plain(false);
    check_items(scan, in);
    return 0;
}
