/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a document of presence, as one around a stanza, and as a moment: what is read is written and read the same; a stanza lies
 * within its document and is a whole element. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "smime/pidf.h"
#include "xml/scanner.h"

#define LAST_SECOND 253402300799

static void expect(bool fact)
{
    if (!fact)
        abort();
}

/* Its entity and stamp put into a document of ours; the entity as a note, too, where it must be escaped. */
static void check_presence(struct arena *arena, struct span document)
{
    struct pidf p, again;
    struct buffer out = {0};
    struct span key = SPAN("entity='");
    if (pidf_read(arena, document, &p) != 0 ||
        p.entity.len > 8192) /* written it grows, and documents have a limit */
        return;
    expect(span_starts(document, SPAN("<?xml")) && p.entity.len > 5);
    expect(pidf_write(&out, span_skip(p.entity, 5), p.has_stamp, p.entity, p.stamp) == 0);
    expect(pidf_read(arena, buffer_span(&out), &again) == 0 && again.has_stamp);
    expect(moment_compare(again.stamp, p.stamp) == 0 || p.stamp.seconds > LAST_SECOND);
    const char *at = memmem(out.ptr, out.len, key.ptr, key.len);
    expect(at && memcmp(at + key.len, again.entity.ptr, again.entity.len) == 0 &&
           at[key.len + again.entity.len] == '\'');
    buffer_fini(&out);
}

static void check_stanza(struct arena *arena, struct span document)
{
    struct xmpp_document d;
    struct xml_item item;
    enum xml_error error;
    size_t used;
    if (xmpp_document_read(arena, document, &d) != 0)
        return;
    expect(d.stanza.ptr > document.ptr && d.stanza.ptr + d.stanza.len < document.ptr + document.len);
    expect(d.has_from == (d.from.ptr != NULL) && d.has_to == (d.to.ptr != NULL));
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    int r = xml_scan_next(scan, XML_AT_CONTENT, SPAN("x"), d.stanza, &item, &used, &error);
    /* It may have prefixes from around it. */
    expect(r == 0 ? used == d.stanza.len && item.kind == XML_STANZA
                  : r == XML_BAD && error == XML_BAD_NAMESPACE_PREFIX);
    xml_scan_free(scan);
}

static void check_moment(struct span text)
{
    struct moment m, again;
    char out[MOMENT_BYTES];
    if (moment_read(text, &m) != 0)
        return;
    moment_write(m, out);
    expect(moment_read(span_of(out), &again) == 0);
    expect(moment_compare(m, again) == 0 || m.seconds > LAST_SECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long as the input, so that a byte too far is seen. */
    char *bytes = malloc(size ? size : 1);
    struct arena arena;
    arena_init(&arena);
    if (size)
        memcpy(bytes, data, size);
    check_presence(&arena, span_make(bytes, size));
    check_stanza(&arena, span_make(bytes, size));
    check_moment(span_make(bytes, size));
    arena_fini(&arena);
    free(bytes);
    return 0;
}
