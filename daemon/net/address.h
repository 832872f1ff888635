/* SPDX-License-Identifier: Apache-2.0 */
/* Connections counted by the peer's address, over all workers (RFC 6120 s. 13.12). Taken when one is accepted and given back when
 * it is closed, so a lock is cheap enough. An IPv6 peer counts as its /64, which is what one subscriber has. Loopback is not counted:
 * proxies and tests live there. */
#ifndef MUSTER_NET_ADDRESS_H
#define MUSTER_NET_ADDRESS_H

#include <pthread.h>
#include <stdint.h>

#include "base/hash.h"

struct address_limit {
    pthread_mutex_t lock;
    struct hash_table counts;
    uint32_t max; /* 0: nothing is counted */
};

struct address_count;

void address_limit_init(struct address_limit *l, uint32_t max);
void address_limit_fini(struct address_limit *l);

enum { ADDRESS_FULL = 1 };
/* Count the peer of `fd`. 0 with *ret_count to give back later (NULL: not counted), ADDRESS_FULL, or -ENOMEM. */
int address_take(struct address_limit *l, int fd, struct address_count **ret_count);
void address_give(struct address_limit *l, struct address_count *count); /* takes NULL */

#endif
