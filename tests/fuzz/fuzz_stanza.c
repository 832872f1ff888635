/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the scanner accepts as a stanza: reading it and its presence stays within it, and what is stamped
 * from it is a stanza again, which says the same under the server's addresses. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "stanza/error.h"
#include "stanza/stanza.h"

#define CLIENT SPAN("jabber:client")

static void expect(bool fact)
{
    if (!fact)
        abort();
}

static int scan(struct xml_scan *scan, struct span in, struct xml_item *ret_item, size_t *ret_used)
{
    enum xml_error error;
    xml_scan_reset(scan);
    return xml_scan_next(scan, XML_AT_CONTENT, SPAN("stream:stream"), in, ret_item, ret_used, &error);
}

static void check_frame(struct frame *f, const struct stanza *s, struct arena *arena)
{
    struct xml_limits limits = xml_limits_default; /* the stamp has put some attributes more on it */
    limits.attributes = XML_ATTRIBUTES_MAX;
    struct xml_scan *scanner = xml_scan_new(&limits);
    struct stanza *again = malloc(sizeof *again);
    struct xml_item item;
    size_t used;
    expect(scan(scanner, span_make(f->bytes, f->len), &item, &used) == 0 && used == f->len);
    expect(stanza_read(&item, CLIENT, arena, again) == 0);
    expect(again->kind == s->kind && span_is(jid_full(&again->to), "d@f/'&"));
    expect(span_is(again->from, "a@b/&lt;"));
    expect(span_equal(again->id, s->id));
    if (s->content.len)
        expect(span_equal(again->content, s->content));
    free(again);
    xml_scan_free(scanner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long as the input, so that a byte too far is seen. */
    char *bytes = malloc(size ? size : 1);
    struct xml_scan *scanner = xml_scan_new(&xml_limits_default);
    struct stanza *s = malloc(sizeof *s);
    struct arena arena;
    struct xml_item item;
    size_t used;
    arena_init(&arena);
    if (size)
        memcpy(bytes, data, size);
    if (scan(scanner, span_make(bytes, size), &item, &used) == 0 && item.kind == XML_STANZA) {
        int outcome = stanza_read(&item, CLIENT, &arena, s);
        if (outcome == 0 || outcome == STANZA_BAD_TO) {
            struct presence_details details;
            (void)presence_read(s, &details);
            struct frame *f = stanza_frame(s, SPAN("a@b/<"), SPAN("d@f/'&"), SPAN("en"));
            check_frame(f, s, &arena);
            frame_unref(f);
            frame_unref(stanza_error_frame(s, STANZA_JID_MALFORMED, SPAN("b"), SPAN("a@b"), "<&>"));
        }
    }
    /* And the bytes themselves as a content that no scanner has seen. */
    struct stanza raw = {.kind = STANZA_PRESENCE, .content = {bytes, size}};
    struct presence_details details;
    (void)presence_read(&raw, &details);
    arena_fini(&arena);
    xml_scan_free(scanner);
    free(s);
    free(bytes);
    return 0;
}
