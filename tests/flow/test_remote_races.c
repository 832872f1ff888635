/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts here and contacts at another server come, change and go, in an order drawn by a seed: which worker
 * turns, how many of its messages have arrived, when the store answers. The other server answers probes, as
 * one does. What either side says must arrive in its order, and at rest everybody sees what the rosters
 * allow, as it is then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define ACCOUNTS 3
#define CLIENTS 2 /* of each account */
#define CONTACTS 3
#define ACTIONS 150
#define STEPS_MAX 100000

static const char *const names[ACCOUNTS] = {"alice", "bob", "carol"};
static const char *const contacts[CONTACTS] = {"juliet", "romeo", "tybalt"};
static const char *const states[] = {"N", "T", "F", "B"};

struct player {
    struct user *user;
    bool is_available;        /* by what it said last */
    unsigned status;          /* the last one */
    unsigned views[CONTACTS]; /* 0: not there */
    unsigned told[CONTACTS];  /* the newest that the contact's server was told of it */
    bool is_seen[CONTACTS];   /* as available */
};

struct game {
    struct world *w;
    struct player clients[ACCOUNTS][CLIENTS];
    unsigned next_status;
    unsigned shown[CONTACTS]; /* what each contact shows; 0: it is not there */
    const char *rows[ACCOUNTS][CONTACTS];
};

static bool may_see(const struct game *g, unsigned account, unsigned contact)
{
    return strchr("TB", g->rows[account][contact][0]);
}

static bool is_seen_by(const struct game *g, unsigned account, unsigned contact)
{
    return strchr("FB", g->rows[account][contact][0]);
}

static unsigned index_of(const char *const *list, unsigned count, const char *text)
{
    for (unsigned i = 0; text && i < count; i++)
        if (strncmp(list[i], text, strlen(list[i])) == 0)
            return i;
    fail_msg("who is %s?", text ? text : "nobody");
    return 0;
}

static unsigned status_of(const struct said *s)
{
    const char *at = strstr(s->text, "status>");
    return at ? (unsigned)strtoul(at + strlen("status>"), NULL, 10) : 0;
}

/* ---- the other server ---- */

static void contact_say(struct game *g, unsigned contact, unsigned account)
{
    char xml[256];
    if (g->shown[contact])
        snprintf(xml, sizeof xml,
                 "<presence from='%s@other.example/r' to='%s@localhost'><status>%u</status></presence>",
                 contacts[contact], names[account], g->shown[contact]);
    else
        snprintf(xml, sizeof xml,
                 "<presence type='unavailable' from='%s@other.example/r' to='%s@localhost'/>",
                 contacts[contact], names[account]);
    assert_true(other_say(g->w, "other", xml));
}

static void other_hears(struct game *g, const struct said *s)
{
    const char *to = strstr(s->text, " to=\"");
    unsigned account = index_of(names, ACCOUNTS, s->from),
             contact = index_of(contacts, CONTACTS, to ? to + 5 : NULL);
    if (s->type && strcmp(s->type, "probe") == 0) {
        assert_true(may_see(g, account, contact));
        contact_say(g, contact, account);
        return;
    }
    if (!is_seen_by(g, account, contact))
        world_fail(g->w, "%s may not see %s, and is told %s", contacts[contact], names[account], s->text);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct player *c = &g->clients[account][i];
        if (strcmp(c->user->jid, s->from) != 0)
            continue;
        unsigned status = status_of(s);
        c->is_seen[contact] = !s->type;
        if (!s->type && status < c->told[contact])
            world_fail(g->w, "%s is told of an older presence after a newer one: %s", contacts[contact],
                       s->text);
        if (!s->type)
            c->told[contact] = status;
    }
}

/* ---- the clients ---- */

static void client_hears(struct game *g, unsigned account, struct player *c, const struct said *s)
{
    if (strcmp(s->name, "presence") != 0 || !s->from)
        return;
    if (strstr(s->from, "@localhost")) {
        if (s->type && strcmp(s->from, c->user->jid) == 0)
            memset(c->views, 0, sizeof c->views); /* it hears nothing from here on */
        return;
    }
    unsigned contact = index_of(contacts, CONTACTS, s->from), status = status_of(s);
    if (!may_see(g, account, contact))
        world_fail(g->w, "%s may not see %s", c->user->jid, s->from);
    if (!s->type && status < c->views[contact])
        world_fail(g->w, "%s is told of an older presence after a newer one: %s", c->user->jid, s->text);
    c->views[contact] = s->type ? 0 : status;
}

static bool hear(struct game *g)
{
    bool has_news = false;
    for (unsigned a = 0; a < ACCOUNTS; a++)
        for (unsigned i = 0; i < CLIENTS; i++)
            for (struct said *s; (s = user_take(g->clients[a][i].user)); said_free(s)) {
                client_hears(g, a, &g->clients[a][i], s);
                has_news = true;
            }
    for (struct said *s; (s = user_take(world_user(g->w, "other"))); said_free(s)) {
        other_hears(g, s);
        has_news = true;
    }
    return has_news;
}

/* ---- playing ---- */

static void client_act(struct game *g, struct player *c)
{
    char xml[128];
    if (c->is_available && fake_random(3) == 0) {
        c->is_available = false;
        user_say(c->user, SPAN("<presence type='unavailable'/>"));
        return;
    }
    c->is_available = true;
    c->status = ++g->next_status;
    snprintf(xml, sizeof xml, "<presence><status>%u</status></presence>", c->status);
    user_say(c->user, span_of(xml));
}

static void act(struct game *g)
{
    if (fake_random(2)) {
        client_act(g, &g->clients[fake_random(ACCOUNTS)][fake_random(CLIENTS)]);
        return;
    }
    unsigned contact = fake_random(CONTACTS);
    g->shown[contact] = g->shown[contact] && fake_random(3) == 0 ? 0 : ++g->next_status;
    for (unsigned a = 0; a < ACCOUNTS; a++)
        if (may_see(g, a, contact))
            contact_say(g, contact, a);
}

static void check(const struct game *g, unsigned account, const struct player *c)
{
    for (unsigned n = 0; n < CONTACTS; n++) {
        unsigned expected = may_see(g, account, n) ? g->shown[n] : 0;
        if (c->is_available && c->views[n] != expected)
            world_fail(g->w, "%s sees %s as %u, not %u", c->user->jid, contacts[n], c->views[n], expected);
        bool is_seen = c->is_available && is_seen_by(g, account, n);
        if (c->is_seen[n] != is_seen || (is_seen && c->told[n] != c->status))
            world_fail(g->w, "%s sees %s as %s%u, not %u", contacts[n], c->user->jid,
                       c->is_seen[n] ? "" : "gone ", c->told[n], c->status);
    }
}

static void play(uint64_t seed, uint32_t workers)
{
    struct game g = {.w = world_new(workers, seed, 0)};
    char where[64], contact[64], jid[64];
    snprintf(where, sizeof where, "seed %llu", (unsigned long long)seed);
    g.w->where = where;
    other_begin(g.w, "other");
    for (unsigned a = 0; a < ACCOUNTS; a++) {
        snprintf(jid, sizeof jid, "%s@localhost", names[a]);
        fake_store_account(g.w->broker.store, jid, true);
        for (unsigned n = 0; n < CONTACTS; n++) {
            snprintf(contact, sizeof contact, "%s@other.example", contacts[n]);
            g.rows[a][n] = states[fake_random(4)];
            world_row(g.w, names[a], contact, g.rows[a][n]);
        }
    }
    for (unsigned a = 0; a < ACCOUNTS; a++)
        for (unsigned i = 0; i < CLIENTS; i++) {
            char name[32];
            snprintf(name, sizeof name, "%s%u", names[a], i + 1);
            world_login(g.w, name);
            g.clients[a][i].user = world_user(g.w, name);
        }
    for (unsigned left = ACTIONS, steps = 0; left; steps++) {
        assert_true(steps < STEPS_MAX);
        bool is_idle = !world_step(g.w) && !hear(&g);
        if (is_idle || fake_random(5) == 0) {
            act(&g);
            left--;
        }
        if (fake_random(2))
            hear(&g);
    }
    do
        world_settle(g.w);
    while (hear(&g));
    for (unsigned a = 0; a < ACCOUNTS; a++)
        for (unsigned i = 0; i < CLIENTS; i++)
            check(&g, a, &g.clients[a][i]);
    world_free(g.w);
}

static void test_presence(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        play(seed, 1 + seed % 4);
}

static void test_presence_in_slices(void **state)
{
    (void)state;
    world_at_once_max = 0;
    for (uint64_t seed = 100; seed <= 140; seed++)
        play(seed, 1 + seed % 4);
    world_at_once_max = ROUTER_AT_ONCE_MAX;
}

/* What is too long to be kept is delivered, what was there before is forgotten, and who comes later asks. */
static void test_long_presence(void **state)
{
    (void)state;
    char *xml = NULL;
    struct world *w = world_new(2, 1, 0);
    w->where = "long presence";
    other_begin(w, "other");
    fake_store_account(w->broker.store, "alice@localhost", true);
    world_row(w, "alice", "juliet@other.example", "T");
    world_online(w, "alice");
    assert_true(other_say(w, "other", "<presence from='juliet@other.example/r' to='alice@localhost'/>"));
    world_settle(w);
    world_expect(w, "alice", "<presence from='juliet@other.example/r' to='alice@localhost'/>");
    assert_true(asprintf(&xml,
                         "<presence from='juliet@other.example/r' "
                         "to='alice@localhost'><status>%08192d</status></presence>",
                         7) > 0);
    assert_true(other_say(w, "other", xml));
    world_settle(w);
    world_expect(w, "alice", "%s", xml);
    world_online(w, "alice2");
    world_login(w, "alice3");
    world_say(w, "alice3", "<presence/>");
    world_expect_any(w, "alice3", "<presence from='alice@localhost/r' to='alice@localhost'/>");
    world_expect_any(w, "alice3", "<presence from='alice@localhost/r2' to='alice@localhost'/>");
    world_expect_any(w, "alice3", "<presence from='alice@localhost/r3' to='alice@localhost'/>");
    world_expect_nothing(w, "alice3");
    world_expect_any(w, "other", "<presence type='probe' from='alice@localhost' to='juliet@other.example'/>");
    free(xml);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_presence_in_slices),
        cmocka_unit_test(test_long_presence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
