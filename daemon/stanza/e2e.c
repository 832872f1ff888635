/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza/e2e.h"

#include <errno.h>

#include "stanza/child.h"
#include "xml/write.h"

/* Names of elements cannot be written with references, so a content without this has neither of the two in it. */
#define NEEDLE "e2e"

enum kind { KIND_OTHER, KIND_OBJECT, KIND_MARK, KIND_BODY };

/* 0 or -ENOMEM. */
static int kind_of(const struct stanza *s, const struct stanza_child *c, struct arena *arena,
                   enum kind *ret_kind)
{
    struct span name, xmlns;
    int error = stanza_child_resolve(s, c, arena, &name, &xmlns);
    if (error)
        return error;
    *ret_kind = span_is(name, "e2e") && span_is(xmlns, E2E_XMLNS)                ? KIND_OBJECT
                : span_is(name, E2E_MARK_NAME) && span_is(xmlns, E2E_MARK_XMLNS) ? KIND_MARK
                : span_is(name, "body") && span_is(xmlns, "jabber:client")       ? KIND_BODY
                                                                                 : KIND_OTHER;
    return 0;
}

int e2e_find(const struct stanza *s, struct arena *arena, struct e2e_found *ret_found)
{
    struct e2e_found found = {0};
    struct span rest = s->content;
    struct stanza_child c;
    enum kind kind;
    bool is_needed = rest.len && memmem(rest.ptr, rest.len, NEEDLE, sizeof NEEDLE - 1);
    while (is_needed && stanza_child_next(&rest, &c) == 0) {
        int error = kind_of(s, &c, arena, &kind);
        if (error)
            return error;
        if (kind == KIND_OBJECT && found.objects++ == 0)
            found.object = c.content;
        found.marks += kind == KIND_MARK;
        found.has_body |= kind == KIND_BODY;
    }
    *ret_found = found;
    return 0;
}

/* ---- character data ---- */

/* Line ends as a parser gives them. */
static void lines_append(struct buffer *out, struct span text)
{
    for (const char *cr; text.len && (cr = memchr(text.ptr, '\r', text.len));) {
        size_t before = (size_t)(cr - text.ptr);
        buffer_append(out, span_make(text.ptr, before));
        buffer_append_char(out, '\n');
        text = span_skip(text, before + 1);
        if (text.len && text.ptr[0] == '\n')
            text = span_skip(text, 1);
    }
    buffer_append(out, text);
}

/* The scanner has accepted the references. */
static int characters_append(struct buffer *out, struct arena *arena, struct span text)
{
    for (const char *at; text.len && (at = memchr(text.ptr, '&', text.len));) {
        size_t before = (size_t)(at - text.ptr);
        const char *end = memchr(at, ';', text.len - before);
        if (!end)
            return E2E_BAD;
        lines_append(out, span_make(text.ptr, before));
        struct span reference = span_make(at, (size_t)(end + 1 - at));
        struct span character = xml_unescape(arena, reference);
        if (character.ptr)
            buffer_append(out, character);
        else
            out->failed = true;
        arena_reset(arena);
        text = span_skip(text, before + reference.len);
    }
    lines_append(out, text);
    return 0;
}

/* A CDATA section at object->ptr. */
static int section_append(struct buffer *out, struct span *object)
{
    const size_t open = sizeof "<![CDATA[" - 1, close = sizeof "]]>" - 1;
    size_t len = stanza_is_cdata(*object) ? stanza_cdata_end(*object) : 0;
    if (!len)
        return E2E_BAD;
    lines_append(out, span_make(object->ptr + open, len - open - close));
    *object = span_skip(*object, len);
    return 0;
}

int e2e_text(struct span object, struct buffer *out)
{
    struct arena arena;
    int error = 0;
    arena_init(&arena);
    while (object.len && !error) {
        const char *markup = memchr(object.ptr, '<', object.len);
        size_t before = markup ? (size_t)(markup - object.ptr) : object.len;
        error = characters_append(out, &arena, span_make(object.ptr, before));
        object = span_skip(object, before);
        if (!error && object.len)
            error = section_append(out, &object);
    }
    arena_fini(&arena);
    return error ? error : buffer_ok(out) ? 0 : -ENOMEM;
}

/* ---- marks ---- */

/* Without memory to tell what a child is, it is left out: what may be forged does not get through. */
static void others_append(struct buffer *out, const struct stanza *s, struct arena *arena)
{
    struct stanza_child c;
    struct span rest = s->content, before = rest;
    enum kind kind;
    for (; stanza_child_next(&rest, &c) == 0; before = rest) {
        const char *from = kind_of(s, &c, arena, &kind) == 0 && kind != KIND_MARK ? before.ptr : rest.ptr;
        buffer_append(out, span_make(from, (size_t)(rest.ptr - from)));
    }
    buffer_append(out, before);
}

struct span e2e_content_unmarked(const struct stanza *s, struct arena *arena)
{
    struct buffer out = {0};
    others_append(&out, s, arena);
    struct span content = buffer_ok(&out) ? arena_copy(arena, buffer_span(&out)) : (struct span){0};
    buffer_fini(&out);
    return content;
}

struct frame *e2e_frame_unmarked(const struct stanza *s, struct arena *arena, const struct frame *frame)
{
    struct buffer out = {0};
    struct span whole = span_make(frame->bytes, frame->len);
    const char *end = s->content.ptr + s->content.len;
    buffer_append(&out, span_make(whole.ptr, (size_t)(s->content.ptr - whole.ptr)));
    others_append(&out, s, arena);
    buffer_append(&out, span_make(end, (size_t)(whole.ptr + whole.len - end)));
    struct frame *f =
        buffer_ok(&out) ? frame_new_aside(buffer_span(&out), frame_aside(frame), frame->head_at, frame->kind)
                        : NULL;
    buffer_fini(&out);
    return f;
}

struct frame *e2e_frame_marked(const struct frame *frame)
{
    struct buffer out = {0};
    struct span whole = span_make(frame->bytes, frame->len);
    const char *end = memrchr(whole.ptr, '<', whole.len); /* it has an object in it, so it has an end tag */
    buffer_append(&out, span_make(whole.ptr, (size_t)(end - whole.ptr)));
    buffer_append(&out, frame_aside(frame));
    buffer_append(&out, span_make(end, (size_t)(whole.ptr + whole.len - end)));
    struct frame *f = buffer_ok(&out) ? frame_new(buffer_span(&out), frame->head_at, frame->kind) : NULL;
    buffer_fini(&out);
    return f;
}
