/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of shared groups while what an earlier one began is under way: members go between the slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define SEEDS 600
/* A log-in among these members has come to rest by then. */
#define STEPS_MAX 60
#define MEMBERS 300

/* What the watcher was told of the publisher last: is it there? */
static bool is_seen(struct user *watcher, const char *publisher)
{
    static char jid[80];
    bool is_there = false;
    snprintf(jid, sizeof jid, "%s@localhost/r", publisher);
    for (struct said *s; (s = user_take(watcher)); said_free(s))
        if (strcmp(s->name, "presence") == 0 && s->from && strcmp(s->from, jid) == 0)
            is_there = !s->type;
    return is_there;
}

static void steps(struct world *w, uint32_t count)
{
    while (count-- && world_step(w))
        continue;
}

/* The publisher is in two groups; the wave comes to it by the first, and it leaves that before the wave comes
 * to it in the second, where it stays. Then it goes offline: whoever was told of it must hear that. */
static void test_leaving_under_a_wave(void **unused)
{
    (void)unused;
    world_at_once_max = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        char where[32];
        snprintf(where, sizeof where, "seed %llu", (unsigned long long)seed);
        struct world *w = world_new(1u << seed % 3, seed, 0);
        w->where = where;
        for (const char *const *name = (const char *const[]){"alice", "bob", "carol", "dave", "erin", NULL};
             *name; name++) {
            char jid[64];
            snprintf(jid, sizeof jid, "%s@localhost", *name);
            fake_store_account(w->broker.store, jid, true);
        }
        for (const char *const *g = (const char *const[]){"viewers", "one", "two", NULL}; *g; g++) {
            world_group(w, *g, **g == 'v' ? "" : "viewers");
            world_settle(w);
        }
        for (const char *const *m = (const char *const[]){"viewers", "alice", "one", "bob carol dave erin",
                                                          "two", "carol dave erin bob", NULL};
             *m; m += 2) {
            world_group_change(w, "join", m[0], m[1]);
            world_settle(w);
        }
        world_online(w, "bob carol dave erin");
        world_login(w, "alice");
        user_say(world_user(w, "alice"), SPAN("<presence/>"));
        steps(w, fake_random(STEPS_MAX));
        world_group_change(w, "leave", "one", "bob");
        steps(w, fake_random(STEPS_MAX));
        if (seed % 2) {
            while (w->is_changing && world_step(w))
                continue;
            world_group_change(w, "leave", "two", "bob");
        } else {
            user_say(world_user(w, "bob"), SPAN("<presence type='unavailable'/>"));
        }
        world_settle(w);
        if (is_seen(world_user(w, "alice"), "bob"))
            world_fail(w, "alice still sees bob");
        world_free(w);
    }
    world_at_once_max = ROUTER_AT_ONCE_MAX;
}

/* What a worker does for a large change in one turn stays within its budget, whatever the size: the pushes
 * that a member gets in a turn are counted. */
static void test_slices(void **unused)
{
    (void)unused;
    struct world *w = world_new(1, 1, 0);
    struct loop *l = w->broker.workers[0].loop;
    struct user *alice;
    char names[MEMBERS * 8] = "";
    unsigned all = 0, turns = 0;
    w->where = "slices";
    world_group(w, "staff", "staff");
    world_settle(w);
    fake_store_account(w->broker.store, "alice@localhost", true);
    world_group_change(w, "join", "staff", "alice");
    world_settle(w);
    world_online(w, "alice");
    alice = world_user(w, "alice");
    for (unsigned i = 0; i < MEMBERS; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "m%u ", i);
    world_group_change(w, "join", "staff", names);
    for (bool is_busy = true; is_busy;) {
        unsigned pushes = 0;
        fake_loop_turn(l, NULL);
        bool has_read = user_read(alice);
        is_busy = fake_loop_has_work(l) || has_read;
        for (struct said *s; (s = user_take(alice)); said_free(s))
            pushes += strcmp(s->name, "iq") == 0;
        assert_in_range(pushes, 0, lanes_turn_budget[LANE_BULK]);
        turns += pushes != 0;
        all += pushes;
    }
    assert_int_equal(all, MEMBERS);
    assert_in_range(turns, MEMBERS / lanes_turn_budget[LANE_BULK], MEMBERS);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaving_under_a_wave),
        cmocka_unit_test(test_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
