/* SPDX-License-Identifier: Apache-2.0 */
/* The door of an account: which stanzas come in, and which of its own go out (XEP-0191 s. 3.3). What is about
 * to be delivered, stored, copied or answered on the account's behalf has passed it. */
#include "route/delivery.h"
#include "route/internal.h"
#include "xml/write.h"

bool router_blocks(const struct account *a, const struct jid *other)
{
    /* s. 5: one of a user's resources is never blocked from another. */
    return block_list_matches(a->blocks, other) && !span_equal(jid_bare(other), entity_text(a->entity));
}

bool router_frame_is_blocked(const struct account *a, const struct frame *f)
{
    struct arena arena;
    struct span from = a->blocks ? presence_frame_publisher(f) : (struct span){0};
    if (!from.len)
        return false;
    arena_init(&arena);
    from = xml_unescape(&arena, from);
    struct jid jid = jid_of_prepared(from);
    bool is_blocked = from.ptr && router_blocks(a, &jid);
    arena_fini(&arena);
    return is_blocked;
}

/* A blocked sender is answered as one who writes to nobody, so a message that such a sender would hear
 * nothing of is dropped. */
static bool is_refused_aloud(const struct stanza *stanza, const struct jid *to)
{
    switch (stanza->kind) {
    case STANZA_MESSAGE:
        return delivery_table[DELIVERY_NO_ACCOUNT][to->resource_len ? DELIVERY_FULL_NO_MATCH : DELIVERY_BARE]
                             [stanza->type.message] == DELIVERY_ERROR;
    case STANZA_IQ:
        return true;
    case STANZA_PRESENCE:
        return false;
    }
    return false;
}

bool router_admit(struct router *r, const struct account *a, const struct stanza *stanza,
                  const struct jid *from, const struct jid *to)
{
    if (!router_blocks(a, from))
        return true;
    r->counters.blocked++;
    if (is_refused_aloud(stanza, to))
        router_bounce(r, stanza, STANZA_SERVICE_UNAVAILABLE, to, from);
    return false;
}

bool router_let_out(struct router *r, struct session *s, const struct stanza *stanza)
{
    const struct jid *to = &stanza->to;
    if (!stanza->has_to || !router_blocks(s->account, to))
        return true;
    if (!to->local_len && router_is_local(r, jid_domain(to)))
        return true; /* who blocks everybody here still needs the server */
    r->counters.blocked++;
    router_refuse(r, s, stanza, STANZA_BLOCKED);
    return false;
}
