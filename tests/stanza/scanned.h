/* SPDX-License-Identifier: Apache-2.0 */
/* A text scanned and read as a stanza, for the tests of this room. */
#ifndef MUSTER_TESTS_STANZA_SCANNED_H
#define MUSTER_TESTS_STANZA_SCANNED_H

#include "stanza/stanza.h"

struct scanned {
    struct xml_scan *scan;
    struct arena arena;
    struct stanza stanza;
};

/* Scan `text`, one whole item, and read it; fails the test when the scanner refuses it. Returns what
 * stanza_read does; the stanza borrows from `text`. */
static inline int scanned_read(struct scanned *s, struct span text, struct span xmlns)
{
    struct xml_item item;
    size_t used;
    enum xml_error error = XML_ERROR_NONE;
    s->scan = xml_scan_new(&xml_limits_default);
    arena_init(&s->arena);
    int got = xml_scan_next(s->scan, XML_AT_CONTENT, SPAN("stream:stream"), text, &item, &used, &error);
    if (got != 0 || used != text.len)
        fail_msg("not scanned (%d, error %d): %.*s", got, (int)error, (int)text.len, text.ptr);
    return stanza_read(&item, xmlns, &s->arena, &s->stanza);
}

static inline void scanned_fini(struct scanned *s)
{
    xml_scan_free(s->scan);
    arena_fini(&s->arena);
}

/* Does the frame hold `want`, with this gap and kind? Gives the frame back. */
static inline void assert_frame(struct frame *f, const char *want, uint16_t head_at, enum frame_kind kind)
{
    assert_non_null(f);
    if (!span_equal(span_make(f->bytes, f->len), span_of(want)))
        fail_msg("%.*s\nis not %s", (int)f->len, f->bytes, want);
    assert_int_equal(f->head_at, head_at);
    assert_int_equal(f->kind, kind);
    frame_unref(f);
}

#endif
