/* SPDX-License-Identifier: Apache-2.0 */
#include "route/grouping.h"

#include <stdlib.h>

#include "base/log.h"
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

/* A wave may have told of it in a group that it has left since, and not have come to where it stands now: then
 * nobody but this says that it goes. Who was not told of it yet may hear it as well. */
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
static bool is_blocked(const struct account *a, const struct group_audience *audience, const struct frame *frame)
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
        if (a->mark == mark || a->entity == publisher || !(is_end_for_all(audience) || entry_hears(e, from, audience)))
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

/* ---- what an account shows, or shows no more, to groups ---- */

struct show_message {
    struct route_message base;
    struct group_audience *audience;
    uint32_t frame_count;
    struct frame **frames;
    size_t len;
    char whom[]; /* the publisher, or a single watcher */
};

static void show_fini(struct route_message *base)
{
    struct show_message *m = (struct show_message *)base;
    for (uint32_t i = 0; i < m->frame_count; i++)
        frame_unref(m->frames[i]);
    free(m->frames);
    audience_unref(m->audience);
}

static void show_run(struct router *r, struct route_message *base)
{
    struct show_message *m = (struct show_message *)base;
    struct jid jid = jid_of_prepared(span_make(m->whom, m->len));
    struct entity *publisher = entity_find(&r->entities, &jid);
    struct watch_cost cost = {0}; /* not of a change */
    for (uint32_t i = 0; i < m->frame_count; i++)
        router_audience_hears(r, base->from, m->audience, publisher, m->frames[i], NULL, &cost);
}

static struct show_message *show_new(const struct router *r, const struct account *a, struct group_audience *audience,
                                     struct span whom, void (*run)(struct router *, struct route_message *))
{
    struct show_message *m = route_message_new(sizeof *m + whom.len, run, show_fini);
    if (!m)
        return NULL;
    m->frames = calloc(a->available_count + 1, sizeof(struct frame *));
    m->audience = audience_ref(audience);
    m->len = whom.len;
    memcpy(m->whom, whom.ptr, whom.len);
    for (const struct lost *l = NULL; m->frames && (l = router_lost_next(r, a, l));) {
        struct span jid = span_make(l->jid, l->jid_len);
        struct frame *f = audience->is_hide
                              ? stanza_presence_frame(PRESENCE_UNAVAILABLE, jid, (struct span){0}, (struct span){0})
                              : frame_ref(l->presence);
        if (f)
            m->frames[m->frame_count++] = f;
    }
    account_each_session(s, a)
    {
        if (!session_is_available(s) || !m->frames)
            continue;
        struct frame *f = audience->is_hide ? stanza_presence_frame(PRESENCE_UNAVAILABLE, session_jid(s),
                                                                    (struct span){0}, (struct span){0})
                                            : frame_ref(s->presence);
        if (f)
            m->frames[m->frame_count++] = f;
    }
    return m;
}

uint32_t router_audience_show(struct router *r, const struct account *a, struct group_audience *audience)
{
    uint32_t deliveries = 0;
    for (uint32_t i = 0; i < audience->told_count; i++) {
        const struct group_here *here = groups_find(&r->groups, audience->numbers[i]);
        for (uint32_t to = 0; here && to < r->count; to++)
            deliveries += atomic_load(&here->group->interest->available[to]);
    }
    for (uint32_t to = 0; to < r->count; to++) {
        struct show_message *m = router_audience_is_at(r, audience, to)
                                     ? show_new(r, a, audience, entity_text(a->entity), show_run)
                                     : NULL;
        if (m)
            route_message_post(r, to, &m->base);
    }
    return deliveries;
}

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

static uint32_t member_place(const struct account_group *g)
{
    return group_list_after(&g->here->members, g->stamp) - 1;
}

/* Does a group tell the account what the publisher says? */
static bool is_told_by_group(const struct account *a, uint32_t from, const struct group_audience *audience)
{
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct account_group *g = &a->groups[i];
        if (g->stamp && numbers_have(audience->numbers, audience->told_count, g->here->group->number) &&
            entry_hears(&g->here->members.entries[member_place(g)], from, audience))
            return true;
    }
    return false;
}

static void show_spread(struct router *r, const struct show_message *m, struct account *a)
{
    for (uint32_t i = 0; i < m->frame_count; i++) {
        struct spread spread = {.router = r, .frame = m->frames[i]};
        struct watch_cost uncounted = {0}; /* of no change */
        if (router_frame_is_blocked(a, m->frames[i]))
            continue;
        spread_to(&spread, a);
        spread_end(&spread, &uncounted);
    }
}

static void take_over_run(struct router *r, struct route_message *base)
{
    struct show_message *m = (struct show_message *)base;
    struct account *a = router_account_find(r, span_make(m->whom, m->len));
    if (a && !is_told_by_group(a, base->from, m->audience))
        show_spread(r, m, a);
}

bool router_groups_take_over(struct router *r, const struct account *a, const struct entity *watcher)
{
    struct span text = entity_text(watcher);
    struct group_audience *audience = group_view(a, text).is_from ? router_audience(a, false) : NULL;
    if (!audience)
        return false;
    audience->is_hide = true;
    struct show_message *m = show_new(r, a, audience, text, take_over_run);
    if (m)
        route_message_post(r, router_home(r, text), &m->base);
    audience_unref(audience);
    return true;
}

static void show_again_run(struct router *r, struct route_message *base)
{
    struct show_message *m = (struct show_message *)base;
    struct account *a = router_account_find(r, span_make(m->whom, m->len));
    struct span from = m->frame_count ? presence_frame_publisher(m->frames[0]) : (struct span){0};
    if (!a || !from.len || !is_told_by_group(a, base->from, m->audience))
        return;
    struct jid jid = jid_of_prepared(from); /* its bare part is never written escaped */
    struct jid bare = jid_of_prepared(jid_bare(&jid));
    struct entity *publisher = entity_find(&r->entities, &bare);
    const struct roster_item *item = publisher ? roster_find(&a->roster, publisher) : NULL;
    if (!item || !item->watch_slot) /* which a grant has made, that came before this */
        show_spread(r, m, a);
}

void router_groups_show(struct router *r, const struct account *a, const struct entity *watcher)
{
    struct span text = entity_text(watcher);
    struct group_audience *audience = router_audience(a, false);
    struct show_message *m = audience ? show_new(r, a, audience, text, show_again_run) : NULL;
    if (m)
        route_message_post(r, router_home(r, text), &m->base);
    audience_unref(audience);
}

/* `wave` NULL: it is gone at once. */
static void member_exit(struct router *r, struct account *a, struct account_group *g, struct group_wave *wave)
{
    if (!g->stamp)
        return;
    group_list_remove(&g->here->members, member_place(g));
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
        struct group_entry *e = g->stamp ? &g->here->members.entries[member_place(g)] : NULL;
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
