/* SPDX-License-Identifier: Apache-2.0 */
/* What an account shows to groups, or shows no more: all its resources at once, to all who see it by a group
 * or to a single one. */
#include "route/grouping.h"

#include <stdlib.h>

#include "route/spread.h"

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

static struct show_message *show_new(const struct router *r, const struct account *a,
                                     struct group_audience *audience, struct span whom,
                                     void (*run)(struct router *, struct route_message *))
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
        struct frame *f = audience->is_hide ? stanza_presence_frame(PRESENCE_UNAVAILABLE, jid,
                                                                    (struct span){0}, (struct span){0})
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

/* ---- to a single watcher ---- */

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
    if (a && !audience_has(a, base->from, m->audience))
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
    if (!a || !from.len || !audience_has(a, base->from, m->audience))
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
