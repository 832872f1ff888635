/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ring/bells.h"
#include "ring/buffers.h"
#include "ring/order.h"
#include "ring/program.h"
#include "ring/setup.h"

/* Completions that waited behind more urgent ones (ring/order.h), in one turn: at most 128 KiB are read before presence has its
 * turn again. */
#define LOOP_ORDER_TURN 32
/* So few may say at once what they have to say to accounts of this worker: alone, a stanza takes no turn more than where nothing waits. What many say
 * is behind the presence that comes meanwhile. */
#define LOOP_ORDER_FEW 4
/* Without timers: look around now and then, for nothing but robustness. */
#define LOOP_WAIT_MS_MAX 60000

/* Where the kernel does not let us wait, for it has lost a completion or has no memory for a timer: so long it is left alone instead. A delivery may be late by
 * it; a worker that asks again and again would take a processor from the others. */
#define LOOP_NAP_NS 1000000

/* user_data: an op, or a target loop with this bit set (a doorbell that was rung), or nothing; above an op stands its connection's slot
 * (muster/loop.h), for addresses of programs are shorter. */
#define LOOP_DOORBELL_BIT 1
#define LOOP_ADDRESS_MASK ((1ull << MUSTER_LOOP_SLOT_SHIFT) - 1)

struct loop {
    struct io_uring ring;
    struct ring_buffers buffers;
    struct ring_program program;
    struct ring_order order;
    struct loop_owner owner;
    struct timer_wheel timers;
    uint64_t now_ms;
    bool is_stopping;
    struct mailbox mailbox;
    struct lanes lanes;
    int wake_fd; /* rung by threads that have no ring */
    uint64_t wake_value;
    struct op wake_op;
    unsigned lost; /* completions, as far as the log knows */
    struct loop_counters counters;
};

static void wake_arm(struct loop *l)
{
    struct io_uring_sqe *sqe = ring_sqe(&l->ring);
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
    bool has_place = (uintptr_t)l >> MUSTER_LOOP_SLOT_SHIFT == 0; /* above addresses, for slots */
    int program_error = owner->program && !has_place ? -ENOTSUP
                        : owner->program             ? ring_buffers_share(&l->buffers, &l->ring)
                                                     : 0;
    ring_program_init(&l->program, owner->program, owner->place, &l->ring, l->buffers.region);
    l->program.error = program_error;
    error = ring_buffers_open(&l->buffers, &l->ring);
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
    ring_program_detach(&l->program);
    if (l->ring.ring_fd >= 0)
        io_uring_queue_exit(&l->ring);
    ring_buffers_close(&l->buffers);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    free(l);
    return NULL;
}

static void loop_complete(struct loop *l, const struct ring_completion *c)
{
    /* Without the region there are no slots, and an address may use all bits (tagged memory). */
    uint64_t data = l->buffers.region ? c->user_data & LOOP_ADDRESS_MASK : c->user_data;
    if (data & LOOP_DOORBELL_BIT) {
        /* The sender's half of a doorbell. If the target could not take it, ring the other bell. */
        if (c->result < 0)
            eventfd_write(((struct loop *)(uintptr_t)(data & ~(uint64_t)LOOP_DOORBELL_BIT))->wake_fd, 1);
        return;
    }
    struct op *op = (struct op *)(uintptr_t)data;
    if (!op)
        return; /* a doorbell that woke us, or the answer to a cancellation: the turn itself is the effect */
    unsigned flags = c->flags & IORING_CQE_F_MORE ? LOOP_MORE : 0;
    if (c->flags & IORING_CQE_F_BUFFER) {
        unsigned id = c->flags >> IORING_CQE_BUFFER_SHIFT;
        op->done(op, c->result, flags | LOOP_BUFFER, ring_buffer_bytes(&l->buffers, id));
        ring_buffer_give_back(&l->buffers, id);
    } else {
        if (c->result == -ENOBUFS)
            l->counters.starved++;
        op->done(op, c->result, flags, NULL);
    }
}

/* Some of those that have waited. */
static void loop_complete_waiting(struct loop *l, unsigned count_max)
{
    while (l->order.count && count_max--) {
        struct ring_completion c = ring_order_take(&l->order, l->buffers.region->slots);
        loop_complete(l, &c);
    }
}

static void loop_take(struct loop *l, unsigned at, const struct io_uring_cqe *cqe)
{
    const struct ring_completion c = {.user_data = cqe->user_data, .result = cqe->res, .flags = cqe->flags};
    unsigned class = ring_program_class(&l->program, at, &c);
    if (!l->buffers.region || !ring_order_must_wait(&c, l->buffers.region->slots, class)) {
        loop_complete(l, &c);
        return;
    }
    l->counters.waited++;
    if (l->order.count == RING_ORDER_MAX)
        loop_complete_waiting(l, 1);
    ring_order_put(&l->order, &c, l->buffers.region->slots);
}

static void loop_reap(struct loop *l)
{
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        io_uring_for_each_cqe(&l->ring, head, cqe)
        {
            loop_take(l, head, cqe);
            count++;
        }
        ring_buffers_publish(&l->buffers);
        if (!count)
            return;
        l->counters.completions += count;
        io_uring_cq_advance(&l->ring, count);
        ring_program_taken(&l->program, head);
    }
}

/* Is a wait not to be relied on? It may be over at once, whatever there is; and what was lost may be the bell or the alarm that should
 * have ended it. */
static bool loop_must_nap(struct loop *l)
{
    unsigned lost = ring_lost(&l->ring);
    if (lost != l->lost)
        log_error("ring-lost",
                  "completions=%u advice=\"no memory was left; restart, for connections may hang\"", lost);
    l->lost = lost;
    bool has_failed = l->program.has_alarm_failed;
    l->program.has_alarm_failed = false;
    return lost || has_failed;
}

static int loop_wait(struct loop *l)
{
    uint64_t wait_ms = timer_wheel_wait_ms(&l->timers, l->now_ms);
    if (wait_ms > LOOP_WAIT_MS_MAX)
        wait_ms = LOOP_WAIT_MS_MAX;
    if (atomic_load_explicit(&l->mailbox.newest, memory_order_relaxed) || !lanes_are_empty(&l->lanes) ||
        l->order.count)
        wait_ms = 0; /* a message to ourselves, for which nobody rang, or work of ours goes on */
    if (wait_ms && loop_must_nap(l)) {
        nanosleep(&(struct timespec){.tv_nsec = LOOP_NAP_NS}, NULL);
        wait_ms = 0;
    }
    if (l->program.is_on)
        return ring_program_wait(&l->program, l->now_ms, wait_ms);
    struct __kernel_timespec timeout = {.tv_sec = (long long)(wait_ms / 1000),
                                        .tv_nsec = (long long)(wait_ms % 1000) * 1000000};
    struct io_uring_cqe *first;
    return io_uring_submit_and_wait_timeout(&l->ring, &first, 1, &timeout, NULL);
}

static void loop_messages(struct loop *l)
{
    for (struct message *m = mailbox_take_all(&l->mailbox), *next; m; m = next) {
        next = m->next;
        l->counters.messages++;
        m->handle(m, l->owner.context);
    }
}

static void loop_turn(struct loop *l)
{
    int result = loop_wait(l);
    bool is_known = result == -EBADR && l->lost;
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN && result != -EBUSY &&
        !is_known)
        log_error("ring-wait", "error=%s", strerror(-result));
    l->now_ms = clock_now_ms();
    l->counters.turns++;
    loop_reap(l);
    loop_messages(l);
    timer_wheel_advance(&l->timers, l->now_ms);
    lanes_run(&l->lanes, lanes_turn_budget);
    bool are_few = l->order.count && l->order.count <= LOOP_ORDER_FEW;
    loop_complete_waiting(l, LOOP_ORDER_TURN);
    if (are_few)
        loop_messages(l);
    ring_buffers_publish(&l->buffers);
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
    struct io_uring_sqe *sqe = ring_sqe(&l->ring);
    io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, op);
}

static uint64_t data_of(const struct op *op, uint32_t slot)
{
    return (uintptr_t)op | (uint64_t)slot << MUSTER_LOOP_SLOT_SHIFT;
}

void loop_receive(struct loop *l, struct op *op, int fd, uint32_t slot)
{
    struct io_uring_sqe *sqe = ring_sqe(&l->ring);
    ring_prepare_receive(sqe, fd);
    io_uring_sqe_set_data64(sqe, data_of(op, slot));
}

void loop_send(struct loop *l, struct op *op, int fd, const char *bytes, size_t len, uint32_t slot)
{
    struct io_uring_sqe *sqe = ring_sqe(&l->ring);
    io_uring_prep_send(sqe, fd, bytes, len, MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, data_of(op, slot));
}

void loop_connect(struct loop *l, struct op *op, int fd, const struct sockaddr *to, socklen_t to_len)
{
    struct io_uring_sqe *sqe = ring_sqe(&l->ring);
    io_uring_prep_connect(sqe, fd, to, to_len);
    io_uring_sqe_set_data(sqe, op);
}

void loop_cancel(struct loop *l, struct op *op, uint32_t slot)
{
    struct io_uring_sqe *sqe = ring_sqe(&l->ring);
    io_uring_prep_cancel64(sqe, data_of(op, slot), 0);
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
    struct io_uring_sqe *sqe = ring_sqe(&from->ring);
    ring_prepare_doorbell(sqe, &to->ring);
    io_uring_sqe_set_data64(sqe, (uintptr_t)to | LOOP_DOORBELL_BIT);
}

int loop_program_turn(struct loop *l, bool is_on)
{
    if (is_on)
        return ring_program_attach(&l->program);
    ring_program_detach(&l->program);
    return 0;
}

struct muster_loop_counters loop_program_counters(const struct loop *l)
{
    const struct muster_loop_region *region = l->program.region;
    return region ? region->header.counters : (struct muster_loop_counters){0};
}

uint32_t loop_slot_take(struct loop *l, bool is_again)
{
    uint32_t slot = ring_program_slot_take(&l->program);
    l->counters.slotless += !slot && !is_again && l->program.region;
    return slot;
}

void loop_slot_give(struct loop *l, uint32_t slot)
{
    ring_program_slot_give(&l->program, slot);
}

void loop_slot_read(struct loop *l, uint32_t slot, size_t octets, bool is_between)
{
    if (!slot)
        return;
    struct muster_loop_slot *s = &l->program.region->slots[slot];
    s->read += (unsigned)octets;
    s->is_between = is_between;
}

bool loop_slot_is_watched(const struct loop *l, uint32_t slot)
{
    return slot && l->program.is_on;
}

uint32_t loop_slot_octets(const struct loop *l, uint32_t slot)
{
    return slot ? l->program.region->slots[slot].read : 0;
}

bool loop_slot_is_behind(const struct loop *l, uint32_t slot)
{
    const struct muster_loop_slot *s = slot ? &l->program.region->slots[slot] : NULL;
    return s && s->passed != s->read;
}

uint8_t loop_slot_kept(const struct loop *l, uint32_t slot)
{
    return slot ? l->program.region->slots[slot].kept : 0;
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
    struct loop_counters c = l->counters;
    c.alive = ring_program_alive(&l->program, l->now_ms);
    return c;
}
