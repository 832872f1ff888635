/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears what a member of groups says: the groups that see it, as its home knows them, and their members
 * at each worker. */
#include "route/grouping.h"

#include <stdlib.h>

#include "presence/watch.h"
#include "route/spread.h"
#include "route/watching.h"

/* ---- sets of groups ---- */

bool numbers_have(const uint32_t *numbers, uint32_t count, uint32_t number)
{
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

uint32_t numbers_subtract(uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < a_count; i++)
        if (!numbers_have(b, b_count, a[i]))
            a[kept++] = a[i];
    return kept;
}

uint32_t *groups_seeing(const struct account *a, const struct group_here *except, uint32_t *ret_count)
{
    uint32_t most = 1, count = 0, viewer_count;
    for (uint32_t i = 0; i < a->group_count; i++) {
        group_viewers(&a->groups[i], &viewer_count);
        most += viewer_count;
    }
    uint32_t *numbers = calloc(most, sizeof *numbers);
    for (uint32_t i = 0; numbers && i < a->group_count; i++) {
        struct group_here *const *viewers = group_viewers(&a->groups[i], &viewer_count);
        for (uint32_t n = 0; a->groups[i].here != except && n < viewer_count; n++)
            if (!numbers_have(numbers, count, viewers[n]->group->number))
                numbers[count++] = viewers[n]->group->number;
    }
    *ret_count = count;
    return numbers;
}

uint32_t *groups_seen(const struct account *a, const struct group_here *except, uint32_t *ret_count)
{
    uint32_t most = 1, count = 0;
    for (uint32_t i = 0; i < a->group_count; i++)
        most += a->groups[i].here->sees_count;
    uint32_t *numbers = calloc(most, sizeof *numbers);
    for (uint32_t i = 0; numbers && i < a->group_count; i++) {
        const struct group_here *here = a->groups[i].here;
        for (uint32_t n = 0; here != except && n < here->sees_count; n++)
            if (!numbers_have(numbers, count, here->sees[n]->group->number))
                numbers[count++] = here->sees[n]->group->number;
    }
    *ret_count = count;
    return numbers;
}

/* ---- audiences ---- */

struct group_audience *audience_make(const struct account *a, const uint32_t *told, uint32_t told_count,
                                     const uint32_t *kept, uint32_t kept_count)
{
    struct group_audience *audience =
        malloc(sizeof *audience + (told_count + kept_count) * sizeof *audience->numbers);
    struct group_place *places = calloc(a->group_count + 1, sizeof *places);
    if (!audience || !places) {
        free(audience);
        free(places);
        return NULL;
    }
    *audience = (struct group_audience){.references = 1,
                                        .told_count = told_count,
                                        .kept_count = kept_count,
                                        .place_count = a->group_count,
                                        .has_moved = a->has_left_group,
                                        .blocks = block_list_ref(a->blocks),
                                        .hidden = block_list_ref(walk_blocks_before(a)),
                                        .places = places};
    for (uint32_t i = 0; i < a->group_count; i++)
        places[i] = (struct group_place){a->groups[i].here->group->number, a->groups[i].stamp};
    if (told_count)
        memcpy(audience->numbers, told, told_count * sizeof *told);
    if (kept_count)
        memcpy(audience->numbers + told_count, kept, kept_count * sizeof *kept);
    return audience;
}

struct group_audience *audience_ref(struct group_audience *audience)
{
    if (audience)
        atomic_fetch_add(&audience->references, 1);
    return audience;
}

void audience_unref(struct group_audience *audience)
{
    if (!audience || atomic_fetch_sub(&audience->references, 1) != 1)
        return;
    block_list_unref(audience->blocks);
    block_list_unref(audience->hidden);
    free(audience->places);
    free(audience);
}

struct group_audience *router_audience(const struct account *a, bool is_end)
{
    uint32_t count;
    if (!a->group_count || !a->is_in_groups)
        return NULL;
    uint32_t *told = groups_seeing(a, NULL, &count);
    struct group_audience *audience = told && count ? audience_make(a, told, count, NULL, 0) : NULL;
    free(told);
    if (audience)
        audience->is_end = is_end;
    return audience;
}

bool router_audience_is_at(const struct router *r, const struct group_audience *audience, uint32_t worker)
{
    for (uint32_t i = 0; audience && i < audience->told_count; i++) {
        const struct group_here *here = groups_find(&r->groups, audience->numbers[i]);
        if (here && atomic_load(&here->group->interest->available[worker]))
            return true;
    }
    return false;
}

/* ---- hearing ---- */

/* Its wave has told it of the publisher, or will not come to it. */
static bool entry_hears(const struct group_entry *e, uint32_t from, const struct group_audience *audience)
{
    return !e->wave || wave_has_passed(e->wave, from, audience);
}

/* A wave may have told of it in a group that it has left since, and not have come to where it stands now:
 * then nobody but this says that it goes. Who was not told of it yet may hear it as well. */
static bool is_end_for_all(const struct group_audience *audience)
{
    return audience->has_moved && (audience->is_hide || audience->is_end);
}

/* Who has left hears of members until it has been told that they go; and that they leave in any case. */
static bool parting_hears(const struct group_entry *e, uint32_t from, const struct group_audience *audience)
{
    return audience->is_hide || is_end_for_all(audience) || !wave_has_passed(e->wave, from, audience);
}

/* Those of a group who see the publisher by it. Who joins it just now and has not been told yet does not: its
 * home may count on the publisher's new group as well, and neither would tell it. */
static void group_marks(const struct group_here *here, uint32_t from, const struct group_audience *audience,
                        uint64_t mark)
{
    for (uint32_t i = 0; i < here->members.count; i++)
        if (entry_hears(&here->members.entries[i], from, audience))
            here->members.entries[i].account->mark = mark;
}

/* Who blocks the publisher, or is blocked by it, hears nothing of it; but that a resource goes which it still
 * sees, for the walk that would say so tells of no resource that is gone before it. */
static bool is_blocked(const struct account *a, const struct group_audience *audience,
                       const struct frame *frame)
{
    if (!audience->blocks)
        return router_frame_is_blocked(a, frame);
    struct jid watcher = entity_jid(a->entity);
    bool sees_it_go =
        (audience->is_hide || audience->is_end) && !block_list_matches(audience->hidden, &watcher);
    return (block_list_matches(audience->blocks, &watcher) && !sees_it_go) ||
           router_frame_is_blocked(a, frame);
}

/* Each account once, however many of the lists it is in. */
static void group_hears(struct router *r, struct group_here *here, uint32_t from,
                        const struct group_audience *audience, const struct entity *publisher,
                        struct spread *spread)
{
    uint64_t mark = r->groups.marks;
    for (uint32_t i = 0; i < here->members.count; i++) {
        const struct group_entry *e = &here->members.entries[i];
        struct account *a = e->account;
        if (a->mark == mark || a->entity == publisher ||
            !(is_end_for_all(audience) || entry_hears(e, from, audience)))
            continue;
        a->mark = mark;
        if (!is_blocked(a, audience, spread->frame))
            spread_to(spread, a);
    }
    for (uint32_t i = 0; i < here->parting.count; i++) {
        const struct group_entry *e = &here->parting.entries[i];
        struct account *a = e->account;
        if (a->mark == mark || a->entity == publisher || !parting_hears(e, from, audience))
            continue;
        a->mark = mark;
        if (!is_blocked(a, audience, spread->frame))
            spread_to(spread, a);
    }
}

void router_audience_hears(struct router *r, uint32_t from, const struct group_audience *audience,
                           const struct entity *publisher, struct frame *frame, struct caps_node *node,
                           struct watch_cost *cost)
{
    struct spread spread = {.router = r, .frame = frame, .node = node};
    uint64_t mark = ++r->groups.marks;
    const struct watch *w = publisher ? publisher->watch : NULL;
    for (uint32_t i = 0; w && i < w->count; i++)
        w->watchers[i].account->mark = mark;
    for (uint32_t i = 0; i < audience->kept_count; i++) {
        const struct group_here *here = groups_find(&r->groups, audience->numbers[audience->told_count + i]);
        if (here)
            group_marks(here, from, audience, mark);
    }
    for (uint32_t i = 0; i < audience->told_count; i++) {
        struct group_here *here = groups_find(&r->groups, audience->numbers[i]);
        if (here)
            group_hears(r, here, from, audience, publisher, &spread);
    }
    spread_end(&spread, cost);
}

bool audience_has(const struct account *a, uint32_t from, const struct group_audience *audience)
{
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct account_group *g = &a->groups[i];
        if (g->stamp && numbers_have(audience->numbers, audience->told_count, g->here->group->number) &&
            entry_hears(&g->here->members.entries[group_member_place(g)], from, audience))
            return true;
    }
    return false;
}
