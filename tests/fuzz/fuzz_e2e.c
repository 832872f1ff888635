/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the scanner accepts as a stanza: expat and we find the same objects and marks in it, with the same text (RFC 3923: an object is
 * what a client's parser makes of it); and without the marks it is a stanza that has none, and the same objects. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "e2e_oracle.h"
#include "stanza/e2e.h"

static void expect(bool fact)
{
    if (!fact)
        abort();
}

static bool read_stanza(struct xml_scan *scan, struct arena *arena, struct span in, struct stanza *ret)
{
    struct xml_item item;
    enum xml_error error;
    size_t used;
    xml_scan_reset(scan);
    return xml_scan_next(scan, XML_AT_CONTENT, SPAN("stream:stream"), in, &item, &used, &error) == 0 &&
           item.kind == XML_STANZA && stanza_read(&item, SPAN("jabber:client"), arena, ret) == 0;
}

static void compare(const struct e2e_found *found, const struct oracle *o)
{
    struct buffer text = {0};
    expect(found->objects == o->objects && found->marks == o->marks);
    if (found->objects) {
        int outcome = e2e_text(found->object, &text);
        expect((outcome == E2E_BAD) == o->has_element);
        expect(outcome != 0 || span_equal(buffer_span(&text), buffer_span(&o->text)));
    }
    buffer_fini(&text);
}

static void check(struct xml_scan *scan, struct arena *arena, struct stanza *s)
{
    struct e2e_found found, again;
    struct oracle o = {0};
    struct stanza *clean = malloc(sizeof *clean);
    expect(e2e_find(s, arena, &found) == 0);
    if (oracle_read(s->raw, &o))
        compare(&found, &o);
    struct frame *f = frame_new(s->raw, FRAME_NO_HEAD, 0);
    struct stanza here = *s;
    here.raw.ptr = f->bytes;
    here.content.ptr = f->bytes + (s->content.ptr - s->raw.ptr);
    struct frame *unmarked = found.marks ? e2e_frame_unmarked(&here, arena, f) : frame_ref(f);
    expect(read_stanza(scan, arena, span_make(unmarked->bytes, unmarked->len), clean));
    expect(e2e_find(clean, arena, &again) == 0 && again.marks == 0 && again.objects == found.objects);
    expect(!found.objects || span_equal(again.object, found.object));
    frame_unref(unmarked);
    frame_unref(f);
    buffer_fini(&o.text);
    free(clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long as the input, so that a byte too far is seen. */
    char *bytes = malloc(size ? size : 1);
    struct xml_scan *scan = xml_scan_new(&xml_limits_default), *other = xml_scan_new(&xml_limits_default);
    struct stanza *s = malloc(sizeof *s);
    struct arena arena;
    struct buffer text = {0};
    struct e2e_found found;
    arena_init(&arena);
    if (size)
        memcpy(bytes, data, size);
    if (read_stanza(scan, &arena, span_make(bytes, size), s))
        check(other, &arena, s);
    /* And the bytes themselves as what no scanner has seen. */
    struct stanza raw = {.kind = STANZA_MESSAGE, .content = {bytes, size}};
    (void)e2e_find(&raw, &arena, &found);
    (void)e2e_text(span_make(bytes, size), &text);
    buffer_fini(&text);
    arena_fini(&arena);
    xml_scan_free(scan);
    xml_scan_free(other);
    free(s);
    free(bytes);
    return 0;
}
