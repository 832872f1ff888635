/* SPDX-License-Identifier: Apache-2.0 */
#include "presence/group.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define LIST_CAPACITY_FIRST 4

void groups_init(struct groups_here *g)
{
    *g = (struct groups_here){0};
}

static void here_free(struct group_here *here)
{
    assert(!here->members.count && !here->parting.count && !here->is_turning);
    free(here->members.entries);
    free(here->parting.entries);
    free(here->sees);
    free(here->viewers);
    group_unref(here->group);
    free(here);
}

void groups_fini(struct groups_here *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        here_free(g->at[i]);
    free(g->at);
    groups_init(g);
}

/* Where the group of this number stands or would stand. */
static uint32_t groups_place(const struct groups_here *g, uint32_t number)
{
    uint32_t low = 0, high = g->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (g->at[middle]->group->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct group_here *groups_find(const struct groups_here *g, uint32_t number)
{
    uint32_t place = groups_place(g, number);
    return place < g->count && g->at[place]->group->number == number ? g->at[place] : NULL;
}

static int link_add(struct group_here ***links, uint32_t *count, struct group_here *to)
{
    struct group_here **grown = reallocarray(*links, *count + 1, sizeof(struct group_here *));
    if (!grown)
        return -ENOMEM;
    *links = grown;
    grown[(*count)++] = to;
    return 0;
}

static void link_remove(struct group_here **links, uint32_t *count, const struct group_here *to)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++)
        if (links[i] != to)
            links[kept++] = links[i];
    *count = kept;
}

int groups_link(struct groups_here *g, struct group_here *here)
{
    for (uint32_t i = 0; i < here->viewer_count; i++)
        link_remove(here->viewers[i]->sees, &here->viewers[i]->sees_count, here);
    here->viewer_count = 0;
    for (uint32_t i = 0; i < here->group->viewer_count; i++) {
        struct group_here *viewer = groups_find(g, here->group->viewers[i]);
        if (viewer && (link_add(&viewer->sees, &viewer->sees_count, here) < 0 ||
                       link_add(&here->viewers, &here->viewer_count, viewer) < 0))
            return -ENOMEM;
    }
    return 0;
}

int groups_turn_begin(struct groups_here *g, struct group_here *here)
{
    here->was_viewers = calloc(here->viewer_count + 1, sizeof(struct group_here *));
    if (!here->was_viewers)
        return -ENOMEM;
    if (here->viewer_count)
        memcpy(here->was_viewers, here->viewers, here->viewer_count * sizeof(struct group_here *));
    here->was_viewer_count = here->viewer_count;
    here->turned = 0;
    here->is_turning = true;
    return groups_link(g, here);
}

void groups_turn_end(struct group_here *here)
{
    free(here->was_viewers);
    here->was_viewers = NULL;
    here->was_viewer_count = 0;
    here->is_turning = false;
}

static int here_make(struct groups_here *g, struct group *group)
{
    struct group_here **grown = reallocarray(g->at, g->count + 1, sizeof(struct group_here *));
    struct group_here *here = grown ? calloc(1, sizeof *here) : NULL;
    if (grown)
        g->at = grown;
    if (!here)
        return -ENOMEM;
    here->group = group_ref(group);
    uint32_t place = groups_place(g, group->number);
    memmove(&g->at[place + 1], &g->at[place], (g->count - place) * sizeof(struct group_here *));
    g->at[place] = here;
    g->count++;
    return groups_link(g, here);
}

int groups_define(struct groups_here *g, const struct group_step *step)
{
    struct group_here *here = groups_find(g, step->number);
    if (!here)
        return step->now ? here_make(g, step->now) : 0;
    if (!step->now) {
        here->is_removed = true;
        return 0;
    }
    group_unref(here->group);
    here->group = group_ref(step->now);
    return 0;
}

void groups_forget(struct groups_here *g, struct group_here *here)
{
    if (!here->is_removed || here->members.count || here->parting.count)
        return;
    for (uint32_t i = 0; i < g->count; i++) {
        link_remove(g->at[i]->sees, &g->at[i]->sees_count, here);
        link_remove(g->at[i]->viewers, &g->at[i]->viewer_count, here);
        link_remove(g->at[i]->was_viewers, &g->at[i]->was_viewer_count, here);
    }
    uint32_t place = groups_place(g, here->group->number);
    g->count--;
    memmove(&g->at[place], &g->at[place + 1], (g->count - place) * sizeof(struct group_here *));
    here_free(here);
}

/* ---- lists ---- */

int group_list_add(struct group_list *l, struct account *a, struct group_wave *wave, uint64_t stamp)
{
    if (l->count == l->capacity) {
        uint32_t capacity = l->capacity ? l->capacity * 2 : LIST_CAPACITY_FIRST;
        struct group_entry *grown = reallocarray(l->entries, capacity, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        l->entries = grown;
        l->capacity = capacity;
    }
    l->entries[l->count++] = (struct group_entry){a, wave, stamp};
    return 0;
}

uint32_t group_list_after(const struct group_list *l, uint64_t stamp)
{
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (l->entries[middle].stamp <= stamp)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Those behind it move up: 240 kB for ten thousand, some microseconds, and the order stays. */
void group_list_remove(struct group_list *l, uint32_t place)
{
    l->count--;
    memmove(&l->entries[place], &l->entries[place + 1], (l->count - place) * sizeof *l->entries);
    if (l->count == 0) {
        free(l->entries);
        *l = (struct group_list){0};
    } else if (l->capacity > LIST_CAPACITY_FIRST && l->count <= l->capacity / 4) {
        struct group_entry *shrunk = reallocarray(l->entries, l->capacity / 2, sizeof *shrunk);
        if (shrunk) {
            l->entries = shrunk;
            l->capacity /= 2;
        }
    }
}

/* ---- accounts ---- */

int account_group_add(struct account *a, struct group_here *here)
{
    if (account_group(a, here))
        return 0;
    struct account_group *grown = reallocarray(a->groups, a->group_count + 1, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    a->groups = grown;
    a->groups[a->group_count++] = (struct account_group){here, 0};
    return 0;
}

void account_group_remove(struct account *a, struct account_group *which)
{
    *which = a->groups[--a->group_count];
    if (a->group_count == 0) {
        free(a->groups);
        a->groups = NULL;
    }
}

struct account_group *account_group(const struct account *a, const struct group_here *here)
{
    for (uint32_t i = 0; i < a->group_count; i++)
        if (a->groups[i].here == here)
            return &a->groups[i];
    return NULL;
}

int account_groups_load(struct account *a, const struct groups_here *g)
{
    struct span bare = entity_text(a->entity);
    for (uint32_t i = 0; i < g->count; i++)
        if (!g->at[i]->is_removed && group_find(g->at[i]->group, bare, a->entity->node.hash) >= 0 &&
            account_group_add(a, g->at[i]) < 0)
            return -ENOMEM;
    return 0;
}

static bool is_member(const struct group_here *here, struct span bare, uint64_t hash)
{
    return !here->is_removed && group_find(here->group, bare, hash) >= 0;
}

struct group_view group_view(const struct account *a, struct span bare)
{
    struct group_view view = {0};
    if (!a->group_count || span_equal(bare, entity_text(a->entity)))
        return view;
    uint64_t hash = entity_hash(bare);
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct group_here *here = a->groups[i].here;
        for (uint32_t n = 0; n < here->sees_count && !view.is_to; n++)
            view.is_to = is_member(here->sees[n], bare, hash);
        for (uint32_t n = 0; n < here->viewer_count && !view.is_from; n++)
            view.is_from = is_member(here->viewers[n], bare, hash);
    }
    return view;
}
