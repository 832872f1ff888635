/* SPDX-License-Identifier: Apache-2.0 */
/* Outbound presence (RFC 6121 s. 4): what one session says reaches the account's own resources, and every watcher by one
 * message per worker that holds any; each worker then walks its own list. */
#include "base/clock.h"
#include "base/log.h"
#include "presence/watch.h"
#include "route/abroad.h"
#include "route/cost.h"
#include "stanza/stanza.h"

/* ---- to the workers with interest ---- */

struct broadcast_message {
    struct route_message base;
    struct frame *frame;
    uint64_t told_ns;                /* for cost.h */
    struct group_audience *audience; /* NULL: nobody of a group hears it */
    uint32_t incarnation;
    bool is_last; /* the publisher is offline now: forget its watchers */
    size_t len;
    char publisher[];
};

static void broadcast_fini(struct route_message *base)
{
    frame_unref(((struct broadcast_message *)base)->frame);
    audience_unref(((struct broadcast_message *)base)->audience);
}

/* ---- to watchers whose account is busy ---- */

struct delivery_message {
    struct route_message base;
    struct account *account;
    struct frame *frame;
    struct caps_node *node; /* a reference; as in struct spread */
    uint32_t session_number;
    uint32_t incarnation; /* of the watcher: it went and came since, it is shown everything anew */
};

static void delivery_fini(struct route_message *base)
{
    frame_unref(((struct delivery_message *)base)->frame);
    caps_node_unref(((struct delivery_message *)base)->node);
}

static void delivery_run(struct router *r, struct route_message *base)
{
    struct delivery_message *m = (struct delivery_message *)base;
    /* It went and came since; or has blocked the publisher since. */
    if (m->incarnation != m->account->incarnation || router_frame_is_blocked(m->account, m->frame))
        return;
    account_each_session(s, m->account)
    {
        if (!router_is_for(s, m->node) || (m->session_number && s->number != m->session_number))
            continue;
        if (m->node)
            r->counters.events_delivered++;
        else
            r->counters.presence_deliveries++;
        stream_send(s->stream, frame_ref(m->frame));
    }
}

void router_deliver_later(struct router *r, struct account *a, struct frame *frame, struct caps_node *node,
                          uint32_t session_number)
{
    struct delivery_message *m = route_message_new(sizeof *m, delivery_run, delivery_fini);
    if (!m)
        return;
    m->base.router = r;
    m->account = a;
    m->frame = frame_ref(frame);
    m->node = node ? caps_node_ref(node) : NULL;
    m->session_number = session_number;
    m->incarnation = a->incarnation;
    account_pend(a, &m->base.message);
}

static void broadcast_run(struct router *r, struct route_message *base)
{
    struct broadcast_message *m = (struct broadcast_message *)base;
    struct jid jid = jid_of_prepared(span_make(m->publisher, m->len));
    struct entity *publisher = entity_find(&r->entities, &jid);
    struct watch *w = publisher ? publisher->watch : NULL;
    struct watch_cost cost = {.told_ns = m->told_ns};
    if (m->audience) /* first, for the last change may end the watch, and with it the knowledge of who is told by that */
        router_audience_hears(r, base->from, m->audience, publisher, m->frame, NULL, &cost);
    if (!w || w->incarnation != m->incarnation) {
        if (cost.watchers)
            cost_change_ends(r, jid_full(&jid), m->frame, &cost);
        return;
    }
    entity_ref(publisher);
    router_fanout(r, publisher,
                  &(struct watch_change){.frame = m->frame, .cost = cost, .is_last = m->is_last});
    entity_give(&r->entities, publisher);
}

void router_broadcast(struct router *r, struct account *a, struct frame *frame, enum broadcast what)
{
    struct span publisher = entity_text(a->entity);
    uint64_t told_ns = clock_now_ns();
    struct group_audience *audience = router_audience(a, what != BROADCAST_CHANGE);
    for (uint32_t to = 0; to < r->count; to++) {
        if (!a->interests[to].grants && !router_audience_is_at(r, audience, to))
            continue;
        struct broadcast_message *m =
            route_message_new(sizeof *m + publisher.len, broadcast_run, broadcast_fini);
        if (!m)
            continue;
        m->frame = frame_ref(frame);
        m->told_ns = told_ns;
        m->audience = audience_ref(audience);
        m->incarnation = a->incarnation;
        m->is_last = what == BROADCAST_LAST;
        m->len = publisher.len;
        memcpy(m->publisher, publisher.ptr, publisher.len);
        route_message_post(r, to, &m->base);
        if (what == BROADCAST_LAST)
            a->interests[to].grants = 0;
    }
    audience_unref(audience);
    if (a->abroad)
        outreach_tell(r, a, frame, what == BROADCAST_LAST);
}

static void own_resources_deliver(struct account *a, struct frame *frame, const struct session *also)
{
    account_each_session(s, a) if (session_is_hearing(s) || s == also)
        stream_send(s->stream, frame_ref(frame));
}

/* ---- what a session says to everybody ---- */

static void session_becomes_available(struct router *r, struct session *s)
{
    struct account *a = s->account;
    struct coming coming = {.is_heard_first = !account_is_hearing(a)};
    struct frame *shown = router_damping_return(r, s);
    bool is_first = coming.is_shown_first = !shown && a->available_count++ == 0;
    account_each_session(other, a) if (other != s && session_is_available(other))
        stream_send(s->stream, frame_ref(other->presence));
    for (const struct lost *l = NULL; (l = router_lost_next(r, a, l));)
        stream_send(s->stream, frame_ref(l->presence));
    if (is_first)
        a->incarnation = ++r->incarnations;
    else if (!shown || !frame_is_same(shown, s->presence))
        router_broadcast(r, a, s->presence, BROADCAST_CHANGE);
    frame_unref(shown);
    /* RFC 6121 s. 4.2.2, 4.3: who may see it does, and it what the contacts show now. The watch list makes later probes needless. */
    router_walk_comes(r, s, &coming);
}

void router_resource_gone(struct router *r, struct account *a, struct frame *frame,
                          const struct session *also)
{
    bool is_last = --a->available_count == 0;
    r->counters.presence_changes++;
    if (frame) { /* without memory nobody is told, but nothing is left behind either */
        own_resources_deliver(a, frame, also);
        router_broadcast(r, a, frame, is_last ? BROADCAST_LAST : BROADCAST_END);
    }
    if (is_last) {
        router_absence_begins(r, a, frame);
        router_hearing_end(r, a);
    }
}

void router_hearing_end(struct router *r, struct account *a)
{
    if (account_is_hearing(a))
        return;
    router_walk_leaves(r, a);
    router_groups_go(r, a);
    foreign_end(r, a);
}

void router_session_unavailable(struct router *r, struct session *s, struct frame *frame)
{
    struct account *a = s->account;
    bool was_available = session_is_available(s);
    router_pace_drop(r, s);
    router_caps_drop(s);
    bool is_damped = was_available && s->stream->is_lost && router_damping_lose(r, s);
    if (!frame && (was_available || s->directed))
        frame =
            stanza_presence_frame(PRESENCE_UNAVAILABLE, session_jid(s), (struct span){0}, (struct span){0});
    if (was_available && !is_damped) {
        router_pace_charge(r, s);
        s->presence = frame_unref(s->presence);
        router_resource_gone(r, a, frame, s->stream->state == STREAM_BOUND ? s : NULL);
    }
    /* RFC 6121 s. 4.6.3: whoever got directed presence and is not among the watchers hears of the end too. */
    char text[JID_BYTES_MAX];
    for (size_t len; (len = directed_take(s, text, sizeof text)) > 0;) {
        struct jid to = jid_of_prepared(span_make(text, len));
        struct jid bare = jid_of_prepared(jid_bare(&to));
        struct entity *contact = entity_find(&r->entities, &bare);
        const struct roster_item *item = contact ? roster_find(&a->roster, contact) : NULL;
        if (item && subscription_has_from(item->state) && was_available)
            continue;
        router_send_stanza(
            r, stanza_presence_frame(PRESENCE_UNAVAILABLE, session_jid(s), jid_full(&to), (struct span){0}),
            session_jid(s), &to);
    }
    frame_unref(frame);
}

void router_presence(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct presence_details details = {0};
    if (s->is_invisible) {
        router_invisible_presence(r, s, stanza);
        return;
    }
    if (stanza->type.presence == PRESENCE_AVAILABLE && presence_read(stanza, &details) != 0) {
        router_refuse(r, s, stanza, STANZA_BAD_REQUEST);
        return;
    }
    struct frame *frame = stanza_frame(stanza, session_jid(s), (struct span){0}, stream_lang(s->stream));
    if (!frame) {
        router_refuse(r, s, stanza, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    if (stanza->type.presence == PRESENCE_UNAVAILABLE) {
        router_session_unavailable(r, s, frame);
        return;
    }
    router_caps_claim(r, s, &details.caps);
    frame = router_avatar_say(s, frame);
    if (!router_pace(r, s, frame, details.priority))
        router_presence_tell(r, s, frame, details.priority);
}

void router_presence_tell(struct router *r, struct session *s, struct frame *frame, int8_t priority)
{
    bool was_available = session_is_available(s);
    frame_unref(s->presence);
    s->presence = frame;
    s->priority = priority;
    s->available_order = ++s->account->next_available_order;
    r->counters.presence_changes++;
    own_resources_deliver(s->account, frame, NULL);
    if (was_available)
        router_broadcast(r, s->account, frame, BROADCAST_CHANGE);
    else
        session_becomes_available(r, s);
    if (priority >= 0)
        router_offline_give(r, s);
    router_caps_tell(r, s);
}

/* ---- what a session says to one ---- */

void router_directed_presence(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct span to = jid_full(&stanza->to);
    /* Who may hear of the end: at other domains gateways and the like have no local part. */
    bool is_somebody = router_is_local(r, jid_domain(&stanza->to)) ? stanza->to.local_len : r->remote != NULL;
    if (stanza->type.presence == PRESENCE_AVAILABLE && is_somebody) {
        int outcome = directed_add(s, to, r->settings->directed_max);
        if (outcome != 0) {
            router_refuse(r, s, stanza,
                          outcome == DIRECTED_FULL ? STANZA_POLICY_VIOLATION : STANZA_RESOURCE_CONSTRAINT);
            return;
        }
    } else if (stanza->type.presence == PRESENCE_UNAVAILABLE) {
        directed_remove(s, to);
    }
    router_route(r, s, stanza, session_jid(s), &stanza->to);
}
