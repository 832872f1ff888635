/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6121 s. 8.5.4, table 1, through the real routers: five conditions of the addressee, three addresses,
 * five types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "world.h"

static const char *const types[] = {"normal", "chat", "groupchat", "headline", "error"};
#define TYPES 5

/* Of bob's resources: name and priority. */
struct resource {
    const char *user;
    int priority;
};

/* A letter a type: S silence, E service-unavailable to the sender, 1 to 3: to that resource of bob's, A: to
 * all that are not negative. bob2 is the most available of several. */
static const struct {
    const char *name, *address, *outcome;
    bool has_account;
    struct resource resources[3];
} rows[] = {
    {"no account, bare", "bob@localhost", "EEESS", false, {{0}}},
    {"no account, full", "bob@localhost/r1", "EEESS", false, {{0}}},
    {"no resources, bare", "bob@localhost", "EEESS", true, {{0}}},
    {"no resources, full", "bob@localhost/r1", "EEEES", true, {{0}}},
    {"only negative, bare", "bob@localhost", "EEESS", true, {{"bob1", -1}}},
    {"only negative, match", "bob@localhost/r1", "11111", true, {{"bob1", -1}}},
    {"only negative, no match", "bob@localhost/none", "EEEES", true, {{"bob1", -1}}},
    {"one, bare", "bob@localhost", "11E1S", true, {{"bob1", 0}, {"bob2", -1}}},
    {"one, match", "bob@localhost/r1", "11111", true, {{"bob1", 0}, {"bob2", -1}}},
    {"one, match of the negative", "bob@localhost/r2", "22222", true, {{"bob1", 0}, {"bob2", -1}}},
    {"one, no match", "bob@localhost/none", "E1EES", true, {{"bob1", 0}, {"bob2", -1}}},
    {"several, bare", "bob@localhost", "22EAS", true, {{"bob1", 1}, {"bob2", 5}, {"bob3", -1}}},
    {"several, match", "bob@localhost/r1", "11111", true, {{"bob1", 1}, {"bob2", 5}, {"bob3", -1}}},
    {"several, no match", "bob@localhost/none", "E2EES", true, {{"bob1", 1}, {"bob2", 5}, {"bob3", -1}}},
    {"several equal: the newest, bare",
     "bob@localhost",
     "22EAS",
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

static void play(uint32_t workers, size_t row, int type)
{
    char where[128];
    snprintf(where, sizeof where, "%s, %s", rows[row].name, types[type]);
    struct world *w = world_new(workers, 3, 0);
    w->where = where;
    fake_store_account(w->broker.store, "alice@localhost", true);
    if (rows[row].has_account)
        fake_store_account(w->broker.store, "bob@localhost", true);
    world_online(w, "alice");
    for (int i = 0; i < 3 && rows[row].resources[i].user; i++) {
        world_login(w, rows[row].resources[i].user);
        world_say(w, rows[row].resources[i].user, "<presence><priority>%d</priority></presence>",
                  rows[row].resources[i].priority);
    }
    for (uint32_t i = 0; i < w->user_count; i++)
        user_forget(&w->users[i]);
    world_say(w, "alice", "<message type='%s' id='m' to='%s'><body>hello</body></message>", types[type],
              rows[row].address);
    char outcome = rows[row].outcome[type];
    if (outcome == 'E')
        world_expect(w, "alice",
                     "<message type='error' id='m' from='%s' to='alice@localhost/r'><error "
                     "type='cancel'><service-unavailable "
                     "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
                     rows[row].address);
    for (int i = 0; i < 3; i++)
        if (outcome == '1' + i || (outcome == 'A' && rows[row].resources[i].priority >= 0))
            expect_delivered(w, rows[row].resources[i].user, types[type], rows[row].address);
    world_expect_silence(w);
    world_free(w);
}

static void test_every_cell(void **unused)
{
    static const uint32_t workers[] = {1, 2, 4};
    (void)unused;
    for (size_t n = 0; n < 3; n++)
        for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
            for (int type = 0; type < TYPES; type++)
                play(workers[n], row, type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_cell)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
