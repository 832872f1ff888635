/* SPDX-License-Identifier: Apache-2.0 */
/* The store thread: takes requests from every worker, runs all that wait as one transaction (group commit),
 * and answers each after the commit, so that an answer that promises durability never leaves before it. */
#ifndef MUSTER_STORE_STORE_H
#define MUSTER_STORE_STORE_H

#include "base/arena.h"
#include "store/db.h"

struct store;

enum store_operation {
    STORE_CREDENTIALS, /* jid -> credentials, or result STORE_NOT_FOUND */
    STORE_ROSTER,      /* jid -> roster on the request's arena, or STORE_NOT_FOUND */
    STORE_CHANGE,      /* jid's rows: changes[] in order */
    STORE_REMOVALS,    /* jid, since -> removals on the request's arena, or STORE_NOT_FOUND: forgotten */
    STORE_COMMAND,     /* command and body -> reply, affected */
    STORE_CALL, /* call(db, request) -> result, and whatever else is agreed between it and the requester */
};

struct store_change {
    bool is_delisting; /* the contact was visible in the roster and is no longer: into the log of removals */
    bool is_removal;   /* only item.contact and item.version count */
    struct store_item item; /* spans borrowed from the request's arena */
};

struct store_request {
    struct store_request *next; /* the store's */
    enum store_operation operation;
    struct span jid;              /* on `arena` */
    struct arena arena;           /* owns everything the spans point to; the requester's init and fini */
    struct store_change *changes; /* on `arena` */
    uint32_t change_count;
    uint64_t since;            /* STORE_REMOVALS */
    struct span command, body; /* STORE_COMMAND: on `arena` */
    /* STORE_CALL: run on the store thread within its transaction; 0, STORE_NOT_FOUND, another small positive outcome, or negative
     * errno. It may run twice, the first time rolled back: it sets its outputs anew each time. */
    int (*call)(struct store_db *db, struct store_request *r);
    /* the answer */
    int result; /* 0, STORE_NOT_FOUND, 1 (refused command), or negative errno (logged by the store) */
    struct sasl_credentials credentials;
    struct store_roster roster;
    struct store_removals removals;
    struct buffer reply, affected; /* STORE_COMMAND: the requester's init and fini */
    /* Called on the store thread after the commit: posts the request home; must not block or free it. */
    void (*done)(struct store_request *r);
};

/* Open the database and start the thread. 0 or negative errno with a line in ret_message. */
int store_open(const char *state_path, const struct span *domains, unsigned domain_count,
               struct store **ret_store, struct buffer *ret_message);
/* Answer what is queued, then stop; every request has been answered when it returns. Takes NULL, returns
 * NULL. */
struct store *store_close(struct store *s);
const uint8_t *store_secret(const struct store *s); /* 32 bytes */

/* Constant while it is open. */
const struct store_epochs *store_epochs(const struct store *s);

/* To be called on the store's thread around the answers to each group of requests. Before the first request. */
void store_bracket_answers(struct store *s, void (*begin)(void), void (*end)(void));

/* Any thread. The request belongs to the store until done. Requests of one thread are run in their order. */
void store_submit(struct store *s, struct store_request *r);

struct store_counters {
    uint64_t requests, transactions, failed;
};
struct store_counters store_counters_read(struct store *s);

#endif
