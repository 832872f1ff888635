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

static int hash_table_resize(struct hash_table *t, uint32_t bucket_count)
{
    struct hash_node **buckets = calloc(bucket_count, sizeof *buckets);
    if (!buckets)
        return -ENOMEM;
    for (uint32_t i = 0; i < t->bucket_count; i++) {
        for (struct hash_node *node = t->buckets[i], *next; node; node = next) {
            next = node->next;
            struct hash_node **bucket = &buckets[node->hash & (bucket_count - 1)];
            node->next = *bucket;
            *bucket = node;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = bucket_count;
    return 0;
}

int hash_table_insert(struct hash_table *t, struct hash_node *node, uint64_t hash)
{
    if (t->count >= t->bucket_count) {
        int error = hash_table_resize(t, t->bucket_count ? t->bucket_count * 2 : HASH_BUCKETS_FIRST);
        if (error && !t->bucket_count)
            return error; /* a table that cannot grow still works, only slower; one without buckets cannot */
    }
    node->hash = hash;
    struct hash_node **bucket = &t->buckets[hash & (t->bucket_count - 1)];
    node->next = *bucket;
    *bucket = node;
    t->count++;
    return 0;
}

void hash_table_remove(struct hash_table *t, struct hash_node *node)
{
    struct hash_node **link = &t->buckets[node->hash & (t->bucket_count - 1)];
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
    struct hash_node *node = t->buckets[hash & (t->bucket_count - 1)];
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
    uint32_t bucket = node ? (uint32_t)(node->hash & (t->bucket_count - 1)) + 1 : 0;
    for (; bucket < t->bucket_count; bucket++)
        if (t->buckets[bucket])
            return t->buckets[bucket];
    return NULL;
}
