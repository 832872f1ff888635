/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds a stream to the scanner piece by piece, as a connection would, and sums up what came out: what the
 * tests of the room and its fuzz target compare. Two feeds of the same stream agree in every field, however
 * it was cut. */
#ifndef MUSTER_TESTS_XML_FEED_H
#define MUSTER_TESTS_XML_FEED_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xml/scan.h"

/* Ends of stanzas that are kept one by one; more are only counted. */
#define FEED_ENDS_MAX 256

struct feed {
    struct xml_scan *scan;
    const char *stream; /* the whole of it */
    char *fence;        /* where the guard page begins; NULL: scan the stream where it is */

    size_t used; /* up to the end of the last item */
    int outcome; /* 0: at a boundary; XML_MORE; XML_BAD */
    enum xml_error error;
    bool is_closed;
    struct span root;   /* its name */
    uint32_t items;     /* keep-alives not counted: they come as they were cut */
    size_t space_bytes; /* of keep-alives */
    uint32_t ends_count;
    size_t ends[FEED_ENDS_MAX]; /* of stanzas, from the stream's start */
    uint64_t digest;            /* of everything in every item */
};

/* Room for `size` bytes that end at an unreadable page; returns the page's address. */
static inline char *feed_fence_new(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t readable = (size + page - 1) / page * page;
    char *map = mmap(NULL, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + readable, page, PROT_NONE) != 0)
        abort();
    return map + readable;
}

static inline void feed_number(struct feed *f, uint64_t n)
{
    f->digest = (f->digest ^ n) * UINT64_C(0x9E3779B97F4A7C15);
    f->digest ^= f->digest >> 29;
}

/* A span by its place in the stream: what it holds follows from that. */
static inline void feed_span(struct feed *f, struct span in, struct span s)
{
    feed_number(f, s.ptr ? f->used + (size_t)(s.ptr - in.ptr) + 1 : 0);
    feed_number(f, s.len);
}

static inline void feed_item(struct feed *f, struct span in, const struct xml_item *item)
{
    feed_number(f, item->kind * 4u + item->is_self_closing * 2u + item->has_reference);
    const struct span spans[] = {item->raw,        item->name,        item->xmlns, item->content,
                                 item->child_name, item->child_xmlns, item->to,    item->from,
                                 item->id,         item->type,        item->lang};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        feed_span(f, in, spans[i]);
    for (uint32_t i = 0; i < item->attribute_count; i++) {
        feed_span(f, in, item->attributes[i].name);
        feed_span(f, in, item->attributes[i].value);
    }
}

/* Take what xml_scan_next gave. */
static inline void feed_take(struct feed *f, struct span in, const struct xml_item *item, size_t used)
{
    if (item->kind == XML_KEEPALIVE) {
        f->space_bytes += used;
        f->used += used;
        return;
    }
    feed_item(f, in, item);
    if (item->kind == XML_STREAM_OPEN)
        f->root = span_make(f->stream + f->used + (item->name.ptr - in.ptr), item->name.len);
    f->is_closed = item->kind == XML_STREAM_CLOSE || (item->kind == XML_STREAM_OPEN && item->is_self_closing);
    f->used += used;
    f->items++;
    if (item->kind == XML_STANZA && f->ends_count < FEED_ENDS_MAX)
        f->ends[f->ends_count++] = f->used;
}

static inline void feed_init(struct feed *f, struct xml_scan *scan, const char *stream, char *fence)
{
    *f = (struct feed){.scan = scan, .stream = stream, .fence = fence, .digest = 1};
    xml_scan_reset(scan);
}

/* The stream has come as far as `available`: scan what is whole. */
static inline void feed_to(struct feed *f, size_t available)
{
    while (f->used < available && f->outcome != XML_BAD && !f->is_closed) {
        struct span in = span_make(f->stream + f->used, available - f->used);
        if (f->fence)
            in.ptr = memcpy(f->fence - in.len, in.ptr, in.len);
        struct xml_item item;
        size_t used = 0;
        enum xml_scan_position position = f->root.ptr ? XML_AT_CONTENT : XML_AT_HEADER;
        f->outcome = xml_scan_next(f->scan, position, f->root, in, &item, &used, &f->error);
        if (f->outcome != 0)
            return;
        feed_take(f, in, &item, used);
    }
}

static inline bool feed_equal(const struct feed *a, const struct feed *b)
{
    return a->outcome == b->outcome && (a->outcome != XML_BAD || a->error == b->error) &&
           a->used == b->used && a->is_closed == b->is_closed && a->items == b->items &&
           a->space_bytes == b->space_bytes && a->ends_count == b->ends_count && a->digest == b->digest;
}

#endif
