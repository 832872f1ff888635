/* SPDX-License-Identifier: Apache-2.0 */
/* Log-ins, changes of presence, subscriptions, roster changes and lost connections of a few accounts, in
 * which everything that can happen at the same time happens in an order drawn by a seed: which worker turns,
 * how many of its messages have arrived, when the store answers, when a client says its next thing. At the
 * end, at rest, every client must see exactly what the rosters allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "race.h"

/* Contacts that never come, between those that do: walks over such rosters take many slices. */
#define STRANGERS 12
#define ACTIONS 14
/* Steps in which nobody says anything new, drawn against one in which somebody does. */
#define PATIENCE 6
#define STEPS_MAX 1000000
/* No time passes while they play. */
#define GRACE_MS 1000

/* ---- shared groups ---- */

static const char *const group_names[GROUPS] = {"g0", "g1", "g2"};

static bool sees_by_group(const struct game *g, unsigned who, unsigned whom)
{
    for (unsigned seen = 0; seen < GROUPS; seen++)
        for (unsigned viewer = 0; viewer < GROUPS; viewer++)
            if (g->is_seen_by[seen][viewer] && g->is_member[seen][whom] && g->is_member[viewer][who])
                return true;
    return false;
}

static void groups_make(struct game *g)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        char viewers[16] = "", members[128] = "";
        for (unsigned n = 0; n <= i; n++) {
            g->is_seen_by[i][n] = fake_random(3) != 0;
            if (g->is_seen_by[i][n])
                snprintf(viewers + strlen(viewers), sizeof viewers - strlen(viewers), "%s%s",
                         viewers[0] ? "," : "", group_names[n]);
        }
        world_group(g->w, group_names[i], viewers);
        world_settle(g->w);
        for (unsigned n = 0; n < ACCOUNTS; n++) {
            g->is_member[i][n] = fake_random(2) == 0;
            if (g->is_member[i][n])
                snprintf(members + strlen(members), sizeof members - strlen(members), "%s ",
                         race_accounts[n]);
        }
        if (members[0])
            world_group_change(g->w, "join", group_names[i], members);
        world_settle(g->w);
    }
}

/* Other groups see its members. */
static void change_who_sees(struct game *g, unsigned group)
{
    char viewers[16] = "";
    for (unsigned n = 0; n < GROUPS; n++) {
        g->is_seen_by[group][n] = fake_random(2) == 0;
        if (g->is_seen_by[group][n])
            snprintf(viewers + strlen(viewers), sizeof viewers - strlen(viewers), "%s%s",
                     viewers[0] ? "," : "", group_names[n]);
    }
    g->group_changes--;
    if (race_is_traced)
        printf("set %s %s\n", group_names[group], viewers);
    world_group_set(g->w, group_names[group], group_names[group], viewers);
}

/* Some join or some leave, several at once. */
static void change_a_group(struct game *g)
{
    unsigned group = fake_random(GROUPS);
    bool is_join = fake_random(2) == 0;
    char members[128] = "";
    if (g->w->is_changing)
        return;
    if (fake_random(3) == 0) {
        change_who_sees(g, group);
        return;
    }
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        if (g->is_member[group][i] == is_join || fake_random(2))
            continue;
        g->is_member[group][i] = is_join;
        snprintf(members + strlen(members), sizeof members - strlen(members), "%s ", race_accounts[i]);
    }
    if (!members[0])
        return;
    g->group_changes--;
    if (race_is_traced)
        printf("%s %s %s\n", is_join ? "join" : "leave", group_names[group], members);
    world_group_change(g->w, is_join ? "join" : "leave", group_names[group], members);
}

/* ---- what must be true in the end ---- */

static bool row_has(struct world *w, unsigned owner, unsigned contact, const char *states)
{
    char name[8];
    const struct fake_item *i = world_row(w, race_accounts[owner], race_accounts[contact], NULL);
    if (!i)
        return false;
    snprintf(name, sizeof name, " %s ", world_state_name(i->state));
    return strstr(states, name) != NULL;
}

static bool stored_block(struct world *w, unsigned owner, unsigned whom)
{
    char jids[2][64];
    snprintf(jids[0], sizeof jids[0], "%s@localhost", race_accounts[owner]);
    snprintf(jids[1], sizeof jids[1], "%s@localhost", race_accounts[whom]);
    return fake_store_blocks(w->broker.store, jids[0], jids[1]);
}

static void views_check(struct game *g)
{
    for (unsigned i = 0; i < g->player_count; i++) {
        struct player *p = &g->players[i];
        if (!p->is_available)
            continue;
        for (unsigned n = 0; n < g->player_count; n++) {
            struct player *other = &g->players[n];
            unsigned who = race_account(p->user->jid), whom = race_account(other->user->jid);
            bool is_seen = who == whom ||
                           (row_has(g->w, who, whom, " T TPi B ") && row_has(g->w, whom, who, " F FPo B ")) ||
                           sees_by_group(g, who, whom);
            if (who != whom && (stored_block(g->w, who, whom) || stored_block(g->w, whom, who)))
                is_seen = false;
            unsigned expected = is_seen && other->is_available ? other->status : 0;
            if (p->views[n].status != expected)
                world_fail(g->w, "%s sees %s with status %u, expected %u", p->user->jid, other->user->jid,
                           p->views[n].status, expected);
        }
    }
}

static void strangers_make(struct game *g, unsigned owner)
{
    static const char *const states[] = {"B", "T", "F", "N"};
    char name[16];
    for (unsigned i = fake_random(STRANGERS); i > 0; i--) {
        snprintf(name, sizeof name, "x%u", fake_random(100));
        world_row(g->w, race_accounts[owner], name, states[fake_random(4)]);
    }
}

static void rosters_make(struct game *g)
{
    static const char *const pairs[][2] = {{"N", "N"}, {"B", "B"}, {"B", "B"},
                                           {"T", "F"}, {"F", "T"}, {"NPo", "NPi"}};
    char jid[96];
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        snprintf(race_accounts[i], sizeof race_accounts[i], "%s%c", race_names[i],
                 'a' + (int)fake_random(26));
        snprintf(jid, sizeof jid, "%s@localhost", race_accounts[i]);
        fake_store_account(g->w->broker.store, jid, true);
    }
    for (unsigned i = 0; i < ACCOUNTS; i++)
        for (unsigned n = i + 1; n < ACCOUNTS; n++) {
            const char *const *pair = pairs[fake_random(6)];
            if (!g->w->at_once_max)
                strangers_make(g, i);
            world_row(g->w, race_accounts[i], race_accounts[n], pair[0]);
            world_row(g->w, race_accounts[n], race_accounts[i], pair[1]);
            g->may_see[i][n] = *pair[0] == 'T' || *pair[0] == 'B';
            g->may_see[n][i] = *pair[1] == 'T' || *pair[1] == 'B';
        }
    if (g->has_groups)
        groups_make(g);
    for (unsigned i = 0; i < ACCOUNTS; i++)
        for (unsigned n = 0; n < ACCOUNTS; n++)
            g->may_see[i][n] |= sees_by_group(g, i, n);
}

struct rules {
    const char *name;
    bool is_strict, is_presence_only, has_idlers, has_grace, has_groups, has_blocks;
};

static void play(uint32_t workers, uint64_t seed, const struct rules *rules)
{
    char where[64], name[24];
    world_at_once_max =
        seed % 2 ? 0 : ROUTER_AT_ONCE_MAX; /* walks over rosters and watchers in slices, or at once */
    struct game g = {.w = world_new(workers, seed * 2654435761u + 1, 0),
                     .is_strict = rules->is_strict,
                     .is_presence_only = rules->is_presence_only,
                     .has_idlers = rules->has_idlers,
                     .has_grace = rules->has_grace,
                     .has_groups = rules->has_groups,
                     .has_blocks = rules->has_blocks};
    bool is_strict = rules->is_strict;
    snprintf(where, sizeof where, "%s, seed %llu", rules->name, (unsigned long long)seed);
    g.w->where = where;
    g.group_changes = g.has_groups && !is_strict && !g.has_blocks ? ACTIONS : 0;
    if (g.has_idlers) {
        g.w->config.presence.conflate_bytes = 100;
        g.w->config.limits.held_presences = ACCOUNTS - 2;
        world_settings(g.w);
    }
    if (g.has_grace) {
        g.w->config.presence.flap_grace_ms = GRACE_MS;
        world_settings(g.w);
    }
    rosters_make(&g);
    g.player_count = is_strict ? ACCOUNTS : g.is_presence_only ? PLAYERS_MAX : ACCOUNTS + 2;
    for (unsigned i = 0; i < g.player_count; i++) {
        snprintf(name, sizeof name, "%s%s", race_accounts[i % ACCOUNTS], i < ACCOUNTS ? "" : "2");
        g.players[i].user = world_user(g.w, name);
        g.players[i].left = ACTIONS;
    }
    unsigned steps = 0;
    for (bool is_busy = true; is_busy;) {
        if (++steps > STEPS_MAX)
            world_fail(g.w, "it never comes to rest");
        struct player *p = &g.players[fake_random(g.player_count)];
        if (p->left && fake_random(PATIENCE) == 0)
            race_act(&g, p);
        if (g.group_changes && fake_random(8 * PATIENCE) == 0)
            change_a_group(&g);
        is_busy = world_step(g.w);
        race_hear(&g);
        for (unsigned i = 0; i < g.player_count; i++)
            is_busy |= g.players[i].left > 0;
    }
    world_settle(g.w);
    if (g.has_idlers)
        race_listen(&g);
    if (g.has_grace) {
        race_hear(&g);
        world_check(g.w);
        world_advance(g.w, GRACE_MS + TIMER_TICK_MS);
    }
    race_hear(&g);
    world_check(g.w);
    views_check(&g);
    world_free(g.w);
}

/* MUSTER_FLOW_SEEDS: how many schedules of each kind; MUSTER_FLOW_SEED: only this one, and all that is said
 * is shown. */
static void play_many(const struct rules *rules)
{
    const char *count = getenv("MUSTER_FLOW_SEEDS"), *only = getenv("MUSTER_FLOW_SEED");
    race_is_traced = only != NULL;
    uint64_t first = only ? strtoull(only, NULL, 10) : 1, last = only    ? first
                                                                 : count ? strtoull(count, NULL, 10)
                                                                         : 1500;
    for (uint64_t seed = first; seed <= last; seed++)
        play(1u << seed % 3, seed, rules);
}

static void test_rosters_at_rest(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"rosters at rest", .is_strict = true});
}

static void test_rosters_that_change(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"rosters that change"});
}

static void test_blocks(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"block lists, rosters that change", .has_blocks = true});
    play_many(&(struct rules){"block lists, groups at rest", .has_blocks = true, .has_groups = true});
}

static void test_groups_at_rest(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"groups at rest", .is_strict = true, .has_groups = true});
}

static void test_groups_that_change(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"groups that change", .has_groups = true});
}

static void test_resources_that_come_and_go(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"resources that come and go", .is_presence_only = true});
}

static void test_lost_connections(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"lost connections, rosters at rest", .is_strict = true, .has_grace = true});
    play_many(&(struct rules){"lost connections, rosters that change", .has_grace = true});
    play_many(&(struct rules){"lost connections, resources that come and go", .is_presence_only = true,
                              .has_grace = true});
}

static void test_idle_and_slow_readers(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"idle and slow readers", .is_strict = true, .has_idlers = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rosters_at_rest),
        cmocka_unit_test(test_rosters_that_change),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_groups_at_rest),
        cmocka_unit_test(test_groups_that_change),
        cmocka_unit_test(test_resources_that_come_and_go),
        cmocka_unit_test(test_idle_and_slow_readers),
        cmocka_unit_test(test_lost_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
