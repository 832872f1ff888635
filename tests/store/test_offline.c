/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/offline.h"

static const struct store_offline_limits wide = {10000, 100000000};

static struct store_db *db_with_accounts(struct fixture *f)
{
    struct store_db *db = fixture_db(f);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(store_account_put(db, SPAN("alice@a"), &credentials, false), 0);
    assert_int_equal(store_account_put(db, SPAN("bob@a"), &credentials, false), 0);
    return db;
}

static int add(struct store_db *db, const char *owner, unsigned us, const char *stanza,
               const struct store_offline_limits *limits)
{
    return store_offline_add(db, span_of(owner), us, span_of(stanza), limits);
}

static void expect(struct store_db *db, const char *owner, uint64_t after, const char *const *stanzas,
                   uint32_t count)
{
    struct store_offline_page *page = malloc(sizeof *page);
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(store_offline_read(db, span_of(owner), after, &arena, page), 0);
    assert_int_equal(page->count, count);
    assert_true(page->is_last);
    for (uint32_t i = 0; i < count; i++)
        assert_true(span_equal(page->messages[i].stanza, span_of(stanzas[i])));
    arena_fini(&arena);
    free(page);
}

static bool waits(struct store_db *db, const char *owner)
{
    struct store_roster roster;
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(store_roster_load(db, span_of(owner), &arena, &roster), 0);
    arena_fini(&arena);
    return roster.has_offline;
}

static void test_a_queue_for_each(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    static const char *const all[] = {"one", "two", "three"}, *const others[] = {"other"};
    assert_false(waits(db, "alice@a"));
    expect(db, "alice@a", 0, NULL, 0);
    expect(db, "nobody@a", 0, NULL, 0);
    assert_int_equal(add(db, "nobody@a", 1, "x", &wide), STORE_NOT_FOUND);
    assert_int_equal(add(db, "alice@a", 1, "one", &wide), 0);
    assert_int_equal(add(db, "bob@a", 2, "other", &wide), 0);
    assert_int_equal(add(db, "alice@a", 2, "two", &wide), 0);
    assert_int_equal(add(db, "alice@a", 2, "three", &wide), 0);
    assert_true(waits(db, "alice@a"));
    expect(db, "alice@a", 0, all, 3);
    expect(db, "alice@a", 2, all + 2, 1);
    expect(db, "bob@a", 0, others, 1);
    assert_int_equal(store_offline_remove(db, SPAN("alice@a"), 2), 0);
    assert_int_equal(store_offline_remove(db, SPAN("nobody@a"), 2), 0);
    expect(db, "alice@a", 0, all + 2, 1);
    assert_int_equal(store_account_remove(db, SPAN("alice@a")), 0);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(store_account_put(db, SPAN("alice@a"), &credentials, false), 0);
    expect(db, "alice@a", 0, NULL, 0);
    expect(db, "bob@a", 0, others, 1);
    store_db_close(db);
}

static void test_limits(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    const struct store_offline_limits three = {3, 1000}, bytes = {1000, 10}, none = {0, 1000};
    assert_int_equal(add(db, "alice@a", 1, "x", &none), STORE_FULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(add(db, "alice@a", 1, "x", &three), 0);
    assert_int_equal(add(db, "alice@a", 1, "x", &three), STORE_FULL);
    assert_int_equal(add(db, "bob@a", 1, "12345678901", &bytes), STORE_FULL);
    assert_int_equal(add(db, "bob@a", 1, "12345", &bytes), 0);
    assert_int_equal(add(db, "bob@a", 1, "123456", &bytes), STORE_FULL);
    assert_int_equal(add(db, "bob@a", 1, "1234", &bytes), 0);
    assert_int_equal(add(db, "bob@a", 1, "1", &bytes), 0);
    assert_int_equal(add(db, "bob@a", 1, "1", &bytes), STORE_FULL);
    /* What is taken makes room, of both kinds. */
    assert_int_equal(store_offline_remove(db, SPAN("bob@a"), 1), 0);
    assert_int_equal(add(db, "bob@a", 1, "123456", &bytes), STORE_FULL);
    assert_int_equal(add(db, "bob@a", 1, "12345", &bytes), 0);
    assert_int_equal(store_offline_remove(db, SPAN("alice@a"), 1), 0);
    assert_int_equal(add(db, "alice@a", 1, "x", &three), 0);
    assert_int_equal(add(db, "alice@a", 1, "x", &three), STORE_FULL);
    store_db_close(db);
}

static void test_pages(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    struct store_offline_page *page = malloc(sizeof *page);
    struct arena arena;
    uint64_t after = 0;
    uint32_t count = 0, pages = 0;
    arena_init(&arena);
    assert_int_equal(store_db_begin(db), 0);
    for (unsigned i = 0; i < STORE_OFFLINE_PAGE_MESSAGES * 2 + 5; i++)
        assert_int_equal(add(db, "alice@a", i + 1, "x", &wide), 0);
    assert_int_equal(store_db_commit(db), 0);
    do {
        assert_int_equal(store_offline_read(db, SPAN("alice@a"), after, &arena, page), 0);
        for (uint32_t i = 0; i < page->count; i++, count++) {
            assert_true(page->messages[i].number > after);
            assert_int_equal(page->messages[i].us, count + 1);
            after = page->messages[i].number;
        }
        arena_reset(&arena);
        pages++;
    } while (!page->is_last);
    assert_int_equal(count, STORE_OFFLINE_PAGE_MESSAGES * 2 + 5);
    assert_int_equal(pages, 3);
    /* Large ones: fewer to a page, but one at least. */
    char *large = malloc(STORE_OFFLINE_PAGE_BYTES + 1);
    memset(large, 'x', STORE_OFFLINE_PAGE_BYTES);
    large[STORE_OFFLINE_PAGE_BYTES] = 0;
    assert_int_equal(add(db, "bob@a", 1, large, &wide), 0);
    assert_int_equal(add(db, "bob@a", 2, "x", &wide), 0);
    assert_int_equal(store_offline_read(db, SPAN("bob@a"), 0, &arena, page), 0);
    assert_int_equal(page->count, 1);
    assert_false(page->is_last);
    free(large);
    arena_fini(&arena);
    free(page);
    store_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_queue_for_each, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_limits, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_pages, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
