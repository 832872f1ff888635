/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t hash_key[2];

static void hash_key_make(void)
{
    if (getrandom(hash_key, sizeof hash_key, 0) != (ssize_t)sizeof hash_key)
        abort(); /* a kernel that has no randomness for 16 bytes cannot run a TLS server either */
}

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t hash_bytes(struct span bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, hash_key_make);
    uint64_t v[4] = {hash_key[0] ^ 0x736f6d6570736575u, hash_key[1] ^ 0x646f72616e646f6du,
                     hash_key[0] ^ 0x6c7967656e657261u, hash_key[1] ^ 0x7465646279746573u};
    const char *p = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)bytes.len << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)(unsigned char)p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#define HASH_BUCKETS_FIRST 16

void hash_table_init(struct hash_table *t)
{
    *t = (struct hash_table){0};
}

void hash_table_fini(struct hash_table *t)
{
    free(t->buckets);
    hash_table_init(t);
}

/* The bucket of `hash`: the last mask that has not all of its buckets yet counts for those that are there,
 * the one before for the others. */
static inline struct hash_node **hash_table_bucket(const struct hash_table *t, uint64_t hash)
{
    uint32_t bucket = (uint32_t)hash & t->mask;
    return &t->buckets[bucket < t->bucket_count ? bucket : bucket & t->mask >> 1];
}

static int hash_table_reserve(struct hash_table *t)
{
    uint32_t capacity = t->capacity ? t->capacity * 2 : HASH_BUCKETS_FIRST;
    struct hash_node **buckets = reallocarray(t->buckets, capacity, sizeof *buckets);
    if (!buckets)
        return -ENOMEM;
    t->buckets = buckets;
    t->capacity = capacity;
    return 0;
}

/* One bucket more, split off another (linear hashing): a table of a hundred thousand nodes grows without
 * anybody waiting for all of them to be moved. */
static int hash_table_grow(struct hash_table *t)
{
    if (t->bucket_count == t->capacity && hash_table_reserve(t) < 0)
        return -ENOMEM;
    uint32_t added = t->bucket_count;
    if (added > t->mask)
        t->mask = t->mask * 2 + 1;
    t->buckets[added] = NULL;
    t->bucket_count++;
    if (!added)
        return 0;
    struct hash_node **link = &t->buckets[added & t->mask >> 1];
    while (*link) {
        struct hash_node *node = *link;
        if (((uint32_t)node->hash & t->mask) != added) {
            link = &node->next;
            continue;
        }
        *link = node->next;
        node->next = t->buckets[added];
        t->buckets[added] = node;
    }
    return 0;
}

int hash_table_insert(struct hash_table *t, struct hash_node *node, uint64_t hash)
{
    if (t->count >= t->bucket_count) {
        int error = hash_table_grow(t);
        if (error && !t->bucket_count)
            return error; /* a table that cannot grow still works, only slower; one without buckets cannot */
    }
    node->hash = hash;
    struct hash_node **bucket = hash_table_bucket(t, hash);
    node->next = *bucket;
    *bucket = node;
    t->count++;
    return 0;
}

void hash_table_remove(struct hash_table *t, struct hash_node *node)
{
    struct hash_node **link = hash_table_bucket(t, node->hash);
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node->next = NULL;
    t->count--;
}

struct hash_node *hash_table_first(const struct hash_table *t, uint64_t hash)
{
    if (!t->bucket_count)
        return NULL;
    struct hash_node *node = *hash_table_bucket(t, hash);
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct hash_node *hash_node_next(const struct hash_node *node)
{
    struct hash_node *next = node->next;
    while (next && next->hash != node->hash)
        next = next->next;
    return next;
}

struct hash_node *hash_table_next(const struct hash_table *t, const struct hash_node *node)
{
    if (node && node->next)
        return node->next;
    uint32_t bucket = node ? (uint32_t)(hash_table_bucket(t, node->hash) - t->buckets) + 1 : 0;
    for (; bucket < t->bucket_count; bucket++)
        if (t->buckets[bucket])
            return t->buckets[bucket];
    return NULL;
}
