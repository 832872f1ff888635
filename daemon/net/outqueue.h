/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that wait to be sent to one peer, in order. A frame costs one pointer here; an empty queue holds no memory. */
#ifndef MUSTER_NET_OUTQUEUE_H
#define MUSTER_NET_OUTQUEUE_H

#include <stdint.h>

#include "base/frame.h"

/* One delivery at a time is the common case: it needs no allocation. */
#define OUTQUEUE_INLINE 2

struct outqueue {
    struct frame **frames; /* NULL: `few` is in use */
    struct frame *few[OUTQUEUE_INLINE];
    uint32_t first, count, capacity;
    uint32_t sent;  /* bytes of the first frame (with its head) that have left already */
    uint64_t bytes; /* of all frames, heads not counted */
};

void outqueue_init(struct outqueue *q);
void outqueue_fini(struct outqueue *q);
/* Takes over the caller's reference, also when it fails. 0 or -ENOMEM. */
int outqueue_put(struct outqueue *q, struct frame *f);

/* Take up to `bytes_max` bytes off the queue into `to`, each frame with `head` in its gap; frames that are through
 * are given back. Returns the bytes written; 0 only when the queue is empty. */
size_t outqueue_take(struct outqueue *q, struct span head, char *to, size_t bytes_max);
/* How many bytes outqueue_take would write, counted up to `bytes_max`. */
size_t outqueue_ready(const struct outqueue *q, struct span head, size_t bytes_max);

#endif
