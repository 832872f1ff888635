/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the shared groups, on its way through the workers in three turns; whoever is the last to end
 * one begins the next.
 *
 *   the definitions are replaced   everywhere, before anybody acts, so that all agree on who stays
 *   members act                    each at its home: it enters lists or leaves them, shows itself or hides,
 * asks who parted is let go           who leaves together must hear of each other's leaving, so it waits
 * until all have said it
 */
#include "route/grouping.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

enum turn { TURN_DEFINE, TURN_ACT, TURN_CLOSE, TURN_COUNT };

struct groups_turn {
    struct message message;
    struct router *router;
    struct groups_change *all;
};

struct groups_change {
    struct group_change *change;
    void (*done)(void *context);
    void *context;
    uint32_t count, turn;
    _Atomic uint32_t left;
    struct groups_turn turns[]; /* by worker */
};

static void turn_define(struct router *r, const struct group_change *change)
{
    for (uint32_t i = 0; i < change->count; i++)
        if (groups_define(&r->groups, &change->steps[i]) < 0)
            log_error("group-memory", "group=%u reason=out-of-memory", change->steps[i].number);
}

/* The account, when it is at home here, in memory, and knows its groups. */
static struct account *member_here(struct router *r, struct span jid)
{
    if (router_home(r, jid) != r->index)
        return NULL;
    struct account *a = router_account_find(r, jid);
    return a && (a->state == ACCOUNT_READY || a->state == ACCOUNT_BUSY) ? a : NULL;
}

static void turn_act(struct router *r, const struct group_change *change)
{
    for (uint32_t i = 0; i < change->count; i++) {
        const struct group_step *step = &change->steps[i];
        struct group_here *here = groups_find(&r->groups, step->number);
        for (uint32_t n = 0; here && n < step->left_count; n++) {
            struct account *a = member_here(r, group_member_jid(step->before, step->left[n]));
            if (a)
                router_group_leave(r, a, here);
        }
        for (uint32_t n = 0; here && n < step->joined_count; n++) {
            struct account *a = member_here(r, group_member_jid(step->now, step->joined[n]));
            if (a)
                router_group_join(r, a, here);
        }
        router_group_pushes(r, step);
        if (here)
            here->version = here->group->version;
    }
}

static void parting_close(struct router *r, struct group_here *here)
{
    for (uint32_t i = 0; i < here->parting.count; i++)
        here->parting.entries[i].wave->is_closed = true;
    for (uint32_t i = here->parting.count; i-- > 0;) {
        struct group_wave *w = here->parting.entries[i].wave;
        if (!wave_is_over(w))
            continue;
        bool is_last = here->is_removed && here->parting.count == 1;
        router_wave_ended(r, w);
        if (is_last)
            return; /* the group is gone with it */
    }
}

static void turn_close(struct router *r, const struct group_change *change)
{
    for (uint32_t i = 0; i < change->count; i++) {
        struct group_here *here = groups_find(&r->groups, change->steps[i].number);
        if (here)
            parting_close(r, here);
    }
    for (uint32_t i = r->groups.count; i-- > 0;)
        groups_forget(&r->groups, r->groups.at[i]);
}

static void turn_handle(struct message *message, void *context)
{
    (void)context;
    static void (*const acts[TURN_COUNT])(struct router *,
                                          const struct group_change *) = {turn_define, turn_act, turn_close};
    struct groups_turn *mine = container_of(message, struct groups_turn, message);
    struct groups_change *all = mine->all;
    struct router *r = mine->router;
    acts[all->turn](r, all->change);
    if (atomic_fetch_sub(&all->left, 1) != 1)
        return;
    if (++all->turn == TURN_COUNT) {
        group_change_free(all->change);
        all->done(all->context);
        free(all);
        return;
    }
    atomic_store(&all->left, all->count);
    for (uint32_t i = 0, count = all->count; i < count; i++)
        loop_post(all->turns[i].router->loop, r->loop, &all->turns[i].message);
}

int router_groups_change(struct router **peers, uint32_t count, struct group_change *change,
                         void (*done)(void *context), void *context)
{
    struct groups_change *all = calloc(1, sizeof *all + count * sizeof *all->turns);
    if (!all) {
        group_change_free(change);
        return -ENOMEM;
    }
    all->change = change;
    all->done = done;
    all->context = context;
    all->count = count;
    all->left = count;
    for (uint32_t i = 0; i < count; i++)
        all->turns[i] = (struct groups_turn){{.handle = turn_handle}, peers[i], all};
    for (uint32_t i = 0; i < count; i++)
        loop_post(peers[i]->loop, NULL, &all->turns[i].message);
    return 0;
}
