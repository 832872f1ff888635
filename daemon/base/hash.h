/* SPDX-License-Identifier: Apache-2.0 */
/* A hash of bytes seeded per process, so that no peer can choose keys that collide, and a chained
 * table whose nodes are embedded in what they index. */
#ifndef MUSTER_BASE_HASH_H
#define MUSTER_BASE_HASH_H

#include <stdint.h>

#include "base/list.h"
#include "base/span.h"

/* SipHash-1-3 with the process's random key. */
uint64_t hash_bytes(struct span bytes);

struct hash_node {
    struct hash_node *next;
    uint64_t hash;
};

struct hash_table {
    struct hash_node **buckets;
    uint32_t bucket_count, capacity; /* in use, and allocated */
    uint32_t mask; /* one less than a power of two, and at least as many buckets as are in use */
    uint32_t count;
};

void hash_table_init(struct hash_table *t);
/* Frees the buckets; the nodes belong to the caller. */
void hash_table_fini(struct hash_table *t);
/* Add a node that is not in the table; 0, or -ENOMEM (then it is not in). Duplicates are the caller's care. */
int hash_table_insert(struct hash_table *t, struct hash_node *node, uint64_t hash);
void hash_table_remove(struct hash_table *t, struct hash_node *node);

/* First node with this hash, and the next after it; NULL at the end. */
struct hash_node *hash_table_first(const struct hash_table *t, uint64_t hash);
struct hash_node *hash_node_next(const struct hash_node *node);

/* Every node once, in any order: `node` NULL gives the first; NULL at the end. Take the next before
 * removing a node, and insert nothing meanwhile. */
struct hash_node *hash_table_next(const struct hash_table *t, const struct hash_node *node);

#endif
