/* SPDX-License-Identifier: Apache-2.0 */
/* A resource goes at the very moment at which somebody ceases to be allowed to see it. Whichever is first,
 * the other must be told that it is gone: nobody would say so later, not even when it may see the account
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define SEEDS 400
/* What alice begins has come to rest by then. */
#define STEPS_MAX 24

/* What alice does, some steps apart. "!": her first resource loses its connection. */
static const struct {
    const char *what, *first, *then;
    bool is_subscribed, is_in_group, has_second;
} rows[] = {
    {"revokes, the last resource goes", "<presence type='unsubscribed' to='bob@localhost'/>", "!",
     .is_subscribed = true},
    {"revokes, one of two resources goes", "<presence type='unsubscribed' to='bob@localhost'/>", "!",
     .is_subscribed = true, .has_second = true},
    {"removes, the connection goes",
     "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' "
     "subscription='remove'/></query></iq>",
     "!", .is_subscribed = true},
    {"blocks, the last resource goes",
     "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>", "!",
     .is_in_group = true},
    {"blocks, one of two resources goes",
     "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>", "!",
     .is_in_group = true, .has_second = true},
    {"blocks, the last resource goes, with a subscription",
     "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>", "!",
     .is_subscribed = true},
};

static bool is_seen(struct user *watcher, const char *resource)
{
    bool is_there = true; /* as he was told when all logged in */
    for (struct said *s; (s = user_take(watcher)); said_free(s))
        if (strcmp(s->name, "presence") == 0 && s->from && strcmp(s->from, resource) == 0)
            is_there = !s->type;
    return is_there;
}

static void alice_does(struct world *w, const char *what)
{
    struct user *alice = world_user(w, "alice");
    if (*what == '!')
        alice->peer->error = 104; /* ECONNRESET */
    else
        user_say(alice, span_make(what, strlen(what)));
}

static void play(size_t row, uint64_t seed)
{
    char where[96];
    struct world *w = world_new(1u << seed % 3, seed, 0);
    snprintf(where, sizeof where, "%s, seed %llu", rows[row].what, (unsigned long long)seed);
    w->where = where;
    fake_store_account(w->broker.store, "alice@localhost", true);
    fake_store_account(w->broker.store, "bob@localhost", true);
    world_row(w, "alice", "x", "B"); /* so that her roster is long enough for slices */
    if (rows[row].is_subscribed) {
        world_row(w, "alice", "bob", "B");
        world_row(w, "bob", "alice", "B");
    }
    if (rows[row].is_in_group) {
        world_group(w, "g", "g");
        world_settle(w);
        world_group_change(w, "join", "g", "alice bob");
        world_settle(w);
    }
    world_online(w, rows[row].has_second ? "alice alice2 bob" : "alice bob");
    alice_does(w, rows[row].first);
    for (uint32_t steps = fake_random(STEPS_MAX); steps && world_step(w); steps--)
        continue;
    alice_does(w, rows[row].then);
    world_settle(w);
    if (is_seen(world_user(w, "bob"), "alice@localhost/r"))
        world_fail(w, "bob still sees alice");
    world_check(w);
    world_free(w);
}

static void test_nobody_stays_who_is_gone(void **unused)
{
    (void)unused;
    world_at_once_max = 0;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            play(row, seed);
    world_at_once_max = ROUTER_AT_ONCE_MAX;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_stays_who_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
