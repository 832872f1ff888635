/* SPDX-License-Identifier: Apache-2.0 */
/* How many accounts outside its roster a session may address (RFC 6120 s. 13.12): who sends advertisements,
 * guesses names or gathers vCards addresses many, once each; whoever talks to somebody addresses the same one
 * again. */
#include <stdlib.h>

#include "base/hash.h"
#include "presence/group.h"
#include "route/internal.h"

/* Nobody speaks with more strangers in turn; whom it has forgotten counts again. */
#define RECENT_MAX 32
/* `spent` counts 60,000 for one: a rate of one a minute is one of them a millisecond. */
#define STRANGER 60000u

struct strangers {
    uint64_t spent;
    uint32_t at_ms, next;
    uint64_t recent[RECENT_MAX]; /* hashes of bare JIDs; 0: none */
};

static bool is_known(struct router *r, const struct account *a, const struct jid *to)
{
    struct jid bare = jid_of_prepared(jid_bare(to));
    struct entity *contact = entity_find(&r->entities, &bare);
    return (contact && roster_find(&a->roster, contact)) || group_view(a, jid_bare(to)).is_to;
}

/* Answers are nobody's own idea, and an end must be told. */
static bool is_counted(const struct stanza *stanza)
{
    switch (stanza->kind) {
    case STANZA_MESSAGE:
        return stanza->type.message != MESSAGE_ERROR;
    case STANZA_IQ:
        return stanza->type.iq == IQ_GET || stanza->type.iq == IQ_SET;
    case STANZA_PRESENCE:
        return stanza->type.presence == PRESENCE_AVAILABLE || stanza->type.presence == PRESENCE_SUBSCRIBE ||
               stanza->type.presence == PRESENCE_PROBE;
    }
    return false;
}

static bool stranger_charge(struct router *r, struct strangers *known, uint64_t hash)
{
    for (int i = 0; i < RECENT_MAX; i++)
        if (known->recent[i] == hash)
            return true;
    uint32_t now_ms = (uint32_t)loop_now_ms(r->loop);
    uint64_t given = (uint64_t)(now_ms - known->at_ms) * r->settings->stranger_rate;
    uint64_t spent = (given < known->spent ? known->spent - given : 0) + STRANGER;
    if (spent > (uint64_t)r->settings->stranger_burst * STRANGER)
        return false;
    known->spent = spent;
    known->at_ms = now_ms;
    known->recent[known->next++ % RECENT_MAX] = hash;
    return true;
}

bool router_stranger_admits(struct router *r, struct session *s, const struct stanza *stanza)
{
    const struct account *a = s->account;
    if (!r->settings->stranger_rate || !stanza->has_to || !stanza->to.local_len || !is_counted(stanza) ||
        span_equal(jid_bare(&stanza->to), entity_text(a->entity)) || is_known(r, a, &stanza->to))
        return true;
    if (!s->strangers)
        s->strangers = calloc(1, sizeof *s->strangers);
    uint64_t hash = hash_bytes(jid_bare(&stanza->to));
    if (!s->strangers || stranger_charge(r, s->strangers, hash ? hash : 1))
        return true;
    r->counters.strangers_refused++;
    return false;
}
