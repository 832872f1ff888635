/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, at their sender's home and at their addressee's (RFC 6121 s. 8.5): to which of the account's resources one goes, whether
 * it is kept, archived, copied, and what the sender is told. */
#include "route/abroad.h"
#include "route/delivery.h"
#include "stanza/message.h"

/* One message at one account. */
struct arrival {
    struct router *router;
    struct account *account;
    const struct stanza *stanza; /* as it came */
    struct frame *frame;         /* what is delivered */
    const struct jid *from, *to;
    struct session *match; /* the resource it is addressed to; NULL: none, or not connected */
    uint32_t content;      /* enum message_content */
    bool is_again;         /* it was on its way to a session that is over: archived and copied already */
    bool is_archived;
    uint64_t id; /* in the archive */
};

static enum delivery_condition condition_of(const struct account *a)
{
    if (a->state == ACCOUNT_MISSING)
        return DELIVERY_NO_ACCOUNT;
    if (a->available_count == a->lost_count && !a->invisible_count)
        return DELIVERY_NO_RESOURCES;
    uint32_t count = account_non_negative_count(a);
    if (!count)
        return DELIVERY_ONLY_NEGATIVE;
    return count == 1 ? DELIVERY_ONE_NON_NEGATIVE : DELIVERY_SEVERAL_NON_NEGATIVE;
}

static enum delivery_action action_of(const struct arrival *m)
{
    /* s. 8.5.3.1: a connected resource matches, also before its first presence; errors too, for it may have
     * sent already. */
    if (m->match && !session_is_available(m->match))
        return DELIVERY_MATCH;
    enum delivery_address address = !m->to->resource_len ? DELIVERY_BARE
                                    : m->match           ? DELIVERY_FULL_MATCH
                                                         : DELIVERY_FULL_NO_MATCH;
    return (enum delivery_action)delivery_table[condition_of(m->account)][address][m->stanza->type.message];
}

static void give(const struct arrival *m, struct session *s)
{
    s->has_message = true;
    m->router->counters.messages_delivered++;
    stream_send(s->stream, router_frame_for(s, m->frame));
}

/* s. 8.1: an answer would betray the account or its presence to anybody else. */
static bool may_be_told(const struct arrival *m)
{
    const struct account *a = m->account;
    if (a->state == ACCOUNT_MISSING)
        return false;
    if (span_equal(jid_bare(m->from), entity_text(a->entity)) ||
        router_may_see(m->router, a, jid_bare(m->from)))
        return true;
    account_each_session(s, a) if (directed_has(s, jid_full(m->from)) ||
                                   directed_has(s, jid_bare(m->from))) return true;
    return false;
}

static bool is_kept(const struct arrival *m)
{
    return message_is_kept(m->stanza->type.message, m->content);
}

static bool put(const struct arrival *m, bool is_offline)
{
    const struct mail mail = {.frame = m->frame,
                              .from = m->from,
                              .to = m->to,
                              .id = m->id,
                              .is_archived = m->is_archived,
                              .is_offline = is_offline,
                              .is_refusable = is_offline && may_be_told(m)};
    return router_mailbox_put(m->router, &mail);
}

/* s. 8.5.2.2.1. What says nothing that lasts (a chat state) is nobody's loss; but who may be told hears that a text is lost. */
static void keep(const struct arrival *m)
{
    if (is_kept(m)) {
        m->account->has_offline = true;
        if (put(m, true))
            return;
    }
    if (m->content & (MESSAGE_HAS_BODY | MESSAGE_HAS_OBJECT) && may_be_told(m))
        router_bounce(m->router, m->stanza, STANZA_SERVICE_UNAVAILABLE, m->to, m->from);
}

/* Table 1's A for chat: the most available resource, and whoever has asked for every message. */
static void give_opted(const struct arrival *m)
{
    bool is_copied =
        !m->is_again && router_carbon_is_due(false, m->stanza->type.message, m->content, m->from);
    give(m, account_most_available(m->account));
    account_each_session(s, m->account) if (is_copied && s->has_carbons && !s->has_message &&
                                            session_is_hearing(s) && s->priority >= 0) give(m, s);
}

static void deliver(const struct arrival *m, enum delivery_action action)
{
    switch (action) {
    case DELIVERY_MATCH:
        give(m, m->match);
        return;
    case DELIVERY_MOST:
        give(m, account_most_available(m->account));
        return;
    case DELIVERY_OPTED:
        give_opted(m);
        return;
    case DELIVERY_ALL:
        account_each_session(s, m->account) if (session_is_hearing(s) && s->priority >= 0) give(m, s);
        return;
    case DELIVERY_OFFLINE:
        keep(m);
        return;
    case DELIVERY_REFUSED:
        if (!may_be_told(m))
            return;
        __attribute__((fallthrough));
    case DELIVERY_ERROR:
        router_bounce(m->router, m->stanza, STANZA_SERVICE_UNAVAILABLE, m->to, m->from);
        return;
    case DELIVERY_SILENT:
    case DELIVERY_IMPOSSIBLE:
        return;
    }
}

/* Does the account get it, on whatever way? What it does not is neither archived nor copied. */
static bool is_taken(const struct arrival *m, enum delivery_action action)
{
    if (action == DELIVERY_OFFLINE)
        return is_kept(m) || m->content & MESSAGE_HAS_CHAT_STATE;
    return action >= DELIVERY_MATCH;
}

static bool is_archived(struct router *r, const struct account *a, enum message_type type, uint32_t content,
                        const struct jid *peer)
{
    return message_is_archived(type, content) && router_archive_wants(r, a, peer);
}

/* The message as this account sees it: with the archive's id, and without one that somebody else has put there in the account's
 * name (XEP-0359 s. 3). NULL without memory. */
static struct frame *frame_for(const struct arrival *m)
{
    struct router *r = m->router;
    struct span by = entity_text(m->account->entity);
    bool is_forged =
        !m->is_again && m->content & MESSAGE_HAS_STANZA_ID && message_has_stanza_id(m->stanza, &r->arena, by);
    if (!is_forged && !m->is_archived)
        return frame_ref(m->frame);
    struct buffer id = {0};
    if (m->is_archived)
        message_stanza_id_write(&id, by, m->id);
    struct frame *f = buffer_ok(&id) ? message_frame(m->stanza, &r->arena, is_forged ? by : (struct span){0},
                                                     buffer_span(&id))
                                     : NULL;
    buffer_fini(&id);
    return f;
}

void router_message_in(struct router *r, struct account *a, const struct stanza *stanza, struct frame *frame,
                       const struct jid *from, const struct jid *to)
{
    struct arrival m = {.router = r, .account = a, .stanza = stanza, .frame = frame, .from = from, .to = to};
    if (message_read(stanza, &r->arena, &m.content) < 0)
        return;
    m.match = to->resource_len ? account_session(a, jid_resource(to)) : NULL;
    enum delivery_action action = action_of(&m);
    bool is_got = is_taken(&m, action);
    m.is_again = frame->kind == FRAME_MESSAGE_AGAIN;
    m.is_archived = is_got && !m.is_again && is_archived(r, a, stanza->type.message, m.content, from);
    if (m.is_archived)
        m.id = router_archive_id(r);
    if (!(m.frame = frame_for(&m)))
        return;
    deliver(&m, action);
    if (m.is_archived && action != DELIVERY_OFFLINE)
        put(&m, false);
    /* An error that finds its resource gone is news for the others all the same. */
    if (!m.is_again && (is_got || stanza->type.message == MESSAGE_ERROR) &&
        router_carbon_is_due(false, stanza->type.message, m.content, from))
        router_carbons_send(r, a, false, stanza->type.message, span_make(m.frame->bytes, m.frame->len),
                            (struct span){0});
    account_each_session(s, a) s->has_message = false;
    frame_unref(m.frame);
}

/* ---- at the sender's home ---- */

/* Without an id in the sender's own name: what the account's server says of the message is not for clients to say. NULL without
 * memory. Takes over the frame. */
static struct frame *unforged(struct router *r, const struct account *a, struct frame *frame)
{
    struct frame *clean = NULL;
    if (router_frame_read(r, frame, &r->stanza) == 0)
        clean = message_frame(&r->stanza, &r->arena, entity_text(a->entity), (struct span){0});
    frame_unref(frame);
    return clean;
}

/* The sender's archive and its other resources get it. */
static void depart(struct router *r, struct session *s, const struct stanza *stanza, uint32_t content,
                   struct frame *frame, const struct jid *to)
{
    struct account *a = s->account;
    struct jid from = jid_of_prepared(session_jid(s));
    struct mail mail = {.frame = frame, .from = &from, .to = to, .is_outgoing = true};
    struct buffer id = {0};
    if (is_archived(r, a, stanza->type.message, content, to)) {
        mail.is_archived = true;
        mail.id = router_archive_id(r);
        router_mailbox_put(r, &mail);
    }
    if (a->session_count < 2 || !router_carbon_is_due(true, stanza->type.message, content, &from))
        return;
    if (mail.is_archived)
        message_stanza_id_write(&id, entity_text(a->entity), mail.id);
    s->has_message = true;
    if (buffer_ok(&id))
        router_carbons_send(r, a, true, stanza->type.message, span_make(frame->bytes, frame->len),
                            buffer_span(&id));
    s->has_message = false;
    buffer_fini(&id);
}

void router_message_out(struct router *r, struct session *s, const struct stanza *stanza,
                        const struct jid *to)
{
    uint32_t content;
    struct span own = entity_text(s->account->entity);
    bool is_local = router_is_local(r, jid_domain(to));
    if (is_local ? !to->local_len : !r->remote) {
        router_route(r, s, stanza, session_jid(s), to); /* is refused */
        return;
    }
    struct frame *frame = message_read(stanza, &r->arena, &content) == 0
                              ? stanza_frame(stanza, session_jid(s), jid_full(to), stream_lang(s->stream))
                              : NULL;
    if (frame && content & MESSAGE_HAS_STANZA_ID && message_has_stanza_id(stanza, &r->arena, own))
        frame = unforged(r, s->account, frame);
    if (!frame) {
        router_refuse(r, s, stanza, STANZA_RESOURCE_CONSTRAINT);
    } else {
        if (!span_equal(jid_bare(to),
                        own)) /* what one says to oneself is archived and copied when it arrives */
            depart(r, s, stanza, content, frame, to);
        router_send_stanza(r, frame, session_jid(s), to);
    }
    arena_reset(&r->arena);
}
