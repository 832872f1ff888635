/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of the configuration file: the rows become what it says, and only what differs is written,
 * because a new version costs every viewer its roster. Who is named and has no account is awaited. */
#include <errno.h>
#include <stdlib.h>

#include "roster/group.h"
#include "store/group.h"
#include "store/import.h"

/* The reply names so many of those without an account: enough to see what the mistake is. */
#define AWAITED_NAMED_MAX 5

struct wanted {
    struct span name, title, mode, others;
    struct span members; /* lines */
    int64_t number;
};

struct sync {
    struct command *command;
    struct wanted *groups;
    uint32_t count;
};

static int wanted_read(struct sync *s)
{
    struct command *c = s->command;
    struct span body = c->body;
    while (body.len) {
        struct span line = store_cut(&body, '\n'), rest = line, verb = store_cut(&rest, '\t');
        if (span_is(verb, "group") && s->count < GROUPS_MAX) {
            struct wanted *w = &s->groups[s->count++];
            *w = (struct wanted){.name = store_cut(&rest, '\t'), .title = store_cut(&rest, '\t')};
            w->mode = store_cut(&rest, '\t');
            w->others = rest;
            w->members = span_make(body.ptr, 0);
            if (!w->title.len)
                return store_group_refuse(c, line, "not a title");
        } else if (span_is(verb, "member") && s->count) {
            struct wanted *w = &s->groups[s->count - 1];
            w->members.len = (size_t)(line.ptr + line.len - w->members.ptr);
        } else {
            return store_group_refuse(c, line, "expected a group or its member");
        }
    }
    return 0;
}

static bool is_wanted(const struct sync *s, struct span name)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (span_equal(s->groups[i].name, name))
            return true;
    return false;
}

/* Those that the file no longer has, first: what remains must fit under GROUPS_MAX. */
static int others_drop(struct sync *s)
{
    int64_t numbers[GROUPS_MAX];
    uint32_t count = 0;
    int error = 0, code;
    sqlite3_stmt *list = store_statement(s->command->db, STATEMENT_GROUPS_FROM_FILE, &error);
    if (!list)
        return error;
    while ((code = sqlite3_step(list)) == SQLITE_ROW && count < GROUPS_MAX)
        if (!is_wanted(s, store_column_text(list, 1)))
            numbers[count++] = sqlite3_column_int64(list, 0);
    error = store_error(s->command->db, code);
    sqlite3_reset(list);
    for (uint32_t i = 0; !error && i < count; i++)
        error = store_group_drop(s->command, numbers[i]);
    return error;
}

/* The group, made without viewers when it is new: they may be behind it. */
static int group_have(struct command *c, struct wanted *w)
{
    bool is_from_file = true;
    int error = store_group_find(c->db, w->name, &w->number, &is_from_file);
    if (!is_from_file)
        return store_group_refuse(
            c, w->name,
            "the group of this name in the configuration file (key groups) was made with musterctl "
            "before; run musterctl group remove, or give it another name in the file");
    if (error != STORE_NOT_FOUND)
        return error;
    error = store_group_make(c, w->name, w->title, SPAN("hidden"), (struct span){0}, &w->number);
    sqlite3_stmt *mark = error ? NULL : store_statement(c->db, STATEMENT_GROUP_FROM_FILE_SET, &error);
    if (!mark)
        return error;
    sqlite3_bind_int64(mark, 1, w->number);
    return store_statement_run(c->db, mark);
}

static int group_define(struct command *c, const struct wanted *w)
{
    struct buffer before = {0}, now = {0};
    int64_t version;
    int error = store_group_line_of(c, "set", w->number, &before);
    if (!error)
        error = store_group_title_set(c, w->number, w->title);
    if (!error)
        error = store_group_viewers_set(c, w->number, w->mode, w->others);
    if (!error)
        error = store_group_line_of(c, "set", w->number, &now);
    if (!error && !span_equal(buffer_span(&before), buffer_span(&now))) {
        error = store_group_version_add(c->db, w->number, &version);
        if (!error)
            error = store_group_line_of(c, "set", w->number, c->affected);
    }
    if (!error && !(buffer_ok(&before) && buffer_ok(&now)))
        error = -ENOMEM;
    buffer_fini(&before);
    buffer_fini(&now);
    return error;
}

/* ---- members ---- */

struct names {
    struct span *at; /* in the order of their bytes, as the database's */
    uint32_t count;
};

static int name_compare(const void *a, const void *b)
{
    const struct span *one = a, *other = b;
    int order = memcmp(one->ptr, other->ptr, one->len < other->len ? one->len : other->len);
    return order ? order : (one->len > other->len) - (one->len < other->len);
}

/* The last word of each line. */
static int names_of(struct span lines, struct names *ret)
{
    struct span *at;
    uint32_t count = 1;
    for (size_t i = 0; i < lines.len; i++)
        count += lines.ptr[i] == '\n';
    at = calloc(count, sizeof *at);
    if (!at)
        return -ENOMEM;
    for (count = 0; lines.len;) {
        struct span rest = store_cut(&lines, '\n'), word = store_cut(&rest, '\t');
        at[count++] = rest.len ? rest : word;
    }
    qsort(at, count, sizeof *at, name_compare);
    *ret = (struct names){at, count};
    return 0;
}

static void member_keep(struct command *c, struct span jid, void *context)
{
    struct buffer *lines = context;
    (void)c;
    buffer_append(lines, jid);
    buffer_append_char(lines, '\n');
}

static int await(struct command *c, int64_t number, struct span jid)
{
    int error = 0;
    sqlite3_stmt *await = store_statement(c->db, STATEMENT_GROUP_AWAIT, &error);
    if (!await)
        return error;
    store_bind_text(await, 1, jid);
    sqlite3_bind_int64(await, 2, number);
    return store_statement_run(c->db, await);
}

static int members_merge(struct command *c, int64_t number, const struct names *present,
                         const struct names *wanted)
{
    struct store_group_change change = {.number = number};
    uint32_t p = 0, w = 0;
    int error = 0;
    while (!error && (p < present->count || w < wanted->count)) {
        bool is_changed = false;
        int order = p == present->count  ? 1
                    : w == wanted->count ? -1
                                         : name_compare(&present->at[p], &wanted->at[w]);
        if (order < 0) {
            error = store_group_member_change(c, &change, present->at[p], false, &is_changed);
        } else if (order > 0) {
            error = store_group_member_change(c, &change, wanted->at[w], true, &is_changed);
            if (error == STORE_NOT_FOUND)
                error = await(c, number, wanted->at[w]);
        }
        p += order <= 0;
        w += order >= 0;
    }
    return error;
}

static int group_fill(struct command *c, const struct wanted *w)
{
    struct buffer lines = {0};
    struct names present = {0}, wanted = {0};
    int error = store_group_members_each(c, w->number, member_keep, &lines);
    if (!error && !buffer_ok(&lines))
        error = -ENOMEM;
    if (!error)
        error = names_of(buffer_span(&lines), &present);
    if (!error)
        error = names_of(w->members, &wanted);
    if (!error)
        error = members_merge(c, w->number, &present, &wanted);
    free(present.at);
    free(wanted.at);
    buffer_fini(&lines);
    return error;
}

/* "3 members have no account: a@x, b@x, c@x", or nothing. */
static int awaited_tell(struct command *c)
{
    struct buffer named = {0};
    uint32_t count = 0;
    int error = 0, code;
    sqlite3_stmt *list = store_statement(c->db, STATEMENT_GROUP_AWAITED, &error);
    if (!list)
        return error;
    for (; (code = sqlite3_step(list)) == SQLITE_ROW; count++) {
        if (count < AWAITED_NAMED_MAX) {
            buffer_printf(&named, "%s", count ? ", " : "");
            store_quote(&named, store_column_text(list, 0));
        }
    }
    error = store_error(c->db, code);
    sqlite3_reset(list);
    if (!error && count)
        buffer_printf(c->reply, "%u of the members have no account: %.*s%s\n", count, (int)named.len,
                      named.ptr, count > AWAITED_NAMED_MAX ? ", ..." : "");
    buffer_fini(&named);
    return error;
}

static int sync_run(struct sync *s)
{
    int error = wanted_read(s);
    if (!error)
        error = others_drop(s);
    sqlite3_stmt *forget =
        error ? NULL : store_statement(s->command->db, STATEMENT_GROUP_AWAITED_FORGET, &error);
    if (!forget)
        return error;
    error = store_statement_run(s->command->db, forget);
    for (uint32_t i = 0; !error && i < s->count; i++)
        error = group_have(s->command, &s->groups[i]);
    for (uint32_t i = 0; !error && i < s->count; i++)
        error = group_define(s->command, &s->groups[i]);
    for (uint32_t i = 0; !error && i < s->count; i++)
        error = group_fill(s->command, &s->groups[i]);
    return error ? error : awaited_tell(s->command);
}

int store_group_sync(struct command *c)
{
    struct sync s = {.command = c, .groups = calloc(GROUPS_MAX, sizeof *s.groups)};
    int error = s.groups ? sync_run(&s) : -ENOMEM;
    free(s.groups);
    return error;
}

/* ---- accounts that come and go ---- */

int store_groups_await_end(struct command *c, struct span jid)
{
    int64_t numbers[GROUPS_MAX];
    uint32_t count = 0;
    int error = 0, code;
    sqlite3_stmt *groups = store_statement(c->db, STATEMENT_GROUP_AWAITING, &error);
    if (!groups)
        return error;
    store_bind_text(groups, 1, jid);
    while ((code = sqlite3_step(groups)) == SQLITE_ROW && count < GROUPS_MAX)
        numbers[count++] = sqlite3_column_int64(groups, 0);
    error = store_error(c->db, code);
    sqlite3_reset(groups);
    if (error || !count)
        return error;
    for (uint32_t i = 0; !error && i < count; i++) {
        struct store_group_change change = {.number = numbers[i]};
        bool is_changed;
        error = store_group_member_change(c, &change, jid, true, &is_changed);
    }
    sqlite3_stmt *joined = error ? NULL : store_statement(c->db, STATEMENT_GROUP_AWAITED_JOINED, &error);
    if (!joined)
        return error;
    store_bind_text(joined, 1, jid);
    return store_statement_run(c->db, joined);
}

int store_groups_await_again(struct command *c, struct span jid, int64_t account)
{
    int error = 0;
    sqlite3_stmt *again = store_statement(c->db, STATEMENT_GROUP_AWAIT_AGAIN, &error);
    if (!again)
        return error;
    store_bind_text(again, 1, jid);
    sqlite3_bind_int64(again, 2, account);
    return store_statement_run(c->db, again);
}
