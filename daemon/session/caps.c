/* SPDX-License-Identifier: Apache-2.0 */
#include "session/caps.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define NOTIFY SPAN("+notify")

void caps_table_init(struct caps_table *t, uint32_t recent_max)
{
    *t = (struct caps_table){.recent_max = recent_max};
    hash_table_init(&t->entries);
    hash_table_init(&t->nodes);
    list_init(&t->recent);
}

static void caps_forget_oldest(struct caps_table *t)
{
    struct caps *c = container_of(t->recent.next, struct caps, recent);
    list_remove(&c->recent);
    t->recent_count--;
    caps_unref(c);
}

void caps_table_fini(struct caps_table *t)
{
    while (t->recent_count)
        caps_forget_oldest(t);
    assert(!t->entries.count && !t->nodes.count);
    hash_table_fini(&t->entries);
    hash_table_fini(&t->nodes);
}

/* ---- names of nodes ---- */

struct caps_node *caps_node_find(const struct caps_table *t, struct span name)
{
    for (struct hash_node *n = hash_table_first(&t->nodes, hash_bytes(name)); n; n = hash_node_next(n)) {
        struct caps_node *found = container_of(n, struct caps_node, node);
        if (span_equal(span_make(found->name, found->len), name))
            return found;
    }
    return NULL;
}

struct caps_node *caps_node_ref(struct caps_node *n)
{
    n->references++;
    return n;
}

struct caps_node *caps_node_unref(struct caps_node *n)
{
    if (!n || --n->references > 0)
        return NULL;
    hash_table_remove(&n->table->nodes, &n->node);
    free(n);
    return NULL;
}

static struct caps_node *caps_node_take(struct caps_table *t, struct span name)
{
    struct caps_node *n = caps_node_find(t, name);
    if (n)
        return caps_node_ref(n);
    n = malloc(sizeof *n + name.len);
    if (!n)
        return NULL;
    *n = (struct caps_node){.table = t, .references = 1, .len = (uint32_t)name.len};
    memcpy(n->name, name.ptr, name.len);
    if (hash_table_insert(&t->nodes, &n->node, hash_bytes(name)) < 0) {
        free(n);
        return NULL;
    }
    return n;
}

/* ---- entries ---- */

static void caps_free(struct caps *c)
{
    if (c->is_listed)
        hash_table_remove(&c->table->entries, &c->node);
    for (uint32_t i = 0; i < c->count; i++)
        caps_node_unref(c->nodes[i]);
    free(c->nodes);
    free(c);
}

struct caps *caps_ref(struct caps *c)
{
    c->references++;
    return c;
}

struct caps *caps_unref(struct caps *c)
{
    if (c && --c->references == 0)
        caps_free(c);
    return NULL;
}

/* Among the recent ones, as the newest. */
static void caps_touch(struct caps *c)
{
    struct caps_table *t = c->table;
    if (list_empty(&c->recent)) {
        caps_ref(c);
        t->recent_count++;
    }
    list_remove(&c->recent);
    list_append(&t->recent, &c->recent);
    while (t->recent_count > t->recent_max)
        caps_forget_oldest(t);
}

static struct caps *caps_find(const struct caps_table *t, struct span key, uint64_t hash)
{
    for (struct hash_node *n = hash_table_first(&t->entries, hash); n; n = hash_node_next(n)) {
        struct caps *c = container_of(n, struct caps, node);
        if (span_equal(span_make(c->key, c->key_len), key))
            return c;
    }
    return NULL;
}

struct caps *caps_take(struct caps_table *t, struct span key)
{
    uint64_t hash = hash_bytes(key);
    struct caps *c = key.len ? caps_find(t, key, hash) : NULL;
    if (c) {
        caps_ref(c); /* first: touching may forget it */
        if (c->is_known)
            caps_touch(c);
        return c;
    }
    c = malloc(sizeof *c + key.len);
    if (!c)
        return NULL;
    *c = (struct caps){.table = t, .references = 1, .key_len = key.len, .is_listed = key.len > 0};
    list_init(&c->recent);
    list_init(&c->waiting);
    list_init(&c->asked);
    if (key.len)
        memcpy(c->key, key.ptr, key.len);
    if (c->is_listed && hash_table_insert(&t->entries, &c->node, hash) < 0) {
        free(c);
        return NULL;
    }
    return c;
}

static int by_address(const void *left, const void *right)
{
    const struct caps_node *const *a = left, *const *b = right;
    return (uintptr_t)*a < (uintptr_t)*b ? -1 : (uintptr_t)*a > (uintptr_t)*b;
}

static bool is_notify(struct span feature)
{
    return feature.len > NOTIFY.len && feature.len <= CAPS_NODE_NAME_BYTES_MAX + NOTIFY.len &&
           memcmp(feature.ptr + feature.len - NOTIFY.len, NOTIFY.ptr, NOTIFY.len) == 0;
}

int caps_know(struct caps *c, const struct span *features, uint32_t count)
{
    assert(!c->is_known);
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < count && wanted < CAPS_NODES_MAX; i++)
        wanted += is_notify(features[i]);
    c->nodes = wanted ? calloc(wanted, sizeof(struct caps_node *)) : NULL;
    if (wanted && !c->nodes)
        return -ENOMEM;
    for (uint32_t i = 0; c->count < wanted; i++) {
        if (!is_notify(features[i]))
            continue;
        struct span name = span_make(features[i].ptr, features[i].len - NOTIFY.len);
        if (!(c->nodes[c->count] = caps_node_take(c->table, name)))
            break;
        c->count++;
    }
    if (c->count > 1)
        qsort(c->nodes, c->count, sizeof(struct caps_node *), by_address);
    c->is_known = c->count == wanted;
    if (!c->is_known) {
        while (c->count)
            caps_node_unref(c->nodes[--c->count]);
        free(c->nodes);
        c->nodes = NULL;
        return -ENOMEM;
    }
    if (c->is_listed)
        caps_touch(c);
    return 0;
}

bool caps_want(const struct caps *c, const struct caps_node *n)
{
    uint32_t from = 0, to = c ? c->count : 0;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (c->nodes[middle] == n)
            return true;
        if ((uintptr_t)c->nodes[middle] < (uintptr_t)n)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}
