/* SPDX-License-Identifier: Apache-2.0 */
/* Two shelves of entries of one size, each found by its name and in order of when it was received: the last stamp of each sender, and what
 * was seen. Names are SHA-256 of what they stand for, so that long addresses cost no more than short ones. */
#include "smime/freshness.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/hash.h"
#include "base/hex.h"
#include "base/list.h"

#define NAME_BYTES 32
/* A key may have a sixteenth of what is remembered of objects seen: whoever signs a flood is `busy` alone. */
#define KEYS_FULL 16
/* Entries beyond their time that go with each object. */
#define FORGOTTEN_AT_ONCE 64

/* A key that objects remembered were signed with. */
struct signer {
    struct hash_node node;
    uint8_t key_id[NAME_BYTES];
    uint32_t count; /* of these objects */
};

struct entry {
    struct hash_node node;
    struct list by_age;
    uint8_t name[NAME_BYTES];
    struct moment received, stamp;
    struct signer *signer; /* of an object seen; NULL: of a stamp, or from a file, which does not say */
};

enum shelf_kind { SHELF_STAMPS, SHELF_DIGESTS, SHELF_COUNT };

struct shelf {
    struct hash_table by_name;
    struct list by_age; /* oldest first */
};

struct freshness {
    struct shelf shelves[SHELF_COUNT];
    struct hash_table signers;
    uint32_t max; /* entries on each shelf */
    uint64_t forgotten;
};

struct freshness *freshness_new(uint32_t max)
{
    struct freshness *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->max = max;
    hash_table_init(&f->signers);
    for (int i = 0; i < SHELF_COUNT; i++) {
        hash_table_init(&f->shelves[i].by_name);
        list_init(&f->shelves[i].by_age);
    }
    return f;
}

static struct span name_span(const uint8_t *name)
{
    return span_make((const char *)name, NAME_BYTES);
}

static struct entry *entry_find(const struct shelf *s, const uint8_t *name)
{
    uint64_t hash = hash_bytes(name_span(name));
    for (struct hash_node *n = hash_table_first(&s->by_name, hash); n; n = hash_node_next(n)) {
        struct entry *e = container_of(n, struct entry, node);
        if (memcmp(e->name, name, NAME_BYTES) == 0)
            return e;
    }
    return NULL;
}

static struct entry *entry_new(struct shelf *s, const uint8_t *name)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    memcpy(e->name, name, NAME_BYTES);
    if (hash_table_insert(&s->by_name, &e->node, hash_bytes(name_span(name))) != 0) {
        free(e);
        return NULL;
    }
    list_append(&s->by_age, &e->by_age);
    return e;
}

static struct signer *signer_find(const struct freshness *f, const uint8_t *key_id)
{
    uint64_t hash = hash_bytes(name_span(key_id));
    for (struct hash_node *n = hash_table_first(&f->signers, hash); n; n = hash_node_next(n)) {
        struct signer *found = container_of(n, struct signer, node);
        if (memcmp(found->key_id, key_id, NAME_BYTES) == 0)
            return found;
    }
    return NULL;
}

/* The object is one of this key's; without memory it is counted for nobody. */
static void signer_count(struct freshness *f, struct entry *e, const uint8_t *key_id)
{
    struct signer *signer = signer_find(f, key_id);
    if (!signer) {
        signer = calloc(1, sizeof *signer);
        if (!signer)
            return;
        memcpy(signer->key_id, key_id, NAME_BYTES);
        if (hash_table_insert(&f->signers, &signer->node, hash_bytes(name_span(key_id))) != 0) {
            free(signer);
            return;
        }
    }
    signer->count++;
    e->signer = signer;
}

static void entry_free(struct freshness *f, struct shelf *s, struct entry *e)
{
    if (e->signer && --e->signer->count == 0) {
        hash_table_remove(&f->signers, &e->signer->node);
        free(e->signer);
    }
    hash_table_remove(&s->by_name, &e->node);
    list_remove(&e->by_age);
    free(e);
}

static struct entry *oldest(const struct shelf *s)
{
    return list_empty(&s->by_age) ? NULL : container_of(s->by_age.next, struct entry, by_age);
}

struct freshness *freshness_free(struct freshness *f)
{
    if (!f)
        return NULL;
    for (int i = 0; i < SHELF_COUNT; i++) {
        struct entry *e;
        while ((e = oldest(&f->shelves[i])))
            entry_free(f, &f->shelves[i], e);
        hash_table_fini(&f->shelves[i].by_name);
    }
    hash_table_fini(&f->signers);
    free(f);
    return NULL;
}

static struct moment later(struct moment m, int64_t seconds)
{
    m.seconds += seconds;
    return m;
}

static bool is_over(const struct entry *e, struct moment now)
{
    return moment_compare(later(e->received, FRESHNESS_KEEP_S), now) < 0;
}

/* What was received longer ago than it is to be remembered; not all at once, for others wait. More goes than comes. */
static void forget_old(struct freshness *f, struct shelf *s, struct moment now)
{
    struct entry *e;
    for (int i = 0; i < FORGOTTEN_AT_ONCE && (e = oldest(s)) && is_over(e, now); i++)
        entry_free(f, s, e);
}

/* Of what is still to be remembered. */
static struct entry *entry_find_young(struct freshness *f, struct shelf *s, const uint8_t *name,
                                      struct moment now)
{
    struct entry *e = entry_find(s, name);
    if (!e || !is_over(e, now))
        return e;
    entry_free(f, s, e);
    return NULL;
}

/* Room for one more; false: only by forgetting what is still to be remembered, and that must not be. */
static bool make_room(struct freshness *f, struct shelf *s, bool is_strict)
{
    if (s->by_name.count < f->max)
        return true;
    if (is_strict || !f->max)
        return false;
    entry_free(f, s, oldest(s));
    f->forgotten++;
    return true;
}

/* SHA-256 of the parts, of which `text` alone has no length of its own, and ends it. */
static bool name_make(const uint8_t *key_id, struct span from, struct span text, uint8_t *ret_name)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool is_made = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(md, key_id, NAME_BYTES) == 1 &&
                   EVP_DigestUpdate(md, &from.len, sizeof from.len) == 1 &&
                   EVP_DigestUpdate(md, from.ptr, from.len) == 1 &&
                   EVP_DigestUpdate(md, text.ptr, text.len) == 1 &&
                   EVP_DigestFinal_ex(md, ret_name, NULL) == 1;
    EVP_MD_CTX_free(md);
    return is_made;
}

static bool has_share(const struct freshness *f, const uint8_t *key_id)
{
    const struct signer *signer = signer_find(f, key_id);
    return !signer || (uint64_t)signer->count * KEYS_FULL < f->max;
}

/* Put it at the young end, made if need be; NULL without memory. */
static struct entry *remember(struct shelf *s, struct entry *e, const uint8_t *name, struct moment now,
                              struct moment stamp)
{
    if (!e)
        e = entry_new(s, name);
    if (!e)
        return NULL;
    e->received = now;
    e->stamp = stamp;
    list_remove(&e->by_age);
    list_append(&s->by_age, &e->by_age);
    return e;
}

enum smime_reason freshness_check(struct freshness *f, const struct freshness_item *item, struct moment now,
                                  bool is_strict)
{
    struct shelf *stamps = &f->shelves[SHELF_STAMPS], *digests = &f->shelves[SHELF_DIGESTS];
    uint8_t sender[NAME_BYTES], seen[NAME_BYTES];
    /* To two recipients the same object may go, each of whom it names; from a second device it is the same. */
    if (!name_make(item->key_id, item->from, item->to, sender) ||
        !name_make(item->key_id, span_make((const char *)item->digest, NAME_BYTES), item->to, seen))
        return SMIME_BUSY;
    forget_old(f, stamps, now);
    forget_old(f, digests, now);
    /* What is the very same is said so, although it cannot be increasing either, and may have become too old meanwhile. */
    if (entry_find_young(f, digests, seen, now))
        return SMIME_REPLAY;
    if (moment_compare(item->stamp, later(now, -FRESHNESS_WINDOW_S)) < 0)
        return SMIME_OLD_TIMESTAMP;
    if (moment_compare(item->stamp, later(now, FRESHNESS_WINDOW_S)) > 0)
        return SMIME_FUTURE_TIMESTAMP;
    struct entry *last = entry_find_young(f, stamps, sender, now);
    if (last && moment_compare(item->stamp, last->stamp) <= 0)
        return SMIME_DECREASING_TIMESTAMP;
    if (!has_share(f, item->key_id))
        return SMIME_BUSY;
    if (!make_room(f, digests, is_strict) || (!last && !make_room(f, stamps, is_strict)))
        return SMIME_BUSY;
    struct entry *object;
    if (!remember(stamps, last, sender, now, item->stamp) ||
        !(object = remember(digests, NULL, seen, now, item->stamp)))
        return SMIME_BUSY;
    signer_count(f, object, item->key_id);
    return SMIME_OK;
}

struct freshness_counters freshness_counters_read(const struct freshness *f)
{
    return (struct freshness_counters){.kept = (uint64_t)f->shelves[SHELF_STAMPS].by_name.count +
                                               f->shelves[SHELF_DIGESTS].by_name.count,
                                       .forgotten = f->forgotten};
}

/* "digest NAME RECEIVED STAMP" */
static const struct span words[SHELF_COUNT] = {
    [SHELF_STAMPS] = {"stamp", 5},
    [SHELF_DIGESTS] = {"digest", 6},
};

static void entry_write(const struct entry *e, struct span word, struct buffer *out)
{
    char name[2 * NAME_BYTES + 1], received[MOMENT_BYTES], stamp[MOMENT_BYTES];
    hex_write(e->name, NAME_BYTES, name);
    moment_write(e->received, received);
    moment_write(e->stamp, stamp);
    buffer_append(out, word);
    buffer_printf(out, " %s %s %s\n", name, received, stamp);
}

int freshness_write(const struct freshness *f, struct buffer *out)
{
    for (int i = 0; i < SHELF_COUNT; i++)
        list_each(node, &f->shelves[i].by_age)
            entry_write(container_of(node, struct entry, by_age), words[i], out);
    return buffer_ok(out) ? 0 : -ENOMEM;
}

/* Up to the character `end`, which is taken off, too. */
static bool take_word(struct span *text, char end, struct span *ret_word)
{
    const char *at = text->len ? memchr(text->ptr, end, text->len) : NULL;
    if (!at)
        return false;
    *ret_word = span_make(text->ptr, (size_t)(at - text->ptr));
    *text = span_skip(*text, ret_word->len + 1);
    return true;
}

static int line_read(struct freshness *f, struct span line)
{
    struct span word, name_text, received_text;
    uint8_t name[NAME_BYTES];
    struct moment received, stamp;
    int kind = 0;
    if (!take_word(&line, ' ', &word) || !take_word(&line, ' ', &name_text) ||
        !take_word(&line, ' ', &received_text))
        return -EINVAL;
    while (kind < SHELF_COUNT && !span_equal(word, words[kind]))
        kind++;
    if (kind == SHELF_COUNT || !hex_read(name_text, name, NAME_BYTES) ||
        moment_read(received_text, &received) != 0 || moment_read(line, &stamp) != 0)
        return -EINVAL;
    struct shelf *s = &f->shelves[kind];
    if (entry_find(s, name))
        return -EINVAL;
    if (!make_room(f, s, false))
        return -EINVAL;
    return remember(s, NULL, name, received, stamp) ? 0 : -ENOMEM;
}

int freshness_read(struct freshness *f, struct span text)
{
    struct span line;
    while (text.len) {
        if (!take_word(&text, '\n', &line))
            return -EINVAL;
        int r = line_read(f, line);
        if (r != 0)
            return r;
    }
    return 0;
}
