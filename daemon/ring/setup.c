/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/setup.h"

#include <stdint.h>

/* One turn rarely prepares more; when it does, the batch is submitted in parts. */
#define RING_SUBMISSIONS 2048
/* A fan-out to thousands completes in one burst: room for it without the kernel's overflow list. */
#define RING_COMPLETIONS 16384

const struct ring_flag ring_flags[] = {
    {IORING_SETUP_CLAMP, "CLAMP"},
    {IORING_SETUP_CQSIZE, "CQSIZE"},
    {IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL"},
    {IORING_SETUP_SINGLE_ISSUER, "SINGLE_ISSUER"},
    {IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN"},
};
const unsigned ring_flag_count = sizeof ring_flags / sizeof ring_flags[0];

int ring_open_with(struct io_uring *ring, unsigned flags)
{
    struct io_uring_params params = {.flags = flags, .cq_entries = RING_COMPLETIONS};
    int error = io_uring_queue_init_params(RING_SUBMISSIONS, ring, &params);
    if (error)
        ring->ring_fd = -1;
    return error;
}

int ring_open(struct io_uring *ring)
{
    unsigned flags = 0;
    for (unsigned i = 0; i < ring_flag_count; i++)
        flags |= ring_flags[i].bit;
    return ring_open_with(ring, flags);
}

int ring_buffers_register(struct io_uring *ring, void *entries, unsigned count)
{
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)entries, .ring_entries = count, .bgid = RING_BUFFER_GROUP};
    int error = io_uring_register_buf_ring(ring, &registration, 0);
    if (!error)
        io_uring_buf_ring_init(entries);
    return error;
}

void ring_prepare_receive(struct io_uring_sqe *sqe, int fd)
{
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = RING_BUFFER_GROUP;
}

void ring_prepare_doorbell(struct io_uring_sqe *sqe, const struct io_uring *to)
{
    io_uring_prep_msg_ring(sqe, to->ring_fd, 0, 0, 0);
}
