/* SPDX-License-Identifier: Apache-2.0 */
/* The watch index: for every publisher that somebody at home on this worker watches, the accounts here that do. A change of
 * presence walks one list. A slot is made only when the publisher's home has granted it and the watcher's roster wants it,
 * and it stands in two places: in the publisher's list, and (as its position) in the watcher's roster item, so that either
 * side can leave at once. */
#ifndef MUSTER_PRESENCE_WATCH_H
#define MUSTER_PRESENCE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lanes.h"
#include "presence/account.h"
#include "session/caps.h"

struct watcher {
    struct account *account;
    uint32_t since; /* changes up to this number are not for it: it came later, or has them already */
};

struct watch {
    struct entity *publisher; /* a reference; publisher->watch points back */
    struct watcher *watchers;
    uint32_t count, capacity;
    uint32_t incarnation;      /* of the publisher, as its grants said */
    uint32_t last_change;      /* number of the newest change that was queued */
    struct watch_queue *queue; /* NULL: every change has reached everybody */
};

/* Changes of the publisher that are on their way to the watchers here, in order, a slice at a time. */
struct watch_queue {
    struct lane_work work; /* the owner's: it is stopped when the queue is freed */
    void *owner;
    struct watch *watch;
    uint32_t *queues; /* the owner's count of its queues */
    struct watch_change *first, **last;
    uint32_t cursor; /* watchers before it have the first change */
};

/* What a change has taken so far, for its owner to say. */
struct watch_cost {
    uint64_t told_ns;              /* when the publisher's home told it */
    uint32_t watchers, deliveries; /* accounts that it has reached, and what it was sent to or waits for */
};

struct watch_change {
    struct watch_change *next;
    struct frame *frame;    /* a reference */
    struct caps_node *node; /* a reference: for those only who want to hear of it; NULL: for everybody */
    struct watch_cost cost;
    uint32_t number;
    bool is_last; /* the publisher is offline then */
};

/* Let `watcher` (whose roster has `publisher`) watch. Returns 0; WATCH_THERE when it does already; WATCH_UNWANTED when
 * the roster has no such contact with subscription to or both; -ENOMEM. A list of an earlier incarnation is
 * forgotten first, with what is under way to it. */
enum { WATCH_THERE = 1, WATCH_UNWANTED = 2 };
int watch_add(struct entity *publisher, uint32_t incarnation, struct account *watcher,
              struct entity_table *entities);

/* Take the watcher off the list of its contact `item`; the list is freed with its last watcher. Returns whether it was there.
 * An item that is blank is removed from the roster with its watch; this and watch_drop are its end. */
bool watch_remove(struct account *watcher, struct roster_item *item, struct entity_table *entities);

/* Queue a change (frame, node, cost, is_last; the references are taken) behind those under way. Makes the queue when there is none, for the caller to start (its work is not), and counts it
 * in *queues until it is freed. 0 or -ENOMEM. */
int watch_push(struct watch *w, const struct watch_change *change, uint32_t *queues);
/* Everybody has the first change: free it; at the last one, free the queue. */
void watch_pop(struct watch *w);
/* Is `change` for the watcher at `position`, and not there yet? */
bool watch_is_due(const struct watch *w, const struct watch_change *change, uint32_t position);

/* Forget the whole list, and what is under way to it: the publisher went offline. */
void watch_drop(struct entity *publisher, struct entity_table *entities);

#endif
