/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions (RFC 6121 s. 3): the tables say what happens, here it is done, in the order that each section asks for. */
#include "base/log.h"
#include "route/abroad.h"
#include "xml/write.h"

/* Requests wait, and all of them are delivered at log-in: limits.subscription_requests times this must fit a session's
 * queue. A nickname and a line of greeting fit. */
#define REQUEST_BYTES_MAX 4096
#define REQUEST_ID_BYTES_MAX 256

enum subscription_event subscription_event_of(enum presence_type type)
{
    switch (type) {
    case PRESENCE_SUBSCRIBE:
        return SUBSCRIPTION_SUBSCRIBE;
    case PRESENCE_UNSUBSCRIBE:
        return SUBSCRIPTION_UNSUBSCRIBE;
    case PRESENCE_SUBSCRIBED:
        return SUBSCRIPTION_SUBSCRIBED;
    default:
        return SUBSCRIPTION_UNSUBSCRIBED;
    }
}

void router_say_subscription(struct router *r, struct account *a, const struct entity *contact,
                             enum presence_type type)
{
    struct jid to = entity_jid(contact);
    struct frame *f =
        stanza_presence_frame(type, entity_text(a->entity), entity_text(contact), (struct span){0});
    router_send_stanza(r, f, entity_text(a->entity), &to);
}

static void hide_resource(struct router *r, struct span from, const struct entity *contact)
{
    struct jid to = entity_jid(contact);
    struct frame *f =
        stanza_presence_frame(PRESENCE_UNAVAILABLE, from, entity_text(contact), (struct span){0});
    router_send_stanza(r, f, from, &to);
}

static void hide_resources(struct router *r, const struct account *a, const struct entity *contact)
{
    account_each_session(s, a) if (session_is_available(s)) hide_resource(r, session_jid(s), contact);
    for (const struct lost *l = NULL; (l = router_lost_next(r, a, l));)
        hide_resource(r, span_make(l->jid, l->jid_len), contact);
}

void router_hide_at_once(struct router *r, struct account *a, const struct entity *contact)
{
    router_revoke(r, a, contact);
    hide_resources(r, a, contact);
}

/* RFC 6121 s. 3.2.2, 3.3.3: the contact sees the account go, from each resource, unless a group shows it on. One who is
 * blocked has seen it go. */
void router_hide_from(struct router *r, struct account *a, const struct entity *contact)
{
    struct jid to = entity_jid(contact);
    if (router_blocks(a, &to))
        return;
    router_revoke(r, a, contact);
    if (!router_groups_take_over(r, a, contact))
        hide_resources(r, a, contact);
}

/* Does a client see a difference between what was and what is? */
static bool is_push_due(const struct commit *c, const struct store_item *now)
{
    if (!now->is_listed)
        return c->was_listed;
    enum subscription_state state = (enum subscription_state)now->state;
    return !c->was_listed || now->is_approved != c->was_approved ||
           subscription_has_to(state) != subscription_has_to(c->before) ||
           subscription_has_from(state) != subscription_has_from(c->before) ||
           subscription_is_pending_out(state) != subscription_is_pending_out(c->before);
}

static void forward(struct commit *c)
{
    struct jid to = entity_jid(c->contact);
    if (c->stanza)
        router_send_said(c->router, frame_ref(c->stanza), entity_text(c->account->entity), &to);
}

/* ---- outbound: the user's own client says it ---- */

static void outbound_committed(struct commit *c)
{
    struct router *r = c->router;
    const struct store_item *row = commit_item(c);
    bool had_from = subscription_has_from(c->before),
         has_from = subscription_has_from((enum subscription_state)row->state);
    r->counters.subscriptions++;
    if (had_from && !has_from)
        router_hide_from(r, c->account, c->contact);
    forward(c);
    if (is_push_due(c, row))
        router_push(r, c->account, c->contact);
    if (!had_from && has_from)
        router_grant(r, c->account, c->contact); /* s. 3.1.5: then the current presence of every resource */
}

static void outbound_change(struct store_item *row, enum subscription_event event,
                            const struct subscription_rule *rule)
{
    row->state = rule->next;
    if (rule->actions & SUBSCRIPTION_PRE_APPROVE)
        row->is_approved = row->is_listed = true; /* s. 3.4.2: an item that shows it */
    if ((rule->actions & SUBSCRIPTION_CANCEL_APPROVAL) || event == SUBSCRIPTION_UNSUBSCRIBED)
        row->is_approved = false;
    if (event == SUBSCRIPTION_SUBSCRIBE || subscription_has_from(rule->next))
        row->is_listed = true; /* s. 3.1.2, 3.1.5: asked for, or approved */
    if (!subscription_is_pending_in(rule->next))
        row->request = (struct span){0};
}

static bool row_is_same(const struct commit *c, const struct store_item *row)
{
    return row->state == c->before && row->is_listed == c->was_listed && row->is_approved == c->was_approved;
}

void router_subscription_out(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct account *a = s->account;
    struct jid bare = jid_of_prepared(jid_bare(&stanza->to)); /* s. 3.1.2: a full JID means its bare one */
    if (!router_reaches(r, jid_domain(&bare))) {
        router_refuse(r, s, stanza, STANZA_REMOTE_SERVER_NOT_FOUND);
        return;
    }
    if (span_equal(jid_full(&bare), entity_text(a->entity)))
        return; /* an account sees itself without a subscription */
    struct entity *contact = entity_take(&r->entities, &bare);
    struct commit *c = contact ? commit_new(r, a, contact, outbound_committed) : NULL;
    if (contact)
        entity_give(&r->entities, contact);
    if (!c) {
        router_refuse(r, s, stanza, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    enum subscription_event event = subscription_event_of(stanza->type.presence);
    const struct subscription_rule *rule = &subscription_outbound[c->before][event];
    c->event = event;
    c->is_outbound = true;
    c->session_number = s->number;
    if (rule->actions & SUBSCRIPTION_ROUTE) {
        c->stanza = stanza_frame(stanza, entity_text(a->entity), jid_full(&bare), stream_lang(s->stream));
        c->refusal = stanza_error_may_answer(stanza)
                         ? stanza_error_frame(stanza, STANZA_INTERNAL_SERVER_ERROR, entity_text(a->entity),
                                              session_jid(s), NULL)
                         : NULL;
    }
    outbound_change(commit_item(c), event, rule);
    if (!row_is_same(c, commit_item(c))) {
        commit_submit(c);
        return;
    }
    forward(c); /* nothing to remember: an unanswered request said again, and the like */
    commit_free(c);
}

/* ---- inbound: the contact says it ---- */

static void deliver_subscription(struct router *r, struct account *a, struct frame *frame, bool is_request)
{
    account_each_session(s, a)
    {
        if (!(is_request ? session_is_hearing(s) : s->is_interested)) /* s. 3.1.3 and 3.1.6, 3.2.3, 3.3.3 */
            continue;
        r->counters.subscriptions_delivered++;
        stream_send(s->stream, router_frame_for(s, frame));
    }
}

static void inbound_committed(struct commit *c)
{
    struct router *r = c->router;
    const struct store_item *row = commit_item(c);
    bool had_from = subscription_has_from(c->before),
         has_from = subscription_has_from((enum subscription_state)row->state);
    if (c->stanza && !c->is_answered_by_us)
        deliver_subscription(r, c->account, c->stanza, c->event == SUBSCRIPTION_SUBSCRIBE);
    if (c->is_answered_by_us)
        router_say_subscription(r, c->account, c->contact, PRESENCE_SUBSCRIBED);
    if (is_push_due(c, row))
        router_push(r, c->account, c->contact);
    if (!had_from && has_from)
        router_grant(r, c->account, c->contact);
    if (had_from && !has_from)
        router_hide_from(r, c->account, c->contact);
    if (!subscription_has_to(c->before) && subscription_has_to((enum subscription_state)row->state))
        router_latest_of(r, c->account, c->contact);
    if (subscription_inbound[c->before][c->event].actions & SUBSCRIPTION_REPLY_UNSUBSCRIBED)
        router_say_subscription(r, c->account, c->contact, PRESENCE_UNSUBSCRIBED);
}

static uint32_t requests_count(const struct account *a)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->roster.count; i++)
        count += subscription_is_pending_in(a->roster.items[i].state);
    return count;
}

/* s. 3.1.3: the complete stanza is kept; one that is long for a request, or carries what was signed for the moment, without what it carries. */
static struct span request_keep(struct router *r, struct commit *c, const struct stanza *stanza,
                                const struct frame *frame)
{
    struct arena *arena = &c->request.arena;
    if (frame->len <= REQUEST_BYTES_MAX && !router_e2e_is_object(r, stanza))
        return arena_copy(arena, span_make(frame->bytes, frame->len));
    struct span id = stanza->id.len <= REQUEST_ID_BYTES_MAX ? stanza->id : (struct span){0};
    struct frame *bare = stanza_presence_frame(PRESENCE_SUBSCRIBE, entity_text(c->contact),
                                               entity_text(c->account->entity), id);
    struct span kept = bare ? arena_copy(arena, span_make(bare->bytes, bare->len)) : (struct span){0};
    frame_unref(bare);
    return kept;
}

/* A.3.1's note holds for what a group grants as well; the user is not asked, and nothing is remembered that would outlive the group. */
static bool is_granted_by_group(const struct account *a, const struct entity *contact)
{
    const struct roster_item *item = roster_find(&a->roster, contact);
    return !(item && subscription_has_from(item->state)) && group_view(a, entity_text(contact)).is_from;
}

void router_subscription_in(struct router *r, struct account *a, const struct stanza *stanza,
                            struct frame *frame, const struct jid *from)
{
    struct jid bare = jid_of_prepared(jid_bare(from));
    struct entity *contact = entity_take(&r->entities, &bare);
    if (contact && stanza->type.presence == PRESENCE_SUBSCRIBE && is_granted_by_group(a, contact)) {
        router_say_subscription(r, a, contact, PRESENCE_SUBSCRIBED);
        entity_give(&r->entities, contact);
        return;
    }
    struct commit *c = contact ? commit_new(r, a, contact, inbound_committed) : NULL;
    if (contact)
        entity_give(&r->entities, contact);
    if (!c)
        return; /* full or out of memory: the request is lost as if the account had not seen it; it may be sent again */
    enum subscription_event event = subscription_event_of(stanza->type.presence);
    const struct subscription_rule *rule = &subscription_inbound[c->before][event];
    struct store_item *row = commit_item(c);
    c->event = event;
    row->state = rule->next;
    if (rule->actions & SUBSCRIPTION_REPLY_SUBSCRIBED) {
        router_say_subscription(r, a, c->contact, PRESENCE_SUBSCRIBED);
        router_grant(
            r, a,
            c->contact); /* s. 3.1.5: the contact has lost its side; what was granted before found no use there */
    }
    if (rule->actions & SUBSCRIPTION_DELIVER)
        c->stanza = frame_ref(frame);
    if (event == SUBSCRIPTION_SUBSCRIBE && rule->next != c->before) {
        if (row->is_approved) { /* s. 3.4.2: answered on the user's behalf */
            row->state = subscription_outbound[rule->next][SUBSCRIPTION_SUBSCRIBED].next;
            c->is_answered_by_us = true;
        } else if (requests_count(a) >= r->settings->requests_max) {
            log_info("request-dropped", "jid=%.*s reason=limits.subscription_requests",
                     (int)entity_text(a->entity).len, entity_text(a->entity).ptr);
            commit_free(c);
            return;
        } else {
            row->request = request_keep(r, c, stanza, frame);
        }
    }
    if (!subscription_is_pending_in((enum subscription_state)row->state))
        row->request = (struct span){0};
    if (row_is_same(c, row)) {
        commit_free(c);
        return;
    }
    commit_submit(c);
}

void router_request_deliver(struct router *r, struct session *s, const struct roster_item *item)
{
    struct span request =
        subscription_is_pending_in(item->state) ? roster_item_request(item) : (struct span){0};
    struct frame *f = request.len ? frame_new(request, FRAME_NO_HEAD, FRAME_SUBSCRIPTION) : NULL;
    if (f && r->settings->e2e.edge) /* it may have come when nobody looked for forged marks */
        f = router_frame_unmarked(r, f);
    if (f)
        stream_send(s->stream, f);
}
