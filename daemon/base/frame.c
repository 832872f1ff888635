/* SPDX-License-Identifier: Apache-2.0 */
#include "base/frame.h"

#include <stdlib.h>

struct frame *frame_new(struct span bytes, uint16_t head_at, uint16_t kind)
{
    return frame_new2(bytes, (struct span){0}, head_at, kind);
}

struct frame *frame_new2(struct span first, struct span second, uint16_t head_at, uint16_t kind)
{
    size_t len = first.len + second.len;
    struct frame *f = malloc(sizeof *f + len);
    if (!f)
        return NULL;
    atomic_init(&f->references, 1);
    f->len = (uint32_t)len;
    f->head_at = head_at;
    f->kind = kind;
    f->aside_len = 0;
    if (first.len)
        memcpy(f->bytes, first.ptr, first.len);
    if (second.len)
        memcpy(f->bytes + first.len, second.ptr, second.len);
    return f;
}

struct frame *frame_new_aside(struct span bytes, struct span aside, uint16_t head_at, uint16_t kind)
{
    struct frame *f = aside.len <= UINT16_MAX ? frame_new2(bytes, aside, head_at, kind) : NULL;
    if (!f)
        return NULL;
    f->len -= (uint32_t)aside.len;
    f->aside_len = (uint16_t)aside.len;
    return f;
}

bool frame_is_same(const struct frame *a, const struct frame *b)
{
    return a->head_at == b->head_at && a->kind == b->kind &&
           span_equal(span_make(a->bytes, a->len), span_make(b->bytes, b->len));
}

struct frame *frame_ref(struct frame *f)
{
    frame_ref_many(f, 1);
    return f;
}

void frame_ref_many(struct frame *f, int32_t count)
{
    atomic_fetch_add_explicit(&f->references, count, memory_order_relaxed);
}

struct frame *frame_unref(struct frame *f)
{
    if (f)
        frame_unref_many(f, 1);
    return NULL;
}

void frame_unref_many(struct frame *f, int32_t count)
{
    if (atomic_fetch_sub_explicit(&f->references, count, memory_order_acq_rel) == count)
        free(f);
}
