/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6121 s. 8.5.4, table 1, through the real routers: five conditions of the addressee, three addresses,
 * five types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static const char *const types[] = {"normal", "chat", "groupchat", "headline", "error"};
#define TYPES 5

/* Of bob's resources: name and priority. */
struct resource {
    const char *user;
    int priority;
};

/* A letter a type: S silence, E service-unavailable to the sender, R the same to a sender who sees bob's
 * presence and silence to others, O nothing now and the message when bob comes, 1 to 3: to that resource of
 * bob's, A: to all that are not negative, C: to bob2, and with carbons to all that are not negative. bob2 is
 * the most available of several. */
static const struct {
    const char *name, *address, *outcome;
    bool has_account;
    struct resource resources[3];
} rows[] = {
    {"no account, bare", "bob@localhost", "SSESS", false, {{0}}},
    {"no account, full", "bob@localhost/r1", "SSSSS", false, {{0}}},
    {"no resources, bare", "bob@localhost", "OOESS", true, {{0}}},
    {"no resources, full", "bob@localhost/r1", "RORRS", true, {{0}}},
    {"only negative, bare", "bob@localhost", "OOESS", true, {{"bob1", -1}}},
    {"only negative, match", "bob@localhost/r1", "11111", true, {{"bob1", -1}}},
    {"only negative, no match", "bob@localhost/none", "RORRS", true, {{"bob1", -1}}},
    {"one, bare", "bob@localhost", "11E1S", true, {{"bob1", 0}, {"bob2", -1}}},
    {"one, match", "bob@localhost/r1", "11111", true, {{"bob1", 0}, {"bob2", -1}}},
    {"one, match of the negative", "bob@localhost/r2", "22222", true, {{"bob1", 0}, {"bob2", -1}}},
    {"one, no match", "bob@localhost/none", "R1RRS", true, {{"bob1", 0}, {"bob2", -1}}},
    {"several, bare", "bob@localhost", "2CEAS", true, {{"bob1", 1}, {"bob2", 5}, {"bob3", -1}}},
    {"several, match", "bob@localhost/r1", "11111", true, {{"bob1", 1}, {"bob2", 5}, {"bob3", -1}}},
    {"several, no match", "bob@localhost/none", "RCRRS", true, {{"bob1", 1}, {"bob2", 5}, {"bob3", -1}}},
    {"several equal: the newest, bare",
     "bob@localhost",
     "2CEAS",
     true,
     {{"bob1", 5}, {"bob2", 5}, {"bob3", -1}}},
    {"no resources, domain's own", "localhost", "EEEES", true, {{0}}},
};

static void expect_delivered(struct world *w, const char *user, const char *type, const char *address)
{
    world_expect(w, user,
                 "<message type='%s' id='m' from='alice@localhost/r' to='%s'><body>hello</body></message>",
                 type, address);
}

/* Is the message itself given to resource `i` of bob's? */
static bool is_given(char outcome, int i, int priority, bool has_carbons)
{
    if (outcome == 'A')
        return priority >= 0;
    if (outcome == 'C')
        return i == 1 || (has_carbons && priority >= 0);
    return outcome == '1' + i;
}

static void expect_copied(struct world *w, const char *user, const char *type, const char *address)
{
    const char *kind = strcmp(type, "chat") == 0 ? " type='chat'" : "";
    world_expect(
        w, user,
        "<message%s from='bob@localhost' to='*'><received xmlns='urn:xmpp:carbons:2'><forwarded "
        "xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='%s' id='m' from='alice@localhost/r' "
        "to='%s'><body>hello</body></message></forwarded></received></message>",
        kind, type, address);
}

static struct world *scene(uint32_t workers, size_t row, bool is_known, bool has_carbons)
{
    struct world *w = world_new(workers, 3, 0);
    fake_store_account(w->broker.store, "alice@localhost", true);
    if (rows[row].has_account)
        fake_store_account(w->broker.store, "bob@localhost", true);
    if (is_known) {
        world_row(w, "bob", "alice", "F");
        world_row(w, "alice", "bob", "T");
    }
    world_online(w, "alice");
    for (int i = 0; i < 3 && rows[row].resources[i].user; i++) {
        world_login(w, rows[row].resources[i].user);
        world_say(w, rows[row].resources[i].user, "<presence><priority>%d</priority></presence>",
                  rows[row].resources[i].priority);
    }
    for (int i = 0; has_carbons && i < 3 && rows[row].resources[i].user; i++)
        world_say(w, rows[row].resources[i].user,
                  "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    for (uint32_t i = 0; i < w->user_count; i++)
        user_forget(&w->users[i]);
    return w;
}

/* bob comes, and is given what waited, or nothing. */
static void expect_later(struct world *w, const char *type, const char *address, bool is_kept)
{
    world_expect_silence(w);
    world_login(w, "bob4");
    world_say(w, "bob4", "<presence/>");
    world_expect_any(w, "bob4", "<presence from='bob@localhost/r4' to='bob@localhost'/>");
    if (is_kept)
        world_expect_any(w, "bob4",
                         "<message type='%s' id='m' from='alice@localhost/r' to='%s'><body>hello</body>"
                         "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='*'/></message>",
                         type, address);
    for (struct said *s; (s = user_take(world_user(w, "bob4"))); said_free(s))
        assert_string_not_equal(s->name, "message"); /* once, and nothing else */
}

static void play(uint32_t workers, size_t row, int type, bool is_known, bool has_carbons)
{
    char where[128];
    snprintf(where, sizeof where, "%s, %s, from %s%s", rows[row].name, types[type],
             is_known ? "a watcher" : "a stranger", has_carbons ? ", carbons" : "");
    struct world *w = scene(workers, row, is_known, has_carbons);
    w->where = where;
    world_say(w, "alice", "<message type='%s' id='m' to='%s'><body>hello</body></message>", types[type],
              rows[row].address);
    char outcome = rows[row].outcome[type];
    if (outcome == 'E' || (outcome == 'R' && is_known))
        world_expect(w, "alice",
                     "<message type='error' id='m' from='%s' to='alice@localhost/r'><error "
                     "type='cancel'><service-unavailable "
                     "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
                     rows[row].address);
    bool is_copied = has_carbons && type < 2 && !strchr("SER", outcome);
    for (int i = 0; i < 3 && rows[row].resources[i].user; i++) {
        const struct resource *bobs = &rows[row].resources[i];
        if (is_given(outcome, i, bobs->priority, has_carbons))
            expect_delivered(w, bobs->user, types[type], rows[row].address);
        else if (is_copied)
            expect_copied(w, bobs->user, types[type], rows[row].address);
    }
    world_expect_silence(w);
    if (rows[row].has_account)
        expect_later(w, types[type], rows[row].address, outcome == 'O');
    world_free(w);
}

static void test_every_cell(void **unused)
{
    static const uint32_t workers[] = {1, 2, 4};
    (void)unused;
    for (size_t n = 0; n < 3; n++)
        for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
            for (int type = 0; type < TYPES; type++)
                for (int kind = 0; kind < 4; kind++)
                    if (rows[row].has_account || !kind)
                        play(workers[n], row, type, kind & 1, kind & 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_cell)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
