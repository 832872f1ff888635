/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of one account's messages have no gaps, for they are taken off in order; and each row knows how
 * many bytes were put up to it. So first and last tell how much there is, and nothing is counted. */
#include "store/offline.h"

#include <errno.h>

#include "store/internal.h"

struct end {
    uint64_t number, bytes, total;
};

/* The first or last row of the queue; STORE_NOT_FOUND: it is empty. */
static int end_read(struct store_db *db, enum store_statement which, int64_t owner, struct end *ret)
{
    int error = 0;
    sqlite3_stmt *row = store_statement(db, which, &error);
    if (!row)
        return error;
    sqlite3_bind_int64(row, 1, owner);
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW)
        *ret = (struct end){(uint64_t)sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 1),
                            (uint64_t)sqlite3_column_int64(row, 2)};
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    sqlite3_reset(row);
    return error;
}

int store_offline_add(struct store_db *db, struct span owner, uint64_t us, struct span stanza,
                      const struct store_offline_limits *limits)
{
    int64_t id;
    uint64_t unused;
    struct end first = {0}, last = {0};
    int error = store_account_find(db, owner, &id, &unused);
    if (error)
        return error;
    error = end_read(db, STATEMENT_OFFLINE_LAST, id, &last);
    if (!error)
        error = end_read(db, STATEMENT_OFFLINE_FIRST, id, &first);
    if (error && error != STORE_NOT_FOUND)
        return error;
    uint64_t messages = error ? 0 : last.number - first.number + 1;
    uint64_t bytes = error ? 0 : last.total - first.total + first.bytes;
    if (messages >= limits->messages || bytes + stanza.len > limits->bytes)
        return STORE_FULL;
    error = 0;
    sqlite3_stmt *add = store_statement(db, STATEMENT_OFFLINE_ADD, &error);
    if (!add)
        return error;
    sqlite3_bind_int64(add, 1, id);
    sqlite3_bind_int64(add, 2, (int64_t)(last.number + 1));
    sqlite3_bind_int64(add, 3, (int64_t)us);
    sqlite3_bind_int64(add, 4, (int64_t)(last.total + stanza.len));
    store_bind_text(add, 5, stanza);
    return store_statement_run(db, add);
}

int store_offline_read(struct store_db *db, struct span owner, uint64_t after, struct arena *arena,
                       struct store_offline_page *ret)
{
    size_t bytes = 0;
    int error = 0, code = SQLITE_DONE;
    sqlite3_stmt *rows = store_statement(db, STATEMENT_OFFLINE_READ, &error);
    if (!rows)
        return error;
    store_bind_text(rows, 1, owner);
    sqlite3_bind_int64(rows, 2, (int64_t)after);
    ret->count = 0;
    while (!error && ret->count < STORE_OFFLINE_PAGE_MESSAGES && bytes < STORE_OFFLINE_PAGE_BYTES &&
           (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct store_offline_message *m = &ret->messages[ret->count];
        m->number = (uint64_t)sqlite3_column_int64(rows, 0);
        m->us = (uint64_t)sqlite3_column_int64(rows, 1);
        m->stanza = arena_copy(arena, store_column_text(rows, 2));
        bytes += m->stanza.len;
        if (m->stanza.ptr)
            ret->count++;
        else
            error = -ENOMEM;
    }
    ret->is_last = code == SQLITE_DONE;
    if (!error && code != SQLITE_ROW)
        error = store_error(db, code);
    sqlite3_reset(rows);
    return error;
}

int store_offline_remove(struct store_db *db, struct span owner, uint64_t number)
{
    int error = 0;
    sqlite3_stmt *remove = store_statement(db, STATEMENT_OFFLINE_REMOVE, &error);
    if (!remove)
        return error;
    store_bind_text(remove, 1, owner);
    sqlite3_bind_int64(remove, 2, (int64_t)number);
    return store_statement_run(db, remove);
}

int store_offline_exists(struct store_db *db, int64_t owner, bool *ret_exists)
{
    struct end first;
    int error = end_read(db, STATEMENT_OFFLINE_FIRST, owner, &first);
    if (error && error != STORE_NOT_FOUND)
        return error;
    *ret_exists = !error;
    return 0;
}
