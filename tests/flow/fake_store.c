/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/archive.h"
#include "store/blocks.h"
#include "store/internal.h"
#include "store/schema.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

struct store {
    struct fake_account *accounts;
    struct store_request *first, **last;
    struct sasl_credentials credentials;
    struct store_db *db; /* for STORE_CALL, in memory, made at the first one */
    int errors[STORE_CALL + 1];
    struct store_counters counters;
    struct store_epochs epochs;
    uint8_t secret[32];
};

/* The keys of "secret" (RFC 5802 s. 3). One iteration: what it costs to guess them is not the question
 * here. */
static void keys_make(struct sasl_keys *k, const EVP_MD *md)
{
    unsigned char salted[32], client_key[32];
    unsigned bytes = (unsigned)EVP_MD_get_size(md);
    k->hash_bytes = (uint8_t)bytes;
    k->iterations = 1;
    memset(k->salt, 's', sizeof k->salt);
    PKCS5_PBKDF2_HMAC("secret", 6, k->salt, sizeof k->salt, 1, md, (int)bytes, salted);
    HMAC(md, salted, (int)bytes, (const unsigned char *)"Client Key", 10, client_key, NULL);
    EVP_Digest(client_key, bytes, k->stored_key, NULL, md, NULL);
    HMAC(md, salted, (int)bytes, (const unsigned char *)"Server Key", 10, k->server_key, NULL);
}

struct store *fake_store_new(void)
{
    struct store *s = calloc(1, sizeof *s);
    assert(s);
    s->last = &s->first;
    s->epochs = (struct store_epochs){.list = {{.token = 0xabc}}, .count = 1};
    keys_make(&s->credentials.sha256, EVP_sha256());
    keys_make(&s->credentials.sha1, EVP_sha1());
    return s;
}

static void item_free(struct fake_item *i)
{
    free(i->contact);
    free(i->name);
    free(i->groups);
    free(i->request);
    free(i);
}

static void account_free(struct fake_account *a)
{
    for (struct fake_item *i = a->items, *next; i; i = next) {
        next = i->next;
        item_free(i);
    }
    for (struct fake_removal *o = a->removals, *before; o; o = before) {
        before = o->next;
        free(o);
    }
    free(a->jid);
    free(a);
}

struct store *fake_store_free(struct store *s)
{
    assert(!s->first);
    for (struct fake_account *a = s->accounts, *next; a; a = next) {
        next = a->next;
        account_free(a);
    }
    store_db_close(s->db);
    free(s);
    return NULL;
}

struct fake_account *fake_store_account(struct store *s, const char *jid, bool is_made)
{
    struct fake_account **link = &s->accounts;
    while (*link && strcmp((*link)->jid, jid) != 0)
        link = &(*link)->next;
    if (*link || !is_made)
        return *link;
    struct fake_account *a = calloc(1, sizeof *a);
    assert(a);
    a->jid = strdup(jid);
    return *link = a;
}

void fake_store_account_remove(struct store *s, const char *jid)
{
    struct fake_account **link = &s->accounts;
    while (*link && strcmp((*link)->jid, jid) != 0)
        link = &(*link)->next;
    struct fake_account *a = *link;
    if (!a)
        return;
    *link = a->next;
    if (s->db)
        store_account_remove(s->db, span_of(a->jid));
    account_free(a);
}

static struct fake_item **item_link(struct fake_account *a, const char *contact)
{
    struct fake_item **link = &a->items;
    while (*link && strcmp((*link)->contact, contact) != 0)
        link = &(*link)->next;
    return link;
}

struct fake_item *fake_store_item(struct store *s, const char *jid, const char *contact, bool is_made)
{
    struct fake_account *a = fake_store_account(s, jid, is_made);
    if (!a)
        return NULL;
    struct fake_item **link = item_link(a, contact);
    if (*link || !is_made)
        return *link;
    struct fake_item *i = calloc(1, sizeof *i);
    assert(i);
    i->contact = strdup(contact);
    i->name = strdup("");
    i->groups = strdup("");
    i->request = strdup("");
    return *link = i;
}

void fake_store_fail(struct store *s, enum store_operation operation, int error)
{
    s->errors[operation] = error;
}

bool fake_store_has_work(const struct store *s)
{
    return s->first != NULL;
}

/* What comes with a roster and is really kept. */
static void mailbox_load(struct store *s, struct store_request *r)
{
    int64_t owner;
    uint64_t version;
    if (!s->db || store_account_find(s->db, r->jid, &owner, &version) != 0)
        return;
    assert(store_offline_exists(s->db, owner, &r->roster.has_offline) == 0);
    assert(store_archive_preferences_load(s->db, r->jid, &r->arena, &r->roster.archive_preferences) >= 0);
    assert(store_absence_get(s->db, owner, &r->arena, &r->roster.absence) == 0);
    assert(store_avatar_get(s->db, owner, &r->roster.avatar) == 0);
}

static int roster_load(struct store *s, const struct fake_account *a, struct store_request *r)
{
    uint32_t count = 0;
    for (const struct fake_item *i = a->items; i; i = i->next)
        count++;
    struct store_item *items = arena_take(&r->arena, (count + 1) * sizeof *items);
    assert(items);
    r->roster = (struct store_roster){.items = items, .count = count, .version = a->version};
    mailbox_load(s, r);
    for (const struct fake_item *i = a->items; i; i = i->next, items++) {
        *items = (struct store_item){.contact = arena_copy(&r->arena, span_of(i->contact)),
                                     .name = arena_copy(&r->arena, span_of(i->name)),
                                     .groups = arena_copy(&r->arena, span_of(i->groups)),
                                     .request = arena_copy(&r->arena, span_of(i->request)),
                                     .version = i->version,
                                     .state = i->state,
                                     .is_approved = i->is_approved,
                                     .is_listed = i->is_listed};
    }
    return 0;
}

static void text_set(char **text, struct span s)
{
    free(*text);
    *text = strndup(s.ptr ? s.ptr : "", s.len);
}

static int change_run(struct store *s, const struct store_request *r)
{
    char *jid = strndup(r->jid.ptr, r->jid.len);
    struct fake_account *a = fake_store_account(s, jid, false);
    for (uint32_t n = 0; a && n < r->change_count; n++) {
        const struct store_change *change = &r->changes[n];
        char *contact = strndup(change->item.contact.ptr, change->item.contact.len);
        assert(change->item.version > a->version); /* none is made twice */
        a->version = change->item.version;
        if (change->is_delisting) {
            struct fake_removal *o = calloc(1, sizeof *o);
            assert(o);
            *o = (struct fake_removal){.next = a->removals, .version = change->item.version};
            snprintf(o->contact, sizeof o->contact, "%s", contact);
            a->removals = o;
        }
        if (change->is_removal) {
            struct fake_item **link = item_link(a, contact), *old = *link;
            if (old) {
                *link = old->next;
                item_free(old);
            }
        } else {
            struct fake_item *i = fake_store_item(s, jid, contact, true);
            text_set(&i->name, change->item.name);
            text_set(&i->groups, change->item.groups);
            text_set(&i->request, change->item.request);
            i->version = change->item.version;
            i->state = change->item.state;
            i->is_approved = change->item.is_approved;
            i->is_listed = change->item.is_listed;
        }
        free(contact);
    }
    free(jid);
    return a ? 0 : STORE_NOT_FOUND;
}

static int removals_load(const struct fake_account *a, struct store_request *r)
{
    uint32_t count = 0, n;
    if (r->since < a->removals_from)
        return STORE_NOT_FOUND;
    for (const struct fake_removal *o = a->removals; o && o->version > r->since; o = o->next)
        count++;
    r->removals.items = arena_take(&r->arena, (count + 1) * sizeof *r->removals.items);
    r->removals.count = n = count;
    for (const struct fake_removal *o = a->removals; n; o = o->next)
        r->removals.items[--n] =
            (struct store_removal){arena_copy(&r->arena, span_of(o->contact)), o->version};
    return 0;
}

/* What services keep is kept by the functions that really keep it. */
static struct store_db *db_make(void)
{
    struct store_db *db = calloc(1, sizeof *db);
    assert(db);
    db->lock_fd = -1;
    assert(sqlite3_open(":memory:", &db->sqlite) == SQLITE_OK);
    assert(sqlite3_exec(db->sqlite, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) == SQLITE_OK);
    for (int i = 0; i < store_schema_version; i++)
        assert(sqlite3_exec(db->sqlite, store_schema_steps[i], NULL, NULL, NULL) == SQLITE_OK);
    return db;
}

/* The rosters as they are now, for who looks into them there. */
static void rosters_copy(struct store *s)
{
    sqlite3_stmt *put = NULL;
    assert(sqlite3_exec(s->db->sqlite, "DELETE FROM roster", NULL, NULL, NULL) == SQLITE_OK);
    assert(sqlite3_prepare_v2(s->db->sqlite,
                              "INSERT INTO roster (owner, contact, state, approved, listed, version)"
                              " SELECT id, ?2, ?3, 0, 1, 0 FROM accounts WHERE jid = ?1",
                              -1, &put, NULL) == SQLITE_OK);
    for (const struct fake_account *a = s->accounts; a; a = a->next)
        for (const struct fake_item *i = a->items; i; i = i->next) {
            store_bind_text(put, 1, span_of(a->jid));
            store_bind_text(put, 2, span_of(i->contact));
            sqlite3_bind_int(put, 3, i->state);
            assert(store_statement_run(s->db, put) == 0);
        }
    sqlite3_finalize(put);
}

static int call_run(struct store *s, struct store_request *r)
{
    if (!s->db)
        s->db = db_make();
    for (const struct fake_account *a = s->accounts; a; a = a->next) {
        int error = store_account_put(s->db, span_of(a->jid), &s->credentials, false);
        assert(error == 0 || error == STORE_EXISTS);
    }
    rosters_copy(s);
    assert(store_db_begin(s->db) == 0);
    int result = r->call(s->db, r);
    if (result < 0)
        store_db_rollback(s->db);
    else
        assert(store_db_commit(s->db) == 0);
    return result;
}

/* They are where STORE_CALL has put them. */
static int blocks_load(struct store *s, struct store_request *r)
{
    int64_t id;
    uint64_t version;
    if (!s->db || store_account_find(s->db, r->jid, &id, &version) != 0)
        return 0;
    return store_blocks_load(s->db, id, &r->arena, &r->roster.blocks);
}

bool fake_store_blocks(struct store *s, const char *jid, const char *whom)
{
    struct store_request r = {.jid = span_of(jid)};
    bool is_there = false;
    arena_init(&r.arena);
    assert(blocks_load(s, &r) == 0);
    for (uint32_t i = 0; i < r.roster.blocks.count; i++)
        is_there |= span_equal(r.roster.blocks.jids[i], span_of(whom));
    arena_fini(&r.arena);
    return is_there;
}

/* `user put` of a new account, and `user remove`. */
static int command_run(struct store *s, struct store_request *r)
{
    struct span removed = SPAN("user\tremove\t");
    bool is_removal = span_starts(r->command, removed);
    struct span text = is_removal ? span_skip(r->command, removed.len) : r->body;
    char *jid = strndup(text.ptr, text.len);
    jid[strcspn(jid, "\t")] = 0;
    bool is_there = fake_store_account(s, jid, false);
    bool is_done = is_there == is_removal;
    if (is_done && is_removal)
        fake_store_account_remove(s, jid);
    else if (is_done)
        fake_store_account(s, jid, true);
    buffer_append(&r->affected, is_done ? span_of(jid) : SPAN(""));
    free(jid);
    return is_done ? 0 : 1;
}

static int request_run(struct store *s, struct store_request *r)
{
    if (s->errors[r->operation])
        return -s->errors[r->operation];
    if (r->operation == STORE_COMMAND)
        return command_run(s, r);
    if (r->operation == STORE_CALL)
        return call_run(s, r);
    if (r->operation == STORE_CHANGE)
        return change_run(s, r);
    char *jid = strndup(r->jid.ptr, r->jid.len);
    const struct fake_account *a = fake_store_account(s, jid, false);
    free(jid);
    if (!a)
        return STORE_NOT_FOUND;
    if (r->operation == STORE_ROSTER)
        return roster_load(s, a, r) || blocks_load(s, r);
    if (r->operation == STORE_REMOVALS)
        return removals_load(a, r);
    assert(r->operation == STORE_CREDENTIALS);
    r->credentials = s->credentials;
    return 0;
}

void fake_store_run_one(struct store *s)
{
    struct store_request *r = s->first;
    s->first = r->next;
    if (!s->first)
        s->last = &s->first;
    s->counters.requests++;
    r->result = request_run(s, r);
    r->done(r);
}

/* ---- store.h ---- */

int store_open(const char *state_path, const struct span *domains, unsigned domain_count,
               struct store **ret_store, struct buffer *ret_message)
{
    (void)state_path;
    (void)domains;
    (void)domain_count;
    (void)ret_message;
    *ret_store = fake_store_new();
    return 0;
}

struct store *store_close(struct store *s)
{
    return fake_store_free(s);
}

const uint8_t *store_secret(const struct store *s)
{
    return s->secret;
}

uint64_t store_version_after(uint64_t version)
{
    return version + 1;
}

bool store_epochs_know(const struct store_epochs *e, uint32_t token, uint64_t version)
{
    (void)version;
    return token == e->list[0].token;
}

const struct store_epochs *store_epochs(const struct store *s)
{
    return &s->epochs;
}

void store_submit(struct store *s, struct store_request *r)
{
    r->next = NULL;
    *s->last = r;
    s->last = &r->next;
}

struct store_counters store_counters_read(struct store *s)
{
    return s->counters;
}
