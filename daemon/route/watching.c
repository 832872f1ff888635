/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches whom, across workers. The publisher's home grants: in bulk when the publisher comes online, singly when it approves
 * a subscription, and in answer to a watcher that comes online. The watcher's home makes the slots, and gives back
 * ("releases") what it was granted and does not use, so that the publisher's home knows which workers hold any watcher.
 *
 * Two accounts that come online at once could be told of each other twice: by the bulk grant and by the answer. Messages between
 * two workers keep their order, so a request says how far its sender has read; an account whose bulk grant is newer than that does
 * not answer, for the grant will find the watcher online. */
#include <stdlib.h>

#include "base/log.h"
#include "presence/watch.h"
#include "route/internal.h"
#include "xml/write.h"

/* ---- releases: to the publisher's home ---- */

struct list_message {
    struct route_message base;
    struct buffer list; /* JIDs with a number */
};

static void list_fini(struct route_message *base)
{
    buffer_fini(&((struct list_message *)base)->list);
}

/* The list for worker `to` of a set of one list a worker, made when first used. */
static struct buffer *list_for(struct list_message **lists, uint32_t to, void (*run)(struct router *, struct route_message *))
{
    if (!lists[to])
        lists[to] = route_message_new(sizeof *lists[to], run, list_fini);
    return lists[to] ? &lists[to]->list : NULL;
}

static void lists_post(struct router *r, struct list_message **lists)
{
    for (uint32_t to = 0; to < r->count; to++)
        if (lists[to])
            route_message_post(r, to, &lists[to]->base);
    free(lists);
}

static void release_run(struct router *r, struct route_message *base)
{
    size_t position = 0;
    struct span publisher;
    uint32_t incarnation;
    while (route_list_next(&((struct list_message *)base)->list, &position, &publisher, &incarnation)) {
        struct account *a = router_account_find(r, publisher);
        if (a && a->incarnation == incarnation && a->interests[base->from].grants)
            a->interests[base->from].grants--;
    }
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

/* ---- requests: from a watcher that came online, to the publishers' homes ---- */

struct watch_request {
    struct list_message lists; /* publishers */
    uint64_t seen;             /* how far the sender has read what the receiver sent */
    uint32_t session_number;   /* who is to be told; 0: every available session */
    bool is_retry;             /* a grant was missed: answer in any case */
    size_t len;
    char watcher[];
};

static void watch_request_run(struct router *r, struct route_message *base);

static struct watch_request *watch_request_for(struct router *r, struct watch_request **requests, uint32_t to,
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

void router_watch(struct router *r, struct account *a, uint32_t session_number)
{
    struct watch_request **requests = calloc(r->count, sizeof(struct watch_request *));
    if (!requests)
        return;
    for (uint32_t i = 0; i < a->roster.count; i++) {
        const struct roster_item *item = &a->roster.items[i];
        struct jid contact = entity_jid(item->contact);
        if (!subscription_has_to(item->state) || !router_is_local(r, jid_domain(&contact)))
            continue;
        struct watch_request *m = watch_request_for(r, requests, router_home(r, jid_bare(&contact)), a, session_number);
        if (m)
            route_list_put(&m->lists.list, jid_bare(&contact), 0);
    }
    for (uint32_t to = 0; to < r->count; to++)
        if (requests[to])
            route_message_post(r, to, &requests[to]->lists.base);
    free(requests);
}

/* ---- grants: from the publisher's home ---- */

/* What one publisher shows, as it travels: frames with a reference each. */
struct shown {
    uint32_t frame_count;
    struct frame **frames;
};

static bool shown_take(const struct account *a, struct shown *ret)
{
    ret->frame_count = 0;
    ret->frames = malloc((a->available_count ? a->available_count : 1) * sizeof *ret->frames);
    if (!ret->frames)
        return false;
    account_each_session(s, a)
        if (session_is_available(s))
            ret->frames[ret->frame_count++] = frame_ref(s->presence);
    return true;
}

static void shown_fini(struct shown *shown)
{
    for (uint32_t i = 0; i < shown->frame_count; i++)
        frame_unref(shown->frames[i]);
    free(shown->frames);
}

static void shown_deliver(struct router *r, const struct shown *shown, struct session *s)
{
    for (uint32_t i = 0; i < shown->frame_count; i++) {
        r->counters.presence_deliveries++;
        stream_send(s->stream, frame_ref(shown->frames[i]));
    }
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
    if (!a->available_count || !item || !subscription_has_to(item->state) || item->watch_slot)
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

/* The watcher's roster does not want this publisher yet, but a change of it is under way: ask again after that. */
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

/* A grant reaches its watcher, at home here. `session_number` 0: tell every available session. Returns whether the grant made a slot. */
static bool granted(struct router *r, struct account *a, struct span publisher_text, uint32_t incarnation,
                    const struct shown *shown, uint32_t session_number)
{
    if (!a || !a->available_count)
        return false;
    struct jid jid = jid_of_prepared(publisher_text);
    struct entity *publisher = entity_take(&r->entities, &jid);
    if (!publisher)
        return false;
    if (publisher->watch && publisher->watch->incarnation != incarnation)
        router_fanout_finish(r, publisher); /* how its last time online ended */
    int outcome = watch_add(publisher, incarnation, a, &r->entities);
    if (outcome == WATCH_THERE)
        router_fanout_hurry(r, publisher, a); /* `shown` is newer */
    if ((outcome == 0 || outcome == WATCH_THERE) && router_must_wait(a)) {
        for (uint32_t i = 0; i < shown->frame_count; i++)
            router_deliver_later(r, a, shown->frames[i], session_number);
    } else if (outcome == 0 || outcome == WATCH_THERE) {
        account_each_session(s, a)
            if (session_is_available(s) && (!session_number || s->number == session_number))
                shown_deliver(r, shown, s);
    } else if (outcome == WATCH_UNWANTED && a->state == ACCOUNT_BUSY) {
        retry_later(r, a, publisher);
    }
    entity_give(&r->entities, publisher);
    return outcome == 0;
}

struct grant_message {
    struct list_message lists; /* watchers */
    struct shown shown;
    uint32_t incarnation;
    size_t len;
    char publisher[];
};

static void grant_fini(struct route_message *base)
{
    list_fini(base);
    shown_fini(&((struct grant_message *)base)->shown);
}

static void grant_run(struct router *r, struct route_message *base)
{
    struct grant_message *m = (struct grant_message *)base;
    struct span publisher = span_make(m->publisher, m->len), watcher;
    uint32_t unused = 0, number;
    size_t position = 0;
    while (route_list_next(&m->lists.list, &position, &watcher, &number))
        unused += !granted(r, router_account_find(r, watcher), publisher, m->incarnation, &m->shown, 0);
    release(r, publisher, m->incarnation, unused);
}

static struct grant_message *grant_new(const struct account *a)
{
    struct span publisher = entity_text(a->entity);
    struct grant_message *m = route_message_new(sizeof *m + publisher.len, grant_run, grant_fini);
    if (!m)
        return NULL;
    m->incarnation = a->incarnation;
    m->len = publisher.len;
    memcpy(m->publisher, publisher.ptr, publisher.len);
    return m;
}

static void grant_post(struct router *r, struct account *a, uint32_t to, struct grant_message *m)
{
    route_message_post(r, to, &m->lists.base);
    a->interests[to].granted_sequence = r->sent[to];
}

void router_grant(struct router *r, struct account *a, const struct entity *watcher)
{
    if (!a->available_count)
        return;
    struct grant_message *m = grant_new(a);
    if (!m)
        return;
    if (!shown_take(a, &m->shown)) {
        free(m);
        return;
    }
    uint32_t to = router_home(r, entity_text(watcher));
    route_list_put(&m->lists.list, entity_text(watcher), 0);
    a->interests[to].grants++;
    r->counters.grants++;
    route_message_post(r, to, &m->lists.base);
}

void router_grant_all(struct router *r, struct account *a, struct frame *frame)
{
    struct grant_message **grants = calloc(r->count, sizeof(struct grant_message *));
    if (!grants)
        return;
    for (uint32_t to = 0; to < r->count; to++)
        a->interests[to] = (struct interest){0};
    for (uint32_t i = 0; i < a->roster.count; i++) {
        const struct roster_item *item = &a->roster.items[i];
        struct jid contact = entity_jid(item->contact);
        if (!subscription_has_from(item->state) || !router_is_local(r, jid_domain(&contact)))
            continue;
        uint32_t to = router_home(r, jid_bare(&contact));
        if (!grants[to] && !(grants[to] = grant_new(a)))
            continue;
        route_list_put(&grants[to]->lists.list, jid_bare(&contact), 0);
        a->interests[to].grants++;
        r->counters.grants++;
    }
    for (uint32_t to = 0; to < r->count; to++) {
        struct grant_message *m = grants[to];
        if (!m)
            continue;
        m->shown.frames = malloc(sizeof *m->shown.frames);
        if (m->shown.frames)
            m->shown.frames[m->shown.frame_count++] = frame_ref(frame);
        grant_post(r, a, to, m);
    }
    free(grants);
}

/* ---- answers: what the publishers here show to a watcher that asked ---- */

struct answer_entry {
    struct answer_entry *next;
    struct shown shown;
    uint32_t incarnation;
    size_t len;
    char publisher[];
};

struct answer_message {
    struct route_message base;
    struct answer_entry *first, **last;
    uint32_t session_number;
    size_t len;
    char watcher[];
};

static void answer_fini(struct route_message *base)
{
    struct answer_message *m = (struct answer_message *)base;
    while (m->first) {
        struct answer_entry *e = m->first;
        m->first = e->next;
        shown_fini(&e->shown);
        free(e);
    }
}

static void answer_run(struct router *r, struct route_message *base)
{
    struct answer_message *m = (struct answer_message *)base;
    struct account *a = router_account_find(r, span_make(m->watcher, m->len));
    struct list_message **releases = calloc(r->count, sizeof(struct list_message *));
    if (!releases)
        return;
    for (struct answer_entry *e = m->first; e; e = e->next) {
        struct span publisher = span_make(e->publisher, e->len);
        if (granted(r, a, publisher, e->incarnation, &e->shown, m->session_number))
            continue;
        struct buffer *list = list_for(releases, base->from, release_run);
        if (list)
            route_list_put(list, publisher, e->incarnation);
    }
    lists_post(r, releases);
}

static struct answer_entry *answer_entry_new(const struct account *publisher)
{
    struct span text = entity_text(publisher->entity);
    struct answer_entry *e = malloc(sizeof *e + text.len);
    if (!e || !shown_take(publisher, &e->shown)) {
        free(e);
        return NULL;
    }
    e->next = NULL;
    e->incarnation = publisher->incarnation;
    e->len = text.len;
    memcpy(e->publisher, text.ptr, text.len);
    return e;
}

static bool may_see(const struct router *r, const struct account *publisher, struct span watcher)
{
    struct jid jid = jid_of_prepared(watcher);
    struct entity *e = entity_find(&r->entities, &jid);
    const struct roster_item *item = e ? roster_find(&publisher->roster, e) : NULL;
    return item && subscription_has_from(item->state);
}

static void watch_request_run(struct router *r, struct route_message *base)
{
    struct watch_request *m = (struct watch_request *)base;
    struct span watcher = span_make(m->watcher, m->len), publisher_text;
    struct answer_message *answer = route_message_new(sizeof *answer + watcher.len, answer_run, answer_fini);
    if (!answer)
        return;
    answer->last = &answer->first;
    answer->session_number = m->session_number;
    answer->len = watcher.len;
    memcpy(answer->watcher, watcher.ptr, watcher.len);
    size_t position = 0;
    uint32_t number;
    while (route_list_next(&m->lists.list, &position, &publisher_text, &number)) {
        struct account *a = router_account_find(r, publisher_text);
        r->counters.probes++;
        if (a && a->state == ACCOUNT_READY && !may_see(r, a, watcher)) {
            /* RFC 6121 s. 4.3.2.1: the two rosters disagree (a crash between their commits): the publisher's counts. */
            struct jid to = jid_of_prepared(watcher);
            router_send_stanza(r, stanza_presence_frame(PRESENCE_UNSUBSCRIBED, publisher_text, watcher, (struct span){0}),
                               publisher_text, &to);
            continue;
        }
        if (!a || !a->available_count || !may_see(r, a, watcher))
            continue;
        if (!m->is_retry && a->interests[base->from].granted_sequence > m->seen)
            continue; /* its grant is on the way and will find the watcher online */
        struct answer_entry *e = answer_entry_new(a);
        if (!e)
            continue;
        a->interests[base->from].grants++;
        *answer->last = e;
        answer->last = &e->next;
    }
    if (!answer->first) {
        free(answer);
        return;
    }
    route_message_post(r, base->from, &answer->base);
}

/* ---- the end of watching ---- */

void router_unwatch(struct router *r, struct account *a, struct roster_item *item)
{
    if (!item->watch_slot)
        return;
    struct entity *publisher = entity_ref(item->contact);
    uint32_t incarnation = publisher->watch->incarnation;
    watch_remove(a, item, &r->entities);
    release(r, entity_text(publisher), incarnation, 1);
    entity_give(&r->entities, publisher);
}

void router_unwatch_all(struct router *r, struct account *a)
{
    struct list_message **releases = calloc(r->count, sizeof(struct list_message *));
    for (uint32_t i = a->roster.count; i-- > 0;) { /* from the end: a removal moves the last item into its place */
        struct roster_item *item = &a->roster.items[i];
        if (!item->watch_slot)
            continue;
        struct span publisher = entity_text(item->contact);
        struct buffer *list = releases ? list_for(releases, router_home(r, publisher), release_run) : NULL;
        if (list)
            route_list_put(list, publisher, item->contact->watch->incarnation);
        watch_remove(a, item, &r->entities);
    }
    if (releases)
        lists_post(r, releases);
}

struct revoke_message {
    struct route_message base;
    size_t publisher_len, watcher_len;
    char jids[];
};

static void revoke_run(struct router *r, struct route_message *base)
{
    struct revoke_message *m = (struct revoke_message *)base;
    struct account *a = router_account_find(r, span_make(m->jids + m->publisher_len, m->watcher_len));
    struct jid jid = jid_of_prepared(span_make(m->jids, m->publisher_len));
    struct entity *publisher = entity_find(&r->entities, &jid);
    struct roster_item *item = a && publisher ? roster_find(&a->roster, publisher) : NULL;
    if (item)
        router_unwatch(r, a, item);
}

/* At once, ahead of what waits in the watcher's queue: after a cancellation not one presence more may leak. */
void router_revoke(struct router *r, struct account *a, const struct entity *watcher)
{
    struct span publisher = entity_text(a->entity), text = entity_text(watcher);
    struct revoke_message *m = route_message_new(sizeof *m + publisher.len + text.len, revoke_run, NULL);
    if (!m)
        return;
    m->publisher_len = publisher.len;
    m->watcher_len = text.len;
    memcpy(m->jids, publisher.ptr, publisher.len);
    memcpy(m->jids + publisher.len, text.ptr, text.len);
    route_message_post(r, router_home(r, text), &m->base);
}

void router_probe_answer(struct router *r, struct account *a, struct span from, const struct stanza *probe)
{
    struct jid asker = jid_of_prepared(from);
    bool is_own = span_equal(jid_bare(&asker), entity_text(a->entity));
    if (!is_own && !may_see(r, a, jid_bare(&asker))) {
        /* RFC 6121 s. 4.6.6: a partner of directed presence learns mere availability, of that resource only. */
        struct session *s = probe->to.resource_len ? account_session(a, jid_resource(&probe->to)) : NULL;
        if (s && session_is_available(s) && directed_has(s, from))
            router_send_stanza(r, stanza_presence_frame(PRESENCE_AVAILABLE, session_jid(s), from, probe->id), session_jid(s), &asker);
        else /* s. 4.3.2.1 */
            router_send_stanza(r, stanza_presence_frame(PRESENCE_UNSUBSCRIBED, entity_text(a->entity), jid_bare(&asker), probe->id),
                               entity_text(a->entity), &asker);
        return;
    }
    if (!a->available_count) /* s. 4.3.2.3 */
        router_send_stanza(r, stanza_presence_frame(PRESENCE_UNAVAILABLE, entity_text(a->entity), from, probe->id),
                           entity_text(a->entity), &asker);
    account_each_session(s, a)
    {
        if (!session_is_available(s) ||
            (probe->to.resource_len && !span_equal(session_resource(s), jid_resource(&probe->to))))
            continue;
        struct buffer text = {0};
        buffer_append(&text, span_make(s->presence->bytes, s->presence->head_at));
        xml_write_attribute(&text, "to", from);
        buffer_append(&text, span_make(s->presence->bytes + s->presence->head_at, s->presence->len - s->presence->head_at));
        struct frame *f = buffer_ok(&text) ? frame_new(buffer_span(&text), FRAME_NO_HEAD, FRAME_PRESENCE) : NULL;
        router_send_stanza(r, f, session_jid(s), &asker);
        buffer_fini(&text);
    }
}
