/* SPDX-License-Identifier: Apache-2.0 */
#include "store/command_group.h"

#include <errno.h>

#include "jid/jid.h"
#include "roster/group.h"
#include "store/group.h"
#include "store/import.h"

/* ---- groups ---- */

int store_group_add(struct command *c)
{
    int64_t number;
    struct span words = c->argument, name = store_cut(&words, '\t'), title = store_cut(&words, '\t'),
                mode = store_cut(&words, '\t');
    int error = store_group_make(c, name, title, mode, words, &number);
    if (error)
        return error;
    store_quote(c->reply, name);
    buffer_literal(c->reply, " added\n");
    return 0;
}

int store_group_remove(struct command *c)
{
    int64_t number;
    int error = store_group_changeable(c, c->argument, &number);
    if (!error)
        error = store_group_drop(c, number);
    if (error)
        return error;
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
    if (sqlite3_column_int64(row, 7))
        buffer_literal(c->reply, "\tfrom the configuration file");
    buffer_append_char(c->reply, '\n');
}

static int list_one(struct command *c, sqlite3_stmt *row)
{
    members_line(c, row);
    return 0;
}

int store_group_set(struct command *c)
{
    int64_t number, version;
    struct span words = c->argument, name = store_cut(&words, '\t'), title = store_cut(&words, '\t'),
                mode = store_cut(&words, '\t');
    int error = store_group_changeable(c, name, &number);
    if (!error && title.len)
        error = store_group_title_set(c, number, title);
    if (!error && !span_is(mode, "keep"))
        error = store_group_viewers_set(c, number, mode, words);
    if (!error)
        error = store_group_version_add(c->db, number, &version);
    if (!error)
        error = store_group_line_of(c, "set", number, c->affected);
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

static void show_member(struct command *c, struct span jid, void *context)
{
    (void)context;
    buffer_append(c->reply, jid);
    buffer_append_char(c->reply, '\n');
}

static int show_one(struct command *c, sqlite3_stmt *row)
{
    if (!span_equal(store_column_text(row, 2), c->argument))
        return 0;
    members_line(c, row);
    return store_group_members_each(c, sqlite3_column_int64(row, 0), show_member, row);
}

int store_group_show(struct command *c)
{
    int64_t number;
    int error = store_group_named(c, c->argument, &number);
    return error ? error : each_group(c, show_one);
}

static void dump_member(struct command *c, struct span jid, void *context)
{
    sqlite3_stmt *group = context;
    buffer_printf(c->reply, "join\t%lld\t%lld\t", (long long)sqlite3_column_int64(group, 0),
                  (long long)sqlite3_column_int64(group, 1));
    buffer_append(c->reply, jid);
    buffer_append_char(c->reply, '\n');
}

static int dump_one(struct command *c, sqlite3_stmt *row)
{
    store_group_line(c->reply, "add", row);
    return store_group_members_each(c, sqlite3_column_int64(row, 0), dump_member, row);
}

int store_group_dump(struct command *c)
{
    return each_group(c, dump_one);
}

/* ---- joining and leaving ---- */

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

static int member_move(struct command *c, struct store_group_change *g, struct span text, bool is_join,
                       bool *ret_changed)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;
    if (jid_parse(text, storage, &jid) != 0 || !jid.local_len || jid.resource_len)
        return store_group_refuse(c, text, "not an account's address (local@domain)");
    int error = store_group_member_change(c, g, jid_bare(&jid), is_join, ret_changed);
    return error == STORE_NOT_FOUND ? store_group_refuse(c, text, "no such account") : error;
}

struct members {
    struct store_group_change group;
    bool is_join;
    unsigned long changed, unchanged;
};

static int member_line(struct command *c, void *context, struct span line)
{
    struct members *m = context;
    bool is_changed = false;
    int error = member_move(c, &m->group, line, m->is_join, &is_changed);
    if (!error && is_changed)
        m->changed++;
    else if (!error)
        m->unchanged++;
    return error;
}

static int members_run(struct command *c, bool is_join)
{
    struct members m = {.is_join = is_join};
    int error = store_group_changeable(c, c->argument, &m.group.number);
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
    struct store_group_change groups[GROUPS_MAX]; /* that lines have named */
    uint32_t count, made;
    struct span last_name; /* of the line before, which usually names the same */
    uint32_t last;
    unsigned long joined, there;
};

static int import_group(struct command *c, struct group_import *im, struct span name,
                        struct store_group_change **ret)
{
    int64_t number;
    bool is_from_file = false;
    if (im->count && span_equal(name, im->last_name)) {
        *ret = &im->groups[im->last];
        return 0;
    }
    int error = store_group_find(c->db, name, &number, &is_from_file);
    if (error == STORE_NOT_FOUND) {
        error = store_group_make(c, name, name, SPAN("everybody"), (struct span){0}, &number);
        im->made += error == 0;
    }
    if (!error && is_from_file)
        error = store_group_from_file_refuse(c, name);
    if (error)
        return error;
    uint32_t at = 0;
    while (at < im->count && im->groups[at].number != number)
        at++;
    if (at == im->count)
        im->groups[im->count++] =
            (struct store_group_change){number, 0}; /* there are no more than GROUPS_MAX */
    im->last_name = name;
    im->last = at;
    *ret = &im->groups[at];
    return 0;
}

static int import_line(struct command *c, void *context, struct span line)
{
    struct group_import *im = context;
    struct store_group_change *group;
    bool is_changed = false;
    struct span name = store_cut(&line, '\t');
    if (!line.len || memchr(line.ptr, '\t', line.len))
        return store_group_refuse(c, name, "expected group, TAB, jid");
    int error = import_group(c, im, name, &group);
    if (!error)
        error = member_move(c, group, line, true, &is_changed);
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
    if (!error)
        error = store_groups_await_again(c, jid, account);
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
        error = store_group_pair_run(c->db, STATEMENT_GROUP_LEAVE, numbers[i], account, &is_changed);
        if (!error)
            error = store_group_version_add(c->db, numbers[i], &version);
        if (!error)
            store_group_tell(c, "leave", numbers[i], version, jid);
    }
    return error;
}
