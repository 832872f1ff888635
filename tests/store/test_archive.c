/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/archive.h"
#include "store/internal.h"

#define MANY 100000

static struct store_db *db_with_accounts(struct fixture *f)
{
    struct store_db *db = fixture_db(f);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(store_account_put(db, SPAN("alice@a"), &credentials, false), 0);
    assert_int_equal(store_account_put(db, SPAN("bob@a"), &credentials, false), 0);
    return db;
}

/* Message `n` of alice's: its id and text say so; times are in tens, two at a time; with carol each third,
 * else with dave. */
static void add(struct store_db *db, unsigned n, uint32_t messages_max)
{
    char text[16];
    snprintf(text, sizeof text, "%u", n);
    const struct store_archive_entry e = {.id = 0xf000000000000000 + n,
                                          .us = n / 2 * 10,
                                          .peer = n % 3 ? SPAN("dave@a") : SPAN("carol@a"),
                                          .resource = n % 2 ? SPAN("r") : SPAN(""),
                                          .stanza = span_of(text)};
    assert_int_equal(store_archive_add(db, SPAN("alice@a"), &e, messages_max), 0);
}

static uint64_t id_of(unsigned n)
{
    return 0xf000000000000000 + n;
}

/* The query's messages as "1 2 3", `+` behind them when it is complete, then total and index when known. */
static void expect(struct store_db *db, struct store_archive_query q, const char *want)
{
    struct store_archive_page *page = malloc(sizeof *page);
    struct buffer got = {0};
    struct arena arena;
    arena_init(&arena);
    int outcome = store_archive_read(db, SPAN("alice@a"), &q, &arena, page);
    if (outcome != 0)
        buffer_printf(&got, "outcome %d", outcome);
    for (uint32_t i = 0; outcome == 0 && i < page->count; i++)
        buffer_printf(&got, "%.*s ", (int)page->messages[i].stanza.len, page->messages[i].stanza.ptr);
    if (outcome == 0)
        buffer_printf(&got, page->is_complete ? "+" : "...");
    if (outcome == 0 && page->has_total)
        buffer_printf(&got, " of %u at %u", (unsigned)page->total, (unsigned)page->index);
    if (!span_equal(buffer_span(&got), span_of(want)))
        fail_msg("%.*s\nis not %s", (int)got.len, got.ptr, want);
    buffer_fini(&got);
    arena_fini(&arena);
    free(page);
}

#define WHOLE .to_us = UINT64_MAX

static void test_queries(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    expect(db, (struct store_archive_query){WHOLE, .max = 10}, "+ of 0 at 0");
    for (unsigned n = 1; n <= 9; n++)
        add(db, n, MANY);
    expect(db, (struct store_archive_query){WHOLE, .max = 100}, "1 2 3 4 5 6 7 8 9 + of 9 at 0");
    expect(db, (struct store_archive_query){WHOLE, .max = 9}, "1 2 3 4 5 6 7 8 9 + of 9 at 0");
    expect(db, (struct store_archive_query){WHOLE, .max = 8}, "1 2 3 4 5 6 7 8 ... of 9 at 0");
    expect(db, (struct store_archive_query){WHOLE, .max = 0}, "... of 9 at 0");
    /* Pages. */
    expect(db, (struct store_archive_query){WHOLE, .max = 3, .has_after = true, .after = id_of(3)},
           "4 5 6 ... of 9 at 3");
    expect(db, (struct store_archive_query){WHOLE, .max = 3, .has_after = true, .after = id_of(6)},
           "7 8 9 + of 9 at 6");
    expect(db, (struct store_archive_query){WHOLE, .max = 3, .has_after = true, .after = id_of(9)},
           "+ of 9 at 0");
    expect(db, (struct store_archive_query){WHOLE, .max = 3, .is_backward = true}, "7 8 9 ... of 9 at 6");
    expect(db,
           (struct store_archive_query){WHOLE, .max = 3, .is_backward = true, .has_before = true,
                                        .before = id_of(4)},
           "1 2 3 + of 9 at 0");
    expect(db,
           (struct store_archive_query){WHOLE, .max = 3, .is_backward = true, .has_before = true,
                                        .before = id_of(5)},
           "2 3 4 ... of 9 at 1");
    expect(db, (struct store_archive_query){WHOLE, .max = 3, .has_after = true, .after = id_of(10)},
           "outcome 5");
    expect(db, (struct store_archive_query){WHOLE, .max = 3, .has_before = true, .before = 1}, "outcome 5");
    /* Times: 1 at 0, 2 and 3 at 10, 4 and 5 at 20 ... both ends are within. */
    expect(db, (struct store_archive_query){.from_us = 10, .to_us = 20, .max = 9}, "2 3 4 5 + of 4 at 0");
    expect(db, (struct store_archive_query){.from_us = 11, .to_us = 19, .max = 9}, "+ of 0 at 0");
    expect(db,
           (struct store_archive_query){.from_us = 11, .to_us = UINT64_MAX, .max = 1, .is_backward = true},
           "9 ... of 6 at 5");
    expect(db, (struct store_archive_query){.from_us = 30, .to_us = 5, .max = 9}, "+ of 0 at 0");
    expect(db, (struct store_archive_query){.from_us = 1000, .to_us = UINT64_MAX, .max = 9}, "+ of 0 at 0");
    /* Ids. */
    expect(db,
           (struct store_archive_query){WHOLE, .max = 9, .has_after_id = true, .after_id = id_of(2),
                                        .has_before_id = true, .before_id = id_of(5)},
           "3 4 + of 2 at 0");
    expect(db,
           (struct store_archive_query){WHOLE, .max = 1, .has_after_id = true, .after_id = id_of(2),
                                        .has_after = true, .after = id_of(3)},
           "4 ... of 7 at 1");
    expect(db, (struct store_archive_query){WHOLE, .max = 9, .has_before_id = true, .before_id = 7},
           "outcome 5");
    expect(db,
           (struct store_archive_query){WHOLE, .max = 9, .id_count = 4,
                                        .ids = {id_of(7), id_of(2), id_of(7), id_of(4)}},
           "2 4 7 + of 3 at 0");
    expect(db, (struct store_archive_query){WHOLE, .max = 9, .id_count = 2, .ids = {id_of(7), 7}},
           "outcome 5");
    /* With one peer. */
    expect(db, (struct store_archive_query){WHOLE, .max = 9, .peer = SPAN("carol@a")}, "3 6 9 +");
    expect(db, (struct store_archive_query){WHOLE, .max = 0, .peer = SPAN("carol@a")}, "... of 3 at 0");
    expect(db, (struct store_archive_query){WHOLE, .max = 2, .peer = SPAN("carol@a"), .is_backward = true},
           "6 9 ...");
    expect(db,
           (struct store_archive_query){WHOLE, .max = 2, .peer = SPAN("carol@a"), .has_after = true,
                                        .after = id_of(4)},
           "6 9 +");
    expect(db, (struct store_archive_query){WHOLE, .max = 9, .peer = SPAN("carol@a"), .resource = SPAN("r")},
           "3 9 +");
    expect(db, (struct store_archive_query){WHOLE, .max = 9, .peer = SPAN("erin@a")}, "+");
    store_db_close(db);
}

static void test_a_clock_that_goes_back(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    const struct store_archive_entry late = {.id = 1, .us = 500, .peer = SPAN("b@a"), .stanza = SPAN("late")};
    const struct store_archive_entry early = {
        .id = 2, .us = 100, .peer = SPAN("b@a"), .stanza = SPAN("early")};
    struct store_archive_message first, last;
    assert_int_equal(store_archive_ends(db, SPAN("alice@a"), &first, &last), STORE_NOT_FOUND);
    assert_int_equal(store_archive_add(db, SPAN("nobody@a"), &late, MANY), STORE_NOT_FOUND);
    assert_int_equal(store_archive_add(db, SPAN("alice@a"), &late, MANY), 0);
    assert_int_equal(store_archive_add(db, SPAN("alice@a"), &early, MANY), 0);
    expect(db, (struct store_archive_query){.from_us = 500, .to_us = UINT64_MAX, .max = 9},
           "late early + of 2 at 0");
    assert_int_equal(store_archive_ends(db, SPAN("alice@a"), &first, &last), 0);
    assert_int_equal(first.id, 1);
    assert_int_equal(last.id, 2);
    assert_int_equal(last.us, 500);
    store_db_close(db);
}

static void test_limits_and_sweep(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    int64_t account = 0;
    for (unsigned n = 1; n <= 9; n++)
        add(db, n, 5);
    expect(db, (struct store_archive_query){WHOLE, .max = 9}, "5 6 7 8 9 + of 5 at 0");
    /* What is gone is not found by its id. */
    expect(db, (struct store_archive_query){WHOLE, .max = 9, .has_after = true, .after = id_of(4)},
           "outcome 5");
    /* 5 is at 20, 6 and 7 at 30. */
    assert_int_equal(store_archive_sweep(db, 30, MANY, &account), 0);
    assert_int_equal(account, 0); /* that was all */
    expect(db, (struct store_archive_query){WHOLE, .max = 9}, "6 7 8 9 + of 4 at 0");
    assert_int_equal(store_archive_sweep(db, 0, 3, &account), 0);
    expect(db, (struct store_archive_query){WHOLE, .max = 9}, "7 8 9 + of 3 at 0");
    assert_int_equal(store_archive_sweep(db, UINT64_MAX, MANY, &account), 0);
    expect(db, (struct store_archive_query){WHOLE, .max = 9}, "+ of 0 at 0");
    add(db, 10, 5);
    expect(db, (struct store_archive_query){WHOLE, .max = 9}, "10 + of 1 at 0");
    store_db_close(db);
}

/* A round in steps: each removes a bounded number, and comes back to an archive that is not done. */
static void test_sweep_in_steps(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    const struct store_archive_entry bobs = {.id = 1, .us = 1, .peer = SPAN("b@a"), .stanza = SPAN("x")};
    struct store_archive_message first, last;
    int64_t account = 0;
    unsigned steps = 0;
    assert_int_equal(store_db_begin(db), 0);
    for (unsigned n = 1; n <= 2500; n++)
        add(db, n, MANY);
    assert_int_equal(store_archive_add(db, SPAN("bob@a"), &bobs, MANY), 0);
    assert_int_equal(store_db_commit(db), 0);
    do {
        assert_int_equal(store_archive_sweep(db, UINT64_MAX, MANY, &account), 0);
        steps++;
        bool is_left = store_archive_ends(db, SPAN("alice@a"), &first, &last) == 0;
        assert_int_equal(is_left, steps < 3);
        if (is_left)
            assert_int_equal(last.number - first.number + 1, 2500 - steps * 1000);
    } while (account);
    assert_int_equal(steps, 3);
    assert_int_equal(store_archive_ends(db, SPAN("bob@a"), &first, &last), STORE_NOT_FOUND);
    store_db_close(db);
}

static void test_pages_are_bounded(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    struct store_archive_page *page = malloc(sizeof *page);
    struct arena arena;
    char *large = malloc(STORE_ARCHIVE_PAGE_BYTES / 2 + 1);
    memset(large, 'x', STORE_ARCHIVE_PAGE_BYTES / 2);
    arena_init(&arena);
    for (unsigned n = 1; n <= 5; n++) {
        const struct store_archive_entry e = {
            .id = n, .us = n, .peer = SPAN("b@a"), .stanza = {large, STORE_ARCHIVE_PAGE_BYTES / 2}};
        assert_int_equal(store_archive_add(db, SPAN("bob@a"), &e, MANY), 0);
    }
    const struct store_archive_query q = {WHOLE, .max = UINT32_MAX},
                                     ids = {WHOLE, .max = 9, .ids = {1, 2, 3}, .id_count = 3};
    assert_int_equal(store_archive_read(db, SPAN("bob@a"), &q, &arena, page), 0);
    assert_int_equal(page->count, 2);
    assert_false(page->is_complete);
    assert_int_equal(store_archive_read(db, SPAN("bob@a"), &ids, &arena, page), 0);
    assert_int_equal(page->count, 2);
    assert_false(page->is_complete);
    for (unsigned n = 0; n < STORE_ARCHIVE_PAGE_MESSAGES + 1; n++)
        add(db, n, MANY);
    assert_int_equal(store_archive_read(db, SPAN("alice@a"), &q, &arena, page), 0);
    assert_int_equal(page->count, STORE_ARCHIVE_PAGE_MESSAGES);
    assert_false(page->is_complete);
    free(large);
    arena_fini(&arena);
    free(page);
    store_db_close(db);
}

static void test_preferences_and_removal(void **state)
{
    struct store_db *db = db_with_accounts(*state);
    struct sasl_credentials credentials = fixture_credentials(1);
    struct store_roster roster;
    struct arena arena;
    struct span text;
    arena_init(&arena);
    assert_int_equal(store_archive_preferences_load(db, SPAN("alice@a"), &arena, &text), STORE_NOT_FOUND);
    assert_int_equal(store_archive_preferences_save(db, SPAN("nobody@a"), SPAN("A\n")), STORE_NOT_FOUND);
    assert_int_equal(store_archive_preferences_save(db, SPAN("alice@a"), SPAN("A\n")), 0);
    assert_int_equal(store_archive_preferences_save(db, SPAN("alice@a"), SPAN("N\n+b@a\n")), 0);
    assert_int_equal(store_roster_load(db, SPAN("alice@a"), &arena, &roster), 0);
    assert_true(span_is(roster.archive_preferences, "N\n+b@a\n"));
    assert_int_equal(store_roster_load(db, SPAN("bob@a"), &arena, &roster), 0);
    assert_null(roster.archive_preferences.ptr);
    add(db, 1, MANY);
    assert_int_equal(store_account_remove(db, SPAN("alice@a")), 0);
    assert_int_equal(store_account_put(db, SPAN("alice@a"), &credentials, false), 0);
    expect(db, (struct store_archive_query){WHOLE, .max = 9}, "+ of 0 at 0");
    assert_int_equal(store_archive_preferences_load(db, SPAN("alice@a"), &arena, &text), STORE_NOT_FOUND);
    arena_fini(&arena);
    store_db_close(db);
}

/* None looks at more than it finds, and none sorts. */
static void test_plans(void **state)
{
    static const struct {
        enum store_statement which;
        const char *wanted;
    } rows[] = {
        {STATEMENT_ARCHIVE_FORWARD, "owner=? AND number>? AND number<?"},
        {STATEMENT_ARCHIVE_BACKWARD, "owner=? AND number>? AND number<?"},
        {STATEMENT_ARCHIVE_WITH_FORWARD, "owner=? AND peer=? AND number>? AND number<?"},
        {STATEMENT_ARCHIVE_WITH_BACKWARD, "owner=? AND peer=? AND number>? AND number<?"},
        {STATEMENT_ARCHIVE_WITH_COUNT, "owner=? AND peer=? AND number>? AND number<?"},
        {STATEMENT_ARCHIVE_FULL_FORWARD, "owner=? AND peer=? AND resource=? AND number>? AND number<?"},
        {STATEMENT_ARCHIVE_FULL_BACKWARD, "owner=? AND peer=? AND resource=? AND number>? AND number<?"},
        {STATEMENT_ARCHIVE_FULL_COUNT, "owner=? AND peer=? AND resource=? AND number>? AND number<?"},
    };
    struct store_db *db = fixture_db(*state);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int error = 0;
        char sql[1024], plan[1024] = "";
        sqlite3_stmt *explain = NULL;
        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s",
                 sqlite3_sql(store_statement(db, rows[i].which, &error)));
        assert_int_equal(sqlite3_prepare_v2(db->sqlite, sql, -1, &explain, NULL), SQLITE_OK);
        while (sqlite3_step(explain) == SQLITE_ROW)
            snprintf(plan + strlen(plan), sizeof plan - strlen(plan), "%s;",
                     (const char *)sqlite3_column_text(explain, 3));
        sqlite3_finalize(explain);
        assert_non_null(strstr(plan, rows[i].wanted));
        assert_null(strstr(plan, "TEMP B-TREE"));
    }
    store_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_queries, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_clock_that_goes_back, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_limits_and_sweep, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_sweep_in_steps, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_pages_are_bounded, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_plans, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_preferences_and_removal, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
