/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lanes.h"

/* Two celebrities at once share the turn; a slice is long enough that the walk dominates, not the taking of
 * turns. */
#define SLICE 32

/* A delivery takes the kernel some 8 us, so that these are half a millisecond and a quarter: what comes in
 * meanwhile waits for one turn, and stands behind another in the next. With four times as many, others' p99
 * beside a celebrity was 10 ms in place of 3; with a half it was no better (docs/benchmarks.md). */
const uint32_t lanes_turn_budget[LANE_COUNT] = {[LANE_PRESENCE] = 64, [LANE_BULK] = 32};

void lanes_init(struct lanes *l)
{
    for (int i = 0; i < LANE_COUNT; i++)
        list_init(&l->works[i]);
}

void lanes_start(struct lanes *l, struct lane_work *w, enum lane lane)
{
    if (!lane_work_is_started(w))
        list_append(&l->works[lane], &w->link);
}

static void lane_run(struct list *works, uint32_t budget)
{
    while (budget && !list_empty(works)) {
        struct list *node = list_take(works);
        struct lane_work *w = container_of(node, struct lane_work, link);
        uint32_t slice = budget < SLICE ? budget : SLICE, left = slice;
        list_append(works, node); /* before its step, which may stop it and free what it is part of */
        w->step(w, &left);
        uint32_t used = slice - left;
        budget -= used ? used : 1; /* whatever a step does not do, a turn ends */
    }
}

void lanes_run(struct lanes *l, const uint32_t budget[LANE_COUNT])
{
    for (int i = 0; i < LANE_COUNT; i++)
        lane_run(&l->works[i], budget[i]);
}

bool lanes_are_empty(const struct lanes *l)
{
    for (int i = 0; i < LANE_COUNT; i++)
        if (!list_empty(&l->works[i]))
            return false;
    return true;
}
