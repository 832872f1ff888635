/* SPDX-License-Identifier: Apache-2.0 */
/* Log-in tokens: two places an installation (XEP-0484 s. 5.1). A token goes into the second, and moves to the
 * first when it is used: so one that got lost on its way to the client does no harm. */
#include "store/token.h"

#include <errno.h>

#include "store/internal.h"

enum { SLOT_CURRENT = 0, SLOT_NEW = 1 };

struct found {
    char token[STORE_TOKEN_BYTES + 1];
    uint64_t expires_s, uses;
    int slot;
};

/* Both places are looked at, and something is compared where there is nothing: how long it takes says
 * nothing about who has tokens. */
static int token_find(struct store_db *db, int64_t account, const struct store_token_proof *proof,
                      struct found *ret)
{
    static const char nothing[STORE_TOKEN_BYTES + 1] = "";
    int error = 0, code;
    bool is_found = false;
    unsigned compared = 0;
    sqlite3_stmt *get = store_statement(db, STATEMENT_TOKENS, &error);
    if (!get)
        return error;
    sqlite3_bind_int64(get, 1, account);
    store_bind_text(get, 2, proof->client);
    store_bind_text(get, 3, proof->mechanism);
    while ((code = sqlite3_step(get)) == SQLITE_ROW) {
        struct span token = store_column_text(get, 1);
        compared++;
        if (token.len != STORE_TOKEN_BYTES || !proof->is_shown(proof->context, token))
            continue;
        is_found = true;
        *ret = (struct found){.slot = sqlite3_column_int(get, 0),
                              .expires_s = (uint64_t)sqlite3_column_int64(get, 2),
                              .uses = (uint64_t)sqlite3_column_int64(get, 3)};
        memcpy(ret->token, token.ptr, token.len);
    }
    for (; compared < 2; compared++)
        (void)proof->is_shown(proof->context, span_make(nothing, STORE_TOKEN_BYTES));
    error = store_error(db, code);
    sqlite3_reset(get);
    return error ? error : is_found ? 0 : STORE_NOT_FOUND;
}

static int token_run(struct store_db *db, enum store_statement which, int64_t account, struct span client,
                     int64_t number)
{
    int error = 0;
    sqlite3_stmt *statement = store_statement(db, which, &error);
    if (!statement)
        return error;
    sqlite3_bind_int64(statement, 1, account);
    store_bind_text(statement, 2, client);
    if (sqlite3_bind_parameter_count(statement) > 2)
        sqlite3_bind_int64(statement, 3, number);
    return store_statement_run(db, statement);
}

/* The one that is used is the current one from now on. */
static int token_note_use(struct store_db *db, int64_t account, const struct store_token_proof *proof,
                          int slot)
{
    int error = 0;
    if (proof->is_invalidated)
        return token_run(db, STATEMENT_TOKENS_FORGET, account, proof->client, 0);
    if (slot == SLOT_NEW) {
        error = token_run(db, STATEMENT_TOKEN_FORGET, account, proof->client, SLOT_CURRENT);
        if (!error)
            error = token_run(db, STATEMENT_TOKEN_PROMOTE, account, proof->client, 0);
    }
    if (!error && proof->count)
        error = token_run(db, STATEMENT_TOKEN_COUNT, account, proof->client, (int64_t)proof->count);
    return error;
}

int store_token_use(struct store_db *db, struct span jid, const struct store_token_proof *proof,
                    char ret_token[static STORE_TOKEN_BYTES + 1], uint64_t *ret_expires_s)
{
    struct found found = {0};
    int64_t account = 0; /* nobody's */
    uint64_t version;
    int error = store_account_find(db, jid, &account, &version);
    if (error < 0)
        return error;
    error = token_find(db, account, proof, &found);
    if (error)
        return error;
    if (proof->count && (proof->count <= found.uses || proof->count > INT64_MAX))
        return STORE_NOT_FOUND;
    if (found.expires_s <= proof->now_s)
        return STORE_TOKEN_EXPIRED;
    error = token_note_use(db, account, proof, found.slot);
    if (error)
        return error;
    memcpy(ret_token, found.token, sizeof found.token);
    *ret_expires_s = found.expires_s;
    return 0;
}

int store_token_put(struct store_db *db, struct span jid, struct span client, struct span mechanism,
                    struct span token, uint64_t expires_s, uint32_t clients_max)
{
    int64_t account;
    uint64_t version;
    int error = store_account_find(db, jid, &account, &version);
    if (error)
        return error;
    sqlite3_stmt *put = store_statement(db, STATEMENT_TOKEN_PUT, &error);
    if (!put)
        return error;
    sqlite3_bind_int64(put, 1, account);
    store_bind_text(put, 2, client);
    sqlite3_bind_int64(put, 3, SLOT_NEW);
    store_bind_text(put, 4, mechanism);
    store_bind_text(put, 5, token);
    sqlite3_bind_int64(put, 6, (int64_t)expires_s);
    error = store_statement_run(db, put);
    return error ? error : token_run(db, STATEMENT_TOKENS_SURPLUS, account, client, clients_max);
}
