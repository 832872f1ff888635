/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>

static struct store_db *db_with_account(struct fixture *f)
{
    struct store_db *db = fixture_db(f);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(store_account_put(db, SPAN("alice@a"), &credentials, false), 0);
    return db;
}

static uint64_t version_of(struct store_db *db)
{
    struct arena arena;
    struct store_roster roster;
    arena_init(&arena);
    assert_int_equal(store_roster_load(db, SPAN("alice@a"), &arena, &roster), 0);
    arena_fini(&arena);
    return roster.version;
}

static void test_removals_are_kept_up_to_their_limit(void **state)
{
    struct store_db *db = db_with_account(*state);
    uint64_t first = version_of(db);
    struct arena arena;
    struct store_removals removals;
    arena_init(&arena);
    assert_int_equal(store_removals_load(db, SPAN("alice@a"), first, &arena, &removals), 0);
    assert_int_equal(removals.count, 0);
    /* Of a version before the account was made, or of no account, nothing is known. */
    assert_int_equal(store_removals_load(db, SPAN("alice@a"), first - 1, &arena, &removals), STORE_NOT_FOUND);
    assert_int_equal(store_removals_load(db, SPAN("bob@a"), first, &arena, &removals), STORE_NOT_FOUND);
    for (unsigned i = 1; i <= STORE_REMOVALS_MAX + 3; i++) {
        char contact[32];
        snprintf(contact, sizeof contact, "c%u@a", i);
        assert_int_equal(store_removal_log(db, SPAN("alice@a"), span_of(contact), first + i), 0);
        uint64_t forgotten = i > STORE_REMOVALS_MAX ? first + i - STORE_REMOVALS_MAX : first;
        if (forgotten > first)
            assert_int_equal(store_removals_load(db, SPAN("alice@a"), forgotten - 1, &arena, &removals),
                             STORE_NOT_FOUND);
        assert_int_equal(store_removals_load(db, SPAN("alice@a"), forgotten, &arena, &removals), 0);
        assert_int_equal(removals.count, first + i - forgotten);
        assert_int_equal(removals.items[0].version, forgotten + 1);
        assert_true(span_equal(removals.items[removals.count - 1].contact, span_of(contact)));
        assert_int_equal(store_removals_load(db, SPAN("alice@a"), first + i, &arena, &removals), 0);
        assert_int_equal(removals.count, 0);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    store_db_close(db);
}

static void test_versions_are_times(void **state)
{
    struct store_db *db = db_with_account(*state);
    uint64_t now = version_of(db);
    assert_in_range(now, 1600000000000000, 100000000000000000);
    assert_true(store_version_after(now) > now);
    assert_true(store_version_after(5) >= now);
    assert_int_equal(store_version_after(now + 1000000000), now + 1000000001); /* the clock went back */
    store_db_close(db);
}

/* Each begin says how far the epoch before it went. */
static void test_epochs(void **state)
{
    struct store_db *db = db_with_account(*state);
    struct store_epochs epochs, restored;
    assert_int_equal(store_epoch_begin(db, 11, &epochs), 0);
    assert_int_equal(epochs.count, 1);
    uint64_t v1 = version_of(db), v2 = v1 + 10;
    assert_true(store_epochs_know(&epochs, 11, v1));
    assert_true(
        store_epochs_know(&epochs, 11, v2)); /* the roster's own version says whether that is too far */
    assert_false(store_epochs_know(&epochs, 12, v1));
    struct store_item item = fixture_item("b@a", 0, v2);
    assert_int_equal(store_item_put(db, SPAN("alice@a"), &item), 0);
    assert_int_equal(store_epoch_begin(db, 12, &restored), 0);
    assert_int_equal(restored.count, 2);
    assert_true(store_epochs_know(&restored, 11, v2));
    assert_false(
        store_epochs_know(&restored, 11, v2 + 1)); /* given out after this copy of the database was made */
    assert_true(store_epochs_know(&restored, 12, v2 + 1));
    for (uint32_t i = 0; i < STORE_EPOCHS_MAX + 5; i++)
        assert_int_equal(store_epoch_begin(db, 100 + i, &epochs), 0);
    assert_int_equal(epochs.count, STORE_EPOCHS_MAX);
    assert_int_equal(epochs.list[STORE_EPOCHS_MAX - 1].token, 100 + STORE_EPOCHS_MAX + 4);
    assert_false(store_epochs_know(&epochs, 12, v1));
    store_db_close(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_removals_are_kept_up_to_their_limit),
        TEST(test_versions_are_times),
        TEST(test_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
