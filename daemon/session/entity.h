/* SPDX-License-Identifier: Apache-2.0 */
/* An entity (RFC 6120 s. 1.3) as one worker knows it: an interned bare JID, counted, equal when the pointers
 * are equal. What the worker holds about it hangs here, so that one look-up finds everything: the account,
 * when its home is this worker and it is in memory, and the watch list, when somebody here watches it. */
#ifndef MUSTER_SESSION_ENTITY_H
#define MUSTER_SESSION_ENTITY_H

#include <stdint.h>

#include "base/hash.h"
#include "jid/jid.h"

struct account;
struct watch;

struct entity {
    struct hash_node node;
    struct account *account; /* not counted */
    struct watch *watch;     /* not counted */
    uint32_t references;
    uint16_t local_len, domain_len;
    char text[]; /* the bare JID, prepared */
};

struct entity_table {
    struct hash_table table;
    size_t bytes; /* of all entities, for the memory report */
};

void entity_table_init(struct entity_table *t);
/* Every entity must have been given back. */
void entity_table_fini(struct entity_table *t);

/* Find or make the entity of bare(jid), with a reference for the caller; NULL without memory. */
struct entity *entity_take(struct entity_table *t, const struct jid *jid);
/* Find only, no reference; NULL when nothing here knows it. */
struct entity *entity_find(const struct entity_table *t, const struct jid *jid);
struct entity *entity_ref(struct entity *e);
/* Takes NULL. Whoever hangs something here holds a reference: at the last one account and watch are NULL. */
void entity_give(struct entity_table *t, struct entity *e);

struct jid entity_jid(const struct entity *e); /* borrowed from `e` */
static inline struct span entity_text(const struct entity *e)
{
    return span_make(e->text, (size_t)e->local_len + (e->local_len ? 1u : 0u) + e->domain_len);
}

/* The worker that is the home of this bare JID: the same on every worker of the process. */
static inline uint32_t entity_home(uint64_t hash, uint32_t workers)
{
    return (uint32_t)(((hash >> 32) * workers) >> 32);
}
/* Entities and the table they are in. */
size_t entity_table_bytes(const struct entity_table *t);
uint64_t entity_hash(struct span bare);

#endif
