/* SPDX-License-Identifier: Apache-2.0 */
/* The watcher's side of watches. Grants and answers come here; what is used of them becomes a slot, what is
 * not is given back
 * ("released"), so that the publisher's home knows which workers hold any watcher.
 *
 * An account's first available session finds no slot (walking.c sees to that): a slot that an answer to it
 * finds has been made by a grant since then, which has told it. */
#include <stdlib.h>

#include "base/log.h"
#include "presence/watch.h"
#include "route/watching.h"

void list_fini(struct route_message *base)
{
    buffer_fini(&((struct list_message *)base)->list);
}

struct buffer *list_for(struct list_message **lists, uint32_t to,
                        void (*run)(struct router *, struct route_message *))
{
    if (!lists[to])
        lists[to] = route_message_new(sizeof *lists[to], run, list_fini);
    return lists[to] ? &lists[to]->list : NULL;
}

void lists_post(struct router *r, struct list_message **lists)
{
    for (uint32_t to = 0; to < r->count; to++)
        if (lists[to])
            route_message_post(r, to, &lists[to]->base);
}

static void release(struct router *r, struct span publisher, uint32_t incarnation, uint32_t count)
{
    if (!count)
        return;
    struct list_message *m = route_message_new(sizeof *m, release_run, list_fini);
    if (!m)
        return;
    while (count--)
        route_list_put(&m->list, publisher, incarnation);
    route_message_post(r, router_home(r, publisher), &m->base);
}

/* ---- requests: to the publishers' homes ---- */

struct watch_request *watch_request_for(struct router *r, struct watch_request **requests, uint32_t to,
                                        const struct account *a, uint32_t session_number)
{
    if (requests[to])
        return requests[to];
    struct span watcher = entity_text(a->entity);
    struct watch_request *m = route_message_new(sizeof *m + watcher.len, watch_request_run, list_fini);
    if (!m)
        return NULL;
    m->seen = r->received[to];
    m->session_number = session_number;
    m->is_retry = session_number == 0;
    m->len = watcher.len;
    memcpy(m->watcher, watcher.ptr, watcher.len);
    requests[to] = m;
    return m;
}

struct retry_message {
    struct route_message base;
    struct account *account;
    struct entity *publisher;
};

static void retry_fini(struct route_message *base)
{
    entity_give(&base->router->entities, ((struct retry_message *)base)->publisher);
}

static void retry_run(struct router *r, struct route_message *base)
{
    struct retry_message *m = (struct retry_message *)base;
    struct account *a = m->account;
    const struct roster_item *item = roster_find(&a->roster, m->publisher);
    struct jid jid = entity_jid(m->publisher);
    if (!account_is_hearing(a) || !item || !subscription_has_to(item->state) || item->watch_slot ||
        router_blocks(a, &jid))
        return;
    struct watch_request **requests = calloc(r->count, sizeof(struct watch_request *));
    uint32_t to = router_home(r, entity_text(m->publisher));
    struct watch_request *request = requests ? watch_request_for(r, requests, to, a, 0) : NULL;
    if (request) {
        route_list_put(&request->lists.list, entity_text(m->publisher), 0);
        route_message_post(r, to, &request->lists.base);
    }
    free(requests);
}

/* The watcher's roster does not want this publisher yet, but a change of it is under way, or what changes it
 * waits in the account's queue: ask again after that. */
static void retry_later(struct router *r, struct account *a, struct entity *publisher)
{
    struct retry_message *m = route_message_new(sizeof *m, retry_run, retry_fini);
    if (!m)
        return;
    m->base.router = r;
    m->account = a;
    m->publisher = entity_ref(publisher);
    account_pend(a, &m->base.message);
}

/* ---- grants and answers: from the publishers' homes ---- */

void shown_fini(struct shown *shown)
{
    for (uint32_t i = 0; i < shown->frame_count; i++)
        frame_unref(shown->frames[i]);
    free(shown->frames);
}

/* What waits for a busy watcher. */
struct shown_message {
    struct route_message base;
    struct account *account;
    struct entity *publisher; /* a reference */
    struct shown shown;
    uint32_t session_number, incarnation;
};

static void shown_message_fini(struct route_message *base)
{
    struct shown_message *m = (struct shown_message *)base;
    entity_give(&base->router->entities, m->publisher);
    shown_fini(&m->shown);
}

/* `session_number` 0: to every available session. */
static void shown_deliver_now(struct router *r, const struct shown *shown, const struct account *a,
                              uint32_t session_number)
{
    account_each_session(s, a)
    {
        if (!session_is_hearing(s) || (session_number && s->number != session_number))
            continue;
        for (uint32_t i = 0; i < shown->frame_count; i++) {
            if (router_frame_is_blocked(a, shown->frames[i]))
                continue;
            r->counters.presence_deliveries++;
            stream_send(s->stream, frame_ref(shown->frames[i]));
        }
    }
}

static void shown_message_run(struct router *r, struct route_message *base)
{
    struct shown_message *m = (struct shown_message *)base;
    const struct roster_item *item = roster_find(&m->account->roster, m->publisher);
    bool is_seen =
        (item && subscription_has_to(item->state)) ||
        group_view(m->account, entity_text(m->publisher)).is_to; /* and left it to the watch to tell */
    /* It went and came since, and is shown everything anew; or what it waited for was the end of this
     * subscription. */
    if (m->incarnation != m->account->incarnation || !is_seen)
        return;
    shown_deliver_now(r, &m->shown, m->account, m->session_number);
}

static void shown_deliver(struct router *r, const struct shown *shown, struct account *a,
                          struct entity *publisher, uint32_t session_number)
{
    if (!router_must_wait(a)) {
        shown_deliver_now(r, shown, a, session_number);
        return;
    }
    struct shown_message *m = route_message_new(sizeof *m, shown_message_run, shown_message_fini);
    struct frame **frames = m ? malloc((shown->frame_count + 1) * sizeof *frames) : NULL;
    if (!frames) {
        free(m);
        return;
    }
    for (uint32_t i = 0; i < shown->frame_count; i++)
        frames[i] = frame_ref(shown->frames[i]);
    m->base.router = r;
    m->account = a;
    m->publisher = entity_ref(publisher);
    m->shown = (struct shown){shown->frame_count, frames};
    m->session_number = session_number;
    m->incarnation = a->incarnation;
    account_pend(a, &m->base.message);
}

/* Whom a grant tells. */
struct told {
    uint32_t session_number; /* 0: every available session */
    bool is_first;  /* this session was its account's first: a slot that is there was made since, and has told
                      it */
    bool is_silent; /* the session has asked not to be told */
};

/* A grant reaches its watcher, at home here. Returns whether the grant made a slot. */
static bool granted(struct router *r, struct account *a, struct span publisher_text, uint32_t incarnation,
                    const struct shown *shown, struct told told)
{
    if (!a || !account_is_hearing(a))
        return false;
    if (told.session_number) {
        /* Of an earlier session: a slot made for it would be found by the next one, which it did not tell. */
        const struct session *s = account_session_numbered(a, told.session_number);
        if (!s || !session_is_hearing(s))
            return false;
    }
    struct jid jid = jid_of_prepared(publisher_text);
    struct entity *publisher = router_blocks(a, &jid) ? NULL : entity_take(&r->entities, &jid);
    if (!publisher)
        return false;
    if (publisher->watch && publisher->watch->incarnation != incarnation)
        router_fanout_finish(r, publisher); /* how its last time online ended */
    int outcome = watch_add(publisher, incarnation, a, &r->entities);
    if (outcome == 0 || (outcome == WATCH_THERE && !told.is_first)) {
        router_fanout_hurry(r, publisher, a); /* `shown` is newer */
        if (!told.is_silent)
            shown_deliver(r, shown, a, publisher, told.session_number);
    } else if (outcome == WATCH_UNWANTED && (a->state == ACCOUNT_BUSY || a->pending)) {
        retry_later(r, a, publisher);
    }
    entity_give(&r->entities, publisher);
    return outcome == 0;
}

void grant_fini(struct route_message *base)
{
    list_fini(base);
    shown_fini(&((struct grant_message *)base)->shown);
}

void grant_run(struct router *r, struct route_message *base)
{
    struct grant_message *m = (struct grant_message *)base;
    struct span publisher = span_make(m->publisher, m->len), watcher;
    uint32_t unused = 0, number;
    size_t position = 0;
    while (route_list_next(&m->lists.list, &position, &watcher, &number))
        unused += !granted(r, router_account_find(r, watcher), publisher, m->incarnation, &m->shown,
                           (struct told){0});
    release(r, publisher, m->incarnation, unused);
}

void answer_fini(struct route_message *base)
{
    struct answer_message *m = (struct answer_message *)base;
    while (m->first) {
        struct answer_entry *e = m->first;
        m->first = e->next;
        shown_fini(&e->shown);
        free(e);
    }
}

void answer_run(struct router *r, struct route_message *base)
{
    struct answer_message *m = (struct answer_message *)base;
    struct account *a = router_account_find(r, span_make(m->watcher, m->len));
    struct list_message **releases = calloc(r->count, sizeof(struct list_message *));
    const struct told told = {m->session_number, m->is_first, m->is_silent};
    if (!releases)
        return;
    for (struct answer_entry *e = m->first; e; e = e->next) {
        struct span publisher = span_make(e->publisher, e->len);
        if (granted(r, a, publisher, e->incarnation, &e->shown, told))
            continue;
        struct buffer *list = list_for(releases, base->from, release_run);
        if (list)
            route_list_put(list, publisher, e->incarnation);
    }
    lists_post(r, releases);
    free(releases);
}

/* ---- the end of watching ---- */

void router_unwatch(struct router *r, struct account *a, struct roster_item *item)
{
    if (!item->watch_slot)
        return;
    struct entity *publisher = entity_ref(item->contact);
    struct jid jid = entity_jid(publisher);
    /* What the publisher said before it revoked may be the end of a resource: nobody says so again. Who
     * blocks it shows it as gone by itself, and is to hear no more. */
    if (!router_blocks(a, &jid))
        router_fanout_hurry(r, publisher, a);
    uint32_t incarnation = publisher->watch->incarnation;
    watch_remove(a, item, &r->entities);
    release(r, entity_text(publisher), incarnation, 1);
    entity_give(&r->entities, publisher);
}

void revoke_run(struct router *r, struct route_message *base)
{
    struct revoke_message *m = (struct revoke_message *)base;
    struct account *a = router_account_find(r, span_make(m->jids + m->publisher_len, m->watcher_len));
    struct jid jid = jid_of_prepared(span_make(m->jids, m->publisher_len));
    struct entity *publisher = entity_find(&r->entities, &jid);
    struct roster_item *item = a && publisher ? roster_find(&a->roster, publisher) : NULL;
    if (!item)
        return;
    router_unwatch(r, a, item);
}
