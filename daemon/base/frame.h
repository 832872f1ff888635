/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that many out-queues send: encoded once, counted, immutable after frame_new's caller has
 * filled them. A frame may have a gap at `head_at`: whoever sends it puts the recipient's own head there
 * (for a presence broadcast: the `to` attribute), so that a thousand recipients share one encoding. */
#ifndef MUSTER_BASE_FRAME_H
#define MUSTER_BASE_FRAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define FRAME_NO_HEAD 0

struct frame {
    _Atomic int32_t references; /* frames cross workers; everything else in it is constant */
    uint32_t len;
    uint16_t head_at; /* where the recipient's head goes; FRAME_NO_HEAD: nowhere */
    uint16_t kind;    /* enum frame_kind of stanza/: what may be conflated; the queue does not interpret it */
    uint16_t aside_len; /* behind the `len` bytes, and never sent with them: frame_aside */
    char bytes[];
};

/* A frame with one reference and a copy of `bytes`; NULL without memory. */
struct frame *frame_new(struct span bytes, uint16_t head_at, uint16_t kind);
/* The same from two parts (head and the rest of a stanza). */
struct frame *frame_new2(struct span first, struct span second, uint16_t head_at, uint16_t kind);

/* The same with `aside`, at most 65535 bytes: what is known of it here, and goes along with it. */
struct frame *frame_new_aside(struct span bytes, struct span aside, uint16_t head_at, uint16_t kind);
static inline struct span frame_aside(const struct frame *f)
{
    return span_make(f->bytes + f->len, f->aside_len);
}

/* Do two frames say the same, byte for byte? */
bool frame_is_same(const struct frame *a, const struct frame *b);

struct frame *frame_ref(struct frame *f);
/* Take `count` references at once: one atomic operation for a whole fan-out. */
void frame_ref_many(struct frame *f, int32_t count);
/* Give one back; takes NULL; returns NULL. */
struct frame *frame_unref(struct frame *f);
void frame_unref_many(struct frame *f, int32_t count);

#endif
