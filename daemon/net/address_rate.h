/* SPDX-License-Identifier: Apache-2.0 */
/* How often a peer's address may do something in an hour, over all workers: a bucket of that many tokens
 * each, which fills again in an hour. An IPv6 peer is its /64. All of the
 * loopback are one, with those whose address cannot be told: what is limited here is rare, and a proxy that
 * hides who asks must not open the door. */
#ifndef MUSTER_NET_ADDRESS_RATE_H
#define MUSTER_NET_ADDRESS_RATE_H

#include "net/address.h"

struct address_rate {
    pthread_mutex_t lock;
    struct hash_table buckets; /* those that are not full */
    struct list by_use;        /* the same, the longest unused first */
    uint32_t per_hour;         /* at most one in a millisecond; 0: no limit */
};

void address_rate_init(struct address_rate *r, uint32_t per_hour);
void address_rate_fini(struct address_rate *r);

/* Take one token of the peer of `fd`. 0 or ADDRESS_FULL: there is none, also when too many addresses are
 * remembered already, and without memory. */
int address_rate_take(struct address_rate *r, int fd, uint64_t now_ms);

#endif
