/* SPDX-License-Identifier: Apache-2.0 */
/* Many roster rows in one transaction: an owner's row id, version and presence in `affected` are looked up
 * once, so that a line costs one insertion. */
#include "store/import.h"

#include <errno.h>

#include "base/arena.h"
#include "base/hash.h"
#include "jid/jid.h"
#include "roster/subscription.h"
#include "store/internal.h"

/* As in roster/query.h: what a client could not have set is not imported either. */
#define IMPORT_NAME_BYTES_MAX 1023
#define IMPORT_GROUPS_MAX 64

struct import_owner {
    struct hash_node node;
    struct span jid;
    int64_t id;
    uint64_t version;
};

struct import {
    struct store_db *db;
    struct buffer *reply, *affected;
    struct arena arena; /* the owners */
    struct hash_table owners;
    struct import_owner *last; /* lines of one owner usually stand together */
    struct buffer groups;      /* of the line at hand */
};

struct span store_cut(struct span *rest, char separator)
{
    if (!rest->len)
        return *rest; /* its pointer may be NULL */
    const char *at = memchr(rest->ptr, separator, rest->len);
    struct span part = span_make(rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len);
    *rest = span_skip(*rest, at ? part.len + 1 : part.len);
    return part;
}

void store_quote(struct buffer *out, struct span text)
{
    const size_t quoted_max = 200; /* a line of the terminal or two */
    size_t len = text.len > quoted_max ? quoted_max : text.len;
    for (size_t i = 0; i < len; i++)
        buffer_append_char(out, (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? '?' : text.ptr[i]);
    if (len < text.len)
        buffer_literal(out, "...");
}

static int refuse(struct import *im, struct span what, const char *why)
{
    store_quote(im->reply, what);
    buffer_printf(im->reply, ": %s", why);
    return 1;
}

static struct import_owner *owner_known(struct import *im, struct span jid, uint64_t hash)
{
    for (struct hash_node *n = hash_table_first(&im->owners, hash); n; n = hash_node_next(n)) {
        struct import_owner *owner = container_of(n, struct import_owner, node);
        if (span_equal(owner->jid, jid))
            return owner;
    }
    return NULL;
}

/* The owner of a line, made known (with a new version of its roster) at its first line. */
static int owner_find(struct import *im, struct span jid, struct import_owner **ret_owner)
{
    int64_t id;
    uint64_t version;
    if (im->last && span_equal(im->last->jid, jid)) {
        *ret_owner = im->last;
        return 0;
    }
    uint64_t hash = hash_bytes(jid);
    struct import_owner *owner = owner_known(im, jid, hash);
    if (!owner) {
        int error = store_account_find(im->db, jid, &id, &version);
        if (error == STORE_NOT_FOUND)
            return refuse(im, jid, "no such account");
        if (!error)
            error = store_version_add(im->db, id, &version);
        if (error)
            return error;
        owner = arena_take(&im->arena, sizeof *owner);
        if (!owner)
            return -ENOMEM;
        owner->jid = arena_copy(&im->arena, jid);
        owner->id = id;
        owner->version = version;
        if (!owner->jid.ptr || hash_table_insert(&im->owners, &owner->node, hash) != 0)
            return -ENOMEM;
        buffer_append(im->affected, jid);
        buffer_append_char(im->affected, '\n');
    }
    *ret_owner = im->last = owner;
    return 0;
}

/* The UTF-8 character at `at`, in its shortest form and no surrogate. Its length, or 0. */
static size_t character_read(const uint8_t *at, size_t left, uint32_t *ret_code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80   ? 1
                 : at[0] < 0xC2 ? 0
                 : at[0] < 0xE0 ? 2
                 : at[0] < 0xF0 ? 3
                 : at[0] < 0xF5 ? 4
                                : 0;
    if (len == 0 || len > left)
        return 0;
    uint32_t code = len == 1 ? at[0] : at[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3Fu);
    }
    if (code < smallest[len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    *ret_code = code;
    return len;
}

bool store_is_name(struct span text)
{
    const uint8_t *at = (const uint8_t *)text.ptr;
    for (size_t left = text.len; left;) {
        uint32_t code = 0;
        size_t used = character_read(at, left, &code);
        if (used == 0 || code < 0x20 || code == 0xFFFE || code == 0xFFFF)
            return false;
        at += used;
        left -= used;
    }
    return text.len <= IMPORT_NAME_BYTES_MAX;
}

/* "group,group" -> each followed by '\n'. */
static bool groups_read(struct import *im, struct span in)
{
    unsigned count = 0;
    buffer_clear(&im->groups);
    while (in.len) {
        struct span group = store_cut(&in, ',');
        if (group.len == 0 || ++count > IMPORT_GROUPS_MAX || !store_is_name(group))
            return false;
        buffer_append(&im->groups, group);
        buffer_append_char(&im->groups, '\n');
    }
    return buffer_ok(&im->groups);
}

static bool state_read(struct span in, uint8_t *ret_state)
{
    static const uint8_t states[] = {SUBSCRIPTION_NONE, SUBSCRIPTION_TO, SUBSCRIPTION_FROM,
                                     SUBSCRIPTION_BOTH};
    static const char *const names[] = {"none", "to", "from", "both"};
    for (size_t i = 0; i < sizeof states; i++) {
        if (span_equal(in, span_of(names[i]))) {
            *ret_state = states[i];
            return true;
        }
    }
    return false;
}

/* The columns of a line; more than `max` are counted but not kept. */
static unsigned columns_cut(struct span line, struct span *columns, unsigned max)
{
    unsigned count = 0;
    for (;;) {
        const char *tab = line.len ? memchr(line.ptr, '\t', line.len) : NULL;
        struct span column = store_cut(&line, '\t');
        if (count < max)
            columns[count] = column;
        count++;
        if (!tab)
            return count;
    }
}

enum import_column { COLUMN_OWNER, COLUMN_CONTACT, COLUMN_STATE, COLUMN_NAME, COLUMN_GROUPS, COLUMN_COUNT };

static int import_line(struct import *im, struct span line)
{
    char owner_storage[JID_BYTES_MAX], contact_storage[JID_BYTES_MAX];
    struct jid owner_jid, contact;
    struct import_owner *owner;
    struct store_item item = {.is_listed = true};
    struct span column[COLUMN_COUNT] = {0};
    unsigned count = columns_cut(line, column, COLUMN_COUNT);

    if (count <= COLUMN_STATE || count > COLUMN_COUNT)
        return refuse(im, line,
                      "expected jid, contact, subscription, name, groups (the last two may be left out)");
    if (jid_parse(column[COLUMN_OWNER], owner_storage, &owner_jid) != 0 || !owner_jid.local_len ||
        owner_jid.resource_len)
        return refuse(im, column[COLUMN_OWNER], "not an account's address (local@domain)");
    if (jid_parse(column[COLUMN_CONTACT], contact_storage, &contact) != 0)
        return refuse(im, column[COLUMN_CONTACT], "the contact is not a JID");
    if (span_equal(jid_full(&contact), jid_bare(&owner_jid)))
        return refuse(im, column[COLUMN_CONTACT], "an account cannot be its own contact");
    if (!state_read(column[COLUMN_STATE], &item.state))
        return refuse(im, column[COLUMN_STATE], "the subscription must be both, to, from or none");
    if (!store_is_name(column[COLUMN_NAME]))
        return refuse(im, column[COLUMN_NAME], "not a name");
    if (!groups_read(im, column[COLUMN_GROUPS]))
        return refuse(im, column[COLUMN_GROUPS], "not a list of groups (group,group)");
    int error = owner_find(im, jid_bare(&owner_jid), &owner);
    if (error)
        return error;
    item.contact = jid_full(&contact);
    item.version = owner->version;
    if (count > COLUMN_NAME)
        item.name = column[COLUMN_NAME];
    if (count > COLUMN_GROUPS)
        item.groups = span_make(im->groups.ptr ? im->groups.ptr : "", im->groups.len);
    return store_item_import(im->db, owner->id, &item);
}

static int import_lines(struct import *im, struct span body)
{
    unsigned long number = 0, count = 0;
    while (body.len) {
        struct span line = store_cut(&body, '\n');
        uint32_t said = im->reply->len;
        number++;
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0)
            continue;
        buffer_printf(im->reply, "line %lu: ", number);
        int error = import_line(im, line);
        if (error)
            return error;
        im->reply->len = said;
        count++;
    }
    if (count == 0) {
        buffer_literal(im->reply, "no contact given");
        return 1;
    }
    buffer_printf(im->reply, "%lu contact%s in %u roster%s stored\n", count, count == 1 ? "" : "s",
                  im->owners.count, im->owners.count == 1 ? "" : "s");
    return 0;
}

int store_import_run(struct store_db *db, struct span body, struct buffer *reply, struct buffer *affected)
{
    struct import im = {.db = db, .reply = reply, .affected = affected};
    arena_init(&im.arena);
    hash_table_init(&im.owners);
    buffer_init(&im.groups);
    int error = import_lines(&im, body);
    buffer_fini(&im.groups);
    hash_table_fini(&im.owners);
    arena_fini(&im.arena);
    return error;
}
