/* SPDX-License-Identifier: Apache-2.0 */
/* The publishers that cause most deliveries, in bounded memory whatever the number of accounts: the
 * Space-Saving sketch (Metwally, Agrawal, El Abbadi 2005), weighted. Who is not among those counted takes the
 * place of the one with the fewest deliveries, and its count, which is the error from then on. Of `total`
 * deliveries:
 *
 * - whoever caused more than total / HEAVIEST_MAX of them is in it;
 * - deliveries - error <= what a publisher in it caused <= deliveries, and error <= total / HEAVIEST_MAX;
 * - one that is not in it caused at most heaviest_missed(). */
#ifndef MUSTER_PRESENCE_HEAVIEST_H
#define MUSTER_PRESENCE_HEAVIEST_H

#include <stdint.h>

#include "base/span.h"

/* A twentieth of all deliveries is found with certainty, and three times that many rivals are told apart. The
 * search of one change goes over 64 hashes: half a kilobyte. */
#define HEAVIEST_MAX 64

struct heavy {
    char *name; /* a copy: an account may go while it is counted */
    uint32_t name_len;
    uint32_t watchers; /* that the last change reached */
    uint64_t deliveries, error;
    uint64_t changes, bytes; /* since it is counted without a break: at most what it caused */
};

struct heaviest {
    uint64_t hashes[HEAVIEST_MAX]; /* of the names */
    struct heavy entries[HEAVIEST_MAX];
    uint32_t count;
    uint64_t total; /* deliveries of everybody */
};

/* One change of one publisher. */
struct heavy_change {
    uint32_t watchers, deliveries;
    uint64_t bytes;
};

/* Count a change; `hash` is that of `name`, the same one every time. Without memory for a name it is not
 * counted. */
void heaviest_add(struct heaviest *h, struct span name, uint64_t hash, const struct heavy_change *change);
/* The most that one that is not in it has caused. */
uint64_t heaviest_missed(const struct heaviest *h);
/* Empty it; frees the names. */
void heaviest_clear(struct heaviest *h);

#endif
