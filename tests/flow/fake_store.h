/* SPDX-License-Identifier: Apache-2.0 */
/* store/ in memory: answers when the test says so, fails when it says so. */
#ifndef MUSTER_TESTS_FLOW_FAKE_STORE_H
#define MUSTER_TESTS_FLOW_FAKE_STORE_H

#include "roster/subscription.h"
#include "store/store.h"

struct fake_item {
    struct fake_item *next;
    char *contact, *name, *groups, *request;
    uint64_t version;
    uint8_t state;
    bool is_approved, is_listed;
};

struct fake_removal {
    struct fake_removal *next; /* the one before */
    uint64_t version;
    char contact[64];
};

struct fake_account {
    struct fake_account *next;
    char *jid;
    struct fake_item *items;
    struct fake_removal *removals; /* the newest first */
    uint64_t version, removals_from;
};

struct store *fake_store_new(void);
struct store *fake_store_free(struct store *s);

/* Every account has the password "secret". */
struct fake_account *fake_store_account(struct store *s, const char *jid, bool is_made);
void fake_store_account_remove(struct store *s, const char *jid);
struct fake_item *fake_store_item(struct store *s, const char *jid, const char *contact, bool is_made);

bool fake_store_blocks(struct store *s, const char *jid, const char *whom);

/* From now on: 0 all is well, else every request of this kind ends with -error. */
void fake_store_fail(struct store *s, enum store_operation operation, int error);
bool fake_store_has_work(const struct store *s);
/* Run the oldest request and call its `done`. */
void fake_store_run_one(struct store *s);

#endif
