/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ADDRESS_BYTES 8 /* of an IPv6 address, its /64; of an IPv4 address, all 4 */

struct address_count {
    struct hash_node node;
    uint32_t connections;
    uint8_t len;
    char bytes[ADDRESS_BYTES];
};

void address_limit_init(struct address_limit *l, uint32_t max)
{
    *l = (struct address_limit){.max = max};
    pthread_mutex_init(&l->lock, NULL);
    hash_table_init(&l->counts);
}

void address_limit_fini(struct address_limit *l)
{
    hash_table_fini(&l->counts);
    pthread_mutex_destroy(&l->lock);
}

/* The bytes that stand for the peer; 0: it is not counted. */
static size_t peer_bytes(int fd, char bytes[static ADDRESS_BYTES])
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
    const void *v4 = peer.any.sa_family == AF_INET6 ? (const void *)&v6->s6_addr[12] : (const void *)&peer.v4.sin_addr;
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
    c->len = (uint8_t)address.len;
    memcpy(c->bytes, address.ptr, address.len);
    if (hash_table_insert(&l->counts, &c->node, hash) == 0)
        return c;
    free(c);
    return NULL;
}

int address_take(struct address_limit *l, int fd, struct address_count **ret_count)
{
    char bytes[ADDRESS_BYTES];
    struct span address = {bytes, l->max ? peer_bytes(fd, bytes) : 0};
    *ret_count = NULL;
    if (!address.len)
        return 0;
    uint64_t hash = hash_bytes(address);
    pthread_mutex_lock(&l->lock);
    struct address_count *c = count_find(l, address, hash);
    if (!c)
        c = count_make(l, address, hash);
    int outcome = !c ? -ENOMEM : c->connections >= l->max ? ADDRESS_FULL : 0;
    if (outcome == 0) {
        c->connections++;
        *ret_count = c;
    }
    pthread_mutex_unlock(&l->lock);
    return outcome;
}

void address_give(struct address_limit *l, struct address_count *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&l->lock);
    if (--c->connections == 0) {
        hash_table_remove(&l->counts, &c->node);
        free(c);
    }
    pthread_mutex_unlock(&l->lock);
}
