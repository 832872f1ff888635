/* SPDX-License-Identifier: Apache-2.0 */
/* What others read of what an account publishes, as far as they may see it. */
#include <errno.h>

#include "store/pep_internal.h"

/* Who may not see it is told what it would be if there were none. */
static int visible_node_find(struct store_db *db, struct span owner, struct span node, enum pep_access rank,
                             struct pep_row *ret_row)
{
    int outcome = pep_node_find(db, owner, node, ret_row);
    if (!outcome && ret_row->config.access < rank)
        return STORE_NOT_FOUND;
    return outcome;
}

int store_pep_config(struct store_db *db, struct span owner, struct span node, enum pep_access rank,
                     struct pep_config *ret_config)
{
    struct pep_row row;
    int outcome = visible_node_find(db, owner, node, rank, &row);
    if (outcome)
        return outcome;
    *ret_config = row.config;
    return 0;
}

int store_pep_nodes(struct store_db *db, struct span owner, enum pep_access rank, struct arena *arena,
                    struct pep_node **ret_first)
{
    int error = 0, code = SQLITE_DONE;
    struct pep_node *first = NULL, **last = &first;
    sqlite3_stmt *list = store_statement(db, STATEMENT_PEP_NODES, &error);
    if (!list)
        return error;
    store_bind_text(list, 1, owner);
    while (!error && (code = sqlite3_step(list)) == SQLITE_ROW) {
        struct pep_node *n = arena_take(arena, sizeof *n);
        struct pep_config config = pep_config_read(list, 2);
        if (config.access < rank)
            continue;
        if (!n || !(n->name = arena_copy(arena, store_column_text(list, 1))).ptr) {
            error = -ENOMEM;
            break;
        }
        n->config = config;
        *last = n;
        last = &n->next;
    }
    if (!error)
        error = store_error(db, code);
    sqlite3_reset(list);
    if (!error)
        *ret_first = first;
    return error;
}

/* ---- items ---- */

/* From the columns id, published, payload. 0 or -ENOMEM. */
static int item_add(struct pep_items *items, sqlite3_stmt *row, struct arena *arena, struct pep_item **ret)
{
    struct span payload = store_column_text(row, 2);
    struct pep_item *item = arena_take(arena, sizeof *item);
    if (!item)
        return -ENOMEM;
    item->id = arena_copy(arena, store_column_text(row, 0));
    item->published = (uint64_t)sqlite3_column_int64(row, 1);
    if (payload.len)
        item->payload = arena_copy(arena, payload);
    if (!item->id.ptr || (payload.len && !item->payload.ptr))
        return -ENOMEM;
    *items->last = item;
    items->last = &item->next;
    items->count++;
    items->bytes += item->id.len + payload.len;
    *ret = item;
    return 0;
}

static int items_by_id(struct store_db *db, int64_t node, const struct pep_wanted *w, struct arena *arena,
                       struct pep_items *items)
{
    int error = 0;
    struct pep_item *added;
    sqlite3_stmt *find = store_statement(db, STATEMENT_PEP_ITEM, &error);
    for (uint32_t i = 0; find && !error && i < w->id_count && items->bytes < w->bytes_max; i++) {
        sqlite3_bind_int64(find, 1, node);
        store_bind_text(find, 2, w->ids[i]);
        int code = sqlite3_step(find);
        error = code == SQLITE_ROW ? item_add(items, find, arena, &added) : store_error(db, code);
        sqlite3_reset(find);
    }
    return error;
}

/* The newest, or those behind one. STORE_NOT_FOUND: there is no such one. */
static int items_newest(struct store_db *db, int64_t node, const struct pep_wanted *w, struct arena *arena,
                        struct pep_items *items)
{
    int error = 0, code = SQLITE_DONE;
    struct pep_item *added;
    sqlite3_stmt *list = store_statement(db, STATEMENT_PEP_ITEMS, &error);
    if (!list)
        return error;
    sqlite3_bind_int64(list, 1, node);
    store_bind_text(list, 2, w->after);
    sqlite3_bind_int64(list, 3, w->items_max);
    while (!error && items->bytes < w->bytes_max && (code = sqlite3_step(list)) == SQLITE_ROW)
        error = item_add(items, list, arena, &added);
    if (!error)
        error = store_error(db, code);
    sqlite3_reset(list);
    return error;
}

static int items_count(struct store_db *db, int64_t node, uint32_t *ret_count)
{
    int error = 0;
    sqlite3_stmt *count = store_statement(db, STATEMENT_PEP_ITEMS_COUNT, &error);
    if (!count)
        return error;
    sqlite3_bind_int64(count, 1, node);
    int code = sqlite3_step(count);
    error = store_error(db, code);
    if (code == SQLITE_ROW)
        *ret_count = (uint32_t)sqlite3_column_int64(count, 0);
    sqlite3_reset(count);
    return error;
}

int store_pep_items(struct store_db *db, struct span owner, struct span node, enum pep_access rank,
                    const struct pep_wanted *wanted, struct arena *arena, struct pep_items *ret_items,
                    uint32_t *ret_total)
{
    struct pep_row row;
    int outcome = visible_node_find(db, owner, node, rank, &row);
    if (outcome)
        return outcome;
    *ret_items = (struct pep_items){.last = &ret_items->first};
    outcome = items_count(db, row.id, ret_total);
    if (outcome)
        return outcome;
    return wanted->id_count ? items_by_id(db, row.id, wanted, arena, ret_items)
                            : items_newest(db, row.id, wanted, arena, ret_items);
}

/* ---- the last items of many accounts ---- */

static bool is_wanted(const struct pep_search *s, struct span name)
{
    uint32_t from = 0, to = s->node_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        struct span at = s->nodes[middle];
        size_t len = at.len < name.len ? at.len : name.len;
        int order = memcmp(at.ptr, name.ptr, len);
        if (order == 0 && at.len == name.len)
            return true;
        if (order < 0 || (order == 0 && at.len < name.len))
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

/* 1: `owner` lets the watcher see; 0: it does not; or negative errno. */
static int lets_see(struct store_db *db, int64_t owner, struct span watcher)
{
    int error = 0;
    sqlite3_stmt *state = store_statement(db, STATEMENT_PEP_STATE, &error);
    if (!state)
        return error;
    sqlite3_bind_int64(state, 1, owner);
    store_bind_text(state, 2, watcher);
    int code = sqlite3_step(state);
    error = store_error(db, code);
    if (code == SQLITE_ROW)
        error = sqlite3_column_int(state, 0);
    sqlite3_reset(state);
    return error;
}

static int last_item(struct store_db *db, int64_t node, struct span owner, struct span name, bool has_payload,
                     struct arena *arena, struct pep_items *items)
{
    int error = 0;
    struct pep_item *added;
    sqlite3_stmt *last = store_statement(db, STATEMENT_PEP_ITEMS, &error);
    if (!last)
        return error;
    sqlite3_bind_int64(last, 1, node);
    sqlite3_bind_null(last, 2);
    sqlite3_bind_int64(last, 3, 1);
    int code = sqlite3_step(last);
    error = store_error(db, code);
    if (code == SQLITE_ROW)
        error = item_add(items, last, arena, &added);
    if (code == SQLITE_ROW && !error) {
        if (!has_payload)
            added->payload = (struct span){0};
        added->owner = owner;
        added->node = arena_copy(arena, name);
        error = added->node.ptr ? 0 : -ENOMEM;
    }
    sqlite3_reset(last);
    return error;
}

/* One account's. `is_sure`: that the watcher sees it. */
static int account_latest(struct store_db *db, const struct pep_search *s, struct span owner, bool is_sure,
                          struct arena *arena, struct pep_items *items)
{
    int error = 0, code = SQLITE_DONE;
    struct span kept = {0};
    enum pep_access rank = s->is_own ? PEP_WHITELIST : PEP_PRESENCE;
    sqlite3_stmt *list = store_statement(db, STATEMENT_PEP_NODES, &error);
    if (!list)
        return error;
    store_bind_text(list, 1, owner);
    while (!error && (code = sqlite3_step(list)) == SQLITE_ROW) {
        struct pep_config config = pep_config_read(list, 2);
        struct span name = store_column_text(list, 1);
        if (config.access < rank || !config.send_last || !config.notify || !is_wanted(s, name))
            continue;
        if (!is_sure) {
            error = lets_see(db, sqlite3_column_int64(list, 5), s->watcher);
            if (error <= 0)
                break;
            is_sure = true;
            error = 0;
        }
        if (!kept.ptr && !(kept = arena_copy(arena, owner)).ptr)
            error = -ENOMEM;
        else
            error = last_item(db, sqlite3_column_int64(list, 0), kept, name, config.payloads, arena, items);
    }
    if (!error)
        error = store_error(db, code);
    sqlite3_reset(list);
    return error;
}

/* Of the watcher's contacts, as its own row says. */
static int contacts_latest(struct store_db *db, const struct pep_search *s, struct arena *arena,
                           struct pep_items *items, struct span *ret_next, uint32_t *ret_looked)
{
    int error = 0, code = SQLITE_DONE;
    struct span contact = {0};
    sqlite3_stmt *list = store_statement(db, STATEMENT_PEP_CONTACTS, &error);
    if (!list)
        return error;
    store_bind_text(list, 1, s->watcher);
    sqlite3_bind_text64(list, 2, s->after.len ? s->after.ptr : "", s->after.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(list, 3, s->accounts_max);
    while (!error && items->bytes < s->bytes_max && (code = sqlite3_step(list)) == SQLITE_ROW) {
        ++*ret_looked;
        contact = store_column_text(list, 0);
        if (sqlite3_column_int(list, 1))
            error = account_latest(db, s, contact, false, arena, items);
        if (!error && (*ret_looked == s->accounts_max || items->bytes >= s->bytes_max) &&
            !(*ret_next = arena_copy(arena, contact)).ptr)
            error = -ENOMEM;
    }
    if (!error)
        error = store_error(db, code);
    sqlite3_reset(list);
    return error;
}

int store_pep_latest(struct store_db *db, const struct pep_search *s, struct arena *arena,
                     struct pep_items *ret_items, struct span *ret_next, uint32_t *ret_looked)
{
    int error = 0;
    *ret_items = (struct pep_items){.last = &ret_items->first};
    *ret_next = (struct span){0};
    *ret_looked = 0;
    if (!s->owner_count)
        return contacts_latest(db, s, arena, ret_items, ret_next, ret_looked);
    for (uint32_t i = 0; !error && i < s->owner_count; i++, ++*ret_looked)
        error = account_latest(db, s, s->owners[i], true, arena, ret_items);
    return error;
}
