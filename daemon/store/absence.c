/* SPDX-License-Identifier: Apache-2.0 */
/* When accounts were last available. A row of its own: accounts' rows stay short, and it comes with every
 * logout. */
#include <errno.h>

#include "store/internal.h"

int store_absence_put(struct store_db *db, struct span owner, const struct store_absence *absence)
{
    int error = 0;
    sqlite3_stmt *put = store_statement(db, STATEMENT_ABSENCE_PUT, &error);
    if (!put)
        return error;
    store_bind_text(put, 1, owner);
    sqlite3_bind_int64(put, 2, (int64_t)absence->since_s);
    store_bind_text(put, 3, absence->status);
    return store_statement_run(db, put); /* the account may be gone: nothing is put then */
}

int store_absence_get(struct store_db *db, int64_t owner, struct arena *arena, struct store_absence *ret)
{
    int error = 0;
    sqlite3_stmt *get = store_statement(db, STATEMENT_ABSENCE_GET, &error);
    if (!get)
        return error;
    sqlite3_bind_int64(get, 1, owner);
    int code = sqlite3_step(get);
    error = store_error(db, code);
    if (code == SQLITE_ROW) {
        struct span status = store_column_text(get, 1);
        ret->since_s = (uint64_t)sqlite3_column_int64(get, 0);
        ret->status = status.len ? arena_copy(arena, status) : (struct span){0};
        if (status.len && !ret->status.ptr)
            error = -ENOMEM;
    }
    sqlite3_reset(get);
    return error;
}
