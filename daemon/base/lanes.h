/* SPDX-License-Identifier: Apache-2.0 */
/* Work that is too long for one turn of a worker's loop, done in slices: a fan-out to ten thousand watchers,
 * a roster of a hundred thousand contacts. Each lane has a budget per turn, so that no class of work keeps
 * another waiting; within a lane works take turns, a slice each. */
#ifndef MUSTER_BASE_LANES_H
#define MUSTER_BASE_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum lane {
    LANE_PRESENCE, /* long fan-outs: what this program is for goes first */
    LANE_BULK,     /* rosters, and the presence of all contacts at log-in */
    LANE_COUNT,
};

/* Embedded in its owner, made by lane_work_init. */
struct lane_work {
    struct list link;
    /* Do up to about *budget deliveries (a stanza queued for one session is one) and take what was done off
     * it. It is called turn after turn until it stops the work. */
    void (*step)(struct lane_work *w, uint32_t *budget);
};

struct lanes {
    struct list works[LANE_COUNT];
};

/* What a turn may do in each lane. About a millisecond and a half of sealing and sending for a fan-out: the
 * longest that a stanza of somebody else waits for it. Bulk gets a quarter of that. */
extern const uint32_t lanes_turn_budget[LANE_COUNT];

void lanes_init(struct lanes *l);
static inline void lane_work_init(struct lane_work *w, void (*step)(struct lane_work *, uint32_t *))
{
    list_init(&w->link);
    w->step = step;
}
/* Put `w` at the end of its lane; harmless when it is in one. */
void lanes_start(struct lanes *l, struct lane_work *w, enum lane lane);
/* Take it out of its lane, from within its step or at any other time; harmless when it is in none. */
static inline void lane_work_stop(struct lane_work *w)
{
    list_remove(&w->link);
}
static inline bool lane_work_is_started(const struct lane_work *w)
{
    return !list_empty(&w->link);
}
/* One turn's slices. */
void lanes_run(struct lanes *l, const uint32_t budget[LANE_COUNT]);
bool lanes_are_empty(const struct lanes *l);

#endif
