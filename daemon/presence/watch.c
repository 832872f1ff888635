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

static void change_pop(struct watch_queue *q)
{
    struct watch_change *c = q->first;
    q->first = c->next;
    frame_unref(c->frame);
    caps_node_unref(c->node);
    free(c);
}

static void queue_free(struct watch *w)
{
    struct watch_queue *q = w->queue;
    if (!q)
        return;
    w->queue = NULL;
    --*q->queues;
    lane_work_stop(&q->work);
    while (q->first)
        change_pop(q);
    free(q);
}

int watch_push(struct watch *w, const struct watch_change *change, uint32_t *queues)
{
    struct watch_change *c = malloc(sizeof *c);
    struct watch_queue *q = w->queue ? w->queue : calloc(1, sizeof *q);
    if (!c || !q) {
        free(c);
        if (!w->queue)
            free(q);
        return -ENOMEM;
    }
    if (!w->queue) {
        w->queue = q;
        q->watch = w;
        q->queues = queues;
        ++*queues;
        q->last = &q->first;
        list_init(&q->work.link);
    }
    *c = *change;
    c->next = NULL;
    c->number = ++w->last_change;
    frame_ref(c->frame);
    if (c->node)
        caps_node_ref(c->node);
    *q->last = c;
    q->last = &c->next;
    return 0;
}

void watch_pop(struct watch *w)
{
    change_pop(w->queue);
    w->queue->cursor = 0;
    if (!w->queue->first)
        queue_free(w);
}

bool watch_is_due(const struct watch *w, const struct watch_change *change, uint32_t position)
{
    if (change == w->queue->first && position < w->queue->cursor)
        return false;
    return (int32_t)(change->number - w->watchers[position].since) > 0;
}

static void watch_free(struct watch *w, struct entity_table *entities)
{
    queue_free(w);
    w->publisher->watch = NULL;
    entity_give(entities, w->publisher);
    free(w->watchers);
    free(w);
}

/* The end of a watch is the end of an item that was kept for it alone. */
static void slot_clear(struct account *watcher, struct roster_item *item, struct entity_table *entities)
{
    item->watch_slot = 0;
    if (roster_item_is_blank(item))
        roster_drop_blank(&watcher->roster, item, entities);
}

/* The slots of an earlier incarnation, of which the publisher's home knows nothing any more. */
static void watch_forget_slots(struct watch *w, struct entity_table *entities)
{
    queue_free(w);
    for (uint32_t i = 0; i < w->count; i++) {
        struct account *watcher = w->watchers[i].account;
        slot_clear(watcher, roster_find(&watcher->roster, w->publisher), entities);
    }
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
        struct watcher *grown = reallocarray(w->watchers, capacity, sizeof *grown);
        if (!grown) {
            if (w->count == 0)
                watch_free(w, entities);
            return -ENOMEM;
        }
        w->watchers = grown;
        w->capacity = capacity;
    }
    w->watchers[w->count++] = (struct watcher){watcher, w->last_change};
    item->watch_slot = w->count;
    return 0;
}

static void watcher_move(struct watch *w, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    w->watchers[to] = w->watchers[from];
    roster_find(&w->watchers[to].account->roster, w->publisher)->watch_slot = to + 1;
}

bool watch_remove(struct account *watcher, struct roster_item *item, struct entity_table *entities)
{
    struct watch *w = item->contact->watch;
    if (!item->watch_slot || !w)
        return false;
    uint32_t position = item->watch_slot - 1;
    if (w->queue && position < w->queue->cursor) { /* those who have the change stay before the cursor */
        watcher_move(w, --w->queue->cursor, position);
        position = w->queue->cursor;
    }
    watcher_move(w, --w->count, position);
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
