/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's event loop: one thread, one io_uring. A turn is a batch: wait, reap all, handle each, run messages and
 * timers, a slice of long works, let the owner flush, submit once. A handler prepares work and never blocks.
 *
 * An `op` is embedded in its owner; the kernel owns it from the call that starts it until its last completion (for a
 * multishot operation: the one without LOOP_MORE). The owner counts its operations and is freed only at zero, so a completion
 * always finds a living op and needs no generation number. */
#ifndef MUSTER_RING_LOOP_H
#define MUSTER_RING_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/lanes.h"
#include "base/message.h"
#include "base/timer.h"

struct loop;
struct loop_program;
struct muster_loop_counters;

/* Completion flags. */
enum {
    LOOP_MORE = 1,   /* a multishot operation stays armed */
    LOOP_BUFFER = 2, /* `bytes` holds received data, valid only during the call */
};

struct op {
    /* result: bytes or fd or 0, or negative errno. bytes: LOOP_BUFFER only. */
    void (*done)(struct op *op, int result, unsigned flags, char *bytes);
};

struct loop_owner {
    /* At the end of every turn, before submission: flush what the turn has queued. */
    void (*turn_ends)(void *context);
    void *context;
    struct loop_program *program; /* may run this loop (offload/loop.h), at `place`; NULL: none */
    uint32_t place;
};

/* Made by the thread that runs it (the ring belongs to its thread). 0, or negative errno with one line in
 * `ret_message` that says what to change. */
int loop_new(const struct loop_owner *owner, struct loop **ret_loop, char *ret_message, size_t message_bytes);
struct loop *loop_free(struct loop *l);

/* Turns until loop_stop. */
void loop_run(struct loop *l);
/* From the loop's own thread: the turn under way is the last. */
void loop_stop(struct loop *l);
/* Start operations. They are submitted at the end of the turn. */
void loop_accept(struct loop *l, struct op *op, int fd); /* multishot; result is the new fd */
/* multishot, into the loop's buffers */
void loop_receive(struct loop *l, struct op *op, int fd, uint32_t slot);
void loop_send(struct loop *l, struct op *op, int fd, const char *bytes, size_t len, uint32_t slot);
void loop_connect(struct loop *l, struct op *op, int fd, const struct sockaddr *to,
                  socklen_t to_len); /* `to` lives until then */
/* Ask for the op's end: it completes with -ECANCELED (or with what it was about to complete with). */
void loop_cancel(struct loop *l, struct op *op, uint32_t slot);

/* Attach or detach the owner's program, under traffic. On the loop's thread, within a message. While it is attached, what
 * concerns presence is completed first. 0 or negative errno. */
int loop_program_turn(struct loop *l, bool is_on);
/* What the program has counted here, since the loop was made. On its thread. */
struct muster_loop_counters loop_program_counters(const struct loop *l);

/* A connection whose bytes the program can read has a slot: what comes there is classified before the loop wakes, and white space
 * between stanzas does not wake it. Completions of operations with the same slot keep their order. */
#define LOOP_NO_SLOT 0
/* LOOP_NO_SLOT: there is no program, or too many have one. `is_again`: the connection has asked before, and is counted. */
uint32_t loop_slot_take(struct loop *l, bool is_again);
/* None of its operations is in flight. */
void loop_slot_give(struct loop *l, uint32_t slot);
/* So many octets more were read, and the connection stands between two stanzas, or not. */
void loop_slot_read(struct loop *l, uint32_t slot, size_t octets, bool is_between);
/* Does the program look at what comes there? */
bool loop_slot_is_watched(const struct loop *l, uint32_t slot);
/* How many octets were read since the slot was taken, by the owner or by the program. It wraps; 0 without a slot. */
uint32_t loop_slot_octets(const struct loop *l, uint32_t slot);
/* Has something come that its owner has not been told of yet? */
bool loop_slot_is_behind(const struct loop *l, uint32_t slot);
/* A number that is another one when white space has been kept back since. */
uint8_t loop_slot_kept(const struct loop *l, uint32_t slot);

/* Post to `to` from any thread: `from` is the calling thread's own loop, NULL for a thread that has none. Messages from
 * one thread arrive in their order. The message belongs to the receiver. */
void loop_post(struct loop *to, struct loop *from, struct message *m);

/* Do `w` in slices, some each turn: lanes.h. While anything is started, turns do not wait. */
void loop_work_start(struct loop *l, struct lane_work *w, enum lane lane);

/* Of this turn's beginning. */
uint64_t loop_now_ms(const struct loop *l);
void loop_timer_start(struct loop *l, struct timer *t, uint64_t after_ms);
void loop_timer_stop(struct loop *l, struct timer *t);

struct loop_counters {
    uint64_t turns, completions, messages, doorbells, starved; /* starved: a receive that found no buffer */
    uint64_t waited;   /* completions that more urgent ones went before */
    uint64_t slotless; /* connections that found no slot when they first asked, for there are too many */
    uint64_t
        alive; /* now: those that it has heard by white space in the last five minutes, and nobody woke for */
};
struct loop_counters loop_counters_read(const struct loop *l);

#endif
