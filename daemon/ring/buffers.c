/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/buffers.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include "ring/setup.h"

#define ENTRIES_BYTES (MUSTER_LOOP_BUFFERS * sizeof(struct io_uring_buf))
#define BUFFERS_BYTES ((size_t)MUSTER_LOOP_BUFFERS * MUSTER_LOOP_BUFFER_BYTES)

static void *pages_make(size_t bytes, int kind)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | kind, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

int ring_buffers_share(struct ring_buffers *b, struct io_uring *ring)
{
    struct muster_loop_region *region = pages_make(sizeof *region, MAP_SHARED);
    int error = region ? ring_region_register(ring, region, sizeof *region) : -ENOMEM;
    if (error) {
        if (region)
            munmap(region, sizeof *region);
        return error;
    }
    b->region = region;
    b->entries = (struct io_uring_buf_ring *)region->entries;
    b->bytes = (char *)region->buffers;
    return 0;
}

int ring_buffers_open(struct ring_buffers *b, struct io_uring *ring)
{
    if (!b->region) {
        b->entries = pages_make(ENTRIES_BYTES, MAP_PRIVATE);
        b->bytes = pages_make(BUFFERS_BYTES, MAP_PRIVATE);
    }
    if (!b->entries || !b->bytes)
        return -ENOMEM;
    int error = ring_buffers_register(ring, b->entries, MUSTER_LOOP_BUFFERS);
    for (unsigned id = 0; !error && id < MUSTER_LOOP_BUFFERS; id++)
        ring_buffer_give_back(b, id);
    ring_buffers_publish(b);
    return error;
}

void ring_buffers_close(struct ring_buffers *b)
{
    if (b->region) {
        munmap(b->region, sizeof *b->region);
    } else {
        if (b->entries)
            munmap(b->entries, ENTRIES_BYTES);
        if (b->bytes)
            munmap(b->bytes, BUFFERS_BYTES);
    }
    *b = (struct ring_buffers){0};
}

void ring_buffer_give_back(struct ring_buffers *b, unsigned id)
{
    io_uring_buf_ring_add(b->entries, ring_buffer_bytes(b, id), MUSTER_LOOP_BUFFER_BYTES, (unsigned short)id,
                          io_uring_buf_ring_mask(MUSTER_LOOP_BUFFERS), (int)b->returned++);
}

void ring_buffers_publish(struct ring_buffers *b)
{
    if (b->returned)
        io_uring_buf_ring_advance(b->entries, (int)b->returned);
    b->returned = 0;
}
