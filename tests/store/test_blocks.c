/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blocks.h"

#include "fixture.h"

#include <stdio.h>

static void account_add(struct store_db *db, const char *jid)
{
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(store_account_put(db, span_of(jid), &credentials, false), 0);
}

static int change(struct store_db *db, const char *owner, int kind, const char *const *jids, uint32_t count)
{
    struct span spans[4];
    for (uint32_t i = 0; i < count; i++)
        spans[i] = span_of(jids[i]);
    struct store_blocks_change c = {.jids = spans, .count = count, .kind = kind};
    c.request.jid = span_of(owner);
    return store_blocks_change_run(db, &c.request);
}

/* The list as it comes with the roster, each JID followed by a space. */
static void expect(struct store_db *db, const char *owner, const char *list)
{
    struct arena arena;
    struct store_roster roster;
    struct buffer text = {0};
    arena_init(&arena);
    assert_int_equal(store_roster_load(db, span_of(owner), &arena, &roster), 0);
    for (uint32_t i = 0; i < roster.blocks.count; i++) {
        buffer_append(&text, roster.blocks.jids[i]);
        buffer_append_char(&text, ' ');
    }
    assert_true(span_equal(buffer_span(&text), span_of(list)));
    buffer_fini(&text);
    arena_fini(&arena);
}

static void test_lists(void **state)
{
    struct store_db *db = fixture_db(*state);
    const char *const some[] = {"b@x", "a@x", "b@x", "domain"}, *const gone[] = {"a@x", "never@x"};
    account_add(db, "alice@a");
    account_add(db, "bob@a");
    expect(db, "alice@a", "");
    assert_int_equal(change(db, "alice@a", STORE_BLOCKS_ADD, some, 4), 0);
    assert_int_equal(change(db, "bob@a", STORE_BLOCKS_ADD, some, 1), 0);
    expect(db, "alice@a", "a@x b@x domain ");
    assert_int_equal(change(db, "alice@a", STORE_BLOCKS_ADD, some, 2), 0);
    assert_int_equal(change(db, "alice@a", STORE_BLOCKS_REMOVE, gone, 2), 0);
    expect(db, "alice@a", "b@x domain ");
    assert_int_equal(change(db, "alice@a", STORE_BLOCKS_CLEAR, NULL, 0), 0);
    expect(db, "alice@a", "");
    expect(db, "bob@a", "b@x ");
    assert_int_equal(change(db, "nobody@a", STORE_BLOCKS_ADD, some, 1), STORE_NOT_FOUND);
    /* It goes with its account. */
    assert_int_equal(store_account_remove(db, SPAN("bob@a")), 0);
    account_add(db, "bob@a");
    expect(db, "bob@a", "");
    store_db_close(db);
}

static void test_long_lists(void **state)
{
    struct store_db *db = fixture_db(*state);
    struct buffer expected = {0};
    account_add(db, "alice@a");
    assert_int_equal(store_db_begin(db), 0);
    for (int i = 100; i < 400; i++) {
        char jid[16];
        const char *jids[] = {jid};
        snprintf(jid, sizeof jid, "u%d@x", i);
        assert_int_equal(change(db, "alice@a", STORE_BLOCKS_ADD, jids, 1), 0);
        buffer_printf(&expected, "%s ", jid);
    }
    assert_int_equal(store_db_commit(db), 0);
    buffer_append_char(&expected, '\0');
    expect(db, "alice@a", expected.ptr);
    buffer_fini(&expected);
    store_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_long_lists, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
