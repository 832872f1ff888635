/* SPDX-License-Identifier: Apache-2.0 */
/* A message that has arrived at its addressee's home (RFC 6121 s. 8.5): to which of the account's resources
 * it goes, whether it is kept, and what the sender is told. */
#include "route/delivery.h"
#include "route/internal.h"
#include "stanza/message.h"

/* One message at one account. */
struct arrival {
    struct router *router;
    struct account *account;
    const struct stanza *stanza;
    struct frame *frame; /* what is delivered */
    const struct jid *from, *to;
    struct session *match; /* the resource it is addressed to; NULL: none, or not connected */
    uint32_t content;      /* enum message_content */
};

static enum delivery_condition condition_of(const struct account *a)
{
    if (a->state == ACCOUNT_MISSING)
        return DELIVERY_NO_ACCOUNT;
    if (a->available_count == a->lost_count)
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
    m->router->counters.messages_delivered++;
    stream_send(s->stream, frame_ref(m->frame));
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

/* s. 8.5.2.2.1. What says nothing that lasts (a chat state) is nobody's loss; but who may be told hears that
 * a text is lost. */
static void keep(const struct arrival *m)
{
    if (message_is_kept(m->stanza->type.message, m->content)) {
        m->account->has_offline = true;
        if (router_mailbox_put(m->router, m->frame, m->from, m->to, may_be_told(m)))
            return;
    }
    if (m->content & MESSAGE_HAS_BODY && may_be_told(m))
        router_bounce(m->router, m->stanza, STANZA_SERVICE_UNAVAILABLE, m->to, m->from);
}

static void deliver(const struct arrival *m)
{
    switch (action_of(m)) {
    case DELIVERY_MATCH:
        give(m, m->match);
        return;
    case DELIVERY_MOST:
        give(m, account_most_available(m->account));
        return;
    case DELIVERY_ALL:
        account_each_session(s, m->account) if (session_is_available(s) && s->priority >= 0) give(m, s);
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

void router_message_in(struct router *r, struct account *a, const struct stanza *stanza, struct frame *frame,
                       const struct jid *from, const struct jid *to)
{
    struct arrival m = {.router = r, .account = a, .stanza = stanza, .frame = frame, .from = from, .to = to};
    if (message_read(stanza, &r->arena, &m.content) < 0)
        return;
    m.match = to->resource_len ? account_session(a, jid_resource(to)) : NULL;
    deliver(&m);
}
