/* SPDX-License-Identifier: Apache-2.0 */
/* Connections counted by the peer's address, over all workers (RFC 6120 s. 13.12). Taken when one is accepted
 * and given back when it is closed, so a lock is cheap enough. An IPv6 peer counts as its /64, which is what
 * one subscriber has. Loopback is not counted: proxies and tests live there. */
#ifndef MUSTER_NET_ADDRESS_H
#define MUSTER_NET_ADDRESS_H

#include <pthread.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"

struct address_limit {
    pthread_mutex_t lock;
    struct hash_table counts;
    struct list idle; /* without a connection, but with something said of their rate; the first to have become
                         so first */
    uint32_t idle_count;
    uint32_t max;         /* at a time; 0: no limit */
    uint32_t rate, burst; /* new ones a second, and at once; rate 0: no limit */
};

struct address_count;

void address_limit_init(struct address_limit *l, uint32_t max, uint32_t rate, uint32_t burst);
void address_limit_fini(struct address_limit *l);

enum { ADDRESS_FULL = 1, ADDRESS_FAST = 2 };
/* Count the peer of `fd`. 0 with *ret_count to give back later (NULL: not counted), ADDRESS_FULL or
 * ADDRESS_FAST (too many at a time, or in a short time), or -ENOMEM. */
int address_take(struct address_limit *l, int fd, uint64_t now_ms, struct address_count **ret_count);
void address_give(struct address_limit *l, struct address_count *count); /* takes NULL */

/* What stands for the peer of `fd`; 0: it is of the loopback, or unknown. */
#define ADDRESS_BYTES 8 /* of an IPv6 address, its /64; of an IPv4 address, all 4 */
size_t address_bytes(int fd, char bytes[static ADDRESS_BYTES]);

#endif
