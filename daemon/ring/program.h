/* SPDX-License-Identifier: Apache-2.0 */
/* A ring whose loop runs as a program in the kernel (bpf/loop.bpf.c): how it is entered, and what the program is told of
 * connections and says of completions. Timers and pauses are operations here, for the kernel does not look at a time limit once a program is
 * attached. Within ring/ only; on the ring's own thread. */
#ifndef MUSTER_RING_PROGRAM_H
#define MUSTER_RING_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/buffers.h"
#include "ring/loop.h"
#include "ring/order.h"

struct loop_program;

struct ring_program {
    struct loop_program *program; /* NULL: there is none */
    uint32_t place;
    struct io_uring *ring;
    struct muster_loop_region *region; /* NULL: it cannot be attached, for `error` */
    int error;
    bool is_on;
    struct op alarm, pause;
    struct __kernel_timespec alarm_after;
    uint64_t alarm_due_ms; /* UINT64_MAX: none is set */
    bool has_alarm_failed; /* the last one, so that the wait was over at once */
    uint64_t slept_ns;     /* in the last wait */
    uint64_t pause_rests_until_ns;
    uint32_t slot_free;  /* the first of those given back; they are linked by `passed` */
    uint32_t slots_used; /* beyond are those never taken */
};

/* The region is shared already, where it can be. */
void ring_program_init(struct ring_program *p, struct loop_program *program, uint32_t place,
                       struct io_uring *ring, struct muster_loop_region *region);
/* All completions are taken. 0 or negative errno. */
int ring_program_attach(struct ring_program *p);
void ring_program_detach(struct ring_program *p);

/* While it is attached: submit, and wait so long for completions. 0 or negative errno. */
int ring_program_wait(struct ring_program *p, uint64_t now_ms, uint64_t wait_ms);

/* An enum muster_class or MUSTER_LOOP_NO_CLASS; `at` is the completion's place. Once for each. */
unsigned ring_program_class(struct ring_program *p, unsigned at, const struct ring_completion *c);
/* All up to `at` are taken. */
void ring_program_taken(struct ring_program *p, unsigned at);

/* 0: none is left. */
uint32_t ring_program_slot_take(struct ring_program *p);
void ring_program_slot_give(struct ring_program *p, uint32_t slot);

/* Connections that were heard by white space alone lately. */
uint32_t ring_program_alive(const struct ring_program *p, uint64_t now_ms);

#endif
