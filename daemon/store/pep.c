/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, and what is put into them and taken out. Reading for others is in pep_read.c. */
#include "store/pep.h"

#include "store/pep_internal.h"

const struct pep_config pep_config_default = {.access = PEP_PRESENCE,
                                              .persist = true,
                                              .send_last = true,
                                              .notify = true,
                                              .payloads = true,
                                              .notify_retract = true,
                                              .notify_delete = true,
                                              .items_max = 1};

/* How a configuration's facts are one column. */
enum {
    FLAG_PERSIST = 1,
    FLAG_SEND_LAST = 2,
    FLAG_NOTIFY = 4,
    FLAG_PAYLOADS = 8,
    FLAG_RETRACT = 16,
    FLAG_DELETE = 32,
    FLAG_CONFIG = 64,
};

static int64_t flags_of(const struct pep_config *c)
{
    return (c->persist ? FLAG_PERSIST : 0) | (c->send_last ? FLAG_SEND_LAST : 0) |
           (c->notify ? FLAG_NOTIFY : 0) | (c->payloads ? FLAG_PAYLOADS : 0) |
           (c->notify_retract ? FLAG_RETRACT : 0) | (c->notify_delete ? FLAG_DELETE : 0) |
           (c->notify_config ? FLAG_CONFIG : 0);
}

struct pep_config pep_config_read(sqlite3_stmt *row, int column)
{
    int64_t flags = sqlite3_column_int64(row, column + 1);
    return (struct pep_config){.access = (uint8_t)sqlite3_column_int(row, column),
                               .persist = flags & FLAG_PERSIST,
                               .send_last = flags & FLAG_SEND_LAST,
                               .notify = flags & FLAG_NOTIFY,
                               .payloads = flags & FLAG_PAYLOADS,
                               .notify_retract = flags & FLAG_RETRACT,
                               .notify_delete = flags & FLAG_DELETE,
                               .notify_config = flags & FLAG_CONFIG,
                               .items_max = (uint32_t)sqlite3_column_int64(row, column + 2)};
}

void pep_config_change(struct pep_config *config, const struct pep_options *o)
{
    const struct pep_config *c = &o->config;
    if (o->given & PEP_GIVEN_ACCESS)
        config->access = c->access;
    if (o->given & PEP_GIVEN_PERSIST)
        config->persist = c->persist;
    if (o->given & PEP_GIVEN_SEND_LAST)
        config->send_last = c->send_last;
    if (o->given & PEP_GIVEN_NOTIFY)
        config->notify = c->notify;
    if (o->given & PEP_GIVEN_PAYLOADS)
        config->payloads = c->payloads;
    if (o->given & PEP_GIVEN_RETRACT)
        config->notify_retract = c->notify_retract;
    if (o->given & PEP_GIVEN_DELETE)
        config->notify_delete = c->notify_delete;
    if (o->given & PEP_GIVEN_CONFIG)
        config->notify_config = c->notify_config;
    if (o->given & PEP_GIVEN_ITEMS_MAX)
        config->items_max = c->items_max;
}

bool pep_config_fits(const struct pep_config *config, const struct pep_options *options)
{
    struct pep_config changed = *config;
    pep_config_change(&changed, options);
    return changed.access == config->access && changed.items_max == config->items_max &&
           flags_of(&changed) == flags_of(config);
}

/* ---- finding ---- */

int pep_node_find(struct store_db *db, struct span owner, struct span name, struct pep_row *ret)
{
    int error = 0;
    sqlite3_stmt *find = store_statement(db, STATEMENT_PEP_NODE, &error);
    if (!find)
        return error;
    store_bind_text(find, 1, owner);
    store_bind_text(find, 2, name);
    int code = sqlite3_step(find);
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    if (code == SQLITE_ROW)
        *ret = (struct pep_row){.id = sqlite3_column_int64(find, 0),
                                .bytes = sqlite3_column_int64(find, 1),
                                .config = pep_config_read(find, 2)};
    sqlite3_reset(find);
    return error;
}

/* What the account has: how many nodes, and bytes in all of them. */
static int account_use(struct store_db *db, int64_t owner, int64_t *ret_nodes, int64_t *ret_bytes)
{
    int error = 0;
    sqlite3_stmt *use = store_statement(db, STATEMENT_PEP_USE, &error);
    if (!use)
        return error;
    sqlite3_bind_int64(use, 1, owner);
    int code = sqlite3_step(use);
    error = store_error(db, code);
    if (code == SQLITE_ROW) {
        *ret_nodes = sqlite3_column_int64(use, 0);
        *ret_bytes = sqlite3_column_int64(use, 1);
    }
    sqlite3_reset(use);
    return error;
}

/* ---- nodes ---- */

static int node_add(struct store_db *db, int64_t owner, struct span name, const struct pep_config *c,
                    int64_t *ret_id)
{
    int error = 0;
    sqlite3_stmt *add = store_statement(db, STATEMENT_PEP_NODE_ADD, &error);
    if (!add)
        return error;
    sqlite3_bind_int64(add, 1, owner);
    store_bind_text(add, 2, name);
    sqlite3_bind_int64(add, 3, c->access);
    sqlite3_bind_int64(add, 4, flags_of(c));
    sqlite3_bind_int64(add, 5, c->items_max);
    error = store_statement_run(db, add);
    if (!error)
        *ret_id = sqlite3_last_insert_rowid(db->sqlite);
    return error;
}

int store_pep_create(struct store_db *db, struct span owner, struct span node,
                     const struct pep_options *options, const struct pep_limits *limits)
{
    struct pep_row row;
    int64_t owner_id, nodes, bytes;
    uint64_t version;
    int outcome = store_account_find(db, owner, &owner_id, &version);
    if (outcome)
        return outcome;
    outcome = pep_node_find(db, owner, node, &row);
    if (outcome != STORE_NOT_FOUND)
        return outcome ? outcome : STORE_EXISTS;
    outcome = account_use(db, owner_id, &nodes, &bytes);
    if (outcome)
        return outcome;
    if (nodes >= limits->nodes)
        return PEP_TOO_MANY;
    struct pep_config config = pep_config_default;
    pep_config_change(&config, options);
    return node_add(db, owner_id, node, &config, &row.id);
}

/* Run a statement on a node's number, and perhaps another number. */
static int node_run(struct store_db *db, enum store_statement which, int64_t node, int64_t number)
{
    int error = 0;
    sqlite3_stmt *statement = store_statement(db, which, &error);
    if (!statement)
        return error;
    sqlite3_bind_int64(statement, 1, node);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sqlite3_bind_int64(statement, 2, number);
    return store_statement_run(db, statement);
}

int store_pep_delete(struct store_db *db, struct span owner, struct span node, struct pep_config *ret_config)
{
    struct pep_row row;
    int outcome = pep_node_find(db, owner, node, &row);
    if (outcome)
        return outcome;
    outcome = node_run(db, STATEMENT_PEP_NODE_REMOVE, row.id, 0);
    if (!outcome)
        *ret_config = row.config;
    return outcome;
}

int store_pep_purge(struct store_db *db, struct span owner, struct span node, struct pep_config *ret_config)
{
    struct pep_row row;
    int outcome = pep_node_find(db, owner, node, &row);
    if (!outcome)
        outcome = node_run(db, STATEMENT_PEP_ITEMS_TRIM, row.id, 0);
    if (!outcome)
        outcome = node_run(db, STATEMENT_PEP_NODE_COUNT, row.id, 0);
    if (!outcome)
        *ret_config = row.config;
    return outcome;
}

int store_pep_configure(struct store_db *db, struct span owner, struct span node,
                        const struct pep_options *options, struct pep_config *ret_config)
{
    struct pep_row row;
    int outcome = pep_node_find(db, owner, node, &row);
    if (outcome)
        return outcome;
    pep_config_change(&row.config, options);
    sqlite3_stmt *change = store_statement(db, STATEMENT_PEP_NODE_CHANGE, &outcome);
    if (!change)
        return outcome;
    sqlite3_bind_int64(change, 1, row.id);
    sqlite3_bind_int64(change, 2, row.config.access);
    sqlite3_bind_int64(change, 3, flags_of(&row.config));
    sqlite3_bind_int64(change, 4, row.config.items_max);
    outcome = store_statement_run(db, change);
    if (!outcome)
        outcome =
            node_run(db, STATEMENT_PEP_ITEMS_TRIM, row.id, row.config.persist ? row.config.items_max : 0);
    if (!outcome)
        outcome = node_run(db, STATEMENT_PEP_NODE_COUNT, row.id, 0);
    if (!outcome)
        *ret_config = row.config;
    return outcome;
}

/* ---- items ---- */

static int64_t item_bytes(const struct pep_item *item)
{
    return (int64_t)(item->id.len + item->payload.len);
}

/* The bytes of the items that stay when one of this name comes: the newest others, one less than the node may
 * have. */
static int bytes_kept(struct store_db *db, int64_t node, struct span id, uint32_t items_max,
                      int64_t *ret_bytes)
{
    int error = 0;
    sqlite3_stmt *kept = store_statement(db, STATEMENT_PEP_ITEMS_KEPT, &error);
    if (!kept)
        return error;
    sqlite3_bind_int64(kept, 1, node);
    store_bind_text(kept, 2, id);
    sqlite3_bind_int64(kept, 3, (int64_t)items_max - 1);
    int code = sqlite3_step(kept);
    error = store_error(db, code);
    if (code == SQLITE_ROW)
        *ret_bytes = sqlite3_column_int64(kept, 0);
    sqlite3_reset(kept);
    return error;
}

static int item_put(struct store_db *db, const struct pep_row *row, const struct pep_item *item)
{
    int error = 0;
    sqlite3_stmt *put = store_statement(db, STATEMENT_PEP_ITEM_PUT, &error);
    if (!put)
        return error;
    sqlite3_bind_int64(put, 1, row->id);
    store_bind_text(put, 2, item->id);
    sqlite3_bind_int64(put, 3, item_bytes(item));
    sqlite3_bind_int64(put, 4, (int64_t)item->published);
    store_bind_text(put, 5, item->payload);
    error = store_statement_run(db, put);
    if (!error)
        error = node_run(db, STATEMENT_PEP_ITEMS_TRIM, row->id, row->config.items_max);
    return error ? error : node_run(db, STATEMENT_PEP_NODE_COUNT, row->id, 0);
}

int store_pep_publish(struct store_db *db, struct span owner, struct span node, const struct pep_item *item,
                      const struct pep_options *options, const struct pep_limits *limits,
                      struct pep_config *ret_config)
{
    struct pep_row row = {.config = pep_config_default};
    int64_t owner_id, nodes, bytes, kept = 0;
    uint64_t version;
    int outcome = store_account_find(db, owner, &owner_id, &version);
    if (outcome)
        return outcome;
    outcome = account_use(db, owner_id, &nodes, &bytes);
    if (outcome)
        return outcome;
    bool is_new = (outcome = pep_node_find(db, owner, node, &row)) == STORE_NOT_FOUND;
    if (outcome && !is_new)
        return outcome;
    if (is_new)
        pep_config_change(&row.config, options);
    else if (!pep_config_fits(&row.config, options))
        return PEP_UNFIT;
    outcome = is_new ? 0 : bytes_kept(db, row.id, item->id, row.config.items_max, &kept);
    if (outcome)
        return outcome;
    if (item_bytes(item) > (int64_t)limits->item_bytes)
        return PEP_TOO_LARGE;
    if (is_new && nodes >= limits->nodes)
        return PEP_TOO_MANY;
    if (row.config.persist && bytes - row.bytes + kept + item_bytes(item) > (int64_t)limits->account_bytes)
        return PEP_ACCOUNT_FULL;
    outcome = is_new ? node_add(db, owner_id, node, &row.config, &row.id) : 0;
    if (!outcome && row.config.persist)
        outcome = item_put(db, &row, item);
    if (!outcome)
        *ret_config = row.config;
    return outcome;
}

int store_pep_retract(struct store_db *db, struct span owner, struct span node, struct span id,
                      struct pep_config *ret_config)
{
    struct pep_row row;
    int outcome = pep_node_find(db, owner, node, &row);
    if (outcome)
        return outcome;
    sqlite3_stmt *remove = store_statement(db, STATEMENT_PEP_ITEM_REMOVE, &outcome);
    if (!remove)
        return outcome;
    sqlite3_bind_int64(remove, 1, row.id);
    store_bind_text(remove, 2, id);
    outcome = store_statement_run(db, remove);
    if (!outcome && !sqlite3_changes(db->sqlite))
        return STORE_NOT_FOUND;
    if (!outcome)
        outcome = node_run(db, STATEMENT_PEP_NODE_COUNT, row.id, 0);
    if (!outcome)
        *ret_config = row.config;
    return outcome;
}
