/* SPDX-License-Identifier: Apache-2.0 */
/* One frame on its way to many accounts at home here: watchers, or members of a group. */
#ifndef MUSTER_ROUTE_SPREAD_H
#define MUSTER_ROUTE_SPREAD_H

#include "presence/watch.h"
#include "route/internal.h"

/* Zeroed but for the first three. */
struct spread {
    struct router *router;
    struct frame *frame;    /* the caller's */
    struct caps_node *node; /* an event: to those only who want to hear of it; NULL: to everybody */
    int32_t references;     /* of the frame, taken in advance: one atomic operation for many recipients */
    uint32_t sends, queued; /* what it has cost: frames to who had nothing queued, and to others */
    uint32_t watchers;
};

/* To every available session of `a`; behind what waits, when it is busy. */
void spread_to(struct spread *p, struct account *a);
/* Give back what was taken in advance. `cost`: of the change, to which this is added. */
void spread_end(struct spread *p, struct watch_cost *cost);

#endif
