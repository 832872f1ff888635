/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/command.h"

static const struct span domains[] = {{"localhost", 9}, {"example.org", 11}};

struct answer {
    int result;
    struct buffer reply, affected;
};

static void answer_fini(struct answer *a)
{
    buffer_fini(&a->reply);
    buffer_fini(&a->affected);
}

static struct answer run_span(struct store_db *db, struct span command, struct span body)
{
    struct answer a = {0};
    a.result = store_command_run(db, domains, 2, command, body, &a.reply, &a.affected);
    return a;
}

static void expect(struct store_db *db, const char *command, const char *body, int result, const char *reply,
                   const char *affected)
{
    struct answer a = run_span(db, span_of(command), span_of(body));
    if (a.result != result || !span_equal(buffer_span(&a.reply), span_of(reply)) ||
        !span_equal(buffer_span(&a.affected), span_of(affected)))
        fail_msg("%s <%s>: %d <%.*s> <%.*s>, expected %d <%s> <%s>", command, body, a.result,
                 (int)a.reply.len, a.reply.ptr ? a.reply.ptr : "", (int)a.affected.len,
                 a.affected.ptr ? a.affected.ptr : "", result, reply, affected);
    answer_fini(&a);
}

/* "JID TAB keys\n" */
static void put_line(struct buffer *body, const char *jid, const struct sasl_credentials *keys)
{
    buffer_printf(body, "%s\t", jid);
    store_command_keys_write(keys, body);
    buffer_append_char(body, '\n');
}

static void users_put(struct store_db *db, unsigned count)
{
    struct buffer body;
    struct sasl_credentials keys = fixture_credentials(0);
    buffer_init(&body);
    for (unsigned i = 0; i < count; i++) {
        char jid[32];
        snprintf(jid, sizeof jid, "user%u@localhost", i);
        put_line(&body, jid, &keys);
    }
    struct answer a = run_span(db, SPAN("user\tput"), buffer_span(&body));
    assert_int_equal(a.result, 0);
    answer_fini(&a);
    buffer_fini(&body);
}

static void test_known(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        bool is_known;
    } rows[] = {
        {"user\tput", true},
        {"user\tput\treplace", true},
        {"user\tlist", true},
        {"user\tremove\ta@b", true},
        {"roster\timport", true},
        {"user\tputt", false},
        {"user\tlist\tall", false},
        {"user", false},
        {"", false},
        {"session\tlist", false},
        {"stats", false},
        {"shutdown", false},
        {"roster\timport\tx", false},
        {"user list", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (store_command_known(span_of(rows[i].command)) != rows[i].is_known)
            fail_msg("%s", rows[i].command);
}

static void test_keys_go_round(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials sets[3] = {fixture_credentials(9), fixture_credentials(10),
                                       fixture_credentials(250)},
                            found;
    sets[1].sha1 = (struct sasl_keys){0};
    sets[2].sha256 = (struct sasl_keys){0};
    sets[2].sha1.iterations = SASL_ITERATIONS_MAX;
    for (int i = 0; i < 3; i++) {
        buffer_clear(&f->message);
        put_line(&f->message, "Alice@LocalHost", &sets[i]);
        struct answer a =
            run_span(db, i ? SPAN("user\tput\treplace") : SPAN("user\tput"), buffer_span(&f->message));
        assert_int_equal(a.result, 0);
        assert_true(span_is(buffer_span(&a.reply), "1 account stored\n"));
        assert_true(span_is(buffer_span(&a.affected), "alice@localhost\n"));
        answer_fini(&a);
        assert_int_equal(store_account_get(db, SPAN("alice@localhost"), &found), 0);
        assert_memory_equal(&found, &sets[i], sizeof found);
    }
    store_db_close(db);
}

static void test_malformed_keys(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct buffer keys, line;
    struct sasl_credentials credentials = fixture_credentials(0);
    buffer_init(&keys);
    buffer_init(&line);
    store_command_keys_write(&credentials, &keys);
    /* every prefix but the whole and the one that ends with the first set (with or without its separator) */
    const char *separator = memchr(keys.ptr, ';', keys.len);
    size_t first = (size_t)(separator - keys.ptr);
    for (size_t len = 0; len < keys.len; len++) {
        buffer_clear(&line);
        buffer_literal(&line, "alice@localhost\t");
        buffer_append(&line, span_make(keys.ptr, len));
        struct answer a = run_span(db, SPAN("user\tput\treplace"), buffer_span(&line));
        if (a.result != (len == first || len == first + 1 ? 0 : 1))
            fail_msg("prefix of %zu: %d", len, a.result);
        answer_fini(&a);
    }
    /* any byte changed to one that hex does not have */
    for (size_t at = 0; at < keys.len; at++) {
        buffer_clear(&line);
        buffer_literal(&line, "alice@localhost\t");
        buffer_append(&line, buffer_span(&keys));
        line.ptr[16 + at] = 'g';
        struct answer a = run_span(db, SPAN("user\tput\treplace"), buffer_span(&line));
        if (a.result != 1 || a.affected.len)
            fail_msg("changed at %zu: %d", at, a.result);
        answer_fini(&a);
    }
    expect(db, "user\tput", "a@localhost\t0,00,00,00", 1, "line 1: a@localhost: malformed keys", "");
    buffer_fini(&keys);
    buffer_fini(&line);
    store_db_close(db);
}

static void test_user_put_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials keys = fixture_credentials(0), found;
    put_line(&f->message, "a@localhost", &keys);
    buffer_append_char(&f->message, '\n'); /* an empty line counts but does not matter */
    put_line(&f->message, "b@elsewhere", &keys);
    struct answer a = run_span(db, SPAN("user\tput"), buffer_span(&f->message));
    assert_int_equal(a.result, 1);
    assert_true(span_is(buffer_span(&a.reply), "line 3: b@elsewhere: not one of the domains served here"));
    assert_int_equal(a.affected.len, 0);
    answer_fini(&a);
    assert_int_equal(store_account_get(db, SPAN("a@localhost"), &found), STORE_NOT_FOUND);
    store_db_close(db);
}

static void test_users(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct sasl_credentials keys = fixture_credentials(0);
    static const char *const not_accounts[] = {"localhost", "a@localhost/x", "@localhost", "a b@localhost",
                                               ""};
    expect(db, "user\tlist", "", 0, "", "");
    users_put(db, 3);
    expect(db, "user\tlist", "", 0, "user0@localhost\nuser1@localhost\nuser2@localhost\n", "");
    put_line(&f->message, "user1@localhost", &keys);
    struct answer a = run_span(db, SPAN("user\tput"), buffer_span(&f->message));
    assert_int_equal(a.result, 1);
    assert_true(span_is(buffer_span(&a.reply),
                        "line 1: user1@localhost: the account exists (--replace changes its password)"));
    answer_fini(&a);
    for (size_t i = 0; i < sizeof not_accounts / sizeof not_accounts[0]; i++) {
        buffer_clear(&f->message);
        put_line(&f->message, not_accounts[i], &keys);
        a = run_span(db, SPAN("user\tput"), buffer_span(&f->message));
        assert_int_equal(a.result, 1);
        assert_non_null(memmem(a.reply.ptr, a.reply.len, "not an account's address", 24));
        answer_fini(&a);
    }
    expect(db, "user\tput", "", 1, "no account given", "");
    expect(db, "user\tput\tforce", "", 1, "force: unknown word after user put", "");
    expect(db, "user\tremove\tUSER1@localhost", "", 0, "user1@localhost removed\n", "user1@localhost\n");
    expect(db, "user\tremove\tuser1@localhost", "", 1, "user1@localhost: no such account", "");
    expect(db, "user\tremove", "", 1, ": not an account's address (local@domain)", "");
    expect(db, "user\tlist", "", 0, "user0@localhost\nuser2@localhost\n", "");
    expect(db, "user\tdance", "", 1, "unknown command", "");
    store_db_close(db);
}

static void test_import_refuses(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    users_put(db, 2);
    static const struct {
        const char *body, *reply;
    } rows[] = {
        {"", "no contact given"},
        {"\n\n", "no contact given"},
        {"user0@localhost",
         "line 1: user0@localhost: expected jid, contact, subscription, name, groups (the last two may be "
         "left out)"},
        {"user0@localhost\tb@x\tboth\tn\tg\tmore",
         "line 1: user0@localhost?b@x?both?n?g?more: expected jid, contact, "
         "subscription, name, groups (the last two may be left out)"},
        {"user0@localhost\tb@x\tmaybe", "line 1: maybe: the subscription must be both, to, from or none"},
        {"user0@localhost\tb@x\tboth\n\nuser9@localhost\tb@x\tboth",
         "line 3: user9@localhost: no such account"},
        {"localhost\tb@x\tboth", "line 1: localhost: not an account's address (local@domain)"},
        {"user0@localhost/r\tb@x\tboth",
         "line 1: user0@localhost/r: not an account's address (local@domain)"},
        {"user0@localhost\t@@\tboth", "line 1: @@: the contact is not a JID"},
        {"user0@localhost\tUser0@localhost\tboth",
         "line 1: User0@localhost: an account cannot be its own contact"},
        {"user0@localhost\tb@x\tboth\ta\x01z", "line 1: a?z: not a name"},
        {"user0@localhost\tb@x\tboth\t\xff", "line 1: \xff: not a name"},
        {"user0@localhost\tb@x\tboth\t\xef\xbf\xbe", "line 1: \xef\xbf\xbe: not a name"},
        {"user0@localhost\tb@x\tboth\tn\ta,,b", "line 1: a,,b: not a list of groups (group,group)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(db, "roster\timport", rows[i].body, 1, rows[i].reply, "");
    struct arena arena;
    struct store_roster roster;
    arena_init(&arena);
    assert_int_equal(store_roster_load(db, SPAN("user0@localhost"), &arena, &roster), 0);
    assert_int_equal(roster.count, 0); /* the good line before a bad one is undone */
    arena_fini(&arena);
    store_db_close(db);
}

/* Names as bytes: what is UTF-8 and an XML character, at the edges of each length. */
static void test_names_are_text(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    users_put(db, 1);
    static const struct {
        const char *name;
        int result;
    } rows[] = {
        {"\x1f", 1},
        {" ", 0},
        {"\x7f", 0},
        {"\x80", 1},
        {"\xc1\xbf", 1},
        {"\xc2\x80", 0},
        {"\xc2", 1},
        {"\xc2\x41", 1},
        {"\xdf\xbf", 0},
        {"\xe0\x9f\xbf", 1},
        {"\xe0\xa0\x80", 0},
        {"\xe0\xa0", 1},
        {"\xed\x9f\xbf", 0},
        {"\xed\xa0\x80", 1},
        {"\xed\xbf\xbf", 1},
        {"\xee\x80\x80", 0},
        {"\xef\xbf\xbd", 0},
        {"\xef\xbf\xbe", 1},
        {"\xef\xbf\xbf", 1},
        {"\xf0\x8f\xbf\xbf", 1},
        {"\xf0\x90\x80\x80", 0},
        {"\xf4\x8f\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 1},
        {"\xf5\x80\x80\x80", 1},
        {"\xff", 1},
        {"\xf0\x90\x80", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "user0@localhost\tb@x\tboth\t%s", rows[i].name);
        struct answer a = run_span(db, SPAN("roster\timport"), span_of(line));
        if (a.result != rows[i].result)
            fail_msg("row %zu: %d", i, a.result);
        answer_fini(&a);
    }
    store_db_close(db);
}

static void test_import(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct arena arena;
    struct store_roster before, roster;
    arena_init(&arena);
    users_put(db, 2);
    assert_int_equal(store_roster_load(db, SPAN("user0@localhost"), &arena, &before), 0);
    expect(db, "roster\timport",
           "User0@localhost\tA@x\tboth\tAnn\tfriends,work\r\n"
           "user1@localhost\tuser0@localhost\tnone\n"
           "user0@localhost\tb@x\tto\n"
           "user0@localhost\tc@x\tfrom\tC\n",
           0, "4 contacts in 2 rosters stored\n", "user0@localhost\nuser1@localhost\n");
    assert_int_equal(store_roster_load(db, SPAN("user0@localhost"), &arena, &roster), 0);
    assert_int_equal(roster.count, 3);
    assert_true(roster.version > before.version);
    assert_true(span_is(roster.items[0].contact, "a@x"));
    assert_true(span_is(roster.items[0].name, "Ann"));
    assert_true(span_is(roster.items[0].groups, "friends\nwork\n"));
    assert_int_equal(roster.items[0].state, 8);
    assert_int_equal(roster.items[1].state, 4);
    assert_int_equal(roster.items[2].state, 6);
    for (int i = 0; i < 3; i++) {
        assert_true(roster.items[i].is_listed);
        assert_true(roster.items[i].version == roster.version);
    }
    /* columns that are left out stay, columns that are empty clear */
    expect(db, "roster\timport", "user0@localhost\ta@x\tto\nuser0@localhost\tc@x\tfrom\t\t", 0,
           "2 contacts in 1 roster stored\n", "user0@localhost\n");
    assert_int_equal(store_roster_load(db, SPAN("user0@localhost"), &arena, &roster), 0);
    assert_true(span_is(roster.items[0].name, "Ann"));
    assert_true(span_is(roster.items[0].groups, "friends\nwork\n"));
    assert_int_equal(roster.items[0].state, 4);
    assert_int_equal(roster.items[2].name.len, 0);
    arena_fini(&arena);
    store_db_close(db);
}

static void test_import_keeps_waiting_requests(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    struct arena arena;
    struct store_roster roster;
    users_put(db, 1);
    static const struct {
        uint8_t before;
        const char *subscription;
        uint8_t after;
        bool has_request;
    } rows[] = {
        {2, "none", 2, true},  {2, "to", 5, true},   {2, "from", 6, false}, {2, "both", 8, false},
        {3, "none", 2, true},  {3, "to", 5, true},   {5, "none", 2, true},  {5, "to", 5, true},
        {5, "both", 8, false}, {8, "none", 0, true}, {1, "to", 4, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[64];
        struct store_item item = fixture_item("b@x", rows[i].before, 1);
        item.is_listed = false;
        item.is_approved = true;
        item.request = SPAN("<presence/>");
        arena_init(&arena);
        assert_int_equal(store_item_put(db, SPAN("user0@localhost"), &item), 0);
        snprintf(line, sizeof line, "user0@localhost\tb@x\t%s", rows[i].subscription);
        expect(db, "roster\timport", line, 0, "1 contact in 1 roster stored\n", "user0@localhost\n");
        assert_int_equal(store_roster_load(db, SPAN("user0@localhost"), &arena, &roster), 0);
        if (roster.items[0].state != rows[i].after ||
            (roster.items[0].request.len != 0) != rows[i].has_request)
            fail_msg("%d %s: %d %zu", rows[i].before, rows[i].subscription, roster.items[0].state,
                     roster.items[0].request.len);
        assert_true(roster.items[0].is_listed);
        assert_true(roster.items[0].is_approved);
        arena_fini(&arena);
    }
    store_db_close(db);
}

/* 20,000 lines by default; MUSTER_TEST_IMPORT_LINES for more. Prints the time: a figure, not a check. */
static void test_import_of_many(void **state)
{
    struct fixture *f = *state;
    struct store_db *db = fixture_db(f);
    const char *wanted = getenv("MUSTER_TEST_IMPORT_LINES");
    unsigned lines = wanted ? (unsigned)strtoul(wanted, NULL, 10) : 20000, users = lines / 1000;
    char reply[96];
    users_put(db, users);
    for (unsigned i = 0; i < lines; i++)
        buffer_printf(&f->message, "user%u@localhost\tcontact%u@localhost\tboth\tContact %u\tfriends\n",
                      i % users, i, i);
    uint64_t start = clock_now_ms();
    struct answer a = run_span(db, SPAN("roster\timport"), buffer_span(&f->message));
    uint64_t took = clock_now_ms() - start;
    snprintf(reply, sizeof reply, "%u contacts in %u rosters stored\n", lines, users);
    assert_int_equal(a.result, 0);
    assert_true(span_equal(buffer_span(&a.reply), span_of(reply)));
    answer_fini(&a);
    struct arena arena;
    struct store_roster roster;
    arena_init(&arena);
    start = clock_now_ms();
    for (unsigned i = 0; i < users; i++) {
        char jid[32];
        snprintf(jid, sizeof jid, "user%u@localhost", i);
        assert_int_equal(store_roster_load(db, span_of(jid), &arena, &roster), 0);
        assert_int_equal(roster.count, 1000);
        arena_reset(&arena);
    }
    print_message("import of %u: %llu ms; load of %u rosters of 1000: %llu ms\n", lines,
                  (unsigned long long)took, users, (unsigned long long)(clock_now_ms() - start));
    arena_fini(&arena);
    store_db_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        TEST(test_keys_go_round),
        TEST(test_malformed_keys),
        TEST(test_user_put_is_all_or_nothing),
        TEST(test_users),
        TEST(test_import_refuses),
        TEST(test_names_are_text),
        TEST(test_import),
        TEST(test_import_keeps_waiting_requests),
        TEST(test_import_of_many),
    };
    return cmocka_run_group_tests_name("store/command", tests, NULL, NULL);
}
