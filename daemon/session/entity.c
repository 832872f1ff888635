/* SPDX-License-Identifier: Apache-2.0 */
#include "session/entity.h"

#include <assert.h>
#include <stdlib.h>

void entity_table_init(struct entity_table *t)
{
    hash_table_init(&t->table);
    t->bytes = 0;
}

void entity_table_fini(struct entity_table *t)
{
    assert(t->table.count == 0);
    hash_table_fini(&t->table);
}

size_t entity_table_bytes(const struct entity_table *t)
{
    return t->bytes + t->table.capacity * sizeof *t->table.buckets;
}

uint64_t entity_hash(struct span bare)
{
    return hash_bytes(bare);
}

static struct entity *entity_find_text(const struct entity_table *t, struct span bare, uint64_t hash)
{
    for (struct hash_node *node = hash_table_first(&t->table, hash); node; node = hash_node_next(node)) {
        struct entity *e = container_of(node, struct entity, node);
        if (span_equal(entity_text(e), bare))
            return e;
    }
    return NULL;
}

struct entity *entity_find(const struct entity_table *t, const struct jid *jid)
{
    struct span bare = jid_bare(jid);
    return entity_find_text(t, bare, entity_hash(bare));
}

struct entity *entity_take(struct entity_table *t, const struct jid *jid)
{
    struct span bare = jid_bare(jid);
    uint64_t hash = entity_hash(bare);
    struct entity *e = entity_find_text(t, bare, hash);
    if (e)
        return entity_ref(e);
    e = malloc(sizeof *e + bare.len);
    if (!e)
        return NULL;
    *e = (struct entity){.references = 1, .local_len = jid->local_len, .domain_len = jid->domain_len};
    if (bare.len)
        memcpy(e->text, bare.ptr, bare.len);
    if (hash_table_insert(&t->table, &e->node, hash) < 0) {
        free(e);
        return NULL;
    }
    t->bytes += sizeof *e + bare.len;
    return e;
}

struct entity *entity_ref(struct entity *e)
{
    e->references++;
    return e;
}

void entity_give(struct entity_table *t, struct entity *e)
{
    if (!e)
        return;
    assert(e->references > 0);
    if (--e->references > 0)
        return;
    /* Whatever hangs here holds a reference, so it has gone before. */
    assert(!e->account && !e->watch);
    hash_table_remove(&t->table, &e->node);
    t->bytes -= sizeof *e + entity_text(e).len;
    free(e);
}

struct jid entity_jid(const struct entity *e)
{
    return (struct jid){.text = e->text, .local_len = e->local_len, .domain_len = e->domain_len};
}
