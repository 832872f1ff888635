/* SPDX-License-Identifier: Apache-2.0 */
/* Shared groups across workers. A question a file: who comes and goes (grouping.c), who hears what a member says
 * (grouping_audience.c), what it shows to those who begin to see it (grouping_show.c), what a member that comes
 * online or joins is told (grouping_wave.c), how a change of the groups reaches everybody
 * (grouping_change.c), who hears when a group becomes visible to others (grouping_view.c), and what is pushed
 * then (grouping_push.c).
 *
 * A pair of accounts is served by the plain watch when there is one, else by the groups: whoever walks the
 * lists of groups first marks the plain watchers. */
#ifndef MUSTER_ROUTE_GROUPING_H
#define MUSTER_ROUTE_GROUPING_H

#include "presence/group.h"
#include "route/internal.h"

/* Where the publisher stands in the lists of its home. */
struct group_place {
    uint32_t group;
    uint64_t stamp;
};

/* Who is to hear something; constant, shared by the messages to all workers. */
struct group_audience {
    _Atomic int32_t references;
    uint32_t told_count, kept_count, place_count;
    bool is_hide, is_end; /* is_end: of a resource */
    bool has_moved;       /* it has left a group while it was online */
    struct group_place *places;
    struct block_list *blocks; /* whom the publisher blocks: a reference; NULL: nobody */
    struct block_list *hidden; /* likewise: from whom it is hidden; a walk comes to the others one by one */
    uint32_t numbers[]; /* groups whose members are told, then groups whose members have seen it before or go
                           on to */
};

/* The members of `told` but not those of `kept`. NULL without memory. */
struct group_audience *audience_make(const struct account *a, const uint32_t *told, uint32_t told_count,
                                     const uint32_t *kept, uint32_t kept_count);
/* The groups whose members see the account, other than by `except`; each once. NULL without memory. To be
 * freed. */
uint32_t *groups_seeing(const struct account *a, const struct group_here *except, uint32_t *ret_count);
/* The groups whose members the account sees, other than by `except`, as numbers. */
uint32_t *groups_seen(const struct account *a, const struct group_here *except, uint32_t *ret_count);
bool numbers_have(const uint32_t *numbers, uint32_t count, uint32_t number);
/* Those of `a` that are not among `b`, in place; how many. */
uint32_t numbers_subtract(uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count);

/* Does a group tell the account what the publisher says, whose home is `from`? */
bool audience_has(const struct account *a, uint32_t from, const struct group_audience *audience);

/* What the account shows now, or that it shows it no more, to every worker that has any member who must hear of
 * it. About how many deliveries that is. (grouping_show.c) */
uint32_t router_audience_show(struct router *r, const struct account *a, struct group_audience *audience);

/* ---- waves: an account is told of the members of some groups, worker by worker, a slice at a time
 * (grouping_wave.c) ---- */

struct group_progress {
    uint32_t group;   /* index in the wave's list; past the end: done */
    uint64_t stamp;   /* the last one looked at in that group */
    uint64_t started; /* the worker's last stamp when it began; 0: it has not */
    bool is_asked;    /* an answer is due */
};

struct group_wave {
    struct list link; /* in account->waves */
    struct lane_work work;
    struct router *router;
    struct account *account;
    uint32_t number;                                  /* answers to an earlier one are recognised */
    uint32_t session_number;                          /* who is to be told; 0: every available session */
    bool is_begun;                                    /* those before it have told all they have */
    bool is_hide;                                     /* they go, instead of coming */
    bool is_closed;                                   /* of one that hides: nobody else leaves any more */
    uint32_t undone;                                  /* workers */
    uint32_t *groups, group_count, *kept, kept_count; /* of the groups, but nobody who is in one of `kept` */
    struct group_progress progress[];                 /* by worker */
};

/* Behind the account's other waves. Takes over groups and kept, in any case. NULL without memory (or when either is NULL for want of it). */
struct group_wave *wave_new(struct router *r, struct account *a, uint32_t session_number, bool is_hide,
                            uint32_t *groups, uint32_t group_count, uint32_t *kept, uint32_t kept_count);
/* Begin the account's next wave, if none is under way. */
void waves_go_on(struct account *a);
/* Has it come past the publisher, who stands at these places, at worker `from`? */
bool wave_has_passed(const struct group_wave *w, uint32_t from, const struct group_audience *publisher);
void wave_free(struct group_wave *w);
/* Is it over: every worker has told all it has, and of one that hides, nobody else leaves with its account
 * any more? */
static inline bool wave_is_over(const struct group_wave *w)
{
    return !w->undone && (!w->is_hide || w->is_closed);
}

/* ---- members (grouping.c) ---- */

/* The wave is over. */
void router_wave_ended(struct router *r, struct group_wave *w);

/* Where a member that has a stamp stands in the group's list. */
static inline uint32_t group_member_place(const struct account_group *g)
{
    return group_list_after(&g->here->members, g->stamp) - 1;
}

/* A member of a group that it has just joined or is about to leave; it is in memory. About how many deliveries
 * that is. */
uint32_t router_group_join(struct router *r, struct account *a, struct group_here *here);
uint32_t router_group_leave(struct router *r, struct account *a, struct group_here *here);

/* ---- visibility (grouping_view.c) ---- */

/* Members go over to another visibility of their group, a slice at a time. */
struct group_turn {
    struct router *router;
    struct group_here *here;
    uint32_t was[GROUP_VIEWERS_MAX], now[GROUP_VIEWERS_MAX], was_count, now_count; /* who sees them */
};
/* False: there is nothing to do. */
bool group_turn_begin(struct group_turn *t, struct router *r, struct group_here *here);
/* True: it is done, and ended. */
bool group_turn_go_on(struct group_turn *t, uint32_t *budget);

/* ---- pushes (grouping_push.c) ---- */

/* The pushes that a step asks for at this worker, a slice at a time. */
struct group_pushes;
/* NULL: none, or no memory for them. */
struct group_pushes *group_pushes_new(struct router *r, const struct group_step *step);
/* True: that was all. */
bool group_pushes_go_on(struct group_pushes *p, uint32_t *budget);
struct group_pushes *group_pushes_free(struct group_pushes *p);

#endif
