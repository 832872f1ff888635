/* SPDX-License-Identifier: Apache-2.0 */
#include "presence/watch.h"

#include <errno.h>
#include <stdlib.h>

#define WATCH_CAPACITY_FIRST 4

static struct watch *watch_make(struct entity *publisher, uint32_t incarnation)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->publisher = entity_ref(publisher);
    w->incarnation = incarnation;
    publisher->watch = w;
    return w;
}

static void watch_free(struct watch *w, struct entity_table *entities)
{
    w->publisher->watch = NULL;
    entity_give(entities, w->publisher);
    free(w->watchers);
    free(w);
}

/* The end of a watch is the end of an item that was kept for it alone. */
static void slot_clear(struct account *watcher, struct roster_item *item, struct entity_table *entities)
{
    struct roster_item *moved;
    item->watch_slot = 0;
    if (roster_item_is_blank(item))
        roster_remove(&watcher->roster, item, entities, &moved);
}

/* The slots of an earlier incarnation, of which the publisher's home knows nothing any more. */
static void watch_forget_slots(struct watch *w, struct entity_table *entities)
{
    for (uint32_t i = 0; i < w->count; i++)
        slot_clear(w->watchers[i], roster_find(&w->watchers[i]->roster, w->publisher), entities);
    w->count = 0;
}

int watch_add(struct entity *publisher, uint32_t incarnation, struct account *watcher,
              struct entity_table *entities)
{
    struct roster_item *item = roster_find(&watcher->roster, publisher);
    if (!item || !subscription_has_to(item->state))
        return WATCH_UNWANTED;
    struct watch *w = publisher->watch;
    if (!w && !(w = watch_make(publisher, incarnation)))
        return -ENOMEM;
    if (w->incarnation != incarnation) {
        watch_forget_slots(w, entities);
        w->incarnation = incarnation;
    }
    if (item->watch_slot)
        return WATCH_THERE;
    if (w->count == w->capacity) {
        uint32_t capacity = w->capacity ? w->capacity * 2 : WATCH_CAPACITY_FIRST;
        struct account **grown = realloc(w->watchers, capacity * sizeof *grown);
        if (!grown) {
            if (w->count == 0)
                watch_free(w, entities);
            return -ENOMEM;
        }
        w->watchers = grown;
        w->capacity = capacity;
    }
    w->watchers[w->count++] = watcher;
    item->watch_slot = w->count;
    return 0;
}

bool watch_remove(struct account *watcher, struct roster_item *item, struct entity_table *entities)
{
    struct watch *w = item->contact->watch;
    if (!item->watch_slot || !w)
        return false;
    uint32_t position = item->watch_slot - 1;
    struct account *last = w->watchers[--w->count];
    if (position != w->count) {
        w->watchers[position] = last;
        roster_find(&last->roster, w->publisher)->watch_slot = position + 1;
    }
    slot_clear(watcher, item, entities);
    if (w->count == 0)
        watch_free(w, entities);
    return true;
}

void watch_drop(struct entity *publisher, struct entity_table *entities)
{
    struct watch *w = publisher->watch;
    if (!w)
        return;
    watch_forget_slots(w, entities);
    watch_free(w, entities);
}
