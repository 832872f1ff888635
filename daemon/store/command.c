/* SPDX-License-Identifier: Apache-2.0 */
/* Reading commands and their bodies, and running them. Import of rosters is in import.c. */
#include "store/command.h"

#include <errno.h>

#include "base/hex.h"
#include "jid/jid.h"
#include "store/command_group.h"
#include "store/import.h"
#include "store/internal.h"

static bool iterations_read(struct span in, uint32_t *ret)
{
    uint32_t value = 0;
    if (in.len == 0 || in.len > 6)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        int digit = hex_digit(in.ptr[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *ret = value;
    return value >= 1 && value <= SASL_ITERATIONS_MAX;
}

/* One set of "iterations,salt,stored,server"; the length of the keys says of which hash it is. */
static bool keys_read(struct span in, struct sasl_credentials *credentials)
{
    struct span parts[4];
    for (int i = 0; i < 4; i++)
        parts[i] = store_cut(&in, ',');
    size_t hash_bytes = parts[2].len / 2;
    if (in.len || (hash_bytes != 32 && hash_bytes != 20))
        return false;
    struct sasl_keys *keys = hash_bytes == 32 ? &credentials->sha256 : &credentials->sha1;
    if (keys->hash_bytes || !iterations_read(parts[0], &keys->iterations) ||
        !hex_read(parts[1], keys->salt, SASL_SALT_BYTES) ||
        !hex_read(parts[2], keys->stored_key, hash_bytes) ||
        !hex_read(parts[3], keys->server_key, hash_bytes))
        return false;
    keys->hash_bytes = (uint8_t)hash_bytes;
    return true;
}

static bool credentials_read(struct span in, struct sasl_credentials *ret)
{
    *ret = (struct sasl_credentials){0};
    while (in.len)
        if (!keys_read(store_cut(&in, ';'), ret))
            return false;
    return ret->sha256.hash_bytes || ret->sha1.hash_bytes;
}

/* An account's address: local@domain, of a domain we serve. Says why not. */
static bool account_read(const struct command *c, struct span in, char storage[static JID_BYTES_MAX],
                         struct span *ret_bare, struct buffer *why)
{
    struct jid jid;
    if (jid_parse(in, storage, &jid) != 0 || jid.local_len == 0 || jid.resource_len != 0) {
        store_quote(why, in);
        buffer_literal(why, ": not an account's address (local@domain)");
        return false;
    }
    for (unsigned i = 0; i < c->domain_count; i++) {
        if (span_equal(jid_domain(&jid), c->domains[i])) {
            *ret_bare = jid_bare(&jid);
            return true;
        }
    }
    store_quote(why, in);
    buffer_literal(why, ": not one of the domains served here");
    return false;
}

/* What is put where. */
enum put_kind { PUT_NEW, PUT_ANY, PUT_EXISTING };

static int user_put_line(struct command *c, struct span line, enum put_kind kind)
{
    char storage[JID_BYTES_MAX];
    struct sasl_credentials credentials;
    struct span bare, jid = store_cut(&line, '\t');
    if (!account_read(c, jid, storage, &bare, c->reply))
        return 1;
    if (!credentials_read(line, &credentials)) {
        store_quote(c->reply, jid);
        buffer_literal(c->reply, ": malformed keys");
        return 1;
    }
    struct sasl_credentials before;
    int error = kind == PUT_EXISTING ? store_account_get(c->db, bare, &before) : 0;
    explicit_bzero(&before, sizeof before);
    if (!error)
        error = store_account_put(c->db, bare, &credentials, kind != PUT_NEW);
    explicit_bzero(&credentials, sizeof credentials);
    if (error == STORE_NOT_FOUND) {
        store_quote(c->reply, bare);
        buffer_literal(c->reply, ": no such account");
        return 1;
    }
    if (error == STORE_EXISTS) {
        store_quote(c->reply, bare);
        buffer_literal(c->reply, ": the account exists (--replace changes its password)");
        return 1;
    }
    if (!error) {
        buffer_append(c->affected, bare);
        buffer_append_char(c->affected, '\n');
        error = store_groups_await_end(c, bare);
    }
    return error;
}

static int user_put(struct command *c)
{
    unsigned long count = 0, number = 0;
    enum put_kind kind = span_is(c->argument, "replace")    ? PUT_ANY
                         : span_is(c->argument, "existing") ? PUT_EXISTING
                                                            : PUT_NEW;
    if (c->argument.len && kind == PUT_NEW) {
        store_quote(c->reply, c->argument);
        buffer_literal(c->reply, ": unknown word after user put");
        return 1;
    }
    struct span body = c->body;
    while (body.len) {
        struct span line = store_cut(&body, '\n');
        uint32_t said = c->reply->len;
        number++;
        if (line.len == 0)
            continue;
        buffer_printf(c->reply, "line %lu: ", number);
        int error = user_put_line(c, line, kind);
        if (error)
            return error;
        c->reply->len = said;
        count++;
    }
    if (count == 0) {
        buffer_literal(c->reply, "no account given");
        return 1;
    }
    buffer_printf(c->reply, "%lu account%s stored\n", count, count == 1 ? "" : "s");
    return 0;
}

static int user_list_one(void *context, struct span jid)
{
    struct buffer *reply = context;
    buffer_append(reply, jid);
    buffer_append_char(reply, '\n');
    return 0;
}

static int user_list(struct command *c)
{
    return store_account_each(c->db, user_list_one, c->reply);
}

static int user_remove(struct command *c)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;
    /* of any domain: an account may be left over from a domain that is no longer served */
    if (jid_parse(c->argument, storage, &jid) != 0 || jid.local_len == 0 || jid.resource_len != 0) {
        store_quote(c->reply, c->argument);
        buffer_literal(c->reply, ": not an account's address (local@domain)");
        return 1;
    }
    int error = store_groups_leave(c, jid_bare(&jid));
    if (!error)
        error = store_account_remove(c->db, jid_bare(&jid));
    if (error < 0)
        return error;
    store_quote(c->reply, jid_bare(&jid));
    if (error == STORE_NOT_FOUND) {
        buffer_literal(c->reply, ": no such account");
        return 1;
    }
    buffer_literal(c->reply, " removed\n");
    buffer_append(c->affected, jid_bare(&jid));
    buffer_append_char(c->affected, '\n');
    return 0;
}

static int roster_import(struct command *c)
{
    return store_import_run(c->db, c->body, c->reply, c->affected);
}

static const struct {
    struct span words;
    bool has_argument;
    int (*run)(struct command *c);
} commands[] = {
    {{"user\tput", 8}, true, user_put},
    {{"user\tlist", 9}, false, user_list},
    {{"user\tremove", 11}, true, user_remove},
    {{"roster\timport", 13}, false, roster_import},
    {{"group\tadd", 9}, true, store_group_add},
    {{"group\tset", 9}, true, store_group_set},
    {{"group\tremove", 12}, true, store_group_remove},
    {{"group\tlist", 10}, false, store_group_list},
    {{"group\tshow", 10}, true, store_group_show},
    {{"group\tjoin", 10}, true, store_group_join},
    {{"group\tleave", 11}, true, store_group_leave},
    {{"group\timport", 12}, false, store_group_import},
    {{"group\tsync", 10}, false, store_group_sync},
    {{"group\tdump", 10}, false, store_group_dump},
};

/* The row of a command, or -1; *ret_argument is what stands behind its words. */
static int command_find(struct span command, struct span *ret_argument)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct span words = commands[i].words;
        if (span_equal(command, words)) {
            *ret_argument = (struct span){0};
            return (int)i;
        }
        if (commands[i].has_argument && command.len > words.len && span_starts(command, words) &&
            command.ptr[words.len] == '\t') {
            *ret_argument = span_skip(command, words.len + 1);
            return (int)i;
        }
    }
    return -1;
}

bool store_command_known(struct span command)
{
    struct span argument;
    return command_find(command, &argument) >= 0;
}

int store_command_run(struct store_db *db, const struct span *domains, unsigned domain_count,
                      struct span command, struct span body, struct buffer *reply, struct buffer *affected)
{
    struct command c = {db, domains, domain_count, {0}, body, reply, affected};
    uint32_t reply_len = reply->len, affected_len = affected->len;
    int row = command_find(command, &c.argument);
    if (row < 0) {
        buffer_literal(reply, "unknown command");
        return 1;
    }
    int error = store_db_begin(db);
    if (!error) {
        error = commands[row].run(&c);
        if (!error && !(buffer_ok(reply) && buffer_ok(affected)))
            error = -ENOMEM;
        if (error)
            store_db_rollback(db);
        else
            error = store_db_commit(db);
    }
    if (error)
        affected->len = affected_len;
    if (error < 0) {
        reply->len = reply_len;
        buffer_printf(reply, "the database: %s", strerror(-error));
    }
    return error;
}
