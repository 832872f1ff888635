/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's ring and what it is asked to do, apart from the loop, so that what the probe tries is what the
 * loop needs. Within ring/ only: it names liburing's types. */
#ifndef MUSTER_RING_SETUP_H
#define MUSTER_RING_SETUP_H

#include <stddef.h>

#include <liburing.h>

/* The group that the receive buffers of a ring are registered as. */
#define RING_BUFFER_GROUP 0

struct ring_flag {
    unsigned bit;
    const char *name;
};
/* What a loop's ring is set up with; a flag that another one needs stands behind it. */
extern const struct ring_flag ring_flags[];
extern const unsigned ring_flag_count;

/* Make the ring, with all of them or with those in `flags`. 0 or negative errno; then ring->ring_fd is -1. */
int ring_open(struct io_uring *ring);
int ring_open_with(struct io_uring *ring, unsigned flags);
/* Let it receive into buffers that `entries` will list: page-aligned, `count` a power of two. 0 or negative errno. */
int ring_buffers_register(struct io_uring *ring, void *entries, unsigned count);

/* Share these pages with a program of the ring's (offload/loop.h); they are pinned until the ring is gone. 0 or negative errno. */
int ring_region_register(struct io_uring *ring, void *pages, size_t bytes);

/* Completions that the kernel had no memory for and has dropped, since the ring was made. A wait that finds new ones is over at once, in some versions each one
 * from then on. */
unsigned ring_lost(const struct io_uring *ring);

/* A submission, always. */
struct io_uring_sqe *ring_sqe(struct io_uring *ring);
/* Receive into these buffers until something goes wrong; the sqe is new and has no user data yet. */
void ring_prepare_receive(struct io_uring_sqe *sqe, int fd);
/* Wake the thread that waits for `to`. */
void ring_prepare_doorbell(struct io_uring_sqe *sqe, const struct io_uring *to);

#endif
