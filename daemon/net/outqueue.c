/* SPDX-License-Identifier: Apache-2.0 */
#include "net/outqueue.h"

#include <errno.h>
#include <stdlib.h>

void outqueue_init(struct outqueue *q)
{
    *q = (struct outqueue){.capacity = OUTQUEUE_INLINE};
}

static struct frame **outqueue_slots(struct outqueue *q)
{
    return q->frames ? q->frames : q->few;
}

static struct frame *outqueue_at(const struct outqueue *q, uint32_t i)
{
    struct frame *const *slots = q->frames ? q->frames : q->few;
    return slots[(q->first + i) & (q->capacity - 1)];
}

_Static_assert((OUTQUEUE_INLINE & (OUTQUEUE_INLINE - 1)) == 0, "capacities are powers of two");

void outqueue_fini(struct outqueue *q)
{
    for (uint32_t i = 0; i < q->count; i++)
        frame_unref(outqueue_at(q, i));
    free(q->frames);
    outqueue_init(q);
}

static int outqueue_grow(struct outqueue *q)
{
    uint32_t capacity = q->capacity * 4;
    struct frame **frames = malloc(capacity * sizeof *frames);
    if (!frames)
        return -ENOMEM;
    for (uint32_t i = 0; i < q->count; i++)
        frames[i] = outqueue_at(q, i);
    free(q->frames);
    q->frames = frames;
    q->first = 0;
    q->capacity = capacity;
    return 0;
}

int outqueue_put(struct outqueue *q, struct frame *f)
{
    if (q->count == q->capacity && outqueue_grow(q) < 0) {
        frame_unref(f);
        return -ENOMEM;
    }
    outqueue_slots(q)[(q->first + q->count++) & (q->capacity - 1)] = f;
    q->bytes += f->len;
    return 0;
}

static void outqueue_drop_first(struct outqueue *q)
{
    struct frame *f = outqueue_at(q, 0);
    q->bytes -= f->len;
    q->first = (q->first + 1) & (q->capacity - 1);
    q->count--;
    q->sent = 0;
    frame_unref(f);
    if (q->count == 0) {
        free(q->frames);
        outqueue_init(q);
    }
}

/* The i-th of the three pieces a frame is sent as: before the gap, the head, behind it. */
static struct span frame_piece(const struct frame *f, struct span head, int i)
{
    if (f->head_at == FRAME_NO_HEAD)
        return i == 0 ? span_make(f->bytes, f->len) : (struct span){0};
    if (i == 0)
        return span_make(f->bytes, f->head_at);
    return i == 1 ? head : span_make(f->bytes + f->head_at, f->len - f->head_at);
}

static size_t frame_bytes(const struct frame *f, struct span head)
{
    return f->len + (f->head_at == FRAME_NO_HEAD ? 0 : head.len);
}

size_t outqueue_take(struct outqueue *q, struct span head, char *to, size_t bytes_max)
{
    size_t written = 0;
    while (q->count && written < bytes_max) {
        const struct frame *f = outqueue_at(q, 0);
        size_t skip = q->sent;
        for (int i = 0; i < 3 && written < bytes_max; i++) {
            struct span piece = frame_piece(f, head, i);
            if (skip >= piece.len) {
                skip -= piece.len;
                continue;
            }
            size_t take = piece.len - skip;
            if (take > bytes_max - written)
                take = bytes_max - written;
            memcpy(to + written, piece.ptr + skip, take);
            written += take;
            q->sent += (uint32_t)take;
            skip = 0;
        }
        if (q->sent == frame_bytes(f, head))
            outqueue_drop_first(q);
    }
    return written;
}

size_t outqueue_ready(const struct outqueue *q, struct span head, size_t bytes_max)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < q->count && bytes < bytes_max + q->sent; i++)
        bytes += frame_bytes(outqueue_at(q, i), head);
    bytes -= q->sent;
    return bytes < bytes_max ? bytes : bytes_max;
}
