/* SPDX-License-Identifier: Apache-2.0 */
/* A ring's receive buffers. Where a program is to look into them (bpf/loop.bpf.c), they are a part of the memory that the ring shares
 * with it; else on their own. Within ring/ only. */
#ifndef MUSTER_RING_BUFFERS_H
#define MUSTER_RING_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>

#include <liburing.h>

#include "muster/loop.h"

struct ring_buffers {
    struct io_uring_buf_ring *entries;
    char *bytes;
    unsigned returned;                 /* not yet published to the kernel */
    struct muster_loop_region *region; /* shared; NULL: they are on their own */
};

/* Share the memory, which is pinned. 0 or negative errno: then the buffers are to be on their own. */
int ring_buffers_share(struct ring_buffers *b, struct io_uring *ring);
/* Make them, unless they are shared, and register them with the ring. 0 or negative errno. */
int ring_buffers_open(struct ring_buffers *b, struct io_uring *ring);
/* The ring is gone. */
void ring_buffers_close(struct ring_buffers *b);

static inline char *ring_buffer_bytes(const struct ring_buffers *b, unsigned id)
{
    return b->bytes + (size_t)id * MUSTER_LOOP_BUFFER_BYTES;
}
void ring_buffer_give_back(struct ring_buffers *b, unsigned id);
/* Those given back may be received into again. */
void ring_buffers_publish(struct ring_buffers *b);

#endif
