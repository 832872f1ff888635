/* SPDX-License-Identifier: Apache-2.0 */
#include "route/grouping.h"

#include <stdlib.h>

#include "base/log.h"

/* ---- lists ---- */

static void interest_add(struct router *r, const struct group_here *here)
{
    atomic_fetch_add(&here->group->interest->available[r->index], 1);
}

static void interest_drop(struct router *r, const struct group_here *here)
{
    atomic_fetch_sub(&here->group->interest->available[r->index], 1);
}

static void member_enter(struct router *r, struct account *a, struct account_group *g,
                         struct group_wave *wave)
{
    uint64_t stamp = ++r->groups.stamps;
    if (group_list_add(&g->here->members, a, wave, stamp) < 0) {
        log_error("group-memory", "jid=%.*s reason=out-of-memory", (int)entity_text(a->entity).len,
                  entity_text(a->entity).ptr);
        return;
    }
    g->stamp = stamp;
    interest_add(r, g->here);
}

/* `wave` NULL: it is gone at once. */
static void member_exit(struct router *r, struct account *a, struct account_group *g, struct group_wave *wave)
{
    if (!g->stamp)
        return;
    group_list_remove(&g->here->members, group_member_place(g));
    if (!wave || group_list_add(&g->here->parting, a, wave, g->stamp) < 0)
        interest_drop(r, g->here);
    g->stamp = 0;
}

/* Nobody of `wave` parts any more. */
static void parting_end(struct router *r, const struct group_wave *wave)
{
    for (uint32_t i = r->groups.count; i-- > 0;) {
        struct group_here *here = r->groups.at[i];
        for (uint32_t n = here->parting.count; n-- > 0;) {
            if (here->parting.entries[n].wave != wave)
                continue;
            group_list_remove(&here->parting, n);
            interest_drop(r, here);
        }
        groups_forget(&r->groups, here);
    }
}

void router_wave_ended(struct router *r, struct group_wave *w)
{
    struct account *a = w->account;
    for (uint32_t i = 0; i < a->group_count; i++) {
        struct account_group *g = &a->groups[i];
        struct group_entry *e = g->stamp ? &g->here->members.entries[group_member_place(g)] : NULL;
        if (e && e->wave == w)
            e->wave = NULL;
    }
    if (w->is_hide)
        parting_end(r, w);
    wave_free(w);
}

/* ---- coming and going ---- */

void router_groups_come(struct router *r, struct session *s, const struct coming *coming)
{
    struct account *a = s->account;
    uint32_t count;
    struct group_wave *wave = NULL;
    a->is_in_groups = true;
    if (!a->group_count)
        return;
    if (!coming->is_silent) {
        uint32_t *seen = groups_seen(a, NULL, &count), *nobody = calloc(1, sizeof *nobody);
        wave = wave_new(r, a, coming->is_heard_first ? 0 : s->number, false, seen, count, nobody, 0);
    }
    for (uint32_t i = 0; coming->is_heard_first && i < a->group_count; i++)
        member_enter(r, a, &a->groups[i], wave);
    struct group_audience *audience = coming->is_shown_first ? router_audience(a, false) : NULL;
    if (audience)
        router_audience_show(r, a, audience);
    audience_unref(audience);
    waves_go_on(a);
}

void router_groups_go(struct router *r, struct account *a)
{
    a->is_in_groups = a->has_left_group = false;
    for (uint32_t i = 0; i < a->group_count; i++)
        member_exit(r, a, &a->groups[i], NULL);
    while (!list_empty(&a->waves)) {
        struct group_wave *w = container_of(a->waves.next, struct group_wave, link);
        if (w->is_hide)
            parting_end(r, w);
        wave_free(w);
    }
}

uint32_t router_group_join(struct router *r, struct account *a, struct group_here *here)
{
    uint32_t seeing_before, seen_before, seeing_now, seen_now, deliveries = 0;
    if (account_group(a, here))
        return 0;
    uint32_t *kept = groups_seeing(a, NULL, &seeing_before), *known = groups_seen(a, NULL, &seen_before);
    if (account_group_add(a, here) < 0 || !a->is_in_groups) {
        free(kept);
        free(known);
        return 0;
    }
    uint32_t *told = groups_seeing(a, NULL, &seeing_now), *seen = groups_seen(a, NULL, &seen_now);
    if (seen && known)
        seen_now = numbers_subtract(seen, seen_now, known, seen_before);
    struct group_wave *wave = wave_new(r, a, 0, false, seen, seen_now, known, seen_before);
    member_enter(r, a, account_group(a, here), wave);
    if (told && kept) {
        seeing_now = numbers_subtract(told, seeing_now, kept, seeing_before);
        struct group_audience *audience = audience_make(a, told, seeing_now, kept, seeing_before);
        if (audience)
            deliveries = router_audience_show(r, a, audience);
        audience_unref(audience);
    }
    waves_go_on(a);
    free(told);
    free(kept);
    return deliveries;
}

uint32_t router_group_leave(struct router *r, struct account *a, struct group_here *here)
{
    struct account_group *g = account_group(a, here);
    uint32_t seeing_before, seen_before, seeing_now, seen_now, deliveries = 0;
    if (!g)
        return 0;
    if (!g->stamp) {
        account_group_remove(a, g);
        return 0;
    }
    uint32_t *told = groups_seeing(a, NULL, &seeing_before), *seen = groups_seen(a, NULL, &seen_before);
    uint32_t *kept = groups_seeing(a, here, &seeing_now), *still = groups_seen(a, here, &seen_now);
    if (told && kept) {
        seeing_before = numbers_subtract(told, seeing_before, kept, seeing_now);
        struct group_audience *audience = audience_make(a, told, seeing_before, kept, seeing_now);
        if (audience) {
            audience->is_hide = true;
            deliveries = router_audience_show(r, a, audience);
        }
        audience_unref(audience);
    }
    if (seen && still)
        seen_before = numbers_subtract(seen, seen_before, still, seen_now);
    a->has_left_group = true;
    struct group_wave *wave = wave_new(r, a, 0, true, seen, seen_before, still, seen_now);
    member_exit(r, a, g, wave);
    account_group_remove(a, g);
    waves_go_on(a);
    free(told);
    free(kept);
    return deliveries;
}

bool router_may_see(const struct router *r, const struct account *publisher, struct span watcher)
{
    struct jid jid = jid_of_prepared(watcher);
    struct entity *e = entity_find(&r->entities, &jid);
    const struct roster_item *item = e ? roster_find(&publisher->roster, e) : NULL;
    return (item && subscription_has_from(item->state)) || group_view(publisher, watcher).is_from;
}
