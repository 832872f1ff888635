/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of rosters. A roster is read whole, and written row by row. */
#include <errno.h>
#include <stdlib.h>

#include "store/archive.h"
#include "store/blocks.h"
#include "store/internal.h"

/* No row has this number. */
#define NOBODY 0

/* Most rosters fit; a large one doubles a few times. */
#define ROSTER_ITEMS_FIRST 64

/* One row as it comes; its texts are copied to `arena`. 0 or -ENOMEM. */
static int item_read(sqlite3_stmt *row, struct arena *arena, struct store_item *item)
{
    struct span *texts[] = {&item->contact, &item->name, &item->groups, &item->request};
    for (int i = 0; i < 4; i++) {
        struct span text = store_column_text(row, i);
        *texts[i] = (struct span){0};
        if (text.len && !(*texts[i] = arena_copy(arena, text)).ptr)
            return -ENOMEM;
    }
    item->version = (uint64_t)sqlite3_column_int64(row, 4);
    item->state = (uint8_t)sqlite3_column_int(row, 5);
    item->is_approved = sqlite3_column_int(row, 6) != 0;
    item->is_listed = sqlite3_column_int(row, 7) != 0;
    return 0;
}

/* All rows into a heap array that grows: the count is not known before. */
static int items_read(struct store_db *db, sqlite3_stmt *row, struct arena *arena, struct store_item **items,
                      uint32_t *count)
{
    uint32_t capacity = 0;
    int code;
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : ROSTER_ITEMS_FIRST;
            struct store_item *grown = realloc(*items, capacity * sizeof *grown);
            if (!grown)
                return -ENOMEM;
            *items = grown;
        }
        int error = item_read(row, arena, &(*items)[*count]);
        if (error)
            return error;
        (*count)++;
    }
    return store_error(db, code);
}

/* For an account that does not exist everything is asked as for one that has nothing: who asks from afar may measure how long
 * it takes. */
int store_roster_load(struct store_db *db, struct span jid, struct arena *arena, struct store_roster *ret)
{
    int64_t owner = NOBODY;
    uint64_t version = 0;
    uint32_t count = 0;
    struct store_item *heap = NULL, *items = NULL;
    int found = store_account_find(db, jid, &owner, &version), error = 0;
    if (found < 0)
        return found;
    sqlite3_stmt *rows = store_statement(db, STATEMENT_ROSTER, &error);
    if (!rows)
        return error;
    sqlite3_bind_int64(rows, 1, owner);
    error = items_read(db, rows, arena, &heap, &count);
    sqlite3_reset(rows);
    if (!error && count) {
        items = arena_take(arena, count * sizeof *items);
        if (items)
            memcpy(items, heap, count * sizeof *items);
        else
            error = -ENOMEM;
    }
    free(heap);
    struct store_roster roster = {.items = items, .count = count, .version = version};
    if (!error)
        error = store_absence_get(db, owner, arena, &roster.absence);
    if (!error)
        error = store_avatar_get(db, owner, &roster.avatar);
    if (!error)
        error = store_offline_exists(db, owner, &roster.has_offline);
    if (!error)
        error = store_blocks_load(db, owner, arena, &roster.blocks);
    if (!error)
        error = store_archive_preferences_load(db, jid, arena, &roster.archive_preferences);
    if (error == STORE_NOT_FOUND)
        error = 0;
    if (!error && !found)
        *ret = roster;
    return error ? error : found;
}

static int version_set(struct store_db *db, int64_t owner, uint64_t version)
{
    int error = 0;
    sqlite3_stmt *set = store_statement(db, STATEMENT_VERSION_SET, &error);
    if (!set)
        return error;
    sqlite3_bind_int64(set, 1, owner);
    sqlite3_bind_int64(set, 2, (int64_t)version);
    return store_statement_run(db, set);
}

uint64_t store_version_after(uint64_t version)
{
    uint64_t now = store_version_now();
    return now > version ? now : version + 1;
}

int store_version_add(struct store_db *db, int64_t owner, uint64_t *ret_version)
{
    int error = 0;
    sqlite3_stmt *add = store_statement(db, STATEMENT_VERSION_ADD, &error);
    if (!add)
        return error;
    sqlite3_bind_int64(add, 1, owner);
    sqlite3_bind_int64(add, 2, (int64_t)store_version_now());
    int code = sqlite3_step(add);
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    if (code == SQLITE_ROW)
        *ret_version = (uint64_t)sqlite3_column_int64(add, 0);
    sqlite3_reset(add);
    return error;
}

int store_item_put(struct store_db *db, struct span owner, const struct store_item *item)
{
    int64_t id;
    uint64_t before;
    int error = store_account_find(db, owner, &id, &before);
    if (error)
        return error;
    sqlite3_stmt *put = store_statement(db, STATEMENT_ITEM_PUT, &error);
    if (!put)
        return error;
    sqlite3_bind_int64(put, 1, id);
    store_bind_text(put, 2, item->contact);
    store_bind_text(put, 3, item->name);
    store_bind_text(put, 4, item->groups);
    store_bind_text(put, 5, item->request);
    sqlite3_bind_int64(put, 6, (int64_t)item->version);
    sqlite3_bind_int(put, 7, item->state);
    sqlite3_bind_int(put, 8, item->is_approved);
    sqlite3_bind_int(put, 9, item->is_listed);
    error = store_statement_run(db, put);
    return error ? error : version_set(db, id, item->version);
}

int store_item_remove(struct store_db *db, struct span owner, struct span contact, uint64_t version)
{
    int64_t id;
    uint64_t before;
    int error = store_account_find(db, owner, &id, &before);
    if (error)
        return error;
    sqlite3_stmt *remove = store_statement(db, STATEMENT_ITEM_REMOVE, &error);
    if (!remove)
        return error;
    sqlite3_bind_int64(remove, 1, id);
    store_bind_text(remove, 2, contact);
    error = store_statement_run(db, remove);
    return error ? error : version_set(db, id, version);
}

/* A column that was not given is NULL and stays; one that was given empty is '' and clears. */
static void import_bind(sqlite3_stmt *statement, int position, struct span text)
{
    if (text.ptr)
        sqlite3_bind_text64(statement, position, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(statement, position);
}

int store_item_import(struct store_db *db, int64_t owner, const struct store_item *item)
{
    int error = 0;
    sqlite3_stmt *import = store_statement(db, STATEMENT_ITEM_IMPORT, &error);
    if (!import)
        return error;
    sqlite3_bind_int64(import, 1, owner);
    store_bind_text(import, 2, item->contact);
    import_bind(import, 3, item->name);
    import_bind(import, 4, item->groups);
    sqlite3_bind_int64(import, 5, (int64_t)item->version);
    sqlite3_bind_int(import, 6, item->state);
    return store_statement_run(db, import);
}
