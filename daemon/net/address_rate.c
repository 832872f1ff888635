/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address_rate.h"

#include <stdlib.h>

#define HOUR_MS 3600000u
/* Some megabytes. Who has so many addresses to spend within an hour makes others wait, and not the memory
 * grow. */
#define BUCKETS_MAX 65536

struct bucket {
    struct hash_node node;
    struct list link;
    uint64_t
        full_at_ms; /* when all its tokens are back: each one taken puts it off by its share of the hour */
    uint8_t len;
    char bytes[ADDRESS_BYTES];
};

void address_rate_init(struct address_rate *r, uint32_t per_hour)
{
    *r = (struct address_rate){.per_hour = per_hour};
    pthread_mutex_init(&r->lock, NULL);
    hash_table_init(&r->buckets);
    list_init(&r->by_use);
}

static void bucket_drop(struct address_rate *r, struct bucket *b)
{
    hash_table_remove(&r->buckets, &b->node);
    list_remove(&b->link);
    free(b);
}

void address_rate_fini(struct address_rate *r)
{
    list_each(node, &r->by_use) bucket_drop(r, container_of(node, struct bucket, link));
    hash_table_fini(&r->buckets);
    pthread_mutex_destroy(&r->lock);
}

/* A full bucket is the same as none. Every one is full an hour after its last use, so those behind the first
 * that is not are looked at soon enough. */
static void full_drop(struct address_rate *r, uint64_t now_ms)
{
    while (!list_empty(&r->by_use)) {
        struct bucket *b = container_of(r->by_use.next, struct bucket, link);
        if (b->full_at_ms > now_ms)
            return;
        bucket_drop(r, b);
    }
}

static struct bucket *bucket_find(const struct address_rate *r, struct span address, uint64_t hash)
{
    for (struct hash_node *n = hash_table_first(&r->buckets, hash); n; n = hash_node_next(n)) {
        struct bucket *b = container_of(n, struct bucket, node);
        if (span_equal(span_make(b->bytes, b->len), address))
            return b;
    }
    return NULL;
}

static struct bucket *bucket_make(struct address_rate *r, struct span address, uint64_t hash)
{
    struct bucket *b = r->buckets.count < BUCKETS_MAX ? calloc(1, sizeof *b) : NULL;
    if (!b)
        return NULL;
    list_init(&b->link);
    b->len = (uint8_t)address.len;
    memcpy(b->bytes, address.ptr, address.len);
    if (hash_table_insert(&r->buckets, &b->node, hash) == 0)
        return b;
    free(b);
    return NULL;
}

static bool token_take(struct address_rate *r, struct bucket *b, uint64_t now_ms)
{
    uint64_t from_ms = b->full_at_ms > now_ms ? b->full_at_ms : now_ms;
    uint64_t full_at_ms = from_ms + HOUR_MS / r->per_hour;
    if (full_at_ms > now_ms + HOUR_MS)
        return false;
    b->full_at_ms = full_at_ms;
    list_remove(&b->link);
    list_append(&r->by_use, &b->link);
    return true;
}

int address_rate_take(struct address_rate *r, int fd, uint64_t now_ms)
{
    char bytes[ADDRESS_BYTES];
    if (!r->per_hour)
        return 0;
    struct span address = {bytes, address_bytes(fd, bytes)};
    uint64_t hash = hash_bytes(address);
    pthread_mutex_lock(&r->lock);
    full_drop(r, now_ms);
    struct bucket *b = bucket_find(r, address, hash);
    if (!b)
        b = bucket_make(r, address, hash);
    bool is_taken = b && token_take(r, b, now_ms);
    pthread_mutex_unlock(&r->lock);
    return is_taken ? 0 : ADDRESS_FULL;
}
