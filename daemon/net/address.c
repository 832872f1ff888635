/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

/* About 6 MiB. Beyond it the first is forgotten, whose allowance has come back most. */
#define IDLE_MAX 65536
/* Looked at for each new connection: more than become idle by it. */
#define SWEEP_MAX 4
/* `spent` counts thousandths of a connection: a rate of one a second is one of them a millisecond. */
#define CONNECTION 1000u

struct address_count {
    struct hash_node node;
    struct list idle;
    uint32_t connections;
    uint64_t spent, at_ms;
    uint8_t len;
    char bytes[ADDRESS_BYTES];
};

void address_limit_init(struct address_limit *l, uint32_t max, uint32_t rate, uint32_t burst)
{
    *l = (struct address_limit){.max = max, .rate = rate, .burst = burst};
    list_init(&l->idle);
    pthread_mutex_init(&l->lock, NULL);
    hash_table_init(&l->counts);
}

/* It is idle, or was never used. */
static void count_free(struct address_limit *l, struct address_count *c)
{
    l->idle_count -= !list_empty(&c->idle);
    list_remove(&c->idle);
    hash_table_remove(&l->counts, &c->node);
    free(c);
}

void address_limit_fini(struct address_limit *l)
{
    while (!list_empty(&l->idle))
        count_free(l, container_of(l->idle.next, struct address_count, idle));
    hash_table_fini(&l->counts);
    pthread_mutex_destroy(&l->lock);
}

size_t address_bytes(int fd, char bytes[static ADDRESS_BYTES])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {0};
    socklen_t len = sizeof peer;
    if (getpeername(fd, &peer.any, &len) < 0)
        return 0;
    const struct in6_addr *v6 = &peer.v6.sin6_addr;
    if (peer.any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(v6)) {
        memcpy(bytes, v6, ADDRESS_BYTES);
        return IN6_IS_ADDR_LOOPBACK(v6) ? 0 : ADDRESS_BYTES;
    }
    const void *v4 =
        peer.any.sa_family == AF_INET6 ? (const void *)&v6->s6_addr[12] : (const void *)&peer.v4.sin_addr;
    memcpy(bytes, v4, 4);
    return bytes[0] == 127 ? 0 : 4;
}

static struct address_count *count_find(const struct address_limit *l, struct span address, uint64_t hash)
{
    for (struct hash_node *n = hash_table_first(&l->counts, hash); n; n = hash_node_next(n)) {
        struct address_count *c = container_of(n, struct address_count, node);
        if (span_equal(span_make(c->bytes, c->len), address))
            return c;
    }
    return NULL;
}

static struct address_count *count_make(struct address_limit *l, struct span address, uint64_t hash)
{
    struct address_count *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    list_init(&c->idle);
    c->len = (uint8_t)address.len;
    memcpy(c->bytes, address.ptr, address.len);
    if (hash_table_insert(&l->counts, &c->node, hash) == 0)
        return c;
    free(c);
    return NULL;
}

static uint64_t spent_now(const struct address_limit *l, const struct address_count *c, uint64_t now_ms)
{
    uint64_t given = now_ms > c->at_ms ? (now_ms - c->at_ms) * l->rate : 0;
    return given < c->spent ? c->spent - given : 0;
}

/* Nothing is connected: keep it while its rate has something to remember. */
static void count_rest(struct address_limit *l, struct address_count *c)
{
    if (!l->rate) {
        count_free(l, c);
        return;
    }
    list_append(&l->idle, &c->idle);
    l->idle_count++;
}

static void idle_sweep(struct address_limit *l, uint64_t now_ms)
{
    for (int i = 0; i < SWEEP_MAX && !list_empty(&l->idle); i++) {
        struct address_count *c = container_of(l->idle.next, struct address_count, idle);
        if (l->idle_count <= IDLE_MAX && spent_now(l, c, now_ms))
            return;
        count_free(l, c);
    }
}

static int count_take(struct address_limit *l, struct address_count *c, uint64_t now_ms)
{
    if (l->max && c->connections >= l->max)
        return ADDRESS_FULL;
    if (l->rate) {
        uint64_t spent = spent_now(l, c, now_ms) + CONNECTION;
        if (spent > (uint64_t)l->burst * CONNECTION)
            return ADDRESS_FAST;
        c->spent = spent;
        c->at_ms = now_ms;
    }
    l->idle_count -= !list_empty(&c->idle);
    list_remove(&c->idle);
    c->connections++;
    return 0;
}

int address_take(struct address_limit *l, int fd, uint64_t now_ms, struct address_count **ret_count)
{
    char bytes[ADDRESS_BYTES];
    struct span address = {bytes, l->max || l->rate ? address_bytes(fd, bytes) : 0};
    *ret_count = NULL;
    if (!address.len)
        return 0;
    uint64_t hash = hash_bytes(address);
    pthread_mutex_lock(&l->lock);
    idle_sweep(l, now_ms);
    struct address_count *c = count_find(l, address, hash);
    if (!c)
        c = count_make(l, address, hash);
    int outcome = c ? count_take(l, c, now_ms) : -ENOMEM;
    if (outcome == 0)
        *ret_count = c;
    pthread_mutex_unlock(&l->lock);
    return outcome;
}

void address_give(struct address_limit *l, struct address_count *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&l->lock);
    if (--c->connections == 0)
        count_rest(l, c);
    pthread_mutex_unlock(&l->lock);
}
