/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/program.h"

#include <errno.h>
#include <time.h>

#include "base/list.h"
#include "offload/loop.h"
#include "ring/setup.h"

/* After a wait as short as this the next one is not ended by the first thing that comes, but by this time, or much: nobody
 * notices a fifth of a millisecond, and a turn costs a tenth of that before it has done anything. */
#define PAUSE_NS 200000
/* One that has gathered fewer completions than these only made somebody wait (two clients who answer each other, say): none
 * for the next hundredth of a second, so that they notice a fiftieth of it at most. */
#define PAUSE_COMPLETIONS 4
#define PAUSE_REST_NS 10000000
#define NO_ALARM UINT64_MAX
/* Clients that send white space do so every minute, or every few. */
#define ALIVE_MS 300000u
#define NS_PER_S 1000000000ull

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void alarm_done(struct op *op, int result, unsigned flags, char *bytes)
{
    (void)flags, (void)bytes;
    struct ring_program *p = container_of(op, struct ring_program, alarm);
    p->alarm_due_ms = NO_ALARM;
    p->has_alarm_failed = result != -ETIME;
}

/* Where the program has not seen it. */
static void pause_done(struct op *op, int result, unsigned flags, char *bytes)
{
    (void)result, (void)flags, (void)bytes;
    container_of(op, struct ring_program, pause)->region->header.is_pausing = 0;
}

void ring_program_init(struct ring_program *p, struct loop_program *program, uint32_t place,
                       struct io_uring *ring, struct muster_loop_region *region)
{
    *p = (struct ring_program){.program = program,
                               .place = place,
                               .ring = ring,
                               .region = region,
                               .alarm.done = alarm_done,
                               .pause.done = pause_done,
                               .alarm_due_ms = NO_ALARM,
                               .slept_ns = UINT64_MAX,
                               .slots_used = 1};
    if (!region)
        return;
    const char *start = ring->sq.ring_ptr; /* that of completions as well */
    region->header = (struct muster_loop_header){
        .sq_head = (unsigned)((const char *)ring->sq.khead - start),
        .sq_tail = (unsigned)((const char *)ring->sq.ktail - start),
        .cq_head = (unsigned)((const char *)ring->cq.khead - start),
        .cq_tail = (unsigned)((const char *)ring->cq.ktail - start),
        .cqes = (unsigned)((const char *)ring->cq.cqes - start),
        .buffers = (uintptr_t)region->buffers,
        .pause = (uintptr_t)&p->pause,
    };
}

int ring_program_attach(struct ring_program *p)
{
    if (!p->region)
        return p->error ? p->error : -ENOTSUP;
    if (p->is_on)
        return 0;
    struct muster_loop_header *h = &p->region->header;
    h->seen = *p->ring->cq.khead;
    h->mode = MUSTER_LOOP_SUBMIT;
    h->is_begun = 0;
    int error = loop_program_attach(p->program, p->place, p->ring->ring_fd);
    p->is_on = error == 0;
    return error;
}

void ring_program_detach(struct ring_program *p)
{
    if (p->is_on)
        loop_program_detach(p->program, p->place);
    p->is_on = false;
}

/* One timer that is never late: it may come early, for what it was set for is over; then there is a turn, and it is set again. */
static void alarm_set(struct ring_program *p, uint64_t now_ms, uint64_t wait_ms)
{
    if (p->alarm_due_ms <= now_ms + wait_ms)
        return;
    struct io_uring_sqe *sqe = ring_sqe(p->ring);
    p->alarm_after = (struct __kernel_timespec){.tv_sec = (long long)(wait_ms / 1000),
                                                .tv_nsec = (long long)(wait_ms % 1000) * 1000000};
    if (p->alarm_due_ms == NO_ALARM) {
        io_uring_prep_timeout(sqe, &p->alarm_after, 0, 0);
        io_uring_sqe_set_data(sqe, &p->alarm);
    } else {
        /* Should it have gone off already, that is a turn as well. */
        io_uring_prep_timeout_update(sqe, &p->alarm_after, (uintptr_t)&p->alarm, 0);
        io_uring_sqe_set_data(sqe, NULL);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
    p->alarm_due_ms = now_ms + wait_ms;
}

static void pause_begin(struct ring_program *p)
{
    static const struct __kernel_timespec after = {.tv_nsec = PAUSE_NS};
    struct io_uring_sqe *sqe = ring_sqe(p->ring);
    io_uring_prep_timeout(sqe, (struct __kernel_timespec *)&after, 0, 0);
    io_uring_sqe_set_data(sqe, &p->pause);
    p->region->header.is_pausing = 1;
}

int ring_program_wait(struct ring_program *p, uint64_t now_ms, uint64_t wait_ms)
{
    struct muster_loop_header *h = &p->region->header;
    if (wait_ms)
        alarm_set(p, now_ms, wait_ms);
    uint64_t before = clock_ns();
    /* Twice, for a wait that ended with a pause must not be the last of its kind. */
    if (wait_ms && !h->is_pausing && p->slept_ns < 2 * PAUSE_NS && before >= p->pause_rests_until_ns)
        pause_begin(p);
    bool was_pausing = h->is_pausing;
    h->mode = wait_ms ? MUSTER_LOOP_WAIT : MUSTER_LOOP_POLL;
    h->is_begun = h->is_urgent = h->real = h->steps = 0;
    h->submitted = 0;
    int result = io_uring_submit_and_wait(p->ring, 1);
    uint64_t after = clock_ns();
    p->slept_ns = after - before;
    if (was_pausing && !h->is_pausing && h->real < PAUSE_COMPLETIONS)
        p->pause_rests_until_ns = after + PAUSE_REST_NS;
    h->mode = MUSTER_LOOP_SUBMIT;
    h->is_begun = 0;
    return result < 0 ? result : h->submitted < 0 ? h->submitted : 0;
}

unsigned ring_program_class(struct ring_program *p, unsigned at, const struct ring_completion *c)
{
    uint32_t slot = ring_completion_slot(c);
    if (!p->region || !slot)
        return MUSTER_LOOP_NO_CLASS;
    if (p->is_on && (int)(p->region->header.seen - at) > 0)
        return p->region->classes[at % MUSTER_LOOP_COMPLETIONS];
    if (c->result > 0 && c->flags & IORING_CQE_F_BUFFER)
        p->region->slots[slot].passed += (unsigned)c->result;
    return MUSTER_LOOP_NO_CLASS;
}

void ring_program_taken(struct ring_program *p, unsigned at)
{
    if (p->region)
        p->region->header.seen = at;
}

uint32_t ring_program_slot_take(struct ring_program *p)
{
    if (!p->region)
        return 0;
    uint32_t slot = p->slot_free;
    if (slot)
        p->slot_free = p->region->slots[slot].passed;
    else if (p->slots_used < MUSTER_LOOP_SLOTS)
        slot = p->slots_used++;
    if (slot)
        p->region->slots[slot] = (struct muster_loop_slot){0};
    return slot;
}

void ring_program_slot_give(struct ring_program *p, uint32_t slot)
{
    if (!slot)
        return;
    p->region->slots[slot] = (struct muster_loop_slot){.passed = p->slot_free};
    p->slot_free = slot;
}

uint32_t ring_program_alive(const struct ring_program *p, uint64_t now_ms)
{
    uint32_t alive = 0;
    for (uint32_t slot = 1; p->region && slot < p->slots_used; slot++) {
        uint32_t heard_ms = p->region->slots[slot].heard_ms;
        alive += heard_ms && (uint32_t)now_ms - heard_ms < ALIVE_MS;
    }
    return alive;
}
