/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/setup.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "muster/loop.h"

/* Newer than Debian 12's headers: opcode, flag and layout are of the kernel's interface, which does not change. */
#define REGISTER_MEM_REGION 34
#define REGION_OF_USER 1
struct region_description {
    uint64_t user_address, bytes;
    uint32_t flags, id;
    uint64_t map_offset, reserved[4];
};
struct region_registration {
    uint64_t description, flags, reserved[2];
};

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
    struct io_uring_params params = {.flags = flags, .cq_entries = MUSTER_LOOP_COMPLETIONS};
    int error = io_uring_queue_init_params(MUSTER_LOOP_SUBMISSIONS, ring, &params);
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

int ring_region_register(struct io_uring *ring, void *pages, size_t bytes)
{
    struct region_description description = {
        .user_address = (uintptr_t)pages, .bytes = bytes, .flags = REGION_OF_USER};
    struct region_registration registration = {.description = (uintptr_t)&description};
    long result = syscall(SYS_io_uring_register, ring->ring_fd, REGISTER_MEM_REGION, &registration, 1);
    return result < 0 ? -errno : 0;
}

unsigned ring_lost(const struct io_uring *ring)
{
    return __atomic_load_n(ring->cq.koverflow, __ATOMIC_RELAXED);
}

struct io_uring_sqe *ring_sqe(struct io_uring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    while (!sqe) {
        /* The submission queue is full: hand this part over. It empties always, for the kernel takes entries
         * into its own memory. */
        int submitted = io_uring_submit(ring);
        if (submitted < 0 && submitted != -EINTR && submitted != -EAGAIN && submitted != -EBUSY)
            log_error("ring-submit", "error=%s", strerror(-submitted));
        sqe = io_uring_get_sqe(ring);
    }
    return sqe;
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
