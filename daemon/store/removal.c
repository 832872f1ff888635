/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's old roster version is worth: the log of removals, and the epochs. */
#include <errno.h>

#include "store/internal.h"

/* Forget all but the newest STORE_REMOVALS_MAX. */
static int surplus_forget(struct store_db *db, int64_t owner)
{
    int error = 0;
    sqlite3_stmt *surplus = store_statement(db, STATEMENT_REMOVAL_SURPLUS, &error);
    sqlite3_stmt *forget = surplus ? store_statement(db, STATEMENT_REMOVALS_FORGET, &error) : NULL;
    sqlite3_stmt *set = forget ? store_statement(db, STATEMENT_REMOVALS_FROM_SET, &error) : NULL;
    if (!set)
        return error;
    sqlite3_bind_int64(surplus, 1, owner);
    sqlite3_bind_int(surplus, 2, STORE_REMOVALS_MAX);
    int code = sqlite3_step(surplus);
    int64_t version = code == SQLITE_ROW ? sqlite3_column_int64(surplus, 0) : 0;
    sqlite3_reset(surplus);
    if (code != SQLITE_ROW)
        return store_error(db, code);
    sqlite3_bind_int64(forget, 1, owner);
    sqlite3_bind_int64(forget, 2, version);
    error = store_statement_run(db, forget);
    sqlite3_bind_int64(set, 1, owner);
    sqlite3_bind_int64(set, 2, version);
    return error ? error : store_statement_run(db, set);
}

int store_removal_log(struct store_db *db, struct span owner, struct span contact, uint64_t version)
{
    int64_t id;
    uint64_t unused;
    int error = store_account_find(db, owner, &id, &unused);
    sqlite3_stmt *add = error ? NULL : store_statement(db, STATEMENT_REMOVAL_ADD, &error);
    if (!add)
        return error;
    sqlite3_bind_int64(add, 1, id);
    sqlite3_bind_int64(add, 2, (int64_t)version);
    store_bind_text(add, 3, contact);
    error = store_statement_run(db, add);
    return error ? error : surplus_forget(db, id);
}

static int removals_from(struct store_db *db, int64_t owner, uint64_t *ret_version)
{
    int error = 0;
    sqlite3_stmt *from = store_statement(db, STATEMENT_REMOVALS_FROM, &error);
    if (!from)
        return error;
    sqlite3_bind_int64(from, 1, owner);
    int code = sqlite3_step(from);
    if (code == SQLITE_ROW)
        *ret_version = (uint64_t)sqlite3_column_int64(from, 0);
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    sqlite3_reset(from);
    return error;
}

int store_removals_load(struct store_db *db, struct span owner, uint64_t since, struct arena *arena,
                        struct store_removals *ret)
{
    int64_t id;
    uint64_t version, from = 0;
    struct store_removals found = {0};
    int error = store_account_find(db, owner, &id, &version), code = SQLITE_DONE;
    if (!error)
        error = removals_from(db, id, &from);
    if (!error && since < from)
        error = STORE_NOT_FOUND;
    sqlite3_stmt *rows = error ? NULL : store_statement(db, STATEMENT_REMOVALS, &error);
    if (!rows)
        return error;
    found.items = arena_take(arena, STORE_REMOVALS_MAX * sizeof *found.items);
    sqlite3_bind_int64(rows, 1, id);
    sqlite3_bind_int64(rows, 2, (int64_t)since);
    while (found.items && found.count < STORE_REMOVALS_MAX && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct store_removal *removal = &found.items[found.count++];
        removal->version = (uint64_t)sqlite3_column_int64(rows, 0);
        removal->contact = arena_copy(arena, store_column_text(rows, 1));
        if (!removal->contact.ptr)
            found.items = NULL;
    }
    error = found.items ? store_error(db, code) : -ENOMEM;
    sqlite3_reset(rows);
    if (!error)
        *ret = found;
    return error;
}

/* ---- epochs ---- */

static int epochs_read(struct store_db *db, struct store_epochs *ret)
{
    int error = 0, code;
    sqlite3_stmt *rows = store_statement(db, STATEMENT_EPOCHS, &error);
    if (!rows)
        return error;
    ret->count = 0;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && ret->count < STORE_EPOCHS_MAX)
        ret->list[ret->count++] = (struct store_epoch){(uint32_t)sqlite3_column_int64(rows, 0),
                                                       (uint64_t)sqlite3_column_int64(rows, 1)};
    error = store_error(db, code);
    sqlite3_reset(rows);
    return error;
}

int store_epoch_begin(struct store_db *db, uint32_t token, struct store_epochs *ret)
{
    int error = store_db_begin(db);
    sqlite3_stmt *add = error ? NULL : store_statement(db, STATEMENT_EPOCH_ADD, &error);
    sqlite3_stmt *forget = add ? store_statement(db, STATEMENT_EPOCHS_FORGET, &error) : NULL;
    if (forget) {
        sqlite3_bind_int64(add, 1, token);
        error = store_statement_run(db, add);
    }
    if (forget && !error) {
        sqlite3_bind_int(forget, 1, STORE_EPOCHS_MAX);
        error = store_statement_run(db, forget);
    }
    if (!error)
        error = epochs_read(db, ret);
    if (!error)
        return store_db_commit(db);
    store_db_rollback(db);
    return error;
}

bool store_epochs_know(const struct store_epochs *e, uint32_t token, uint64_t version)
{
    for (uint32_t i = e->count; i-- > 0;)
        if (e->list[i].token == token)
            return i + 1 == e->count || version <= e->list[i + 1].first;
    return false;
}
