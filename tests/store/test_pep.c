/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "roster/subscription.h"
#include "store/pep.h"

#define ALICE SPAN("alice@a")
#define NODE SPAN("urn:n")

static const struct pep_limits limits = {.nodes = 3, .items = 10, .item_bytes = 50, .account_bytes = 100};
static const struct pep_options nothing = {.config = {0}};

static struct store_db *db_with(struct fixture *f, const char *const *accounts)
{
    struct store_db *db = fixture_db(f);
    struct sasl_credentials credentials = fixture_credentials(1);
    for (; *accounts; accounts++)
        assert_int_equal(store_account_put(db, span_of(*accounts), &credentials, false), 0);
    return db;
}

static struct store_db *db_with_alice(struct fixture *f)
{
    static const char *const accounts[] = {"alice@a", NULL};
    return db_with(f, accounts);
}

static int publish(struct store_db *db, const char *owner, const char *node, const char *id,
                   const char *payload, const struct pep_options *options)
{
    struct pep_config config;
    const struct pep_item item = {.id = span_of(id), .payload = span_of(payload), .published = 7};
    return store_pep_publish(db, span_of(owner), span_of(node), &item, options, &limits, &config);
}

/* The ids of a node's items, with commas. */
static const char *items_of(struct store_db *db, struct pep_wanted wanted, enum pep_access rank)
{
    static char text[256];
    struct arena arena;
    struct pep_items items;
    uint32_t total;
    if (!wanted.items_max)
        wanted.items_max = 100;
    if (!wanted.bytes_max)
        wanted.bytes_max = 1000;
    arena_init(&arena);
    text[0] = 0;
    int outcome = store_pep_items(db, ALICE, NODE, rank, &wanted, &arena, &items, &total);
    if (outcome)
        snprintf(text, sizeof text, "%d", outcome);
    size_t len = 0;
    for (const struct pep_item *i = outcome ? NULL : items.first; i; i = i->next)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", len ? "," : "", (int)i->id.len,
                                i->id.ptr);
    arena_fini(&arena);
    return text;
}
#define ALL ((struct pep_wanted){0})

static void test_items_come_and_go(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct pep_options three = {.config = {.items_max = 3}, .given = PEP_GIVEN_ITEMS_MAX};
    struct pep_config config;
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "1"); /* STORE_NOT_FOUND */
    assert_int_equal(publish(db, "nobody@a", "urn:n", "a", "<x/>", &three), STORE_NOT_FOUND);
    for (const char *id = "a\0b\0c\0d\0b\0"; *id; id += 2)
        assert_int_equal(publish(db, "alice@a", "urn:n", id, "<x/>", &three), 0);
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "b,d,c");
    assert_string_equal(items_of(db, (struct pep_wanted){.items_max = 2}, PEP_WHITELIST), "b,d");
    assert_string_equal(items_of(db, (struct pep_wanted){.bytes_max = 6}, PEP_WHITELIST),
                        "b,d"); /* one beyond */
    assert_string_equal(items_of(db, (struct pep_wanted){.after = SPAN("d")}, PEP_WHITELIST), "c");
    const struct span ids[] = {SPAN("c"), SPAN("a"), SPAN("b")};
    assert_string_equal(items_of(db, (struct pep_wanted){.ids = ids, .id_count = 3}, PEP_WHITELIST), "c,b");
    assert_int_equal(store_pep_retract(db, ALICE, NODE, SPAN("d"), &config), 0);
    assert_int_equal(config.items_max, 3);
    assert_int_equal(store_pep_retract(db, ALICE, NODE, SPAN("d"), &config), STORE_NOT_FOUND);
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "b,c");
    struct pep_options one = {.config = {.items_max = 1}, .given = PEP_GIVEN_ITEMS_MAX};
    assert_int_equal(store_pep_configure(db, ALICE, NODE, &one, &config), 0);
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "b");
    assert_int_equal(store_pep_purge(db, ALICE, NODE, &config), 0);
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "");
    assert_int_equal(store_pep_delete(db, ALICE, NODE, &config), 0);
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "1");
    store_db_close(db);
}

static void test_who_may_see(void **state)
{
    struct store_db *db = db_with_alice(*state);
    static const uint8_t models[] = {PEP_WHITELIST, PEP_PRESENCE, PEP_OPEN};
    for (size_t m = 0; m < sizeof models; m++) {
        struct pep_options o = {.config = {.access = models[m]}, .given = PEP_GIVEN_ACCESS};
        struct pep_config config;
        struct pep_node *nodes = NULL;
        struct arena arena;
        arena_init(&arena);
        assert_int_equal(publish(db, "alice@a", "urn:n", "i", "<x/>", &o), 0);
        for (uint8_t rank = PEP_WHITELIST; rank <= PEP_OPEN; rank++) {
            bool is_seen = rank <= models[m];
            assert_string_equal(items_of(db, ALL, rank), is_seen ? "i" : "1");
            assert_int_equal(store_pep_config(db, ALICE, NODE, rank, &config), is_seen ? 0 : STORE_NOT_FOUND);
            assert_int_equal(store_pep_nodes(db, ALICE, rank, &arena, &nodes), 0);
            assert_int_equal(nodes != NULL, is_seen);
        }
        arena_fini(&arena);
        assert_int_equal(store_pep_delete(db, ALICE, NODE, &config), 0);
    }
    store_db_close(db);
}

static void test_options_must_fit(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct pep_config config;
    assert_int_equal(publish(db, "alice@a", "urn:n", "i", "<x/>", &nothing), 0);
    for (uint32_t bit = 1; bit <= PEP_GIVEN_ITEMS_MAX; bit <<= 1) {
        struct pep_options same = {.config = pep_config_default, .given = bit};
        struct pep_options other = {.config = {.access = PEP_OPEN, .notify_config = true, .items_max = 2},
                                    .given = bit};
        assert_int_equal(publish(db, "alice@a", "urn:n", "i", "<x/>", &same), 0);
        assert_int_equal(publish(db, "alice@a", "urn:n", "i", "<x/>", &other), PEP_UNFIT);
        assert_int_equal(store_pep_configure(db, ALICE, NODE, &other, &config), 0);
        if (bit != PEP_GIVEN_PERSIST)
            assert_int_equal(publish(db, "alice@a", "urn:n", "i", "<x/>", &other), 0);
        assert_int_equal(store_pep_configure(db, ALICE, NODE, &same, &config), 0);
    }
    store_db_close(db);
}

static void test_nothing_is_kept(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct pep_options o = {.config = {.persist = false}, .given = PEP_GIVEN_PERSIST};
    assert_int_equal(publish(db, "alice@a", "urn:n", "i", "<x/>", &o), 0);
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "");
    store_db_close(db);
}

static void test_limits(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct pep_options two = {.config = {.items_max = 2}, .given = PEP_GIVEN_ITEMS_MAX};
    char payload[64];
    memset(payload, 'x', sizeof payload);
    payload[50] = 0;
    assert_int_equal(publish(db, "alice@a", "urn:n", "a", payload, &two),
                     PEP_TOO_LARGE); /* with its name 51 */
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "1");
    payload[49] = 0;
    assert_int_equal(publish(db, "alice@a", "urn:n", "a", payload, &two), 0);
    assert_int_equal(publish(db, "alice@a", "urn:n", "b", payload, &two), 0);
    assert_int_equal(publish(db, "alice@a", "urn:n", "c", payload, &two), 0); /* "a" goes for it */
    assert_int_equal(publish(db, "alice@a", "urn:n", "c", payload, &two), 0); /* and is replaced */
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "c,b");
    assert_int_equal(publish(db, "alice@a", "urn:m", "a", "", &nothing), PEP_ACCOUNT_FULL);
    struct pep_config config;
    assert_int_equal(store_pep_retract(db, ALICE, NODE, SPAN("b"), &config), 0);
    assert_int_equal(publish(db, "alice@a", "urn:m", "a", "", &nothing), 0);
    assert_int_equal(publish(db, "alice@a", "urn:l", "a", "", &nothing), 0);
    assert_int_equal(publish(db, "alice@a", "urn:k", "a", "", &nothing), PEP_TOO_MANY);
    assert_int_equal(store_pep_create(db, ALICE, SPAN("urn:k"), &nothing, &limits), PEP_TOO_MANY);
    assert_int_equal(store_pep_create(db, ALICE, SPAN("urn:l"), &nothing, &limits), STORE_EXISTS);
    store_db_close(db);
}

static void test_the_account_takes_it_along(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(publish(db, "alice@a", "urn:n", "i", "<x/>", &nothing), 0);
    assert_int_equal(store_account_remove(db, ALICE), 0);
    assert_int_equal(store_account_put(db, ALICE, &credentials, false), 0);
    assert_string_equal(items_of(db, ALL, PEP_WHITELIST), "1");
    store_db_close(db);
}

/* ---- last items ---- */

static const char *latest(struct store_db *db, struct pep_search search, const char **ret_next)
{
    static char text[512];
    static char next_text[64];
    static const struct span nodes[] = {{"urn:m", 5}, {"urn:n", 5}};
    struct arena arena;
    struct pep_items items;
    struct span next;
    uint32_t looked;
    search.watcher = ALICE;
    search.nodes = nodes;
    search.node_count = 2;
    if (!search.accounts_max)
        search.accounts_max = 100;
    if (!search.bytes_max)
        search.bytes_max = 10000;
    arena_init(&arena);
    assert_int_equal(store_pep_latest(db, &search, &arena, &items, &next, &looked), 0);
    assert_in_range(looked, 0, search.accounts_max);
    size_t len = 0;
    text[0] = 0;
    for (const struct pep_item *i = items.first; i; i = i->next)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s %.*s %.*s", len ? ", " : "",
                                (int)i->owner.len, i->owner.ptr, (int)i->node.len, i->node.ptr,
                                (int)i->id.len, i->id.ptr);
    snprintf(next_text, sizeof next_text, "%.*s", (int)next.len, next.len ? next.ptr : "");
    *ret_next = next_text;
    arena_fini(&arena);
    return text;
}

static void roster_put(struct store_db *db, const char *owner, const char *contact, uint8_t state)
{
    struct store_item item = fixture_item(contact, state, 1);
    assert_int_equal(store_item_put(db, span_of(owner), &item), 0);
}

static void test_last_items_of_contacts(void **state)
{
    static const char *const accounts[] = {"alice@a", "b@a", "c@a", "d@a", "e@a", NULL};
    struct store_db *db = db_with(*state, accounts);
    struct pep_options never = {.config = {.send_last = false}, .given = PEP_GIVEN_SEND_LAST};
    struct pep_options hidden = {.config = {.access = PEP_WHITELIST}, .given = PEP_GIVEN_ACCESS};
    const char *next;
    roster_put(db, "alice@a", "b@a", SUBSCRIPTION_TO);
    roster_put(db, "b@a", "alice@a", SUBSCRIPTION_FROM);
    roster_put(db, "alice@a", "c@a", SUBSCRIPTION_FROM); /* does not let alice see */
    roster_put(db, "c@a", "alice@a", SUBSCRIPTION_TO);
    roster_put(db, "alice@a", "d@a", SUBSCRIPTION_BOTH); /* its own roster says otherwise */
    roster_put(db, "d@a", "alice@a", SUBSCRIPTION_TO);
    roster_put(db, "alice@a", "e@a", SUBSCRIPTION_BOTH);
    roster_put(db, "e@a", "alice@a", SUBSCRIPTION_BOTH);
    roster_put(db, "alice@a", "gone@a", SUBSCRIPTION_BOTH);
    for (int i = 0; accounts[i]; i++) {
        assert_int_equal(publish(db, accounts[i], "urn:n", "1", "", &nothing), 0);
        assert_int_equal(publish(db, accounts[i], "urn:n", "2", "", &nothing), 0);
        assert_int_equal(publish(db, accounts[i], "urn:other", "1", "", &nothing), 0);
    }
    assert_int_equal(publish(db, "b@a", "urn:m", "x", "", &never), 0);
    assert_int_equal(publish(db, "e@a", "urn:m", "x", "", &hidden), 0);
    assert_int_equal(publish(db, "alice@a", "urn:m", "x", "", &hidden), 0);
    assert_string_equal(latest(db, (struct pep_search){0}, &next), "b@a urn:n 2, e@a urn:n 2");
    assert_string_equal(next, "");
    assert_string_equal(latest(db, (struct pep_search){.accounts_max = 2}, &next), "b@a urn:n 2");
    assert_string_equal(next, "c@a");
    assert_string_equal(latest(db, (struct pep_search){.after = SPAN("c@a"), .accounts_max = 2}, &next),
                        "e@a urn:n 2");
    assert_string_equal(next, "e@a");
    assert_string_equal(latest(db, (struct pep_search){.after = SPAN("e@a"), .accounts_max = 2}, &next), "");
    assert_string_equal(next, "");
    assert_string_equal(latest(db, (struct pep_search){.bytes_max = 1}, &next), "b@a urn:n 2");
    assert_string_equal(next, "b@a");
    const struct span own[] = {ALICE}, others[] = {SPAN("d@a"), SPAN("nobody@a"), SPAN("c@a")};
    assert_string_equal(
        latest(db, (struct pep_search){.owners = own, .owner_count = 1, .is_own = true}, &next),
        "alice@a urn:m x, alice@a urn:n 2");
    assert_string_equal(latest(db, (struct pep_search){.owners = others, .owner_count = 3}, &next),
                        "d@a urn:n 2, c@a urn:n 2");
    store_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        TEST(test_items_come_and_go),      TEST(test_who_may_see), TEST(test_options_must_fit),
        TEST(test_nothing_is_kept),        TEST(test_limits),      TEST(test_the_account_takes_it_along),
        TEST(test_last_items_of_contacts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
