/* SPDX-License-Identifier: Apache-2.0 */
#include "store/command_group.h"

#include <errno.h>

#include "jid/jid.h"
#include "roster/group.h"
#include "store/import.h"
#include "store/internal.h"

/* Groups are named on command lines and in columns of files. */
#define GROUP_NAME_BYTES_MAX 255

static int refuse(struct command *c, struct span what, const char *why)
{
    store_quote(c->reply, what);
    buffer_printf(c->reply, ": %s", why);
    return 1;
}

/* Run a statement bound to numbers that gives one number, or none: STORE_NOT_FOUND. */
static int number_ask(struct store_db *db, sqlite3_stmt *statement, int64_t *ret)
{
    int code = sqlite3_step(statement);
    int error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    if (code == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return error;
}

/* A statement of two numbers that changes rows; *ret_changed says whether it did. */
static int pair_run(struct store_db *db, enum store_statement which, int64_t first, int64_t second,
                    bool *ret_changed)
{
    int error = 0;
    sqlite3_stmt *statement = store_statement(db, which, &error);
    if (!statement)
        return error;
    sqlite3_bind_int64(statement, 1, first);
    sqlite3_bind_int64(statement, 2, second);
    error = store_statement_run(db, statement);
    if (!error)
        *ret_changed = sqlite3_changes(db->sqlite) == 1;
    return error;
}

static int number_find(struct store_db *db, struct span name, int64_t *ret_number)
{
    int error = 0;
    sqlite3_stmt *find = store_statement(db, STATEMENT_GROUP_FIND, &error);
    if (!find)
        return error;
    store_bind_text(find, 1, name);
    return number_ask(db, find, ret_number);
}

/* The group, or a refusal. */
static int group_named(struct command *c, struct span name, int64_t *ret_number)
{
    int error = number_find(c->db, name, ret_number);
    return error == STORE_NOT_FOUND ? refuse(c, name, "no such group") : error;
}

static int version_add(struct store_db *db, int64_t number, int64_t *ret_version)
{
    int error = 0;
    sqlite3_stmt *add = store_statement(db, STATEMENT_GROUP_VERSION_ADD, &error);
    if (!add)
        return error;
    sqlite3_bind_int64(add, 1, number);
    return number_ask(db, add, ret_version);
}

static void tell(struct command *c, const char *verb, int64_t number, int64_t version, struct span rest)
{
    buffer_printf(c->affected, "%s\t%lld\t%lld\t", verb, (long long)number, (long long)version);
    buffer_append(c->affected, rest);
    buffer_append_char(c->affected, '\n');
}

/* ---- groups ---- */

static bool is_group_name(struct span name)
{
    return name.len && name.len <= GROUP_NAME_BYTES_MAX && store_is_name(name) &&
           !memchr(name.ptr, ',', name.len);
}

static int group_make(struct command *c, struct span name, struct span title, int64_t *ret_number)
{
    int error = 0;
    int64_t count = 0;
    if (!is_group_name(name))
        return refuse(c, name,
                      "not a name for a group (no commas, no control characters, 255 bytes at most)");
    if (!title.len || !store_is_name(title))
        return refuse(c, title, "not a title");
    sqlite3_stmt *counted = store_statement(c->db, STATEMENT_GROUP_COUNT, &error);
    error = counted ? number_ask(c->db, counted, &count) : error;
    if (error)
        return error;
    if (count >= GROUPS_MAX)
        return refuse(c, name, "there are as many groups as there may be");
    sqlite3_stmt *add = store_statement(c->db, STATEMENT_GROUP_ADD, &error);
    if (!add)
        return error;
    store_bind_text(add, 1, name);
    store_bind_text(add, 2, title);
    error = store_statement_run(c->db, add);
    if (error)
        return error;
    if (sqlite3_changes(c->db->sqlite) != 1)
        return refuse(c, name, "the group exists");
    *ret_number = sqlite3_last_insert_rowid(c->db->sqlite);
    return 0;
}

/* Who sees it: the group itself, nobody, or others. The numbers go to `viewers`, with commas between. */
static int viewers_make(struct command *c, int64_t number, struct span mode, struct span others,
                        struct buffer *viewers)
{
    bool is_new;
    unsigned count = 0;
    if (span_is(mode, "everybody")) {
        buffer_printf(viewers, "%lld", (long long)number);
        return pair_run(c->db, STATEMENT_GROUP_VIEWER_ADD, number, number, &is_new);
    }
    if (span_is(mode, "hidden") && !others.len)
        return 0;
    if (!span_is(mode, "visible-to") || !others.len)
        return refuse(c, mode, "expected everybody, hidden, or visible-to and groups");
    while (others.len) {
        int64_t viewer;
        struct span other = store_cut(&others, '\t');
        if (++count > GROUP_VIEWERS_MAX)
            return refuse(c, other, "too many groups to be visible to");
        int error = group_named(c, other, &viewer);
        if (!error)
            error = pair_run(c->db, STATEMENT_GROUP_VIEWER_ADD, number, viewer, &is_new);
        if (error)
            return error;
        if (is_new)
            buffer_printf(viewers, "%s%lld", viewers->len ? "," : "", (long long)viewer);
    }
    return 0;
}

static int group_add(struct command *c, struct span name, struct span title, struct span mode,
                     struct span others, int64_t *ret_number)
{
    struct buffer viewers = {0}, rest = {0};
    int error = group_make(c, name, title, ret_number);
    if (!error)
        error = viewers_make(c, *ret_number, mode, others, &viewers);
    if (!error) {
        const struct span parts[] = {name, SPAN("\t"), title, SPAN("\t"), buffer_span(&viewers)};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            buffer_append(&rest, parts[i]);
        tell(c, "add", *ret_number, 1, buffer_span(&rest));
        error = buffer_ok(&viewers) && buffer_ok(&rest) ? 0 : -ENOMEM;
    }
    buffer_fini(&viewers);
    buffer_fini(&rest);
    return error;
}

int store_group_add(struct command *c)
{
    int64_t number;
    struct span words = c->argument, name = store_cut(&words, '\t'), title = store_cut(&words, '\t'),
                mode = store_cut(&words, '\t');
    int error = group_add(c, name, title, mode, words, &number);
    if (error)
        return error;
    store_quote(c->reply, name);
    buffer_literal(c->reply, " added\n");
    return 0;
}

int store_group_remove(struct command *c)
{
    int64_t number;
    int error = group_named(c, c->argument, &number);
    sqlite3_stmt *remove = error ? NULL : store_statement(c->db, STATEMENT_GROUP_REMOVE, &error);
    if (!remove)
        return error;
    sqlite3_bind_int64(remove, 1, number);
    error = store_statement_run(c->db, remove);
    if (error)
        return error;
    tell(c, "remove", number, 0, (struct span){0});
    store_quote(c->reply, c->argument);
    buffer_literal(c->reply, " removed\n");
    return 0;
}

static int each_group(struct command *c, int (*each)(struct command *c, sqlite3_stmt *row))
{
    int error = 0, code = SQLITE_DONE;
    sqlite3_stmt *list = store_statement(c->db, STATEMENT_GROUP_LIST, &error);
    if (!list)
        return error;
    while (!error && (code = sqlite3_step(list)) == SQLITE_ROW)
        error = each(c, list);
    if (!error)
        error = store_error(c->db, code);
    sqlite3_reset(list);
    return error;
}

static void members_line(struct command *c, sqlite3_stmt *row)
{
    struct span viewers = store_column_text(row, 6);
    buffer_append(c->reply, store_column_text(row, 2));
    buffer_literal(c->reply, "\t");
    buffer_append(c->reply, store_column_text(row, 3));
    buffer_printf(c->reply, "\t%lld members\tversion %lld\tvisible to ",
                  (long long)sqlite3_column_int64(row, 4), (long long)sqlite3_column_int64(row, 1));
    buffer_append(c->reply, viewers.len ? viewers : SPAN("nobody"));
    buffer_append_char(c->reply, '\n');
}

static int list_one(struct command *c, sqlite3_stmt *row)
{
    members_line(c, row);
    return 0;
}

/* ---- changing ---- */

static int title_set(struct command *c, int64_t number, struct span title)
{
    int error = 0;
    if (!store_is_name(title))
        return refuse(c, title, "not a title");
    sqlite3_stmt *set = store_statement(c->db, STATEMENT_GROUP_TITLE_SET, &error);
    if (!set)
        return error;
    sqlite3_bind_int64(set, 1, number);
    store_bind_text(set, 2, title);
    return store_statement_run(c->db, set);
}

static int viewers_set(struct command *c, int64_t number, struct span mode, struct span others)
{
    int error = 0;
    struct buffer viewers = {0};
    sqlite3_stmt *forget = store_statement(c->db, STATEMENT_GROUP_VIEWERS_FORGET, &error);
    if (!forget)
        return error;
    sqlite3_bind_int64(forget, 1, number);
    error = store_statement_run(c->db, forget);
    if (!error)
        error = viewers_make(c, number, mode, others, &viewers);
    buffer_fini(&viewers);
    return error;
}

static void group_line(struct buffer *to, const char *verb, sqlite3_stmt *row)
{
    const struct span parts[] = {store_column_text(row, 2), SPAN("\t"), store_column_text(row, 3), SPAN("\t"),
                                 store_column_text(row, 5), SPAN("\n")};
    buffer_printf(to, "%s\t%lld\t%lld\t", verb, (long long)sqlite3_column_int64(row, 0),
                  (long long)sqlite3_column_int64(row, 1));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        buffer_append(to, parts[i]);
}

static int set_one(struct command *c, sqlite3_stmt *row)
{
    if (span_equal(store_column_text(row, 2), c->argument))
        group_line(c->affected, "set", row);
    return 0;
}

int store_group_set(struct command *c)
{
    int64_t number, version;
    struct span words = c->argument, name = store_cut(&words, '\t'), title = store_cut(&words, '\t'),
                mode = store_cut(&words, '\t');
    int error = group_named(c, name, &number);
    if (!error && title.len)
        error = title_set(c, number, title);
    if (!error && !span_is(mode, "keep"))
        error = viewers_set(c, number, mode, words);
    if (!error)
        error = version_add(c->db, number, &version);
    c->argument = name;
    if (!error)
        error = each_group(c, set_one);
    if (error)
        return error;
    store_quote(c->reply, name);
    buffer_literal(c->reply, " changed\n");
    return 0;
}

int store_group_list(struct command *c)
{
    return each_group(c, list_one);
}

/* ---- members ---- */

static int each_member(struct command *c, int64_t number,
                       void (*each)(struct command *c, struct span jid, sqlite3_stmt *group),
                       sqlite3_stmt *group)
{
    int error = 0, code;
    sqlite3_stmt *members = store_statement(c->db, STATEMENT_GROUP_MEMBERS, &error);
    if (!members)
        return error;
    sqlite3_bind_int64(members, 1, number);
    while ((code = sqlite3_step(members)) == SQLITE_ROW)
        each(c, store_column_text(members, 0), group);
    error = store_error(c->db, code);
    sqlite3_reset(members);
    return error;
}

static void show_member(struct command *c, struct span jid, sqlite3_stmt *group)
{
    (void)group;
    buffer_append(c->reply, jid);
    buffer_append_char(c->reply, '\n');
}

static int show_one(struct command *c, sqlite3_stmt *row)
{
    if (!span_equal(store_column_text(row, 2), c->argument))
        return 0;
    members_line(c, row);
    return each_member(c, sqlite3_column_int64(row, 0), show_member, row);
}

int store_group_show(struct command *c)
{
    int64_t number;
    int error = group_named(c, c->argument, &number);
    return error ? error : each_group(c, show_one);
}

static void dump_member(struct command *c, struct span jid, sqlite3_stmt *group)
{
    buffer_printf(c->reply, "join\t%lld\t%lld\t", (long long)sqlite3_column_int64(group, 0),
                  (long long)sqlite3_column_int64(group, 1));
    buffer_append(c->reply, jid);
    buffer_append_char(c->reply, '\n');
}

static int dump_one(struct command *c, sqlite3_stmt *row)
{
    group_line(c->reply, "add", row);
    return each_member(c, sqlite3_column_int64(row, 0), dump_member, row);
}

int store_group_dump(struct command *c)
{
    return each_group(c, dump_one);
}

/* ---- joining and leaving ---- */

/* A group whose members change: its version counts up at the first one that does. */
struct changing {
    int64_t number, version; /* version 0: nothing has changed yet */
};

static int member_change(struct command *c, struct changing *g, struct span text, bool is_join,
                         bool *ret_changed)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;
    int64_t account;
    uint64_t roster_version;
    if (jid_parse(text, storage, &jid) != 0 || !jid.local_len || jid.resource_len)
        return refuse(c, text, "not an account's address (local@domain)");
    int error = store_account_find(c->db, jid_bare(&jid), &account, &roster_version);
    if (error == STORE_NOT_FOUND)
        return refuse(c, text, "no such account");
    if (!error)
        error = pair_run(c->db, is_join ? STATEMENT_GROUP_JOIN : STATEMENT_GROUP_LEAVE, g->number, account,
                         ret_changed);
    if (error || !*ret_changed)
        return error;
    if (!g->version)
        error = version_add(c->db, g->number, &g->version);
    if (!error)
        tell(c, is_join ? "join" : "leave", g->number, g->version, jid_bare(&jid));
    return error;
}

/* Each line of the body, numbered for a refusal. */
static int each_line(struct command *c, int (*each)(struct command *c, void *context, struct span line),
                     void *context)
{
    unsigned long number = 0, count = 0;
    struct span body = c->body;
    while (body.len) {
        struct span line = store_cut(&body, '\n');
        uint32_t said = c->reply->len;
        number++;
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (!line.len)
            continue;
        buffer_printf(c->reply, "line %lu: ", number);
        int error = each(c, context, line);
        if (error)
            return error;
        c->reply->len = said;
        count++;
    }
    if (!count)
        buffer_literal(c->reply, "no member given");
    return count == 0;
}

struct members {
    struct changing group;
    bool is_join;
    unsigned long changed, unchanged;
};

static int member_line(struct command *c, void *context, struct span line)
{
    struct members *m = context;
    bool is_changed = false;
    int error = member_change(c, &m->group, line, m->is_join, &is_changed);
    if (!error && is_changed)
        m->changed++;
    else if (!error)
        m->unchanged++;
    return error;
}

static int members_run(struct command *c, bool is_join)
{
    struct members m = {.is_join = is_join};
    int error = group_named(c, c->argument, &m.group.number);
    if (!error)
        error = each_line(c, member_line, &m);
    if (error)
        return error;
    buffer_printf(c->reply, "%lu %s", m.changed, is_join ? "joined" : "left");
    if (m.unchanged)
        buffer_printf(c->reply, ", %lu %s", m.unchanged, is_join ? "there already" : "not there");
    buffer_append_char(c->reply, '\n');
    return 0;
}

int store_group_join(struct command *c)
{
    return members_run(c, true);
}

int store_group_leave(struct command *c)
{
    return members_run(c, false);
}

struct group_import {
    struct changing groups[GROUPS_MAX]; /* that lines have named */
    uint32_t count, made;
    struct span last_name; /* of the line before, which usually names the same */
    uint32_t last;
    unsigned long joined, there;
};

static int import_group(struct command *c, struct group_import *im, struct span name, struct changing **ret)
{
    int64_t number;
    if (im->count && span_equal(name, im->last_name)) {
        *ret = &im->groups[im->last];
        return 0;
    }
    int error = number_find(c->db, name, &number);
    if (error == STORE_NOT_FOUND) {
        error = group_add(c, name, name, SPAN("everybody"), (struct span){0}, &number);
        im->made += error == 0;
    }
    if (error)
        return error;
    uint32_t at = 0;
    while (at < im->count && im->groups[at].number != number)
        at++;
    if (at == im->count)
        im->groups[im->count++] = (struct changing){number, 0}; /* there are no more than GROUPS_MAX */
    im->last_name = name;
    im->last = at;
    *ret = &im->groups[at];
    return 0;
}

static int import_line(struct command *c, void *context, struct span line)
{
    struct group_import *im = context;
    struct changing *group;
    bool is_changed = false;
    struct span name = store_cut(&line, '\t');
    if (!line.len || memchr(line.ptr, '\t', line.len))
        return refuse(c, name, "expected group, TAB, jid");
    int error = import_group(c, im, name, &group);
    if (!error)
        error = member_change(c, group, line, true, &is_changed);
    if (!error && is_changed)
        im->joined++;
    else if (!error)
        im->there++;
    return error;
}

int store_group_import(struct command *c)
{
    struct group_import im = {0};
    int error = each_line(c, import_line, &im);
    if (error)
        return error;
    buffer_printf(c->reply, "%lu joined, %lu there already, in %u groups, %u of them new\n", im.joined,
                  im.there, im.count, im.made);
    return 0;
}

int store_groups_leave(struct command *c, struct span jid)
{
    int64_t account, version = 0, numbers[GROUPS_MAX];
    uint64_t roster_version;
    uint32_t count = 0;
    int code;
    int error = store_account_find(c->db, jid, &account, &roster_version);
    if (error)
        return error == STORE_NOT_FOUND ? 0 : error;
    sqlite3_stmt *groups = store_statement(c->db, STATEMENT_GROUP_OF_MEMBER, &error);
    if (!groups)
        return error;
    sqlite3_bind_int64(groups, 1, account);
    while ((code = sqlite3_step(groups)) == SQLITE_ROW && count < GROUPS_MAX)
        numbers[count++] = sqlite3_column_int64(groups, 0);
    error = store_error(c->db, code);
    sqlite3_reset(groups);
    for (uint32_t i = 0; !error && i < count; i++) {
        bool is_changed;
        error = pair_run(c->db, STATEMENT_GROUP_LEAVE, numbers[i], account, &is_changed);
        if (!error)
            error = version_add(c->db, numbers[i], &version);
        if (!error)
            tell(c, "leave", numbers[i], version, jid);
    }
    return error;
}
