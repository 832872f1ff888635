/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/probe.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "muster/loop.h"
#include "ring/setup.h"

/* A completion that has not come within this time does not come. */
#define PROBE_WAIT_S 1
#define PROBE_BUFFERS 2
#define PROBE_BUFFER_BYTES 64
#define PROBE_PAGE_BYTES ((size_t)sysconf(_SC_PAGESIZE))

uint64_t ring_locked_bytes(uint32_t workers, bool has_regions)
{
    return (uint64_t)workers * (RING_LOCKED_BYTES + (has_regions ? sizeof(struct muster_loop_region) : 0));
}

static void *page_make(void)
{
    void *page = mmap(NULL, PROBE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}

/* Which of a loop's flags are the ones that are refused. */
static void flags_probe(char *ret_names, size_t bytes)
{
    unsigned taken = 0;
    size_t len = 0;
    for (unsigned i = 0; i < ring_flag_count; i++) {
        struct io_uring ring;
        if (ring_open_with(&ring, taken | ring_flags[i].bit) == 0) {
            io_uring_queue_exit(&ring);
            taken |= ring_flags[i].bit;
        } else if (len < bytes) {
            len += (size_t)snprintf(ret_names + len, bytes - len, "%s%s", len ? " " : "", ring_flags[i].name);
        }
    }
}

/* Kernels have counted it, then not, then again: see whether it works when nothing is allowed. The limit is the whole
 * process's, but nothing else runs. */
static bool is_charged(void)
{
    struct io_uring ring;
    struct rlimit limit, none;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return false;
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_MEMLOCK, &none);
    int error = ring_open(&ring);
    setrlimit(RLIMIT_MEMLOCK, &limit);
    if (error == 0)
        io_uring_queue_exit(&ring);
    return error == -ENOMEM;
}

static bool has_operation(struct io_uring *ring, int operation)
{
    struct io_uring_probe *list = io_uring_get_probe_ring(ring);
    bool has = list && io_uring_opcode_supported(list, operation);
    io_uring_free_probe(list);
    return has;
}

/* Submit what is prepared and take one completion. 0, with its result and flags, or negative errno. */
static int completion_take(struct io_uring *ring, int *ret_result, unsigned *ret_flags)
{
    struct __kernel_timespec timeout = {.tv_sec = PROBE_WAIT_S};
    struct io_uring_cqe *cqe = NULL;
    int submitted = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &timeout, NULL);
    if (submitted < 0 && submitted != -EINTR)
        return submitted;
    if (!cqe)
        return -ETIME;
    *ret_result = cqe->res;
    *ret_flags = cqe->flags;
    io_uring_cqe_seen(ring, cqe);
    return 0;
}

/* One byte after the other through a socket: the second must come by the same receive as the first. */
static int receive_try(struct io_uring *ring, struct io_uring_buf_ring *entries, char *bytes,
                       const int fds[2])
{
    for (unsigned short id = 0; id < PROBE_BUFFERS; id++)
        io_uring_buf_ring_add(entries, bytes + (size_t)id * PROBE_BUFFER_BYTES, PROBE_BUFFER_BYTES, id,
                              io_uring_buf_ring_mask(PROBE_BUFFERS), id);
    io_uring_buf_ring_advance(entries, PROBE_BUFFERS);
    ring_prepare_receive(io_uring_get_sqe(ring), fds[0]);
    for (int i = 0; i < PROBE_BUFFERS; i++) {
        int result = 0;
        unsigned flags = 0;
        if (write(fds[1], "x", 1) != 1)
            return -errno;
        int error = completion_take(ring, &result, &flags);
        if (error || result < 0)
            return error ? error : result;
        if (result != 1 || !(flags & IORING_CQE_F_BUFFER) || !(flags & IORING_CQE_F_MORE))
            return -EOPNOTSUPP;
    }
    return 0;
}

static void receive_probe(struct io_uring *ring, struct io_uring_buf_ring *entries, char *bytes,
                          struct ring_abilities *a)
{
    int fds[2];
    a->buffers = ring_buffers_register(ring, entries, PROBE_BUFFERS);
    if (a->buffers)
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        a->receive = -errno;
        return;
    }
    a->receive = has_operation(ring, IORING_OP_RECV) ? receive_try(ring, entries, bytes, fds) : -EOPNOTSUPP;
    close(fds[0]);
    close(fds[1]);
}

static int doorbell_try(struct io_uring *from)
{
    struct io_uring to;
    int result = 0;
    unsigned flags = 0;
    if (!has_operation(from, IORING_OP_MSG_RING))
        return -EOPNOTSUPP;
    int error = ring_open(&to);
    if (error)
        return error;
    ring_prepare_doorbell(io_uring_get_sqe(from), &to);
    error = completion_take(from, &result, &flags); /* the sender's half */
    if (!error)
        error = result;
    if (!error)
        error = completion_take(&to, &result, &flags);
    io_uring_queue_exit(&to);
    return error;
}

void ring_probe(struct ring_abilities *ret)
{
    struct io_uring ring;
    char *entries = page_make(), *bytes = page_make(), *region = page_make();
    *ret = (struct ring_abilities){.setup = RING_UNTRIED,
                                   .buffers = RING_UNTRIED,
                                   .receive = RING_UNTRIED,
                                   .doorbell = RING_UNTRIED,
                                   .region = RING_UNTRIED};
    ret->plain = entries && bytes && region ? io_uring_queue_init(PROBE_BUFFERS, &ring, 0) : -ENOMEM;
    ret->is_charged = ret->plain == -ENOMEM || (ret->plain == 0 && is_charged());
    if (ret->plain == 0) {
        io_uring_queue_exit(&ring);
        ret->setup = ring_open(&ring);
    }
    if (ret->setup == -EINVAL)
        flags_probe(ret->refused_flags, sizeof ret->refused_flags);
    if (ret->setup == 0) {
        /* The receive last: it stays armed, and its end would be taken for somebody else's completion. */
        ret->doorbell = doorbell_try(&ring);
        ret->region = ring_region_register(&ring, region, PROBE_PAGE_BYTES);
        receive_probe(&ring, (struct io_uring_buf_ring *)entries, bytes, ret);
        io_uring_queue_exit(&ring);
    }
    char *pages[] = {entries, bytes, region};
    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (pages[i])
            munmap(pages[i], PROBE_PAGE_BYTES);
}
