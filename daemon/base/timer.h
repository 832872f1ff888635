/* SPDX-License-Identifier: Apache-2.0 */
/* A timer wheel for coarse deadlines (log-in, close, detached sessions): starting and stopping cost
 * O(1), a deadline is met up to one tick late, never early. */
#ifndef MUSTER_BASE_TIMER_H
#define MUSTER_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define TIMER_TICK_MS 64
#define TIMER_SLOTS 512

struct timer {
    struct list link; /* in its slot; points to itself when not running */
    uint64_t due_tick;
    void (*expired)(struct timer *t);
};

struct timer_wheel {
    struct list slots[TIMER_SLOTS];
    uint64_t tick; /* everything due up to this tick has run */
    uint32_t running;
};

void timer_wheel_init(struct timer_wheel *w, uint64_t now_ms);
/* Run what is due; a callback may start and stop any timer. */
void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ms);
/* Until the next tick that may have work; UINT64_MAX when no timer runs. */
uint64_t timer_wheel_wait_ms(const struct timer_wheel *w, uint64_t now_ms);

void timer_init(struct timer *t, void (*expired)(struct timer *t));
/* (Re)start: due `after_ms` from now_ms. */
void timer_start(struct timer_wheel *w, struct timer *t, uint64_t now_ms, uint64_t after_ms);
void timer_stop(struct timer_wheel *w, struct timer *t);
static inline bool timer_is_running(const struct timer *t)
{
    return !list_empty(&t->link);
}

#endif
