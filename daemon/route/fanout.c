/* SPDX-License-Identifier: Apache-2.0 */
/* A change of presence reaches the watchers here: at once when they are few, else in slices, so that nobody waits behind a
 * celebrity. What the same publisher says to one of them meanwhile must not overtake the change (RFC 6120 s. 10.1): who is about
 * to get anything else from the publisher gets first what is under way to it. */
#include "presence/watch.h"
#include "route/cost.h"
#include "route/spread.h"

/* A stanza for a session that has something queued already costs a fraction of a send (0.07 against 4 us): a storm
 * among a few hundred is to be worked off as it comes, for what comes together leaves together. */
#define QUEUED_PER_SEND 64

/* What a recipient takes is spread over its account, session and stream, each pointing to the next: far ahead of the walk the
 * first is fetched, nearer to it the second, then the third. */
static void watchers_prefetch(const struct watch *w, uint32_t i)
{
    if (i + 12 < w->count)
        __builtin_prefetch(w->watchers[i + 12].account);
    if (i + 8 < w->count)
        __builtin_prefetch(w->watchers[i + 8].account->sessions.next);
    if (i + 4 < w->count) {
        const struct account *a = w->watchers[i + 4].account;
        if (!list_empty(&a->sessions))
            stream_prefetch(container_of(a->sessions.next, struct session, link)->stream);
    }
}

/* Go on with the first change under way, up to `sends_max`; returns what was spent. */
static uint32_t change_spread(struct router *r, struct watch *w, uint32_t sends_max)
{
    struct watch_queue *q = w->queue;
    struct watch_change *c = q->first;
    struct spread p = {.router = r, .frame = c->frame, .node = c->node};
    uint32_t spent = 0;
    while (q->cursor < w->count && spent < sends_max) {
        watchers_prefetch(w, q->cursor);
        if (watch_is_due(w, c, q->cursor))
            spread_to(&p, w->watchers[q->cursor].account);
        q->cursor++;
        spent = p.sends + p.queued / QUEUED_PER_SEND;
    }
    spread_end(&p, &c->cost);
    return spent;
}

/* Everybody has the first change. Returns whether there is another. */
static bool change_ends(struct router *r, struct watch *w)
{
    const struct watch_change *c = w->queue->first;
    if (!c->node || c->cost.watchers)
        cost_change_ends(r, entity_text(w->publisher), c->frame, &c->cost);
    if (c->is_last) {
        watch_drop(w->publisher, &r->entities);
        return false;
    }
    watch_pop(w);
    return w->queue;
}

static void fanout_step(struct lane_work *work, uint32_t *budget)
{
    struct watch_queue *q = container_of(work, struct watch_queue, work);
    struct router *r = q->owner;
    struct watch *w = q->watch;
    uint32_t spent = change_spread(r, w, *budget);
    *budget -= spent < *budget ? spent : *budget; /* one watcher may have many sessions */
    if (q->cursor == w->count)
        change_ends(r, w);
}

void router_fanout_finish(struct router *r, struct entity *publisher)
{
    struct watch *w = publisher->watch;
    bool is_more = w && w->queue;
    while (is_more) {
        change_spread(r, w, UINT32_MAX);
        is_more = change_ends(r, w);
    }
}

void router_fanout_hurry(struct router *r, const struct entity *publisher, struct account *watcher)
{
    struct watch *w = publisher->watch;
    const struct roster_item *item = w && w->queue ? roster_find(&watcher->roster, publisher) : NULL;
    if (!item || !item->watch_slot)
        return;
    uint32_t position = item->watch_slot - 1;
    for (struct watch_change *c = w->queue->first; c; c = c->next) {
        if (!watch_is_due(w, c, position))
            continue;
        struct spread p = {.router = r, .frame = c->frame, .node = c->node};
        spread_to(&p, watcher);
        spread_end(&p, &c->cost);
    }
    w->watchers[position].since = w->last_change;
}

static void watchers_tell(struct router *r, struct watch *w, const struct watch_change *c)
{
    struct spread p = {.router = r, .frame = c->frame, .node = c->node};
    struct watch_cost cost = c->cost;
    for (uint32_t i = 0; i < w->count; i++) {
        watchers_prefetch(w, i);
        spread_to(&p, w->watchers[i].account);
    }
    spread_end(&p, &cost);
    if (!c->node || cost.watchers) /* an event that nobody wants has cost next to nothing */
        cost_change_ends(r, entity_text(w->publisher), c->frame, &cost);
}

void router_fanout(struct router *r, struct entity *publisher, const struct watch_change *change)
{
    struct watch *w = publisher->watch;
    bool is_first = !w->queue;
    if ((!is_first || w->count > r->settings->at_once_max) && watch_push(w, change, &r->fanouts) == 0) {
        if (!is_first)
            return;
        w->queue->owner = r;
        w->queue->work.step = fanout_step;
        loop_work_start(r->loop, &w->queue->work, LANE_PRESENCE);
        return;
    }
    router_fanout_finish(r, publisher); /* no memory for one more change: all of them at once */
    if (!publisher->watch)
        return;
    watchers_tell(r, w, change);
    if (change->is_last)
        watch_drop(publisher, &r->entities);
}
