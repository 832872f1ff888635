/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of all workers at rest. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "presence/watch.h"

static struct account *account_of(const struct hash_node *n)
{
    return container_of(n, struct entity, node)->account;
}

/* How many watchers of `a` the worker has in its list. */
static uint32_t slots_count(const struct router *r, const struct account *a)
{
    struct jid jid = entity_jid(a->entity);
    const struct entity *e = entity_find(&r->entities, &jid);
    return e && e->watch && e->watch->incarnation == a->incarnation ? e->watch->count : 0;
}

static void account_check(struct world *w, struct router *r, const struct account *a)
{
    struct span jid = entity_text(a->entity);
    if (a->state != ACCOUNT_READY || a->pending || a->is_settling)
        world_fail(w, "%.*s is not at rest: state %d", (int)jid.len, jid.ptr, a->state);
    if (!a->session_count && !a->lost_count)
        world_fail(w, "%.*s is in memory without a session", (int)jid.len, jid.ptr);
    if (router_home(r, jid) != r->index)
        world_fail(w, "%.*s is not at home on worker %u", (int)jid.len, jid.ptr, r->index);
    uint32_t sessions = 0, available = 0, invisible = 0;
    account_each_session(s, a)
    {
        sessions++;
        available += session_is_available(s);
        invisible += s->is_invisible;
        if (s->stream->session != s || s->stream->worker->net->loop != r->loop)
            world_fail(w, "%s has a stream that is not its own", s->jid);
    }
    assert_int_equal(sessions, a->session_count);
    assert_int_equal(available + a->lost_count, a->available_count);
    assert_int_equal(invisible, a->invisible_count);
    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t slots = slots_count(r->peers[i], a),
                 grants = a->available_count ? a->interests[i].grants : slots;
        if (grants != slots)
            world_fail(w, "%.*s counts %u grants at worker %u, which has %u slots", (int)jid.len, jid.ptr,
                       grants, i, slots);
        if (!a->available_count && slots)
            world_fail(w, "%.*s is offline and still watched at worker %u", (int)jid.len, jid.ptr, i);
    }
}

static void watch_check(struct world *w, struct router *r, const struct watch *watch)
{
    struct span publisher = entity_text(watch->publisher);
    struct router *home = r->peers[router_home(r, publisher)];
    struct jid jid = entity_jid(watch->publisher);
    const struct entity *e = entity_find(&home->entities, &jid);
    const struct account *a = e ? e->account : NULL;
    if (!watch->count || !a || !a->available_count || a->incarnation != watch->incarnation)
        world_fail(w, "worker %u has a stale watch of %.*s", r->index, (int)publisher.len, publisher.ptr);
    for (uint32_t i = 0; i < watch->count; i++) {
        const struct roster_item *item = roster_find(&watch->watchers[i].account->roster, watch->publisher);
        if (!item || item->watch_slot != i + 1 || !account_is_hearing(watch->watchers[i].account))
            world_fail(w, "slot %u of the watch of %.*s is wrong", i, (int)publisher.len, publisher.ptr);
    }
}

/* At rest every member that is available stands in the list of its group, nobody else does, and nobody waits to be told. */
static void group_check(struct world *w, const struct router *r, const struct group_here *here)
{
    if (here->is_removed || here->parting.count)
        world_fail(w, "worker %u still has who left group %u", r->index, here->group->number);
    assert_int_equal(atomic_load(&here->group->interest->available[r->index]), here->members.count);
    uint32_t available = 0;
    for (uint32_t i = 0; i < here->group->count; i++) {
        struct jid jid = jid_of_prepared(group_member_jid(here->group, i));
        const struct entity *e = entity_find(&r->entities, &jid);
        available += e && e->account && account_is_hearing(e->account);
    }
    assert_int_equal(available, here->members.count);
    for (uint32_t i = 0; i < here->members.count; i++) {
        const struct group_entry *e = &here->members.entries[i];
        const struct account_group *g = account_group(e->account, here);
        if (!g || g->stamp != e->stamp || e->wave || !list_empty(&e->account->waves) ||
            (i && e[-1].stamp >= e->stamp))
            world_fail(w, "entry %u of group %u at worker %u is wrong", i, here->group->number, r->index);
    }
}

void world_check(struct world *w)
{
    assert_false(w->is_changing);
    for (uint32_t i = 0; i < w->broker.worker_count; i++)
        for (uint32_t n = 0; n < w->broker.workers[i].router.groups.count; n++)
            group_check(w, &w->broker.workers[i].router, w->broker.workers[i].router.groups.at[n]);
    for (uint32_t i = 0; i < w->broker.worker_count; i++) {
        struct worker *worker = &w->broker.workers[i];
        struct router *r = &worker->router;
        assert_int_equal(r->operations, 0);
        assert_int_equal(worker->lookups, 0);
        for (uint32_t to = 0; to < r->count; to++)
            assert_int_equal(r->sent[to], r->peers[to]->received[i]);
        for (struct hash_node *n = hash_table_next(&r->entities.table, NULL); n;
             n = hash_table_next(&r->entities.table, n)) {
            if (account_of(n))
                account_check(w, r, account_of(n));
            if (container_of(n, struct entity, node)->watch)
                watch_check(w, r, container_of(n, struct entity, node)->watch);
        }
    }
}
