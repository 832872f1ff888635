/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two sides of a watch (watching.c: the watcher's home, granting.c: the publisher's) and the
 * walks over rosters that begin and end many at once (walking.c). */
#ifndef MUSTER_ROUTE_WATCHING_H
#define MUSTER_ROUTE_WATCHING_H

#include "route/internal.h"

struct list_message {
    struct route_message base;
    struct buffer list; /* JIDs with a number */
};
void list_fini(struct route_message *base);
/* The list for worker `to` of a set of one list a worker, made when first used; NULL without memory. */
struct buffer *list_for(struct list_message **lists, uint32_t to,
                        void (*run)(struct router *, struct route_message *));
/* Send the lists there are. */
void lists_post(struct router *r, struct list_message **lists);

/* What one publisher shows, as it travels: frames with a reference each. */
struct shown {
    uint32_t frame_count;
    struct frame **frames;
};
void shown_fini(struct shown *shown);

/* ---- from the publisher's home: run by the watcher's ---- */

struct grant_message {
    struct list_message lists; /* watchers */
    struct shown shown;
    uint32_t incarnation;
    size_t len;
    char publisher[];
};
void grant_run(struct router *r, struct route_message *base);
void grant_fini(struct route_message *base);

struct answer_entry {
    struct answer_entry *next;
    struct shown shown;
    uint32_t incarnation;
    size_t len;
    char publisher[];
};

struct answer_message {
    struct route_message base;
    struct answer_entry *first, **last;
    uint32_t session_number;
    bool is_first, is_silent; /* as the request said */
    size_t len;
    char watcher[];
};
void answer_run(struct router *r, struct route_message *base);
void answer_fini(struct route_message *base);

struct revoke_message {
    struct route_message base;
    size_t publisher_len, watcher_len;
    char jids[];
};
void revoke_run(struct router *r, struct route_message *base);

/* ---- from the watcher's home: run by the publisher's ---- */

/* The list: publishers, with the incarnation whose grant is given back. */
void release_run(struct router *r, struct route_message *base);

struct watch_request {
    struct list_message lists; /* publishers */
    uint64_t seen; /* how far the sender had read what the receiver sent, when the session became available */
    uint32_t session_number; /* who is to be told; 0: every available session */
    bool is_first;           /* the account was offline before this session */
    bool is_retry;           /* a grant was missed: answer in any case */
    bool is_silent;          /* what the publisher shows now is not to be told */
    bool is_probe; /* tell also that the publisher shows nothing: the watcher may believe otherwise */
    size_t len;
    char watcher[];
};
void watch_request_run(struct router *r, struct route_message *base);
/* The request to worker `to` of a set of one a worker, made when first used; NULL without memory. */
struct watch_request *watch_request_for(struct router *r, struct watch_request **requests, uint32_t to,
                                        const struct account *a, uint32_t session_number);

/* The grant to worker `to`, to which the walk adds watchers; NULL without memory. */
struct grant_message *grant_for(struct grant_message **grants, uint32_t to, const struct account *a,
                                struct frame *frame);
/* It is complete for now. */
void grant_post(struct router *r, struct account *a, uint32_t to, struct grant_message *m);

/* Has the account's walk yet to come to this item of its roster, and to grant? */
bool walk_will_grant(const struct account *a, const struct roster_item *item);
/* What the account's block list was before the change of which a walk tells just now; without one, what it
 * is. */
struct block_list *walk_blocks_before(const struct account *a);

#endif
