/* SPDX-License-Identifier: Apache-2.0 */
/* Shared groups in rosters: nothing of them is stored in anybody's. A result takes the items of a group from
 * pieces that are made once for all; only pieces with somebody who is otherwise for this user (a contact of
 * its own, a member of two groups, itself) are written anew. */
#include "route/grouping.h"

#include <stdlib.h>

#include "roster/query.h"
#include "xml/write.h"

/* ---- one contact ---- */

void router_share(const struct account *a, struct span contact, struct roster_share *ret)
{
    struct group_view view = group_view(a, contact);
    uint64_t hash = view.is_to ? entity_hash(contact) : 0;
    ret->count = 0;
    ret->is_to = view.is_to;
    ret->is_from = view.is_from;
    for (uint32_t i = 0; view.is_to && i < a->group_count; i++) {
        const struct group_here *here = a->groups[i].here;
        for (uint32_t n = 0; n < here->sees_count && ret->count < ROSTER_GROUPS_MAX; n++) {
            const struct group *seen = here->sees[n]->group;
            bool is_new = !here->sees[n]->is_removed && group_find(seen, contact, hash) >= 0;
            for (uint32_t k = 0; k < ret->count; k++)
                is_new &= ret->groups[k] != seen;
            if (is_new)
                ret->groups[ret->count++] = seen;
        }
    }
}

void router_contact_write(struct router *r, const struct account *a, const struct roster_mark *mark,
                          struct span contact, struct buffer *out)
{
    struct roster_share share;
    struct jid jid = jid_of_prepared(contact);
    const struct entity *e = entity_find(&r->entities, &jid);
    const struct roster_item *item = e ? roster_find(&a->roster, e) : NULL;
    router_share(a, contact, &share);
    if (share.count || (item && item->is_listed))
        roster_push_write(out, mark, contact, item, &share);
    else
        roster_push_removal_write(out, mark, contact);
}

/* Bits that depend on every bit of three numbers (the finishing steps of a hash). */
static uint64_t bits_mix(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t x = a * 0x9e3779b97f4a7c15u + b * 0xc2b2ae3d27d4eb4fu + c;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

uint64_t router_groups_mark(const struct account *a)
{
    uint64_t mark = 0;
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct group_here *here = a->groups[i].here;
        mark += bits_mix(here->group->number, here->version, 1);
        for (uint32_t n = 0; n < here->sees_count; n++)
            mark += bits_mix(here->sees[n]->group->number, here->sees[n]->version, 2);
        for (uint32_t n = 0; n < here->viewer_count; n++)
            mark += bits_mix(here->viewers[n]->group->number, here->viewers[n]->version, 3);
    }
    return a->group_count ? mark | 1 : 0;
}

/* ---- results ---- */

void group_items_init(struct group_items *g, const struct router *r, const struct account *a)
{
    *g = (struct group_items){.router = r, .account = a};
    g->seen = groups_seen(a, NULL, &g->seen_count);
    g->seeing = groups_seeing(a, NULL, &g->seeing_count);
    for (uint32_t i = 0; g->seen && i < g->seen_count; i++) {
        const struct group_here *here = groups_find(&r->groups, g->seen[i]);
        g->looks += here ? group_chunk_count(here->group) * GROUP_CHUNK_MEMBERS : 0;
    }
}

void group_items_fini(struct group_items *g)
{
    free(g->seen);
    free(g->seeing);
    free(g->is_special);
    *g = (struct group_items){0};
}

static bool is_mutual(const struct group_items *g, uint32_t number)
{
    for (uint32_t i = 0; i < g->seeing_count; i++)
        if (g->seeing[i] == number)
            return true;
    return false;
}

static bool others_have(const struct group_items *g, const uint32_t *numbers, uint32_t count,
                        const struct group *except, struct span jid, uint64_t hash)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct group_here *here = groups_find(&g->router->groups, numbers[i]);
        if (here && !here->is_removed && here->group != except && group_find(here->group, jid, hash) >= 0)
            return true;
    }
    return false;
}

/* The pieces that hold the user itself or a contact of its own. */
static int special_mark(struct group_items *g, const struct group *group)
{
    const struct account *a = g->account;
    free(g->is_special);
    g->is_special = calloc(group_chunk_count(group) + 1, sizeof *g->is_special);
    if (!g->is_special)
        return -1;
    int64_t position = group_find(group, entity_text(a->entity), a->entity->node.hash);
    if (position >= 0)
        g->is_special[position / GROUP_CHUNK_MEMBERS] = true;
    for (uint32_t i = 0; i < a->roster.count; i++) {
        const struct entity *contact = a->roster.items[i].contact;
        position = group_find(group, entity_text(contact), contact->node.hash);
        if (position >= 0)
            g->is_special[position / GROUP_CHUNK_MEMBERS] = true;
    }
    return 0;
}

/* Does anybody of the piece stand in another group that matters to this user? */
static bool is_shared_otherwise(const struct group_items *g, const struct group *group, uint32_t chunk)
{
    uint32_t end =
        (chunk + 1) * GROUP_CHUNK_MEMBERS < group->count ? (chunk + 1) * GROUP_CHUNK_MEMBERS : group->count;
    bool has_others =
        g->seen_count > 1 || g->seeing_count > 1 || (g->seeing_count && g->seeing[0] != group->number);
    for (uint32_t i = chunk * GROUP_CHUNK_MEMBERS; has_others && i < end; i++) {
        struct span jid = group_member_jid(group, i);
        uint64_t hash = entity_hash(jid);
        if (others_have(g, g->seen, g->seen_count, group, jid, hash) ||
            (!is_mutual(g, group->number) && others_have(g, g->seeing, g->seeing_count, group, jid, hash)))
            return true;
    }
    return false;
}

/* Each contact once: not itself, not what the user's own items have said, not who stood in an earlier
 * group. */
static void chunk_write(const struct group_items *g, const struct group *group, struct buffer *out)
{
    const struct router *r = g->router;
    struct roster_share share;
    uint32_t end = (g->chunk + 1) * GROUP_CHUNK_MEMBERS < group->count ? (g->chunk + 1) * GROUP_CHUNK_MEMBERS
                                                                       : group->count;
    for (uint32_t i = g->chunk * GROUP_CHUNK_MEMBERS; i < end; i++) {
        struct span contact = group_member_jid(group, i);
        struct jid jid = jid_of_prepared(contact);
        const struct entity *e = entity_find(&r->entities, &jid);
        const struct roster_item *item = e ? roster_find(&g->account->roster, e) : NULL;
        if (e == g->account->entity || (item && item->is_listed) ||
            others_have(g, g->seen, g->at, group, contact, entity_hash(contact)))
            continue;
        router_share(g->account, contact, &share);
        roster_shared_item_write(out, contact, item, &share);
    }
}

struct frame *group_items_next(struct group_items *g, struct buffer *out)
{
    while (g->seen && g->seeing && g->at < g->seen_count) {
        const struct group_here *here = groups_find(&g->router->groups, g->seen[g->at]);
        const struct group *group = here && !here->is_removed ? here->group : NULL;
        if (!group || g->chunk >= group_chunk_count(group)) {
            g->at++;
            g->chunk = 0;
            continue;
        }
        if (g->chunk == 0 && special_mark(g, group) < 0)
            break;
        bool is_special = g->is_special[g->chunk] || is_shared_otherwise(g, group, g->chunk);
        struct frame *shared = is_special ? NULL : group_chunk(group, g->chunk, is_mutual(g, group->number));
        if (!shared)
            chunk_write(g, group, out);
        g->chunk++;
        return shared;
    }
    g->is_done = true;
    return NULL;
}
