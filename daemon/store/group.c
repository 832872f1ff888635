/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group.h"

#include <errno.h>

#include "roster/group.h"
#include "store/import.h"

int store_group_refuse(struct command *c, struct span what, const char *why)
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

int store_group_pair_run(struct store_db *db, enum store_statement which, int64_t first, int64_t second,
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

int store_group_find(struct store_db *db, struct span name, int64_t *ret_number, bool *ret_is_from_file)
{
    int error = 0;
    sqlite3_stmt *find = store_statement(db, STATEMENT_GROUP_FIND, &error);
    if (!find)
        return error;
    store_bind_text(find, 1, name);
    int code = sqlite3_step(find);
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    if (code == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(find, 0);
        *ret_is_from_file = sqlite3_column_int64(find, 1) != 0;
    }
    sqlite3_reset(find);
    return error;
}

int store_group_named(struct command *c, struct span name, int64_t *ret_number)
{
    bool is_from_file;
    int error = store_group_find(c->db, name, ret_number, &is_from_file);
    return error == STORE_NOT_FOUND ? store_group_refuse(c, name, "no such group") : error;
}

int store_group_from_file_refuse(struct command *c, struct span name)
{
    return store_group_refuse(
        c, name,
        "the group is in the configuration file (key groups); change it there, and start the "
        "daemon again");
}

int store_group_changeable(struct command *c, struct span name, int64_t *ret_number)
{
    bool is_from_file = false;
    int error = store_group_find(c->db, name, ret_number, &is_from_file);
    if (error == STORE_NOT_FOUND)
        return store_group_refuse(c, name, "no such group");
    return !error && is_from_file ? store_group_from_file_refuse(c, name) : error;
}

int store_group_version_add(struct store_db *db, int64_t number, int64_t *ret_version)
{
    int error = 0;
    sqlite3_stmt *add = store_statement(db, STATEMENT_GROUP_VERSION_ADD, &error);
    if (!add)
        return error;
    sqlite3_bind_int64(add, 1, number);
    return number_ask(db, add, ret_version);
}

void store_group_tell(struct command *c, const char *verb, int64_t number, int64_t version, struct span rest)
{
    buffer_printf(c->affected, "%s\t%lld\t%lld\t", verb, (long long)number, (long long)version);
    buffer_append(c->affected, rest);
    buffer_append_char(c->affected, '\n');
}

/* ---- definitions ---- */

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
        return store_group_refuse(
            c, name, "not a name for a group (no commas, no control characters, 255 bytes at most)");
    if (!title.len || !store_is_name(title))
        return store_group_refuse(c, title, "not a title");
    sqlite3_stmt *counted = store_statement(c->db, STATEMENT_GROUP_COUNT, &error);
    error = counted ? number_ask(c->db, counted, &count) : error;
    if (error)
        return error;
    if (count >= GROUPS_MAX)
        return store_group_refuse(c, name, "there are as many groups as there may be");
    sqlite3_stmt *add = store_statement(c->db, STATEMENT_GROUP_ADD, &error);
    if (!add)
        return error;
    store_bind_text(add, 1, name);
    store_bind_text(add, 2, title);
    error = store_statement_run(c->db, add);
    if (error)
        return error;
    if (sqlite3_changes(c->db->sqlite) != 1)
        return store_group_refuse(c, name, "the group exists");
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
        return store_group_pair_run(c->db, STATEMENT_GROUP_VIEWER_ADD, number, number, &is_new);
    }
    if (span_is(mode, "hidden") && !others.len)
        return 0;
    if (!span_is(mode, "visible-to") || !others.len)
        return store_group_refuse(c, mode, "expected everybody, hidden, or visible-to and groups");
    while (others.len) {
        int64_t viewer;
        struct span other = store_cut(&others, '\t');
        if (++count > GROUP_VIEWERS_MAX)
            return store_group_refuse(c, other, "too many groups to be visible to");
        int error = store_group_named(c, other, &viewer);
        if (!error)
            error = store_group_pair_run(c->db, STATEMENT_GROUP_VIEWER_ADD, number, viewer, &is_new);
        if (error)
            return error;
        if (is_new)
            buffer_printf(viewers, "%s%lld", viewers->len ? "," : "", (long long)viewer);
    }
    return 0;
}

int store_group_make(struct command *c, struct span name, struct span title, struct span mode,
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
        store_group_tell(c, "add", *ret_number, 1, buffer_span(&rest));
        error = buffer_ok(&viewers) && buffer_ok(&rest) ? 0 : -ENOMEM;
    }
    buffer_fini(&viewers);
    buffer_fini(&rest);
    return error;
}

int store_group_title_set(struct command *c, int64_t number, struct span title)
{
    int error = 0;
    if (!store_is_name(title))
        return store_group_refuse(c, title, "not a title");
    sqlite3_stmt *set = store_statement(c->db, STATEMENT_GROUP_TITLE_SET, &error);
    if (!set)
        return error;
    sqlite3_bind_int64(set, 1, number);
    store_bind_text(set, 2, title);
    return store_statement_run(c->db, set);
}

int store_group_viewers_set(struct command *c, int64_t number, struct span mode, struct span others)
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

int store_group_drop(struct command *c, int64_t number)
{
    int error = 0;
    sqlite3_stmt *remove = store_statement(c->db, STATEMENT_GROUP_REMOVE, &error);
    if (!remove)
        return error;
    sqlite3_bind_int64(remove, 1, number);
    error = store_statement_run(c->db, remove);
    if (!error)
        store_group_tell(c, "remove", number, 0, (struct span){0});
    return error;
}

int store_group_line_of(struct command *c, const char *verb, int64_t number, struct buffer *to)
{
    int error = 0;
    sqlite3_stmt *get = store_statement(c->db, STATEMENT_GROUP_GET, &error);
    if (!get)
        return error;
    sqlite3_bind_int64(get, 1, number);
    int code = sqlite3_step(get);
    if (code == SQLITE_ROW)
        store_group_line(to, verb, get);
    error = store_error(c->db, code);
    sqlite3_reset(get);
    return error;
}

void store_group_line(struct buffer *to, const char *verb, sqlite3_stmt *row)
{
    const struct span parts[] = {store_column_text(row, 2), SPAN("\t"), store_column_text(row, 3), SPAN("\t"),
                                 store_column_text(row, 5), SPAN("\n")};
    buffer_printf(to, "%s\t%lld\t%lld\t", verb, (long long)sqlite3_column_int64(row, 0),
                  (long long)sqlite3_column_int64(row, 1));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        buffer_append(to, parts[i]);
}

/* ---- members ---- */

int store_group_members_each(struct command *c, int64_t number,
                             void (*each)(struct command *c, struct span jid, void *context), void *context)
{
    int error = 0, code;
    sqlite3_stmt *members = store_statement(c->db, STATEMENT_GROUP_MEMBERS, &error);
    if (!members)
        return error;
    sqlite3_bind_int64(members, 1, number);
    while ((code = sqlite3_step(members)) == SQLITE_ROW)
        each(c, store_column_text(members, 0), context);
    error = store_error(c->db, code);
    sqlite3_reset(members);
    return error;
}

int store_group_member_change(struct command *c, struct store_group_change *g, struct span jid, bool is_join,
                              bool *ret_changed)
{
    int64_t account;
    uint64_t roster_version;
    int error = store_account_find(c->db, jid, &account, &roster_version);
    if (!error)
        error = store_group_pair_run(c->db, is_join ? STATEMENT_GROUP_JOIN : STATEMENT_GROUP_LEAVE, g->number,
                                     account, ret_changed);
    if (error || !*ret_changed)
        return error;
    if (!g->version)
        error = store_group_version_add(c->db, g->number, &g->version);
    if (!error)
        store_group_tell(c, is_join ? "join" : "leave", g->number, g->version, jid);
    return error;
}
