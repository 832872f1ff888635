/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: bare JID -> SCRAM keys, and the roster's version. */
#include <errno.h>
#include <time.h>

#include "store/internal.h"

static void keys_bind(sqlite3_stmt *statement, int position, const struct sasl_keys *keys)
{
    if (keys->hash_bytes == 0) {
        for (int i = 0; i < 4; i++)
            sqlite3_bind_null(statement, position + i);
        return;
    }
    sqlite3_bind_int64(statement, position, keys->iterations);
    sqlite3_bind_blob(statement, position + 1, keys->salt, sizeof keys->salt, SQLITE_STATIC);
    sqlite3_bind_blob(statement, position + 2, keys->stored_key, keys->hash_bytes, SQLITE_STATIC);
    sqlite3_bind_blob(statement, position + 3, keys->server_key, keys->hash_bytes, SQLITE_STATIC);
}

static bool blob_read(sqlite3_stmt *statement, int column, uint8_t *to, int bytes)
{
    if (sqlite3_column_bytes(statement, column) != bytes)
        return false;
    memcpy(to, sqlite3_column_blob(statement, column), (size_t)bytes);
    return true;
}

/* 0 or -EUCLEAN: something else than this program has written there. */
static int keys_read(sqlite3_stmt *statement, int column, int hash_bytes, struct sasl_keys *keys)
{
    *keys = (struct sasl_keys){0};
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return 0;
    int64_t iterations = sqlite3_column_int64(statement, column);
    if (iterations < 1 || iterations > SASL_ITERATIONS_MAX ||
        !blob_read(statement, column + 1, keys->salt, sizeof keys->salt) ||
        !blob_read(statement, column + 2, keys->stored_key, hash_bytes) ||
        !blob_read(statement, column + 3, keys->server_key, hash_bytes))
        return -EUCLEAN;
    keys->iterations = (uint32_t)iterations;
    keys->hash_bytes = (uint8_t)hash_bytes;
    return 0;
}

/* A roster's versions are times: a client that remembers a version of an account that was removed and made again, or of a
 * database that was since restored from a backup, must not find its old number valid (RFC 6121 s. 2.6.2). Microseconds: no
 * account changes so often that its versions run ahead of the clock. */
uint64_t store_version_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* What was given out for the old password goes with it. */
static int tokens_revoke(struct store_db *db, struct span jid)
{
    int error = 0;
    sqlite3_stmt *revoke = store_statement(db, STATEMENT_TOKENS_REVOKE, &error);
    if (!revoke)
        return error;
    store_bind_text(revoke, 1, jid);
    return store_statement_run(db, revoke);
}

int store_account_put(struct store_db *db, struct span jid, const struct sasl_credentials *credentials,
                      bool replace)
{
    int error = 0;
    sqlite3_stmt *add = store_statement(db, STATEMENT_ACCOUNT_ADD, &error);
    if (!add)
        return error;
    store_bind_text(add, 1, jid);
    keys_bind(add, 2, &credentials->sha256);
    keys_bind(add, 6, &credentials->sha1);
    sqlite3_bind_int64(add, 10, (int64_t)store_version_now());
    error = store_statement_run(db, add);
    if (error || sqlite3_changes(db->sqlite) == 1)
        return error;
    if (!replace)
        return STORE_EXISTS;
    sqlite3_stmt *change = store_statement(db, STATEMENT_ACCOUNT_CHANGE, &error);
    if (!change)
        return error;
    store_bind_text(change, 1, jid);
    keys_bind(change, 2, &credentials->sha256);
    keys_bind(change, 6, &credentials->sha1);
    error = store_statement_run(db, change);
    return error ? error : tokens_revoke(db, jid);
}

int store_account_get(struct store_db *db, struct span jid, struct sasl_credentials *ret)
{
    int error = 0;
    struct sasl_credentials found;
    sqlite3_stmt *get = store_statement(db, STATEMENT_ACCOUNT_GET, &error);
    if (!get)
        return error;
    store_bind_text(get, 1, jid);
    int code = sqlite3_step(get);
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    if (code == SQLITE_ROW) {
        error = keys_read(get, 0, 32, &found.sha256);
        if (!error)
            error = keys_read(get, 4, 20, &found.sha1);
    }
    sqlite3_reset(get);
    if (!error)
        *ret = found;
    return error;
}

int store_account_remove(struct store_db *db, struct span jid)
{
    int error = 0;
    sqlite3_stmt *remove = store_statement(db, STATEMENT_ACCOUNT_REMOVE, &error);
    if (!remove)
        return error;
    store_bind_text(remove, 1, jid);
    error = store_statement_run(db, remove);
    if (error)
        return error;
    return sqlite3_changes(db->sqlite) ? 0 : STORE_NOT_FOUND;
}

int store_account_each(struct store_db *db, int (*each)(void *context, struct span jid), void *context)
{
    int error = 0, code = SQLITE_DONE;
    sqlite3_stmt *list = store_statement(db, STATEMENT_ACCOUNT_LIST, &error);
    if (!list)
        return error;
    while (!error && (code = sqlite3_step(list)) == SQLITE_ROW)
        error = each(context, store_column_text(list, 0));
    if (!error)
        error = store_error(db, code);
    sqlite3_reset(list);
    return error;
}

int store_account_find(struct store_db *db, struct span jid, int64_t *ret_id, uint64_t *ret_version)
{
    int error = 0;
    sqlite3_stmt *find = store_statement(db, STATEMENT_ACCOUNT_FIND, &error);
    if (!find)
        return error;
    store_bind_text(find, 1, jid);
    int code = sqlite3_step(find);
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    if (code == SQLITE_ROW) {
        *ret_id = sqlite3_column_int64(find, 0);
        *ret_version = (uint64_t)sqlite3_column_int64(find, 1);
    }
    sqlite3_reset(find);
    return error;
}
