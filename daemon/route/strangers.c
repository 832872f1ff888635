/* SPDX-License-Identifier: Apache-2.0 */
/* How many accounts outside its roster a session may address (RFC 6120 s. 13.12): who sends advertisements,
 * guesses names or gathers vCards addresses many, once each; whoever talks to somebody addresses the same one
 * again. So is a server, for each must be looked up and connected to. A domain of another server may address
 * a multiple of that here, as each worker counts it: of accounts that do not have the sender in their roster,
 * and have not sent it presence. */
#include <stdlib.h>

#include "base/hash.h"
#include "presence/group.h"
#include "route/internal.h"

/* Nobody speaks with more strangers in turn; whom it has forgotten counts again. */
#define RECENT_MAX 32
/* `spent` counts 60,000 for one: a rate of one a minute is one of them a millisecond. */
#define STRANGER 60000u

/* A domain says what many say. */
#define DOMAIN_SESSIONS 10
/* Domains that are remembered; the one that was silent for the longest time is forgotten, and begins anew.
 * Who has thousands of domains with certificates is no stranger's limit's business. */
#define DOMAINS_MAX 1024

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

static bool stranger_charge(struct router *r, struct strangers *known, uint64_t hash, uint32_t sessions)
{
    for (int i = 0; i < RECENT_MAX; i++)
        if (known->recent[i] == hash)
            return true;
    uint32_t now_ms = (uint32_t)loop_now_ms(r->loop);
    uint64_t given = (uint64_t)(now_ms - known->at_ms) * r->settings->stranger_rate * sessions;
    uint64_t spent = (given < known->spent ? known->spent - given : 0) + STRANGER;
    if (spent > (uint64_t)r->settings->stranger_burst * STRANGER * sessions) {
        r->counters.strangers_refused++;
        return false;
    }
    known->spent = spent;
    known->at_ms = now_ms;
    known->recent[known->next++ % RECENT_MAX] = hash;
    return true;
}

bool router_stranger_admits(struct router *r, struct session *s, const struct stanza *stanza)
{
    const struct account *a = s->account;
    if (!r->settings->stranger_rate || !stanza->has_to || !is_counted(stanza) ||
        (!stanza->to.local_len && router_is_local(r, jid_domain(&stanza->to))) ||
        span_equal(jid_bare(&stanza->to), entity_text(a->entity)) || is_known(r, a, &stanza->to))
        return true;
    if (!s->strangers)
        s->strangers = calloc(1, sizeof *s->strangers);
    uint64_t hash = hash_bytes(jid_bare(&stanza->to));
    return !s->strangers || stranger_charge(r, s->strangers, hash ? hash : 1, 1);
}

/* ---- other domains ---- */

struct domain_strangers {
    struct hash_node node; /* in router->strange_domains */
    struct list link;      /* in router->strange_order: who spoke last is last */
    struct strangers known;
    size_t len;
    char domain[];
};

static void domain_forget(struct router *r, struct domain_strangers *d)
{
    hash_table_remove(&r->strange_domains, &d->node);
    list_remove(&d->link);
    free(d);
}

/* NULL: no memory. */
static struct domain_strangers *domain_take(struct router *r, struct span domain)
{
    uint64_t hash = hash_bytes(domain);
    for (struct hash_node *n = hash_table_first(&r->strange_domains, hash); n; n = hash_node_next(n)) {
        struct domain_strangers *d = container_of(n, struct domain_strangers, node);
        if (!span_equal(span_make(d->domain, d->len), domain))
            continue;
        list_remove(&d->link);
        list_append(&r->strange_order, &d->link);
        return d;
    }
    if (r->strange_domains.count >= DOMAINS_MAX)
        domain_forget(r, container_of(r->strange_order.next, struct domain_strangers, link));
    struct domain_strangers *d = calloc(1, sizeof *d + domain.len);
    if (!d || hash_table_insert(&r->strange_domains, &d->node, hash) < 0) {
        free(d);
        return NULL;
    }
    list_append(&r->strange_order, &d->link);
    d->len = domain.len;
    memcpy(d->domain, domain.ptr, domain.len);
    return d;
}

static bool is_partner(const struct account *a, const struct jid *from)
{
    account_each_session(s, a) if (directed_reaches(s, jid_bare(from))) return true;
    return false;
}

bool router_stranger_comes(struct router *r, const struct account *a, const struct stanza *stanza,
                           const struct jid *from)
{
    if (!r->remote || !r->settings->stranger_rate || router_is_local(r, jid_domain(from)) ||
        !is_counted(stanza) || is_known(r, a, from) || is_partner(a, from))
        return true;
    struct domain_strangers *d = domain_take(r, jid_domain(from));
    uint64_t hash = a->entity->node.hash;
    return !d || stranger_charge(r, &d->known, hash ? hash : 1, DOMAIN_SESSIONS);
}

void router_strangers_free(struct router *r)
{
    while (!list_empty(&r->strange_order))
        domain_forget(r, container_of(r->strange_order.next, struct domain_strangers, link));
    hash_table_fini(&r->strange_domains);
}
