/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the scanner accepts as a message: reading what it holds stays within it; written again it is a message of the same
 * content, without an id in the name we take out. And moments: what is read is written and read the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/datetime.h"
#include "stanza/message.h"

#define CLIENT SPAN("jabber:client")
#define BY SPAN("bob@a")

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
           item.kind == XML_STANZA && stanza_read(&item, CLIENT, arena, ret) == 0 &&
           ret->kind == STANZA_MESSAGE;
}

/* As routers do it: stamped, read again, written again. */
static void check(struct xml_scan *scan, struct arena *arena, struct stanza *s)
{
    static const char more[] = "<delay xmlns='urn:xmpp:delay'/>";
    uint32_t content = 0, again = 0;
    struct stanza *stamped = malloc(sizeof *stamped), *clean = malloc(sizeof *clean);
    struct buffer out = {0};
    expect(message_read(s, arena, &content) == 0);
    struct frame *f = stanza_frame(s, SPAN("a@b"), SPAN("c@d"), (struct span){0});
    expect(read_stanza(scan, arena, span_make(f->bytes, f->len), stamped));
    expect(message_read(stamped, arena, &again) == 0 && again == content);
    struct frame *g = message_frame(stamped, arena, BY, span_of(more));
    message_forwarded_write(&out, span_make(f->bytes, f->len), span_of(more));
    expect(read_stanza(scan, arena, buffer_span(&out), clean));
    expect(message_read(clean, arena, &again) == 0 && again == content);
    expect(read_stanza(scan, arena, span_make(g->bytes, g->len), clean));
    expect(!message_has_stanza_id(clean, arena, BY));
    expect(message_read(clean, arena, &again) == 0 &&
           (again & ~(uint32_t)MESSAGE_HAS_STANZA_ID) == (content & ~(uint32_t)MESSAGE_HAS_STANZA_ID));
    frame_unref(f);
    frame_unref(g);
    buffer_fini(&out);
    free(stamped);
    free(clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long as the input, so that a byte too far is seen. */
    char *bytes = malloc(size ? size : 1), text[DATETIME_BYTES];
    struct xml_limits limits = xml_limits_default;
    limits.attributes = XML_ATTRIBUTES_MAX;
    struct xml_scan *scan = xml_scan_new(&xml_limits_default), *again = xml_scan_new(&limits);
    struct stanza *s = malloc(sizeof *s);
    struct arena arena;
    uint64_t us, id, same;
    uint32_t content;
    arena_init(&arena);
    if (size)
        memcpy(bytes, data, size);
    if (read_stanza(scan, &arena, span_make(bytes, size), s))
        check(again, &arena, s);
    /* And the bytes themselves as a content that no scanner has seen. */
    struct stanza raw = {.kind = STANZA_MESSAGE, .content = {bytes, size}};
    (void)message_read(&raw, &arena, &content);
    (void)message_has_stanza_id(&raw, &arena, BY);
    if (datetime_read(span_make(bytes, size), &us) == 0) {
        datetime_write(us, text);
        expect(datetime_read(span_of(text), &same) == 0 && (same == us || us > 253402300799000000));
    }
    (void)message_id_read(span_make(bytes, size), &id);
    arena_fini(&arena);
    xml_scan_free(scan);
    xml_scan_free(again);
    free(s);
    free(bytes);
    return 0;
}
