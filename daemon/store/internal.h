/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share about the database connection. */
#ifndef MUSTER_STORE_INTERNAL_H
#define MUSTER_STORE_INTERNAL_H

#include <sqlite3.h>

#include "store/db.h"

/* Every statement the room uses, prepared once at its first use. */
enum store_statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_ACCOUNT_ADD,
    STATEMENT_ACCOUNT_CHANGE,
    STATEMENT_ACCOUNT_GET,
    STATEMENT_ACCOUNT_REMOVE,
    STATEMENT_ACCOUNT_LIST,
    STATEMENT_ACCOUNT_FIND,
    STATEMENT_VERSION_SET,
    STATEMENT_VERSION_ADD,
    STATEMENT_ROSTER,
    STATEMENT_ITEM_PUT,
    STATEMENT_ITEM_REMOVE,
    STATEMENT_ITEM_IMPORT,
    STATEMENT_REMOVAL_ADD,
    STATEMENT_REMOVAL_SURPLUS,
    STATEMENT_REMOVALS_FORGET,
    STATEMENT_REMOVALS_FROM_SET,
    STATEMENT_REMOVALS_FROM,
    STATEMENT_REMOVALS,
    STATEMENT_EPOCH_ADD,
    STATEMENT_EPOCHS_FORGET,
    STATEMENT_EPOCHS,
    STATEMENT_GROUP_ADD,
    STATEMENT_GROUP_FIND,
    STATEMENT_GROUP_COUNT,
    STATEMENT_GROUP_REMOVE,
    STATEMENT_GROUP_LIST,
    STATEMENT_GROUP_VERSION_ADD,
    STATEMENT_GROUP_TITLE_SET,
    STATEMENT_GROUP_VIEWER_ADD,
    STATEMENT_GROUP_VIEWERS_FORGET,
    STATEMENT_GROUP_JOIN,
    STATEMENT_GROUP_LEAVE,
    STATEMENT_GROUP_MEMBERS,
    STATEMENT_GROUP_OF_MEMBER,
    STATEMENT_GROUP_GET,
    STATEMENT_GROUP_FROM_FILE_SET,
    STATEMENT_GROUPS_FROM_FILE,
    STATEMENT_GROUP_AWAIT,
    STATEMENT_GROUP_AWAIT_AGAIN,
    STATEMENT_GROUP_AWAITING,
    STATEMENT_GROUP_AWAITED,
    STATEMENT_GROUP_AWAITED_JOINED,
    STATEMENT_GROUP_AWAITED_FORGET,
    STATEMENT_DOCUMENT_GET,
    STATEMENT_DOCUMENT_PUT,
    STATEMENT_DOCUMENT_REMOVE,
    STATEMENT_DOCUMENT_BYTES,
    STATEMENT_DOCUMENTS_BYTES,
    STATEMENT_OFFLINE_FIRST,
    STATEMENT_OFFLINE_LAST,
    STATEMENT_OFFLINE_ADD,
    STATEMENT_OFFLINE_READ,
    STATEMENT_OFFLINE_REMOVE,
    STATEMENT_TOKENS,
    STATEMENT_TOKEN_PUT,
    STATEMENT_TOKEN_FORGET,
    STATEMENT_TOKEN_PROMOTE,
    STATEMENT_TOKEN_COUNT,
    STATEMENT_TOKENS_FORGET,
    STATEMENT_TOKENS_SURPLUS,
    STATEMENT_TOKENS_REVOKE,
    STATEMENT_PEP_NODE,
    STATEMENT_PEP_NODES,
    STATEMENT_PEP_USE,
    STATEMENT_PEP_NODE_ADD,
    STATEMENT_PEP_NODE_CHANGE,
    STATEMENT_PEP_NODE_REMOVE,
    STATEMENT_PEP_NODE_COUNT,
    STATEMENT_PEP_ITEM,
    STATEMENT_PEP_ITEM_PUT,
    STATEMENT_PEP_ITEM_REMOVE,
    STATEMENT_PEP_ITEMS,
    STATEMENT_PEP_ITEMS_COUNT,
    STATEMENT_PEP_ITEMS_KEPT,
    STATEMENT_PEP_ITEMS_TRIM,
    STATEMENT_PEP_CONTACTS,
    STATEMENT_PEP_STATE,
    STATEMENT_ARCHIVE_FIRST,
    STATEMENT_ARCHIVE_LAST,
    STATEMENT_ARCHIVE_AT,
    STATEMENT_ARCHIVE_ID,
    STATEMENT_ARCHIVE_ADD,
    STATEMENT_ARCHIVE_REMOVE,
    STATEMENT_ARCHIVE_FORWARD,
    STATEMENT_ARCHIVE_BACKWARD,
    STATEMENT_ARCHIVE_WITH_FORWARD,
    STATEMENT_ARCHIVE_WITH_BACKWARD,
    STATEMENT_ARCHIVE_WITH_COUNT,
    STATEMENT_ARCHIVE_FULL_FORWARD,
    STATEMENT_ARCHIVE_FULL_BACKWARD,
    STATEMENT_ARCHIVE_FULL_COUNT,
    STATEMENT_ARCHIVE_NEXT,
    STATEMENT_ARCHIVE_PREFERENCES,
    STATEMENT_ARCHIVE_PREFERENCES_PUT,
    STATEMENT_BLOCKS,
    STATEMENT_BLOCK_ADD,
    STATEMENT_BLOCK_REMOVE,
    STATEMENT_BLOCKS_CLEAR,
    STATEMENT_ABSENCE_GET,
    STATEMENT_ABSENCE_PUT,
    STATEMENT_AVATAR_GET,
    STATEMENT_AVATAR_FIND,
    STATEMENT_AVATAR_PUT,
    STATEMENT_SAVEPOINT,
    STATEMENT_SAVEPOINT_RETURN,
    STATEMENT_SAVEPOINT_RELEASE,
    STATEMENT_COUNT,
};

struct store_db {
    sqlite3 *sqlite;
    int lock_fd;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    uint8_t secret[32];
};

/* The statement, reset and ready to bind; NULL with *ret_error set to negative errno. */
sqlite3_stmt *store_statement(struct store_db *db, enum store_statement which, int *ret_error);
/* Step a statement that gives no rows, and reset it. 0 or negative errno. */
int store_statement_run(struct store_db *db, sqlite3_stmt *statement);
/* Negative errno for what SQLite said last on this connection. */
int store_error(struct store_db *db, int code);

/* Text borrowed until the statement is reset; an empty span binds NULL. */
void store_bind_text(sqlite3_stmt *statement, int position, struct span text);
/* Borrowed until the next step. */
struct span store_column_text(sqlite3_stmt *statement, int column);

/* The row id of an account and its roster's version. 0, STORE_NOT_FOUND or negative errno. */
int store_account_find(struct store_db *db, struct span jid, int64_t *ret_id, uint64_t *ret_version);
/* Insert, or replace what a line of `roster import` says: a waiting subscription request stays unless the new
 * state answers it; `name` and `groups` with ptr NULL stay as they are. */
int store_item_import(struct store_db *db, int64_t owner, const struct store_item *item);
/* Does any message wait for the account (offline.h)? */
int store_offline_exists(struct store_db *db, int64_t owner, bool *ret_exists);
/* Now, in microseconds since 1970: what roster versions are made of. */
uint64_t store_version_now(void);
/* Give the roster the next version: now, or one more than it had. */
int store_version_add(struct store_db *db, int64_t owner, uint64_t *ret_version);
/* Its texts on `arena`; all zero: it was never available. */
int store_absence_get(struct store_db *db, int64_t owner, struct arena *arena, struct store_absence *ret);
int store_avatar_get(struct store_db *db, int64_t owner, struct store_avatar *ret);

#endif
