/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the shared groups, on its way through the workers in three turns; whoever is the last to end
 * one begins the next.
 *
 *   the definitions are replaced   everywhere, before anybody acts, so that all agree on who stays
 *   members act                    each at its home: it enters lists or leaves them, shows itself or hides,
 * asks; then come the roster pushes who parted is let go           who leaves together must hear of each
 * other's leaving, so it waits until all have said it
 *
 * The last two go in slices: each account does what it does at once, and between two of them anything may
 * happen that may happen between two workers anyway. */
#include "route/grouping.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

/* Finding that a member is not in memory here costs about this part of a delivery. */
#define LOOKS_PER_DELIVERY 16

enum turn { TURN_DEFINE, TURN_ACT, TURN_CLOSE, TURN_COUNT };

/* What members do for one group, in this order. */
enum act { ACT_LEAVE, ACT_JOIN, ACT_VIEW, ACT_PUSH };

struct groups_turn {
    struct message message;
    struct router *router;
    struct groups_change *all;
    struct lane_work work;
    uint32_t step; /* of the change */
    enum act act;
    uint32_t at; /* who is next: place among those who leave or join; how many of those who part are left */
    uint32_t looks;
    struct group_turn view;
    struct group_pushes *pushes;
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
    for (uint32_t i = 0; i < change->count; i++) { /* a new one may be visible to one that came after it */
        struct group_here *here =
            change->steps[i].before ? NULL : groups_find(&r->groups, change->steps[i].number);
        if (here && groups_link(&r->groups, here) < 0)
            log_error("group-memory", "group=%u reason=out-of-memory", change->steps[i].number);
    }
}

/* The account, when it is at home here, in memory, and knows its groups. */
static struct account *member_here(struct router *r, struct span jid)
{
    if (router_home(r, jid) != r->index)
        return NULL;
    struct account *a = router_account_find(r, jid);
    return a && (a->state == ACCOUNT_READY || a->state == ACCOUNT_BUSY) ? a : NULL;
}

static const struct group_step *step_of(const struct groups_turn *mine)
{
    return &mine->all->change->steps[mine->step];
}

static void budget_spend(uint32_t *budget, uint32_t cost)
{
    *budget = *budget > cost ? *budget - cost : 0;
}

/* True: all of `count` have left or joined. */
static bool members_go_on(struct groups_turn *mine, const struct group *g, const uint32_t *places,
                          uint32_t count,
                          uint32_t (*act)(struct router *, struct account *, struct group_here *),
                          uint32_t *budget)
{
    struct router *r = mine->router;
    struct group_here *here = groups_find(&r->groups, step_of(mine)->number);
    for (; here && mine->at < count; mine->at++) {
        if (!*budget)
            return false;
        struct account *a = member_here(r, group_member_jid(g, places[mine->at]));
        budget_spend(budget, a ? 1 + act(r, a, here) : ++mine->looks % LOOKS_PER_DELIVERY == 0);
    }
    mine->at = 0;
    return true;
}

static bool has_other_viewers(const struct group_step *step)
{
    bool is_same = !step->before || !step->now || step->before->viewer_count == step->now->viewer_count;
    for (uint32_t i = 0; is_same && step->before && step->now && i < step->now->viewer_count; i++)
        is_same = group_is_seen_by(step->before, step->now->viewers[i]);
    return !is_same;
}

/* True: this act of this group is over, and the next one made ready. */
static bool act_go_on(struct groups_turn *mine, uint32_t *budget)
{
    struct router *r = mine->router;
    const struct group_step *step = step_of(mine);
    struct group_here *here = groups_find(&r->groups, step->number);
    switch (mine->act) {
    case ACT_LEAVE:
        return members_go_on(mine, step->before, step->left, step->left_count, router_group_leave, budget);
    case ACT_JOIN:
        if (!members_go_on(mine, step->now, step->joined, step->joined_count, router_group_join, budget))
            return false;
        if (here && has_other_viewers(step))
            group_turn_begin(&mine->view, r, here);
        return true;
    case ACT_VIEW:
        if (here && here->is_turning && !group_turn_go_on(&mine->view, budget))
            return false;
        mine->pushes = group_pushes_new(r, step);
        return true;
    case ACT_PUSH:
        if (mine->pushes && !group_pushes_go_on(mine->pushes, budget))
            return false;
        mine->pushes = group_pushes_free(mine->pushes);
        if (here)
            here->version = here->group->version;
    }
    return true;
}

static void turn_end(struct groups_turn *mine);

static void act_step(struct lane_work *work, uint32_t *budget)
{
    struct groups_turn *mine = container_of(work, struct groups_turn, work);
    while (mine->step < mine->all->change->count) {
        if (!act_go_on(mine, budget))
            return;
        if (mine->act++ == ACT_PUSH) {
            mine->act = ACT_LEAVE;
            mine->step++;
        }
    }
    lane_work_stop(work);
    turn_end(mine);
}

/* True: nobody of this group waits for the close any more; who has not been told all yet goes when it has.
 * Each is looked for among all who part. */
static bool parting_go_on(struct groups_turn *mine, struct group_here *here, uint32_t *budget)
{
    for (;;) {
        if (mine->at > here->parting.count)
            mine->at = here->parting.count;
        if (mine->at == 0)
            return true;
        if (!*budget)
            return false;
        struct group_wave *w = here->parting.entries[--mine->at].wave;
        budget_spend(budget, 1 + here->parting.count / LOOKS_PER_DELIVERY);
        if (!wave_is_over(w))
            continue;
        bool is_last = here->is_removed && here->parting.count == 1;
        router_wave_ended(mine->router, w);
        if (is_last)
            return true; /* the group is gone with it */
    }
}

static void close_step(struct lane_work *work, uint32_t *budget)
{
    struct groups_turn *mine = container_of(work, struct groups_turn, work);
    struct router *r = mine->router;
    for (; mine->step < mine->all->change->count; mine->step++) {
        struct group_here *here = groups_find(&r->groups, step_of(mine)->number);
        if (here && !parting_go_on(mine, here, budget))
            return;
        mine->at = UINT32_MAX;
    }
    for (uint32_t i = r->groups.count; i-- > 0;)
        groups_forget(&r->groups, r->groups.at[i]);
    lane_work_stop(work);
    turn_end(mine);
}

static void work_start(struct groups_turn *mine, uint32_t at, void (*step)(struct lane_work *, uint32_t *))
{
    mine->step = 0;
    mine->act = ACT_LEAVE;
    mine->at = at;
    lane_work_init(&mine->work, step);
    loop_work_start(mine->router->loop, &mine->work, LANE_BULK);
}

static void turn_close(struct groups_turn *mine)
{
    const struct group_change *change = mine->all->change;
    for (uint32_t i = 0; i < change->count; i++) {
        const struct group_here *here = groups_find(&mine->router->groups, change->steps[i].number);
        for (uint32_t n = 0; here && n < here->parting.count; n++)
            here->parting.entries[n].wave->is_closed = true;
    }
    work_start(mine, UINT32_MAX, close_step);
}

static void turn_end(struct groups_turn *mine)
{
    struct groups_change *all = mine->all;
    struct router *r = mine->router;
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

static void turn_handle(struct message *message, void *context)
{
    (void)context;
    struct groups_turn *mine = container_of(message, struct groups_turn, message);
    switch ((enum turn)mine->all->turn) {
    case TURN_DEFINE:
        turn_define(mine->router, mine->all->change);
        turn_end(mine);
        break;
    case TURN_ACT:
        work_start(mine, 0, act_step);
        break;
    default:
        turn_close(mine);
    }
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
        all->turns[i] =
            (struct groups_turn){.message = {.handle = turn_handle}, .router = peers[i], .all = all};
    for (uint32_t i = 0; i < count; i++)
        loop_post(peers[i]->loop, NULL, &all->turns[i].message);
    return 0;
}
