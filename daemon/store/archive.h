/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of messages (XEP-0313), one for each account. Only the oldest are ever removed, so the numbers of an archive's messages
 * have no gaps, and their times never go back: places in it are found by number, and counted by subtraction. On the store thread
 * (STORE_CALL), within its transaction. */
#ifndef MUSTER_STORE_ARCHIVE_H
#define MUSTER_STORE_ARCHIVE_H

#include "store/db.h"

/* The id, of a query, of a message that is not there (any more). */
enum { STORE_ARCHIVE_NO_ID = 5 };

struct store_archive_entry {
    uint64_t id;                /* random: how clients name it */
    uint64_t us;                /* when it came */
    struct span peer, resource; /* whom it is to or from; the latter may be empty */
    struct span stanza;
};
/* Put it at the end of the archive of `owner`, and take off the oldest beyond `messages_max` (some each time). 0, STORE_NOT_FOUND or
 * negative errno. */
int store_archive_add(struct store_db *db, struct span owner, const struct store_archive_entry *entry,
                      uint32_t messages_max);

/* What one answer brings: about 100 microseconds on the store thread, and as much on the worker. */
#define STORE_ARCHIVE_PAGE_MESSAGES 100
#define STORE_ARCHIVE_PAGE_BYTES 1048576

struct store_archive_query {
    struct span peer, resource;       /* empty: with anybody */
    uint64_t from_us, to_us;          /* 0: from the beginning; UINT64_MAX: to the end */
    bool has_after_id, has_before_id; /* of the query */
    bool has_after, has_before;       /* of the page */
    bool is_backward;                 /* the last ones rather than the first */
    uint64_t after_id, before_id, after, before;
    uint64_t ids[STORE_ARCHIVE_PAGE_MESSAGES]; /* these, instead */
    uint32_t id_count;
    uint32_t max; /* of a page; 0: the count only */
};
struct store_archive_message {
    uint64_t number, id, us;
    struct span stanza;
};
struct store_archive_page {
    struct store_archive_message messages[STORE_ARCHIVE_PAGE_MESSAGES]; /* oldest first; on the arena */
    uint32_t count;
    bool is_complete; /* nothing more that way */
    bool has_total;   /* what follows is known: it is not, when it would have to be counted one by one */
    uint64_t total, index;
};
/* 0 (also when there is no such account, or nothing), STORE_ARCHIVE_NO_ID or negative errno. */
int store_archive_read(struct store_db *db, struct span owner, const struct store_archive_query *query,
                       struct arena *arena, struct store_archive_page *ret);
/* The first and the last message, without their text. 0, STORE_NOT_FOUND (it is empty) or negative errno. */
int store_archive_ends(struct store_db *db, struct span owner, struct store_archive_message *ret_first,
                       struct store_archive_message *ret_last);

/* Who wants what archived: a text of route/'s. 0, STORE_NOT_FOUND (there is none, or no account) or negative errno. */
int store_archive_preferences_load(struct store_db *db, struct span owner, struct arena *arena,
                                   struct span *ret);
int store_archive_preferences_save(struct store_db *db, struct span owner, struct span text);

/* One step of removing what is older than `us`, or beyond `messages_max` of an archive: looks at some archives from that of account
 * `*account` on and leaves there with which to go on; 0: the round is over, and begins anew. */
int store_archive_sweep(struct store_db *db, uint64_t us, uint32_t messages_max, int64_t *account);

#endif
