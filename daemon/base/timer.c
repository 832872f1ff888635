/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timer.h"

void timer_wheel_init(struct timer_wheel *w, uint64_t now_ms)
{
    for (int i = 0; i < TIMER_SLOTS; i++)
        list_init(&w->slots[i]);
    w->tick = now_ms / TIMER_TICK_MS;
    w->running = 0;
}

void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ms)
{
    uint64_t now_tick = now_ms / TIMER_TICK_MS;
    /* After a long sleep one round of the wheel visits every slot: more would find nothing new. */
    if (now_tick - w->tick > TIMER_SLOTS)
        w->tick = now_tick - TIMER_SLOTS;
    while (w->tick < now_tick && w->running) {
        w->tick++;
        struct list due, later;
        list_init(&due);
        list_init(&later);
        list_splice(&due, &w->slots[w->tick % TIMER_SLOTS]);
        for (struct list *node; (node = list_take(&due));) {
            struct timer *t = container_of(node, struct timer, link);
            if (t->due_tick > now_tick) {
                list_append(&later, node); /* due in a later round of the wheel */
                continue;
            }
            w->running--;
            t->expired(t);
        }
        list_splice(&w->slots[w->tick % TIMER_SLOTS], &later);
    }
    w->tick = now_tick;
}

uint64_t timer_wheel_wait_ms(const struct timer_wheel *w, uint64_t now_ms)
{
    if (!w->running)
        return UINT64_MAX;
    for (uint64_t tick = w->tick + 1; tick <= w->tick + TIMER_SLOTS; tick++) {
        if (list_empty(&w->slots[tick % TIMER_SLOTS]))
            continue;
        uint64_t at_ms = tick * TIMER_TICK_MS;
        return at_ms > now_ms ? at_ms - now_ms : 0;
    }
    return UINT64_MAX;
}

void timer_init(struct timer *t, void (*expired)(struct timer *t))
{
    list_init(&t->link);
    t->due_tick = 0;
    t->expired = expired;
}

void timer_start(struct timer_wheel *w, struct timer *t, uint64_t now_ms, uint64_t after_ms)
{
    timer_stop(w, t);
    t->due_tick = (now_ms + after_ms) / TIMER_TICK_MS + 1;
    if (t->due_tick <= w->tick)
        t->due_tick = w->tick + 1;
    list_append(&w->slots[t->due_tick % TIMER_SLOTS], &t->link);
    w->running++;
}

void timer_stop(struct timer_wheel *w, struct timer *t)
{
    if (list_empty(&t->link))
        return;
    list_remove(&t->link);
    w->running--;
}
