/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/command.h"

static const struct span domains[] = {{"localhost", 9}};

static void expect(struct store_db *db, const char *command, const char *body, int result, const char *reply,
                   const char *affected)
{
    struct buffer said = {0}, told = {0};
    int got = store_command_run(db, domains, 1, span_of(command), span_of(body), &said, &told);
    if (got != result || !span_equal(buffer_span(&said), span_of(reply)) ||
        !span_equal(buffer_span(&told), span_of(affected)))
        fail_msg("%s <%s>: %d <%.*s> <%.*s>, expected %d <%s> <%s>", command, body, got, (int)said.len,
                 said.ptr ? said.ptr : "", (int)told.len, told.ptr ? told.ptr : "", result, reply, affected);
    buffer_fini(&said);
    buffer_fini(&told);
}

static struct store_db *with_users(struct fixture *f)
{
    struct store_db *db = fixture_db(f);
    static const char *const names[] = {"alice@localhost", "bob@localhost", "carol@localhost"};
    assert_int_equal(store_db_begin(db), 0);
    for (int i = 0; i < 3; i++) {
        struct sasl_credentials keys = fixture_credentials(0);
        assert_int_equal(store_account_put(db, span_of(names[i]), &keys, false), 0);
    }
    assert_int_equal(store_db_commit(db), 0);
    return db;
}

static void test_groups(void **state)
{
    struct store_db *db = with_users(*state);
    expect(db, "group\tadd\tstaff\tThe Staff\teverybody", "", 0, "staff added\n",
           "add\t1\t1\tstaff\tThe Staff\t1\n");
    expect(db, "group\tadd\tstaff\tThe Staff\teverybody", "", 1, "staff: the group exists", "");
    expect(db, "group\tadd\tchiefs\tchiefs\thidden", "", 0, "chiefs added\n",
           "add\t2\t1\tchiefs\tchiefs\t\n");
    expect(db, "group\tadd\tx\tX\tvisible-to\tstaff\tchiefs\tstaff", "", 0, "x added\n",
           "add\t3\t1\tx\tX\t1,2\n");
    expect(db, "group\tadd\ty\tY\tvisible-to\tnobody", "", 1, "nobody: no such group", "");
    expect(db, "group\tadd\ty\tY\tvisible-to\ty", "", 0, "y added\n", "add\t4\t1\ty\tY\t4\n");
    expect(db, "group\tadd\tz\tZ\tvisible-to", "", 1,
           "visible-to: expected everybody, hidden, or visible-to and groups", "");
    expect(db, "group\tadd\ta,b\tZ\thidden", "", 1,
           "a,b: not a name for a group (no commas, no control characters, 255 bytes at most)", "");
    expect(db, "group\tadd\tz\t\thidden", "", 1, ": not a title", "");
    expect(db, "group\tset\ty\tWhy\tkeep", "", 0, "y changed\n", "set\t4\t2\ty\tWhy\t4\n");
    expect(db, "group\tset\ty\t\tvisible-to\tx\tstaff", "", 0, "y changed\n", "set\t4\t3\ty\tWhy\t1,3\n");
    expect(db, "group\tset\ty\t\thidden", "", 0, "y changed\n", "set\t4\t4\ty\tWhy\t\n");
    expect(db, "group\tset\ty\tY\tvisible-to\tnobody", "", 1, "nobody: no such group", "");
    expect(db, "group\tset\tz\tY\tkeep", "", 1, "z: no such group", "");
    expect(db, "group\tset\ty\tY\tsomebody", "", 1,
           "somebody: expected everybody, hidden, or visible-to and groups", "");
    expect(db, "group\tset\ty\tY\teverybody", "", 0, "y changed\n", "set\t4\t5\ty\tY\t4\n");
    expect(db, "group\tjoin\tstaff", "alice@localhost\nBob@LocalHost\n", 0, "2 joined\n",
           "join\t1\t2\talice@localhost\njoin\t1\t2\tbob@localhost\n");
    expect(db, "group\tjoin\tstaff", "alice@localhost\ncarol@localhost\n", 0, "1 joined, 1 there already\n",
           "join\t1\t3\tcarol@localhost\n");
    expect(db, "group\tjoin\tstaff", "alice@localhost\n", 0, "0 joined, 1 there already\n", "");
    expect(db, "group\tjoin\tnone", "alice@localhost\n", 1, "none: no such group", "");
    expect(db, "group\tjoin\tstaff", "carol@localhost\ndave@localhost\n", 1,
           "line 2: dave@localhost: no such account", "");
    expect(db, "group\tjoin\tstaff", "localhost\n", 1,
           "line 1: localhost: not an account's address (local@domain)", "");
    expect(db, "group\tjoin\tstaff", "", 1, "no member given", "");
    expect(db, "group\tleave\tstaff", "bob@localhost\n", 0, "1 left\n", "leave\t1\t4\tbob@localhost\n");
    expect(db, "group\tleave\tstaff", "bob@localhost\n", 0, "0 left, 1 not there\n", "");
    expect(db, "group\tlist", "", 0,
           "staff\tThe Staff\t2 members\tversion 4\tvisible to staff\n"
           "chiefs\tchiefs\t0 members\tversion 1\tvisible to nobody\n"
           "x\tX\t0 members\tversion 1\tvisible to staff, chiefs\n"
           "y\tY\t0 members\tversion 5\tvisible to y\n",
           "");
    expect(db, "group\tshow\tstaff", "", 0,
           "staff\tThe Staff\t2 members\tversion 4\tvisible to staff\nalice@localhost\ncarol@localhost\n",
           "");
    expect(db, "group\tshow\tnone", "", 1, "none: no such group", "");
    expect(db, "group\tdump", "", 0,
           "add\t1\t4\tstaff\tThe Staff\t1\njoin\t1\t4\talice@localhost\njoin\t1\t4\tcarol@localhost\n"
           "add\t2\t1\tchiefs\tchiefs\t\nadd\t3\t1\tx\tX\t1,2\nadd\t4\t5\ty\tY\t4\n",
           "");
    store_db_close(db);
}

static void test_removals(void **state)
{
    struct store_db *db = with_users(*state);
    expect(db, "group\tadd\tg\tG\teverybody", "", 0, "g added\n", "add\t1\t1\tg\tG\t1\n");
    expect(db, "group\tadd\th\tH\tvisible-to\tg", "", 0, "h added\n", "add\t2\t1\th\tH\t1\n");
    expect(db, "group\tjoin\tg", "alice@localhost\n", 0, "1 joined\n", "join\t1\t2\talice@localhost\n");
    expect(db, "group\tjoin\th", "alice@localhost\n", 0, "1 joined\n", "join\t2\t2\talice@localhost\n");
    expect(db, "user\tremove\talice@localhost", "", 0, "alice@localhost removed\n",
           "leave\t1\t3\talice@localhost\nleave\t2\t3\talice@localhost\nalice@localhost\n");
    expect(db, "group\tremove\tg", "", 0, "g removed\n", "remove\t1\t0\t\n");
    expect(db, "group\tremove\tg", "", 1, "g: no such group", "");
    expect(db, "group\tadd\tg\tG\thidden", "", 0, "g added\n",
           "add\t3\t1\tg\tG\t\n"); /* a number is never used again */
    expect(db, "group\tdump", "", 0, "add\t2\t3\th\tH\t\nadd\t3\t1\tg\tG\t\n", "");
    store_db_close(db);
}

static void test_import(void **state)
{
    struct store_db *db = with_users(*state);
    expect(db, "group\tadd\told\tOld\thidden", "", 0, "old added\n", "add\t1\t1\told\tOld\t\n");
    expect(db, "group\timport",
           "new\talice@localhost\r\nold\tbob@localhost\n\nnew\tcarol@localhost\nnew\talice@localhost\n", 0,
           "3 joined, 1 there already, in 2 groups, 1 of them new\n",
           "add\t2\t1\tnew\tnew\t2\njoin\t2\t2\talice@localhost\njoin\t1\t2\tbob@"
           "localhost\njoin\t2\t2\tcarol@localhost\n");
    expect(db, "group\timport", "more\talice@localhost\nmore\tdave@localhost\n", 1,
           "line 2: dave@localhost: no such account", "");
    expect(db, "group\tshow\tmore", "", 1, "more: no such group", ""); /* all or nothing */
    expect(db, "group\timport", "new\n", 1, "line 1: new: expected group, TAB, jid", "");
    store_db_close(db);
}

#define CHANGE_THERE                                                                                         \
    ": the group is in the configuration file (key groups); change it there, and start the daemon again"

/* The configuration file's groups, from one start to the next. */
static void test_sync(void **state)
{
    struct store_db *db = with_users(*state);
    static const char first[] = "group\tstaff\tThe Staff\tvisible-to\tchiefs\tstaff\n"
                                "member\tbob@localhost\nmember\talice@localhost\n"
                                "group\tchiefs\tchiefs\thidden\n"
                                "member\tcarol@localhost\n";
    expect(db, "group\tadd\town\tOwn\teverybody", "", 0, "own added\n", "add\t1\t1\town\tOwn\t1\n");
    expect(db, "group\tsync", first, 0, "",
           "add\t2\t1\tstaff\tThe Staff\t\nadd\t3\t1\tchiefs\tchiefs\t\n"
           "set\t2\t2\tstaff\tThe Staff\t2,3\n"
           "join\t2\t3\talice@localhost\njoin\t2\t3\tbob@localhost\njoin\t3\t2\tcarol@localhost\n");
    expect(db, "group\tsync", first, 0, "", ""); /* nothing differs: no new versions */
    expect(db, "group\tlist", "", 0,
           "own\tOwn\t0 members\tversion 1\tvisible to own\n"
           "staff\tThe Staff\t2 members\tversion 3\tvisible to staff, chiefs\tfrom the configuration file\n"
           "chiefs\tchiefs\t1 members\tversion 2\tvisible to nobody\tfrom the configuration file\n",
           "");
    expect(db, "group\tset\tstaff\tX\tkeep", "", 1, "staff" CHANGE_THERE, "");
    expect(db, "group\tremove\tstaff", "", 1, "staff" CHANGE_THERE, "");
    expect(db, "group\tjoin\tchiefs", "alice@localhost\n", 1, "chiefs" CHANGE_THERE, "");
    expect(db, "group\tleave\tchiefs", "carol@localhost\n", 1, "chiefs" CHANGE_THERE, "");
    expect(db, "group\timport", "own\tbob@localhost\nstaff\tcarol@localhost\n", 1,
           "line 2: staff" CHANGE_THERE, "");
    expect(db, "group\tadd\tstaff\tX\thidden", "", 1, "staff: the group exists", "");
    expect(db, "group\tset\town\t\tvisible-to\tstaff", "", 0, "own changed\n", "set\t1\t2\town\tOwn\t2\n");
    expect(db, "group\tsync",
           "group\tchiefs\tThe Chiefs\teverybody\nmember\tbob@localhost\ngroup\tnew\tnew\thidden\n", 0, "",
           "remove\t2\t0\t\nadd\t4\t1\tnew\tnew\t\nset\t3\t3\tchiefs\tThe Chiefs\t3\n"
           "join\t3\t4\tbob@localhost\nleave\t3\t4\tcarol@localhost\n");
    expect(db, "group\tshow\town", "", 0, "own\tOwn\t0 members\tversion 2\tvisible to nobody\n", "");
    expect(
        db, "group\tsync", "group\town\tOwn\thidden\n", 1,
        "own: the group of this name in the configuration file (key groups) was made with musterctl before; run "
        "musterctl group remove, or give it another name in the file",
        "");
    expect(
        db, "group\tshow\tchiefs", "", 0,
        "chiefs\tThe Chiefs\t1 members\tversion 4\tvisible to chiefs\tfrom the configuration file\nbob@localhost\n",
        ""); /* all or nothing */
    expect(db, "group\tsync", "group\tz\t\thidden\n", 1, "group?z??hidden: not a title", "");
    expect(db, "group\tsync", "member\tx@localhost\n", 1,
           "member?x@localhost: expected a group or its member", "");
    expect(db, "group\tsync", "", 0, "", "remove\t3\t0\t\nremove\t4\t0\t\n");
    expect(db, "group\tadd\tchiefs\tC\thidden", "", 0, "chiefs added\n", "add\t5\t1\tchiefs\tC\t\n");
    store_db_close(db);
}

/* `user put` with the keys of a fixture. */
static void put_user(struct store_db *db, const char *jid, const char *word, const char *affected)
{
    struct sasl_credentials credentials = fixture_credentials(0);
    struct buffer line = {0};
    buffer_printf(&line, "%s\t", jid);
    store_command_keys_write(&credentials, &line);
    buffer_append_char(&line, '\0');
    expect(db, word, line.ptr, 0, "1 account stored\n", affected);
    buffer_fini(&line);
}

/* Members without an account are counted, and join when there is one. */
static void test_awaited(void **state)
{
    struct store_db *db = with_users(*state);
    static const char body[] = "group\tg\tG\teverybody\nmember\talice@localhost\nmember\tdave@localhost\n"
                               "group\th\tH\thidden\nmember\tdave@localhost\nmember\te1@localhost\n";
    expect(db, "group\tsync", body, 0, "2 of the members have no account: dave@localhost, e1@localhost\n",
           "add\t1\t1\tg\tG\t\nadd\t2\t1\th\tH\t\nset\t1\t2\tg\tG\t1\njoin\t1\t3\talice@localhost\n");
    put_user(db, "dave@localhost", "user\tput",
             "dave@localhost\njoin\t1\t4\tdave@localhost\njoin\t2\t2\tdave@localhost\n");
    put_user(db, "dave@localhost", "user\tput\treplace", "dave@localhost\n");
    expect(db, "group\tsync", body, 0, "1 of the members have no account: e1@localhost\n", "");
    expect(db, "user\tremove\tdave@localhost", "", 0, "dave@localhost removed\n",
           "leave\t1\t5\tdave@localhost\nleave\t2\t3\tdave@localhost\ndave@localhost\n");
    put_user(db, "dave@localhost", "user\tput",
             "dave@localhost\njoin\t1\t6\tdave@localhost\njoin\t2\t4\tdave@localhost\n");
    expect(
        db, "group\tsync",
        "group\tg\tG\teverybody\nmember\te1@localhost\nmember\te2@localhost\nmember\te3@localhost\n"
        "member\te4@localhost\nmember\te5@localhost\nmember\te6@localhost\n",
        0,
        "6 of the members have no account: e1@localhost, e2@localhost, e3@localhost, e4@localhost, e5@localhost, ...\n",
        "remove\t2\t0\t\nleave\t1\t7\talice@localhost\nleave\t1\t7\tdave@localhost\n");
    expect(db, "group\tsync", "", 0, "", "remove\t1\t0\t\n");
    put_user(db, "e1@localhost", "user\tput", "e1@localhost\n"); /* no longer awaited */
    store_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_groups, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_removals, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_sync, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_awaited, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_import, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("store/group", tests, NULL, NULL);
}
