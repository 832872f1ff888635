/* SPDX-License-Identifier: Apache-2.0 */
/* The watch index: for every publisher that somebody at home on this worker watches, the accounts here that do. A change of
 * presence walks one list. A slot is made only when the publisher's home has granted it and the watcher's roster wants it,
 * and it stands in two places: in the publisher's list, and (as its position) in the watcher's roster item, so that either
 * side can leave at once. */
#ifndef MUSTER_PRESENCE_WATCH_H
#define MUSTER_PRESENCE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "presence/account.h"

struct watch {
    struct entity *publisher; /* a reference; publisher->watch points back */
    struct account **watchers;
    uint32_t count, capacity;
    uint32_t incarnation; /* of the publisher, as its grants said */
};

/* Let `watcher` (whose roster has `publisher`) watch. Returns 0; WATCH_THERE when it does already; WATCH_UNWANTED when
 * the roster has no such contact with subscription to or both; -ENOMEM. A list of an earlier incarnation is
 * forgotten first. */
enum { WATCH_THERE = 1, WATCH_UNWANTED = 2 };
int watch_add(struct entity *publisher, uint32_t incarnation, struct account *watcher, struct entity_table *entities);

/* Take the watcher off the list of its contact `item`; the list is freed with its last watcher. Returns whether it was there.
 * An item that is blank is removed from the roster with its watch; this and watch_drop are its end. */
bool watch_remove(struct account *watcher, struct roster_item *item, struct entity_table *entities);

/* Forget the whole list: the publisher went offline. */
void watch_drop(struct entity *publisher, struct entity_table *entities);

#endif
