/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza/photo.h"

#include <errno.h>
#include <stdio.h>

#include "sasl/digest.h"
#include "sasl/sasl.h"
#include "stanza/child.h"

#define UPDATE "vcard-temp:x:update"

/* ---- the picture ---- */

int photo_read(struct span written, struct buffer *base64, struct photo *ret)
{
    uint8_t digest[DIGEST_BYTES_MAX];
    size_t digest_bytes, from = base64->len;
    struct buffer picture = {0};
    struct photo photo;
    buffer_reserve(base64, written.len);
    for (size_t i = 0; i < written.len; i++)
        if (!stanza_is_space(written.ptr[i]))
            buffer_append_char(base64, written.ptr[i]);
    if (!buffer_ok(base64))
        return -ENOMEM;
    buffer_reserve(&picture, base64->len - from);
    int error = sasl_base64_decode(span_skip(buffer_span(base64), from), &picture) == 0 && picture.len
                    ? 0
                    : PHOTO_BAD;
    if (!buffer_ok(&picture))
        error = -ENOMEM;
    if (!error)
        error = digest_named(SPAN("sha-1"), buffer_span(&picture), digest, &digest_bytes);
    photo.bytes = picture.len;
    buffer_fini(&picture);
    for (int i = 0; !error && i < PHOTO_HASH_BYTES / 2; i++)
        snprintf(photo.hash + 2 * (size_t)i, 3, "%02x", digest[i]);
    if (!error)
        *ret = photo;
    return error;
}

/* ---- in presence ---- */

enum word { WORD_NONE, WORD_UNREADY /* no photo in it */, WORD_WITHHELD /* an empty one */, WORD_HASH };

static bool is_update(const struct stanza_child *child)
{
    return span_is(child->name, "x") &&
           span_is(stanza_child_attribute(child->attributes, SPAN("xmlns")), UPDATE);
}

/* What an update's content says. */
static enum word update_read(struct span content)
{
    struct stanza_child child;
    while (stanza_child_next(&content, &child) == 0)
        if (span_is(child.name, "photo"))
            return child.content.len ? WORD_HASH : WORD_WITHHELD;
    return WORD_UNREADY;
}

/* The whole stanza as an element. */
static bool presence_open(const struct frame *f, struct stanza_child *ret)
{
    struct span bytes = span_make(f->bytes, f->len);
    return stanza_child_next(&bytes, ret) == 0;
}

static enum word word_read(struct span content)
{
    struct stanza_child child;
    while (stanza_child_next(&content, &child) == 0)
        if (is_update(&child))
            return update_read(child.content);
    return WORD_NONE;
}

bool photo_is_withheld(const struct frame *presence)
{
    struct stanza_child p;
    return presence_open(presence, &p) && word_read(p.content) == WORD_WITHHELD;
}

/* The content without what it says of avatars. */
static void others_write(struct buffer *out, struct span content)
{
    struct stanza_child child;
    for (struct span before = content; stanza_child_next(&content, &child) == 0; before = content)
        if (!is_update(&child))
            buffer_append(out, span_make(before.ptr, (size_t)(content.ptr - before.ptr)));
}

struct frame *photo_frame(struct frame *presence, struct span hash, bool is_over)
{
    struct stanza_child p;
    if (!presence_open(presence, &p))
        return frame_ref(presence);
    enum word word = word_read(p.content);
    if (!is_over && (word == WORD_WITHHELD || (word == WORD_HASH && !hash.len)))
        return frame_ref(presence);
    struct buffer out = {0};
    buffer_reserve(&out, presence->len + 2 * PHOTO_HASH_BYTES + sizeof UPDATE);
    const char *tag_end = p.attributes.ptr + p.attributes.len;
    buffer_append(&out, span_make(presence->bytes, (size_t)(tag_end - presence->bytes)));
    buffer_append_char(&out, '>');
    others_write(&out, p.content);
    buffer_literal(&out, "<x xmlns='" UPDATE "'><photo");
    if (hash.len) {
        buffer_append_char(&out, '>');
        buffer_append(&out, hash);
        buffer_literal(&out, "</photo></x></presence>");
    } else {
        buffer_literal(&out, "/></x></presence>");
    }
    struct frame *f = buffer_ok(&out) ? frame_new_aside(buffer_span(&out), frame_aside(presence),
                                                        presence->head_at, presence->kind)
                                      : NULL;
    buffer_fini(&out);
    if (f && frame_is_same(f, presence)) {
        frame_unref(f);
        return frame_ref(presence);
    }
    return f;
}
