/* SPDX-License-Identifier: Apache-2.0 */
/* A stanza that has arrived at its addressee's home (RFC 6121 s. 8.5): to which of the account's resources it
 * goes, or what the sender is told. Messages: messaging.c. */
#include <errno.h>

#include "route/abroad.h"

int router_frame_read(struct router *r, const struct frame *frame, struct stanza *ret)
{
    struct xml_item item;
    size_t used;
    enum xml_error error;
    xml_scan_reset(r->scan);
    if (xml_scan_next(r->scan, XML_AT_CONTENT, SPAN("stream:stream"), span_make(frame->bytes, frame->len),
                      &item, &used, &error) != 0)
        return -EINVAL;
    if (stanza_read(&item, SPAN("jabber:client"), &r->arena, ret) != 0)
        return -EINVAL;
    ret->aside = frame_aside(frame);
    return 0;
}

void router_bounce(struct router *r, const struct stanza *stanza, enum stanza_error e, const struct jid *from,
                   const struct jid *to)
{
    if (!stanza_error_may_answer(stanza))
        return;
    r->counters.errors++;
    router_send_stanza(r, stanza_error_frame(stanza, e, jid_full(from), jid_full(to), NULL), jid_full(from),
                       to);
}

/* s. 8.5.3.1: an IQ reaches a resource only from who may know of it, else its answer would betray the
 * presence. */
static bool may_ask(const struct router *r, const struct account *a, const struct session *s,
                    const struct jid *from)
{
    if (span_equal(jid_bare(from), entity_text(a->entity)))
        return true;
    return router_may_see(r, a, jid_bare(from)) || directed_has(s, jid_full(from)) ||
           directed_has(s, jid_bare(from));
}

static void inbound_iq(struct router *r, struct account *a, const struct stanza *stanza, struct frame *frame,
                       const struct jid *from, const struct jid *to)
{
    struct session *match = to->resource_len ? account_session(a, jid_resource(to)) : NULL;
    bool is_answer = stanza->type.iq == IQ_RESULT || stanza->type.iq == IQ_ERROR;
    if (match && (is_answer || may_ask(r, a, match, from))) {
        r->counters.queries_delivered++;
        stream_send(match->stream, frame_ref(frame));
    } else if (!is_answer && !to->resource_len) {
        router_query_account(r, a, stanza, from);
    } else if (!is_answer) {
        router_bounce(r, stanza, STANZA_SERVICE_UNAVAILABLE, to, from);
    }
}

/* The contact at another server that the account is subscribed to; NULL: it is none. */
static struct entity *contact_abroad(const struct router *r, const struct account *a, const struct jid *from)
{
    struct jid bare = jid_of_prepared(jid_bare(from));
    struct entity *e =
        r->remote && !router_is_local(r, jid_domain(from)) ? entity_find(&r->entities, &bare) : NULL;
    const struct roster_item *item = e ? roster_find(&a->roster, e) : NULL;
    return item && subscription_has_to(item->state) ? e : NULL;
}

/* What could not reach the contact: of all that says without being asked, a client waits for the answer to a
 * request only. */
static bool is_awaited(const struct router *r, const struct account *a, const struct jid *from)
{
    struct jid bare = jid_of_prepared(jid_bare(from));
    const struct entity *e = entity_find(&r->entities, &bare);
    const struct roster_item *item = e ? roster_find(&a->roster, e) : NULL;
    return item && subscription_is_pending_out(item->state);
}

static void deliver_directed(struct router *r, struct session *s, struct frame *frame)
{
    r->counters.directed_delivered++;
    stream_send(s->stream, router_frame_for(s, frame));
}

static void inbound_presence(struct router *r, struct account *a, const struct stanza *stanza,
                             struct frame *frame, const struct jid *from, const struct jid *to)
{
    if (a->state == ACCOUNT_MISSING) {
        if (stanza->type.presence ==
            PRESENCE_PROBE) /* s. 4.3.2.1: the same answer as without a subscription */
            router_probe_answer(r, a, jid_full(from), stanza);
        return; /* s. 8.5.1 */
    }
    switch (stanza->type.presence) {
    case PRESENCE_SUBSCRIBE:
    case PRESENCE_SUBSCRIBED:
    case PRESENCE_UNSUBSCRIBE:
    case PRESENCE_UNSUBSCRIBED:
        router_subscription_in(r, a, stanza, frame, from);
        return;
    case PRESENCE_PROBE:
        router_probe_answer(r, a, jid_full(from), stanza);
        return;
    case PRESENCE_AVAILABLE:
    case PRESENCE_UNAVAILABLE:
    case PRESENCE_ERROR:
        break;
    case PRESENCE_UNKNOWN:
        return;
    }
    struct session *match = to->resource_len ? account_session(a, jid_resource(to)) : NULL;
    if (stanza->type.presence == PRESENCE_UNAVAILABLE) /* s. 4.6.1: who is gone does not wait for our end */
        account_each_session(s, a) if (!to->resource_len || s == match) directed_remove(s, jid_full(from));
    if (to->resource_len) {
        if (match)
            deliver_directed(r, match, frame);
        return;
    }
    if (stanza->type.presence == PRESENCE_ERROR && !is_awaited(r, a, from))
        return;
    struct entity *contact = stanza->type.presence == PRESENCE_ERROR ? NULL : contact_abroad(r, a, from);
    bool is_object = contact && router_e2e_is_object(r, stanza); /* then it is for the moment */
    if (contact && !is_object) {
        foreign_hear(r, a, stanza, from, contact);
        return;
    }
    if (is_object && stanza->type.presence == PRESENCE_UNAVAILABLE) /* but who goes is gone */
        foreign_gone(r, a, from, contact);
    account_each_session(s, a) if (session_is_hearing(s)) deliver_directed(r, s, frame);
}

/* One that is answered on the account's behalf, and not by one of its sessions. */
static bool is_answered(const struct router *r, const struct account *a, const struct stanza *stanza,
                        const struct jid *from, const struct jid *to)
{
    if (stanza->kind == STANZA_MESSAGE) /* who is blocked is refused all of them */
        return stanza->type.message == MESSAGE_GROUPCHAT ||
               (router_blocks(a, from) && stanza->type.message != MESSAGE_ERROR);
    if (stanza->kind ==
        STANZA_PRESENCE) /* a local stranger's client is not told of the answer, another server is */
        return stanza->type.presence == PRESENCE_PROBE && !router_is_local(r, jid_domain(from));
    if (stanza->kind != STANZA_IQ || (stanza->type.iq != IQ_GET && stanza->type.iq != IQ_SET))
        return false;
    const struct session *match = to->resource_len ? account_session(a, jid_resource(to)) : NULL;
    return !match || router_blocks(a, from) || !may_ask(r, a, match, from);
}

bool router_answers_too_soon(struct router *r, const struct account *a, const struct frame *frame,
                             const struct jid *from, const struct jid *to)
{
    if ((!a->session_count && !a->lost_count) || span_equal(jid_bare(from), entity_text(a->entity)) ||
        (!router_blocks(a, from) && router_may_see(r, a, jid_bare(from))))
        return false;
    bool is_too_soon =
        router_frame_read(r, frame, &r->stanza) == 0 && is_answered(r, a, &r->stanza, from, to);
    arena_reset(&r->arena);
    return is_too_soon;
}

void router_inbound(struct router *r, struct account *a, struct frame *frame, const struct jid *from,
                    const struct jid *to)
{
    struct stanza *stanza = &r->stanza;
    if (!a || router_frame_read(r, frame, stanza) < 0)
        return;
    if (a->state == ACCOUNT_FAILED) {
        if (stanza->kind != STANZA_PRESENCE)
            router_bounce(r, stanza, STANZA_INTERNAL_SERVER_ERROR, to, from);
        arena_reset(&r->arena);
        return;
    }
    if (!router_admit(r, a, stanza, from, to)) {
        arena_reset(&r->arena);
        return;
    }
    if (!router_stranger_comes(r, a, stanza, from)) {
        if (stanza->kind != STANZA_PRESENCE || stanza->type.presence == PRESENCE_SUBSCRIBE)
            router_bounce(r, stanza, STANZA_POLICY_VIOLATION, to, from);
        arena_reset(&r->arena);
        return;
    }
    switch (stanza->kind) {
    case STANZA_MESSAGE:
        router_message_in(r, a, stanza, frame, from, to);
        break;
    case STANZA_IQ:
        inbound_iq(r, a, stanza, frame, from, to);
        break;
    case STANZA_PRESENCE:
        inbound_presence(r, a, stanza, frame, from, to);
        break;
    }
    arena_reset(&r->arena);
}
