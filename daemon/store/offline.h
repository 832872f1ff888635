/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that wait for an account without a resource to take them (XEP-0160): a queue for each account. On
 * the store thread (STORE_CALL), within its transaction. */
#ifndef MUSTER_STORE_OFFLINE_H
#define MUSTER_STORE_OFFLINE_H

#include "store/db.h"

/* No more waits: the account has its share. */
enum { STORE_FULL = 4 };

struct store_offline_limits {
    uint32_t messages, bytes; /* of one account */
};

/* Put a message behind those of `owner`. 0, STORE_NOT_FOUND (no such account), STORE_FULL or negative
 * errno. */
int store_offline_add(struct store_db *db, struct span owner, uint64_t us, struct span stanza,
                      const struct store_offline_limits *limits);

struct store_offline_message {
    uint64_t number; /* grows */
    uint64_t us;     /* when it came */
    struct span stanza;
};
/* A page is what is read and sent in one go: about 50 microseconds on either thread. */
#define STORE_OFFLINE_PAGE_MESSAGES 64
#define STORE_OFFLINE_PAGE_BYTES 262144
struct store_offline_page {
    struct store_offline_message messages[STORE_OFFLINE_PAGE_MESSAGES];
    uint32_t count;
    bool is_last;
};

/* Those after number `after`, oldest first, on `arena`: some, and at least one if there is any. None of an
 * account that does not exist. */
int store_offline_read(struct store_db *db, struct span owner, uint64_t after, struct arena *arena,
                       struct store_offline_page *ret);
/* Forget those up to `number`. */
int store_offline_remove(struct store_db *db, struct span owner, uint64_t number);

#endif
