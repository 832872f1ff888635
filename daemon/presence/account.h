/* SPDX-License-Identifier: Apache-2.0 */
/* An account in the memory of its home worker: roster, sessions, and which workers hold watchers of it. In memory while it has a
 * session or something is being done to it; offline accounts cost nothing. */
#ifndef MUSTER_PRESENCE_ACCOUNT_H
#define MUSTER_PRESENCE_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "base/list.h"
#include "roster/block.h"
#include "roster/roster.h"
#include "session/entity.h"
#include "session/session.h"

struct message;
struct walk;
struct account_group;
struct abroad;

enum account_state {
    ACCOUNT_LOADING, /* the store has been asked */
    ACCOUNT_READY,
    ACCOUNT_BUSY, /* a change is on its way to the disk, or its roster is walked in slices: what arrives meanwhile waits */
    ACCOUNT_MISSING, /* there is no such account */
    ACCOUNT_FAILED,  /* the store could not say: nothing is concluded from that */
};

/* One worker's watchers of this account, as its home counts them: grants sent and not yet released. */
struct interest {
    uint32_t grants;
    uint64_t granted_sequence; /* of the message that carried the grants of this incarnation */
};

struct account {
    struct entity *entity; /* a reference; entity->account points back */
    enum account_state state;
    uint32_t changes, walks; /* why it is BUSY */
    uint32_t session_count;
    uint32_t available_count; /* resources that contacts see as available, lost ones among them */
    uint32_t invisible_count; /* sessions that hear and show nothing (XEP-0186) */
    uint32_t
        incarnation; /* grows each time the account comes online: tells a late release from a current one */
    uint32_t next_session_number, next_available_order;
    struct list sessions;
    struct roster roster;
    struct block_list *blocks;               /* a reference; NULL: nobody */
    struct walk *walk;                       /* route/'s, over the roster; NULL: none */
    struct frame *head;                      /* ` to='bare JID'`: goes into the gap of broadcast frames */
    struct message *pending, **pending_last; /* waits until READY, in order */
    char *archive_preferences;               /* route/archiving.c's; NULL: none */
    char *photo; /* its avatar's SHA-1; empty: it has none any more; NULL: it never said (XEP-0153) */
    struct abroad *abroad;        /* route/'s: contacts at other servers (route/abroad.h); NULL: none */
    struct account_group *groups; /* shared groups it is a member of (presence/group.h) */
    uint32_t group_count;
    bool is_in_groups;   /* stands in their lists: it is available, and its contacts know */
    bool has_left_group; /* while it stood in them */
    struct list waves;   /* of route/: groups whose members it is being told of */
    uint64_t mark;       /* of the last walk over several lists that has met it */
    bool is_stale;       /* the store's rows were changed behind its back: read them anew before it goes on */
    uint16_t lost_count; /* resources whose stream is lost, and nobody was told yet (route/damping.c) */
    bool has_offline;    /* messages wait for it in the store (route/offline.c) */
    bool is_given_offline;   /* they are on their way to a session */
    uint64_t absent_since_s; /* since 1970: when it last stopped being available; 0: it never has, or nobody
                                 keeps it */
    char *absent_status;     /* what it said then, escaped; NULL: nothing */
    bool is_settling;        /* its queue is being run: nobody else runs or forgets it */
    struct interest interests[]; /* by worker */
};

size_t account_bytes(uint32_t workers);
/* Fill a zeroed account of account_bytes(); takes over the reference of `entity`. 0 or -ENOMEM. */
int account_init(struct account *a, struct entity *entity);
/* No sessions, nothing pending. */
void account_fini(struct account *a, struct entity_table *entities);

struct session *account_session(const struct account *a, struct span resource);     /* NULL: none */
struct session *account_session_numbered(const struct account *a, uint32_t number); /* NULL: it has ended */
/* Highest priority, then newest presence, among available sessions of non-negative priority; NULL: none. */
struct session *account_most_available(const struct account *a);
/* Available sessions of non-negative priority. */
uint32_t account_non_negative_count(const struct account *a);

/* It has stopped being available; copies. */
void account_absent(struct account *a, uint64_t since_s, struct span status);

void account_pend(struct account *a, struct message *m);
struct message *account_pending_take(struct account *a); /* NULL: none */

/* A READY account is BUSY while a change of it is on its way to the disk, or its roster is walked in slices. */
void account_change_begins(struct account *a);
void account_change_ends(struct account *a);
void account_walk_begins(struct account *a);
void account_walk_ends(struct account *a);

/* Does it hear what its contacts show? */
static inline bool account_is_hearing(const struct account *a)
{
    return a->available_count > 0 || a->invisible_count > 0;
}

/* Is nothing under way with it, for better or worse? */
static inline bool account_is_settled(const struct account *a)
{
    return a->state != ACCOUNT_LOADING && a->state != ACCOUNT_BUSY;
}

/* Is it about to be another, or not known yet? While its roster is only walked it is what it was. */
static inline bool account_is_changing(const struct account *a)
{
    return a->state != ACCOUNT_READY && !(a->state == ACCOUNT_BUSY && !a->changes);
}

#define account_each_session(s, a)                                                                           \
    for (struct session *s = container_of((a)->sessions.next, struct session, link), *s##_next;              \
         s##_next = container_of(s->link.next, struct session, link), &s->link != &(a)->sessions;            \
         s = s##_next)

#endif
