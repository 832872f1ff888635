/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"
#include "store/schema.h"

static void exec_raw(struct fixture *f, const char *sql)
{
    char path[128];
    sqlite3 *raw;
    mkdir(f->folder, 0700);
    snprintf(path, sizeof path, "%s/muster.db", f->folder);
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
}

static int int_raw(struct fixture *f, const char *sql)
{
    char path[128];
    sqlite3 *raw;
    sqlite3_stmt *statement;
    snprintf(path, sizeof path, "%s/muster.db", f->folder);
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(raw, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(raw);
    return value;
}

static void test_open_makes_private_files(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct stat status;
    struct store_db *db = fixture_db(f);
    assert_int_equal(stat(f->folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    const char *const names[] = {"muster.db", "muster.lock", "muster.db-wal"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    store_db_close(db);
}

static void test_schema_0_is_migrated(void **state)
{
    struct fixture *f = *state;
    exec_raw(f, "PRAGMA user_version = 0; VACUUM");
    store_db_close(fixture_db(f));
    assert_int_equal(int_raw(f, "PRAGMA user_version"), store_schema_version);
    assert_int_equal(int_raw(f, "SELECT count(*) FROM accounts"), 0);
    store_db_close(fixture_db(f)); /* and again: nothing to do */
}

static void test_newer_schema_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = NULL;
    store_db_close(fixture_db(f));
    exec_raw(f, "PRAGMA user_version = 1000");
    assert_int_equal(store_db_open(f->folder, &db, &f->message), -EPROTONOSUPPORT);
    assert_non_null(memmem(f->message.ptr, f->message.len, "version 1000", 12));
    assert_int_equal(int_raw(f, "PRAGMA user_version"), 1000);
}

static void test_failed_migration_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = NULL;
    exec_raw(f, "CREATE TABLE roster (mine INTEGER)"); /* the step's own CREATE fails */
    assert_true(store_db_open(f->folder, &db, &f->message) < 0);
    assert_true(f->message.len > 0);
    assert_int_equal(int_raw(f, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(int_raw(f, "PRAGMA user_version"), 0);
}

static void test_not_a_database(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = NULL;
    char path[128];
    mkdir(f->folder, 0700);
    snprintf(path, sizeof path, "%s/muster.db", f->folder);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database. ", file);
    fclose(file);
    assert_int_equal(store_db_open(f->folder, &db, &f->message), -EUCLEAN);
    assert_true(f->message.len > 0);
}

static void test_no_parent_folder(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = NULL;
    assert_int_equal(store_db_open("/tmp/muster-no-such/folder", &db, &f->message), -ENOENT);
    assert_non_null(memmem(f->message.ptr, f->message.len, "/tmp/muster-no-such/folder", 26));
}

static void test_lock_excludes(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f), *second = NULL;
    char pid[24];
    int len = snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_int_equal(store_db_open(f->folder, &second, &f->message), -EBUSY);
    assert_null(second);
    assert_non_null(memmem(f->message.ptr, f->message.len, pid, (size_t)len));
    store_db_close(db);
    store_db_close(fixture_db(f));
}

static void test_secret_stays(void **state)
{
    struct fixture *f = *state;
    uint8_t secret[32], zero[32] = {0};
    struct store_db *db = fixture_db(f);
    memcpy(secret, store_db_secret(db), 32);
    assert_memory_not_equal(secret, zero, 32);
    store_db_close(db);
    db = fixture_db(f);
    assert_memory_equal(secret, store_db_secret(db), 32);
    store_db_close(db);
}

static void test_accounts(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials first = fixture_credentials(1), second = fixture_credentials(2), found;
    struct span jid = SPAN("alice@localhost");
    assert_int_equal(store_account_get(db, jid, &found), STORE_NOT_FOUND);
    assert_int_equal(store_account_put(db, jid, &first, false), 0);
    assert_int_equal(store_account_put(db, jid, &second, false), STORE_EXISTS);
    assert_int_equal(store_account_get(db, jid, &found), 0);
    assert_memory_equal(&found, &first, sizeof found);
    second.sha1 = (struct sasl_keys){0}; /* an account may have keys of one hash only */
    assert_int_equal(store_account_put(db, jid, &second, true), 0);
    store_db_close(db);

    db = fixture_db(f);
    assert_int_equal(store_account_get(db, jid, &found), 0);
    assert_memory_equal(&found, &second, sizeof found);
    assert_int_equal(store_account_remove(db, jid), 0);
    assert_int_equal(store_account_remove(db, jid), STORE_NOT_FOUND);
    assert_int_equal(store_account_get(db, jid, &found), STORE_NOT_FOUND);
    store_db_close(db);
}

static int join(void *context, struct span jid)
{
    struct buffer *out = context;
    buffer_append(out, jid);
    buffer_append_char(out, ' ');
    return out->len > 10 ? 7 : 0;
}

static void test_accounts_are_listed_in_order(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials keys = fixture_credentials(0);
    const char *const jids[] = {"c@x", "a@x", "b@x"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_account_put(db, span_of(jids[i]), &keys, false), 0);
    assert_int_equal(store_account_each(db, join, &f->message), 7); /* a non-zero answer is passed on */
    assert_true(span_is(buffer_span(&f->message), "a@x b@x c@x "));
    store_account_put(db, SPAN("d@x"), &keys, false);
    buffer_clear(&f->message);
    assert_int_equal(store_account_each(db, join, &f->message), 7);
    assert_true(span_is(buffer_span(&f->message), "a@x b@x c@x ")); /* and ends the list */
    store_db_close(db);
}

static void test_roster_keeps_every_field(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials keys = fixture_credentials(0);
    struct span owner = SPAN("alice@localhost");
    struct arena arena;
    struct store_roster roster;
    arena_init(&arena);
    struct store_item items[] = {
        {.contact = SPAN("bob@localhost"),
         .name = SPAN("B\xc3\xb6"
                      "b"),
         .groups = SPAN("a\nb\n"),
         .version = 7,
         .state = 8,
         .is_listed = true},
        {.contact = SPAN("carol@x/y"),
         .request = SPAN("<presence type='subscribe'/>"),
         .version = 8,
         .state = 2,
         .is_approved = true},
        {.contact = SPAN("z.example"), .version = UINT64_C(1) << 60, .is_listed = true},
    };
    assert_int_equal(store_roster_load(db, owner, &arena, &roster), STORE_NOT_FOUND);
    assert_int_equal(store_item_put(db, owner, &items[0]), STORE_NOT_FOUND);
    assert_int_equal(store_account_put(db, owner, &keys, false), 0);
    assert_int_equal(store_roster_load(db, owner, &arena, &roster), 0);
    assert_int_equal(roster.count, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_item_put(db, owner, &items[i]), 0);
    store_db_close(db);

    db = fixture_db(f);
    assert_int_equal(store_roster_load(db, owner, &arena, &roster), 0);
    assert_int_equal(roster.count, 3);
    assert_true(roster.version == UINT64_C(1) << 60);
    for (int i = 0; i < 3; i++) {
        const struct store_item *item = &roster.items[i];
        assert_true(span_equal(item->contact, items[i].contact));
        assert_true(span_equal(item->name, items[i].name));
        assert_true(span_equal(item->groups, items[i].groups));
        assert_true(span_equal(item->request, items[i].request));
        assert_true(item->version == items[i].version);
        assert_int_equal(item->state, items[i].state);
        assert_int_equal(item->is_approved, items[i].is_approved);
        assert_int_equal(item->is_listed, items[i].is_listed);
    }
    assert_int_equal(store_item_remove(db, owner, SPAN("carol@x/y"), 99), 0);
    assert_int_equal(store_roster_load(db, owner, &arena, &roster), 0);
    assert_int_equal(roster.count, 2);
    assert_int_equal(roster.version, 99);
    arena_fini(&arena);
    store_db_close(db);
}

static void test_rows_that_cannot_be(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials keys = fixture_credentials(0);
    struct span owner = SPAN("alice@localhost");
    assert_int_equal(store_account_put(db, owner, &keys, false), 0);
    struct store_item bad_state = fixture_item("bob@localhost", 9, 1), no_contact = fixture_item("", 0, 1);
    assert_int_equal(store_item_put(db, owner, &bad_state), -EINVAL);
    assert_int_equal(store_item_put(db, owner, &no_contact), -EINVAL);
    assert_int_equal(store_account_put(db, SPAN(""), &keys, false), -EINVAL);
    store_db_close(db);
}

static void test_account_takes_its_roster_along(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials keys = fixture_credentials(0);
    struct span alice = SPAN("alice@localhost"), bob = SPAN("bob@localhost");
    struct store_item to_bob = fixture_item("bob@localhost", 8, 5),
                      to_alice = fixture_item("alice@localhost", 8, 5);
    struct arena arena;
    struct store_roster before, roster;
    arena_init(&arena);
    store_account_put(db, alice, &keys, false);
    store_account_put(db, bob, &keys, false);
    assert_int_equal(store_roster_load(db, alice, &arena, &before), 0);
    assert_int_equal(store_item_put(db, alice, &to_bob), 0);
    assert_int_equal(store_item_put(db, bob, &to_alice), 0);
    assert_int_equal(store_account_remove(db, alice), 0);
    usleep(2000); /* versions of a new life start later than those of the old one */
    assert_int_equal(store_account_put(db, alice, &keys, false), 0);
    assert_int_equal(store_roster_load(db, alice, &arena, &roster), 0);
    assert_int_equal(roster.count, 0);
    assert_true(roster.version > before.version);
    assert_int_equal(store_roster_load(db, bob, &arena, &roster), 0);
    assert_int_equal(roster.count, 1);
    arena_fini(&arena);
    store_db_close(db);
}

static void test_rollback_undoes(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials keys = fixture_credentials(0), found;
    assert_int_equal(store_db_begin(db), 0);
    assert_int_equal(store_account_put(db, SPAN("a@x"), &keys, false), 0);
    store_db_rollback(db);
    assert_int_equal(store_account_get(db, SPAN("a@x"), &found), STORE_NOT_FOUND);
    store_db_rollback(db); /* nothing to undo is no error */
    assert_int_equal(store_db_begin(db), 0);
    assert_int_equal(store_account_put(db, SPAN("a@x"), &keys, false), 0);
    assert_int_equal(store_db_commit(db), 0);
    assert_int_equal(store_account_get(db, SPAN("a@x"), &found), 0);
    store_db_close(db);
}

static int statement_count(unsigned kind, void *count, void *statement, void *text)
{
    (void)kind, (void)statement, (void)text;
    ++*(unsigned *)count;
    return 0;
}

/* Somebody who does not exist is as much work as somebody who has nothing, statement by statement. */
static void test_p3_nobody_is_asked_for_like_anybody(void **state)
{
    struct store_db *db = fixture_db(*state);
    struct sasl_credentials credentials = fixture_credentials(1);
    static const char *const jids[] = {"alice@a", "nobody@a"};
    unsigned counts[2] = {0, 0};
    assert_int_equal(store_account_put(db, SPAN("alice@a"), &credentials, false), 0);
    for (int i = 0; i < 2; i++) {
        struct arena arena;
        struct store_roster roster;
        arena_init(&arena);
        sqlite3_trace_v2(db->sqlite, SQLITE_TRACE_STMT, statement_count, &counts[i]);
        assert_int_equal(store_roster_load(db, span_of(jids[i]), &arena, &roster),
                         i == 0 ? 0 : STORE_NOT_FOUND);
        sqlite3_trace_v2(db->sqlite, 0, NULL, NULL);
        arena_fini(&arena);
    }
    assert_in_range(counts[0], 2, 100);
    assert_int_equal(counts[0], counts[1]);
    store_db_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_open_makes_private_files),
        TEST(test_schema_0_is_migrated),
        TEST(test_newer_schema_is_refused),
        TEST(test_failed_migration_changes_nothing),
        TEST(test_not_a_database),
        TEST(test_no_parent_folder),
        TEST(test_lock_excludes),
        TEST(test_secret_stays),
        TEST(test_accounts),
        TEST(test_accounts_are_listed_in_order),
        TEST(test_roster_keeps_every_field),
        TEST(test_rows_that_cannot_be),
        TEST(test_account_takes_its_roster_along),
        TEST(test_rollback_undoes),
        TEST(test_p3_nobody_is_asked_for_like_anybody),
    };
    return cmocka_run_group_tests_name("store/db", tests, NULL, NULL);
}
