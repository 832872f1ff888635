/* SPDX-License-Identifier: Apache-2.0 */
#include "store/document.h"

#include <errno.h>

#include "store/internal.h"

int store_document_get(struct store_db *db, struct span owner, enum store_document_kind kind,
                       struct span name, struct arena *arena, struct span *ret_text)
{
    int error = 0;
    sqlite3_stmt *get = store_statement(db, STATEMENT_DOCUMENT_GET, &error);
    if (!get)
        return error;
    store_bind_text(get, 1, owner);
    sqlite3_bind_int(get, 2, kind);
    sqlite3_bind_text64(get, 3, name.len ? name.ptr : "", name.len, SQLITE_STATIC, SQLITE_UTF8);
    int code = sqlite3_step(get);
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    if (code == SQLITE_ROW) {
        struct span text =
            arena_copy(arena, span_make(sqlite3_column_blob(get, 0), (size_t)sqlite3_column_bytes(get, 0)));
        if (text.ptr)
            *ret_text = text;
        else
            error = -ENOMEM;
    }
    sqlite3_reset(get);
    return error;
}

/* What the account has of this kind, with the name or, `others`, with any other. */
static int bytes_read(struct store_db *db, int64_t owner, enum store_document_kind kind,
                      const struct span *name, uint64_t *ret_bytes)
{
    int error = 0;
    sqlite3_stmt *bytes =
        store_statement(db, name ? STATEMENT_DOCUMENT_BYTES : STATEMENT_DOCUMENTS_BYTES, &error);
    if (!bytes)
        return error;
    sqlite3_bind_int64(bytes, 1, owner);
    sqlite3_bind_int(bytes, 2, kind);
    if (name)
        sqlite3_bind_text64(bytes, 3, name->len ? name->ptr : "", name->len, SQLITE_STATIC, SQLITE_UTF8);
    int code = sqlite3_step(bytes);
    if (code == SQLITE_ROW)
        *ret_bytes = (uint64_t)sqlite3_column_int64(bytes, 0);
    error = store_error(db, code);
    sqlite3_reset(bytes);
    return error;
}

static int put_one(struct store_db *db, int64_t owner, enum store_document_kind kind,
                   const struct store_document *document)
{
    int error = 0;
    bool is_removal = document->text.len == 0;
    sqlite3_stmt *put =
        store_statement(db, is_removal ? STATEMENT_DOCUMENT_REMOVE : STATEMENT_DOCUMENT_PUT, &error);
    if (!put)
        return error;
    sqlite3_bind_int64(put, 1, owner);
    sqlite3_bind_int(put, 2, kind);
    sqlite3_bind_text64(put, 3, document->name.len ? document->name.ptr : "", document->name.len,
                        SQLITE_STATIC, SQLITE_UTF8);
    if (!is_removal)
        sqlite3_bind_blob64(put, 4, document->text.ptr, document->text.len, SQLITE_STATIC);
    return store_statement_run(db, put);
}

int store_documents_put(struct store_db *db, struct span owner, enum store_document_kind kind,
                        const struct store_document *documents, uint32_t count, uint64_t bytes_max)
{
    int64_t id;
    uint64_t version, bytes = 0, replaced;
    int error = store_account_find(db, owner, &id, &version);
    if (!error)
        error = bytes_read(db, id, kind, NULL, &bytes);
    for (uint32_t i = 0; i < count && !error; i++) {
        error = bytes_read(db, id, kind, &documents[i].name, &replaced);
        if (!error)
            bytes -= replaced;
        if (documents[i].text.len)
            bytes += documents[i].name.len + documents[i].text.len + STORE_DOCUMENT_BYTES;
    }
    if (!error && bytes > bytes_max)
        return STORE_FULL;
    for (uint32_t i = 0; i < count && !error; i++)
        error = put_one(db, id, kind, &documents[i]);
    return error;
}
