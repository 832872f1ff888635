/* SPDX-License-Identifier: Apache-2.0 */
/* Why does one account see, or not see, another's presence? The homes of both say what they know (explain.c);
 * from that follows the answer, step by step in the order in which presence itself meets them (verdict.c). */
#ifndef MUSTER_ROUTE_EXPLAIN_H
#define MUSTER_ROUTE_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "jid/jid.h"
#include "presence/account.h"

struct router;
struct store_roster;

enum explained_existence {
    EXPLAINED_FOREIGN, /* of a domain that is not served here */
    EXPLAINED_MISSING,
    EXPLAINED_UNREADABLE, /* the store could not say */
    EXPLAINED_STORED,     /* offline: in the store only */
    EXPLAINED_IN_MEMORY,
};

/* What the home of either knows. */
struct explained_account {
    struct jid jid; /* as asked for; the text is the asker's */
    uint32_t home;
    enum explained_existence existence;
    bool is_roster_known; /* false: it is to be read from the store */
    enum account_state state;
    uint32_t changes, walks;
    bool is_queue_waiting;
    uint32_t sessions, available, lost;
    bool has_item; /* in its roster, for the other */
    bool is_approved;
    bool is_blocking; /* the other */
    enum subscription_state subscription;
    struct buffer resources; /* a line each */
    /* The resource of `jid`; without one, these are as for any. */
    bool is_connected, is_available;
};

struct explanation {
    struct explained_account publisher, watcher;
    /* from the publisher's home */
    uint32_t incarnation, grants; /* the grants of all watchers at the watcher's home */
    bool is_grant_to_come;        /* its walk has yet to come to the watcher */
    uint32_t paced;               /* sessions whose last change waits for their rate */
    uint32_t directed;            /* sessions that have sent the watcher directed presence */
    struct buffer groups;         /* shared groups by which the watcher sees it: a line each */
    bool is_shown_to_groups;
    /* from the watcher's home */
    bool hears_groups, is_group_wave; /* a member that hears; but is still being told of members */
    bool has_slot;
    uint32_t slot_incarnation;
    uint32_t changes_due;             /* under way to it */
    uint32_t fanout_done, fanout_all; /* of the first of them: how many watchers have it */
    uint32_t readers;                 /* available sessions */
    uint32_t readers_holding;         /* those of them for which presence of the publisher is held back */
};

/* The two JIDs are prepared and of accounts (local part); their text must outlive `e`. */
void explanation_init(struct explanation *e, const struct router *r, const struct jid *publisher,
                      const struct jid *watcher);
void explanation_fini(struct explanation *e);
/* On the home of each. Shared groups are the same on all. */
void explain_publisher(struct explanation *e, struct router *r);
void explain_watcher(struct explanation *e, struct router *r);
/* What the store answered to STORE_ROSTER, for an account whose roster is not known. */
void explain_stored(struct explained_account *a, int result, const struct store_roster *roster,
                    const struct jid *contact);

struct verdict {
    struct buffer steps; /* sentences, a line each */
    struct buffer why;   /* why not; empty: it sees */
    struct buffer late;  /* why it does not see the latest yet; empty: it does */
};
void verdict_make(const struct explanation *e, struct verdict *ret);
void verdict_fini(struct verdict *v);
static inline bool verdict_is_seen(const struct verdict *v)
{
    return v->why.len == 0;
}
void verdict_write(const struct verdict *v, const struct explanation *e, struct buffer *out);
void verdict_write_json(const struct verdict *v, const struct explanation *e, struct buffer *out);

#endif
