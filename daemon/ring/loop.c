/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ring/bells.h"
#include "ring/setup.h"

/* Receive buffers shared by all sessions of the worker. A typical read is one record of a few hundred bytes; a buffer
 * is back within the turn, so this is how many reads one batch can hold before the others wait for the next. All of
 * them are touched in time: 1 MiB a worker. */
#define LOOP_BUFFERS 256
#define LOOP_BUFFER_BYTES 4096
/* Without timers: look around now and then, for nothing but robustness. */
#define LOOP_WAIT_MS_MAX 60000

/* user_data: an op, or a target loop with this bit set (a doorbell that was rung), or nothing. */
#define LOOP_DOORBELL_BIT 1

struct loop {
    struct io_uring ring;
    struct io_uring_buf_ring *buffer_ring;
    char *buffer_bytes;
    unsigned buffers_returned; /* not yet published to the kernel */
    struct loop_owner owner;
    struct timer_wheel timers;
    uint64_t now_ms;
    bool is_stopping;
    struct mailbox mailbox;
    struct lanes lanes;
    int wake_fd; /* rung by threads that have no ring */
    uint64_t wake_value;
    struct op wake_op;
    struct loop_counters counters;
};

static struct io_uring_sqe *loop_sqe(struct loop *l)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);
    while (!sqe) {
        /* The submission queue is full: hand this part over. It empties always, for the kernel takes entries
         * into its own memory. */
        int submitted = io_uring_submit(&l->ring);
        if (submitted < 0 && submitted != -EINTR && submitted != -EAGAIN && submitted != -EBUSY)
            log_error("ring-submit", "error=%s", strerror(-submitted));
        sqe = io_uring_get_sqe(&l->ring);
    }
    return sqe;
}

static void buffer_give_back(struct loop *l, unsigned id)
{
    io_uring_buf_ring_add(l->buffer_ring, l->buffer_bytes + (size_t)id * LOOP_BUFFER_BYTES, LOOP_BUFFER_BYTES,
                          (unsigned short)id, io_uring_buf_ring_mask(LOOP_BUFFERS),
                          (int)l->buffers_returned++);
}

static void buffers_publish(struct loop *l)
{
    if (l->buffers_returned)
        io_uring_buf_ring_advance(l->buffer_ring, (int)l->buffers_returned);
    l->buffers_returned = 0;
}

static int buffers_open(struct loop *l)
{
    size_t ring_bytes = LOOP_BUFFERS * sizeof(struct io_uring_buf);
    void *ring = mmap(NULL, ring_bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    void *bytes = mmap(NULL, (size_t)LOOP_BUFFERS * LOOP_BUFFER_BYTES, PROT_READ | PROT_WRITE,
                       MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    l->buffer_ring = ring == MAP_FAILED ? NULL : ring;
    l->buffer_bytes = bytes == MAP_FAILED ? NULL : bytes;
    if (!l->buffer_ring || !l->buffer_bytes)
        return -ENOMEM;
    int error = ring_buffers_register(&l->ring, ring, LOOP_BUFFERS);
    if (error)
        return error;
    for (unsigned id = 0; id < LOOP_BUFFERS; id++)
        buffer_give_back(l, id);
    buffers_publish(l);
    return 0;
}

static void wake_arm(struct loop *l)
{
    struct io_uring_sqe *sqe = loop_sqe(l);
    io_uring_prep_read(sqe, l->wake_fd, &l->wake_value, sizeof l->wake_value, 0);
    io_uring_sqe_set_data(sqe, &l->wake_op);
}

static void wake_done(struct op *op, int result, unsigned flags, char *bytes)
{
    (void)result;
    (void)flags;
    (void)bytes;
    wake_arm(
        container_of(op, struct loop, wake_op)); /* the mailbox is read at the end of every turn anyway */
}

static void loop_explain(int error, char *message, size_t message_bytes)
{
    const char *advice = "see dmesg";
    if (error == -EPERM || error == -EACCES)
        advice =
            "io_uring is forbidden here: set sysctl kernel.io_uring_disabled=0, or allow the io_uring system calls in the "
            "container's seccomp profile";
    else if (error == -ENOSYS)
        advice =
            "this kernel (or the container's seccomp profile) has no io_uring: Linux 6.1 or newer is needed";
    else if (error == -EINVAL)
        advice = "this kernel's io_uring lacks a feature: Linux 6.1 or newer is needed";
    else if (error == -ENOMEM)
        advice = "raise the limit on locked memory (ulimit -l, LimitMEMLOCK=)";
    snprintf(message, message_bytes, "cannot set up io_uring: %s; %s", strerror(-error), advice);
}

int loop_new(const struct loop_owner *owner, struct loop **ret_loop, char *ret_message, size_t message_bytes)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    l->owner = *owner;
    l->wake_op.done = wake_done;
    lanes_init(&l->lanes);
    l->now_ms = clock_now_ms();
    timer_wheel_init(&l->timers, l->now_ms);
    l->wake_fd = -1;
    int error = ring_open(&l->ring);
    if (error)
        goto fail;
    error = buffers_open(l);
    if (error)
        goto fail;
    l->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (l->wake_fd < 0) {
        error = -errno;
        goto fail;
    }
    wake_arm(l);
    *ret_loop = l;
    return 0;
fail:
    loop_explain(error, ret_message, message_bytes);
    loop_free(l);
    return error;
}

struct loop *loop_free(struct loop *l)
{
    if (!l)
        return NULL;
    if (l->ring.ring_fd >= 0)
        io_uring_queue_exit(&l->ring);
    if (l->buffer_ring)
        munmap(l->buffer_ring, LOOP_BUFFERS * sizeof(struct io_uring_buf));
    if (l->buffer_bytes)
        munmap(l->buffer_bytes, (size_t)LOOP_BUFFERS * LOOP_BUFFER_BYTES);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    free(l);
    return NULL;
}

static void loop_complete(struct loop *l, const struct io_uring_cqe *cqe)
{
    uint64_t data = cqe->user_data;
    if (data & LOOP_DOORBELL_BIT) {
        /* The sender's half of a doorbell. If the target could not take it, ring the other bell. */
        if (cqe->res < 0)
            eventfd_write(((struct loop *)(uintptr_t)(data & ~(uint64_t)LOOP_DOORBELL_BIT))->wake_fd, 1);
        return;
    }
    struct op *op = (struct op *)(uintptr_t)data;
    if (!op)
        return; /* a doorbell that woke us, or the answer to a cancellation: the turn itself is the effect */
    unsigned flags = cqe->flags & IORING_CQE_F_MORE ? LOOP_MORE : 0;
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        op->done(op, cqe->res, flags | LOOP_BUFFER, l->buffer_bytes + (size_t)id * LOOP_BUFFER_BYTES);
        buffer_give_back(l, id);
    } else {
        if (cqe->res == -ENOBUFS)
            l->counters.starved++;
        op->done(op, cqe->res, flags, NULL);
    }
}

static void loop_reap(struct loop *l)
{
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        io_uring_for_each_cqe(&l->ring, head, cqe)
        {
            loop_complete(l, cqe);
            count++;
        }
        if (!count)
            return;
        l->counters.completions += count;
        io_uring_cq_advance(&l->ring, count);
        buffers_publish(l);
    }
}

static void loop_turn(struct loop *l)
{
    uint64_t wait_ms = timer_wheel_wait_ms(&l->timers, l->now_ms);
    if (wait_ms > LOOP_WAIT_MS_MAX)
        wait_ms = LOOP_WAIT_MS_MAX;
    if (atomic_load_explicit(&l->mailbox.newest, memory_order_relaxed) || !lanes_are_empty(&l->lanes))
        wait_ms = 0; /* a message to ourselves, for which nobody rang, or work of ours goes on */
    struct __kernel_timespec timeout = {.tv_sec = (long long)(wait_ms / 1000),
                                        .tv_nsec = (long long)(wait_ms % 1000) * 1000000};
    struct io_uring_cqe *first;
    int result = io_uring_submit_and_wait_timeout(&l->ring, &first, 1, &timeout, NULL);
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN && result != -EBUSY)
        log_error("ring-wait", "error=%s", strerror(-result));
    l->now_ms = clock_now_ms();
    l->counters.turns++;
    loop_reap(l);
    for (struct message *m = mailbox_take_all(&l->mailbox), *next; m; m = next) {
        next = m->next;
        l->counters.messages++;
        m->handle(m, l->owner.context);
    }
    timer_wheel_advance(&l->timers, l->now_ms);
    lanes_run(&l->lanes, lanes_turn_budget);
    l->owner.turn_ends(l->owner.context);
}

void loop_run(struct loop *l)
{
    for (l->is_stopping = false; !l->is_stopping;)
        loop_turn(l);
    io_uring_submit(&l->ring); /* the last turn's doorbells: others may still wait for them */
}

void loop_stop(struct loop *l)
{
    l->is_stopping = true;
}

void loop_accept(struct loop *l, struct op *op, int fd)
{
    struct io_uring_sqe *sqe = loop_sqe(l);
    io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, op);
}

void loop_receive(struct loop *l, struct op *op, int fd)
{
    struct io_uring_sqe *sqe = loop_sqe(l);
    ring_prepare_receive(sqe, fd);
    io_uring_sqe_set_data(sqe, op);
}

void loop_send(struct loop *l, struct op *op, int fd, const char *bytes, size_t len)
{
    struct io_uring_sqe *sqe = loop_sqe(l);
    io_uring_prep_send(sqe, fd, bytes, len, MSG_NOSIGNAL);
    io_uring_sqe_set_data(sqe, op);
}

void loop_connect(struct loop *l, struct op *op, int fd, const struct sockaddr *to, socklen_t to_len)
{
    struct io_uring_sqe *sqe = loop_sqe(l);
    io_uring_prep_connect(sqe, fd, to, to_len);
    io_uring_sqe_set_data(sqe, op);
}

void loop_cancel(struct loop *l, struct op *op)
{
    struct io_uring_sqe *sqe = loop_sqe(l);
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data(sqe, NULL);
}

void loop_post(struct loop *to, struct loop *from, struct message *m)
{
    if (!mailbox_put(&to->mailbox, m) || to == from)
        return; /* already ringing, or ourselves: read at the end of this turn */
    if (!from) {
        bells_ring(to->wake_fd);
        return;
    }
    from->counters.doorbells++;
    struct io_uring_sqe *sqe = loop_sqe(from);
    ring_prepare_doorbell(sqe, &to->ring);
    io_uring_sqe_set_data64(sqe, (uintptr_t)to | LOOP_DOORBELL_BIT);
}

void loop_work_start(struct loop *l, struct lane_work *w, enum lane lane)
{
    lanes_start(&l->lanes, w, lane);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

void loop_timer_start(struct loop *l, struct timer *t, uint64_t after_ms)
{
    timer_start(&l->timers, t, l->now_ms, after_ms);
}

void loop_timer_stop(struct loop *l, struct timer *t)
{
    timer_stop(&l->timers, t);
}

struct loop_counters loop_counters_read(const struct loop *l)
{
    return l->counters;
}
