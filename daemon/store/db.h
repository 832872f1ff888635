/* SPDX-License-Identifier: Apache-2.0 */
/* The database itself: SQLite in WAL mode, schema version and migration, one connection used by one thread.
 * The daemon's store thread and musterctl (when the daemon is down) both work through this. */
#ifndef MUSTER_STORE_DB_H
#define MUSTER_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/span.h"
#include "sasl/sasl.h"

struct store_db;

enum { STORE_NOT_FOUND = 1, STORE_EXISTS = 2 };

/* Open (and create, mode 0700 for the folder and 0600 for the file) `state_path`/muster.db, migrate its
 * schema. A database of a newer schema than this program knows is refused (-EPROTONOSUPPORT). One process at
 * a time: `state_path`/muster.lock is locked until close, and while another process holds it this is -EBUSY
 * at once. 0 or negative errno with one line in ret_message. */
int store_db_open(const char *state_path, struct store_db **ret_db, struct buffer *ret_message);
struct store_db *store_db_close(struct store_db *db); /* takes NULL, returns NULL */

/* 32 random bytes made when the database was created (salts for unknown users, and the like). */
const uint8_t *store_db_secret(const struct store_db *db);

/* Changes are grouped by the caller: begin, any number of calls, commit (durable when it returns 0:
 * synchronous=FULL). A failed commit rolls back. */
int store_db_begin(struct store_db *db);
int store_db_commit(struct store_db *db);
void store_db_rollback(struct store_db *db);

/* Accounts: `jid` is a prepared bare JID. put adds or, with `replace`, changes the keys; STORE_EXISTS
 * without. remove takes the roster along (and this account's rows only: contacts' rows are the caller's
 * care). */
int store_account_put(struct store_db *db, struct span jid, const struct sasl_credentials *credentials,
                      bool replace);
int store_account_get(struct store_db *db, struct span jid,
                      struct sasl_credentials *ret);            /* STORE_NOT_FOUND */
int store_account_remove(struct store_db *db, struct span jid); /* STORE_NOT_FOUND */
/* Every account in order; `each` returns non-zero to stop, which is passed on. */
int store_account_each(struct store_db *db, int (*each)(void *context, struct span jid), void *context);

/* One row of a roster; also a subscription request that has no visible item yet (RFC 6121 s. 3.1.3). */
struct store_item {
    struct span contact; /* prepared bare JID (or full, or a domain) */
    struct span name;    /* handle; empty: none */
    struct span groups;  /* each group followed by '\n' (a control character no group name may hold) */
    struct span request; /* the stored subscribe stanza while one waits for an answer; else empty */
    uint64_t version;    /* of the roster when this row last changed */
    uint8_t state;       /* enum subscription_state of roster/subscription.h */
    bool is_approved;    /* pre-approved (s. 3.4) */
    bool is_listed;      /* visible in the roster; false: only a request or a pre-approval */
};

/* Whom an account blocks (store/blocks.h). */
struct store_blocks {
    struct span *jids; /* prepared, in the order of their bytes */
    uint32_t count;
};

/* Since when an account is not available (but for the time after a crash). */
struct store_absence {
    uint64_t since_s;   /* since 1970; 0: it never was */
    struct span status; /* what it said last, escaped; empty: nothing */
};
int store_absence_put(struct store_db *db, struct span owner, const struct store_absence *absence);

/* What the account has said of its avatar (avatar.h). */
struct store_avatar {
    bool is_told;  /* false: nothing, ever */
    char hash[41]; /* SHA-1 in hexadecimal; empty: there is none any more */
};
struct store_roster {
    struct store_avatar avatar;
    struct store_absence absence;
    struct store_item *items;
    uint32_t count;
    uint64_t version;
    bool has_offline;                /* messages wait for the account (offline.h) */
    struct span archive_preferences; /* (archive.h); ptr NULL: none */
    struct store_blocks blocks;      /* they are needed wherever the roster is */
};

/* The whole roster of an existing account on `arena`; STORE_NOT_FOUND when there is no such account. */
int store_roster_load(struct store_db *db, struct span jid, struct arena *arena, struct store_roster *ret);
/* Insert or replace one row; remove one. Both set the account's roster version to item->version / version. */
int store_item_put(struct store_db *db, struct span owner, const struct store_item *item);
int store_item_remove(struct store_db *db, struct span owner, struct span contact, uint64_t version);

/* The version that follows: now, in microseconds since 1970, or one more. */
uint64_t store_version_after(uint64_t version);

/* Removals, so that a client that knows an older version can be told what has gone since. */
struct store_removal {
    struct span contact;
    uint64_t version;
};
struct store_removals {
    struct store_removal *items; /* by version */
    uint32_t count;
};
/* An account keeps the last so many: a client that missed more had better read the roster anew, and an owner who
 * replaces a whole roster every day costs no more than this. */
#define STORE_REMOVALS_MAX 256
int store_removal_log(struct store_db *db, struct span owner, struct span contact, uint64_t version);
/* Those after version `since`; STORE_NOT_FOUND when some of them are forgotten, or the account is. */
int store_removals_load(struct store_db *db, struct span owner, uint64_t since, struct arena *arena,
                        struct store_removals *ret);

/* Epochs: each start of the daemon begins one. A version is known when its epoch is, and it is no later than that epoch's
 * end: versions given out after a backup that was restored since are not. */
struct store_epoch {
    uint32_t token; /* random */
    uint64_t first; /* the latest version of any roster when it began */
};
/* A client away for more starts of the daemon than this reads its roster anew. */
#define STORE_EPOCHS_MAX 64
struct store_epochs {
    struct store_epoch list[STORE_EPOCHS_MAX]; /* the present one is the last */
    uint32_t count;
};
int store_epoch_begin(struct store_db *db, uint32_t token, struct store_epochs *ret);
bool store_epochs_know(const struct store_epochs *e, uint32_t token, uint64_t version);

#endif
