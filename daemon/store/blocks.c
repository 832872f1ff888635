/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "store/internal.h"

/* Most lists fit. */
#define BLOCKS_FIRST 16

static int jids_read(struct store_db *db, sqlite3_stmt *row, struct arena *arena, struct span **jids,
                     uint32_t *count)
{
    uint32_t capacity = 0;
    int code;
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : BLOCKS_FIRST;
            struct span *grown = reallocarray(*jids, capacity, sizeof *grown);
            if (!grown)
                return -ENOMEM;
            *jids = grown;
        }
        struct span jid = arena_copy(arena, store_column_text(row, 0));
        if (!jid.ptr)
            return -ENOMEM;
        (*jids)[(*count)++] = jid;
    }
    return store_error(db, code);
}

int store_blocks_load(struct store_db *db, int64_t owner, struct arena *arena, struct store_blocks *ret)
{
    int error = 0;
    uint32_t count = 0;
    struct span *heap = NULL, *jids = NULL;
    sqlite3_stmt *rows = store_statement(db, STATEMENT_BLOCKS, &error);
    if (!rows)
        return error;
    sqlite3_bind_int64(rows, 1, owner);
    error = jids_read(db, rows, arena, &heap, &count);
    sqlite3_reset(rows);
    if (!error && count) {
        jids = arena_take(arena, count * sizeof *jids);
        if (jids)
            memcpy(jids, heap, count * sizeof *jids);
        else
            error = -ENOMEM;
    }
    free(heap);
    if (!error)
        *ret = (struct store_blocks){jids, count};
    return error;
}

int store_blocks_change_run(struct store_db *db, struct store_request *request)
{
    static const enum store_statement which[] = {[STORE_BLOCKS_ADD] = STATEMENT_BLOCK_ADD,
                                                 [STORE_BLOCKS_REMOVE] = STATEMENT_BLOCK_REMOVE,
                                                 [STORE_BLOCKS_CLEAR] = STATEMENT_BLOCKS_CLEAR};
    const struct store_blocks_change *change = container_of(request, struct store_blocks_change, request);
    int64_t owner;
    uint64_t version;
    int error = store_account_find(db, request->jid, &owner, &version);
    uint32_t times = change->kind == STORE_BLOCKS_CLEAR ? 1 : change->count;
    for (uint32_t i = 0; !error && i < times; i++) {
        sqlite3_stmt *s = store_statement(db, which[change->kind], &error);
        if (!s)
            break;
        sqlite3_bind_int64(s, 1, owner);
        if (change->kind != STORE_BLOCKS_CLEAR)
            store_bind_text(s, 2, change->jids[i]);
        error = store_statement_run(db, s);
    }
    return error;
}
