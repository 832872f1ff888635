/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"

struct entry {
    struct hash_node by_hash, by_serial,
        by_key_id; /* the last is in its table only if there is an identifier */
    struct list by_age;
    struct certificate *certificate;
    STACK_OF(X509) * above;
    struct buffer serial; /* issuer and serial number, one behind the other */
    struct buffer key_id;
    uint64_t trust_id, epoch;
    int64_t from_s, until_s; /* its chain is good between, by that trust and in that epoch */
};

struct smime_cache {
    pthread_mutex_t lock; /* of all below */
    uint32_t max, count;
    uint64_t epoch;
    struct hash_table by_hash, by_serial, by_key_id;
    struct list by_age; /* the least lately used first */
    struct smime_cache_counters counters;
};

struct smime_cache *smime_cache_new(uint32_t max)
{
    struct smime_cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->max = max;
    hash_table_init(&c->by_hash);
    hash_table_init(&c->by_serial);
    hash_table_init(&c->by_key_id);
    list_init(&c->by_age);
    return c;
}

static void entry_free(struct entry *e)
{
    certificate_unref(e->certificate);
    sk_X509_pop_free(e->above, X509_free);
    buffer_fini(&e->serial);
    buffer_fini(&e->key_id);
    free(e);
}

static void entry_take_out(struct smime_cache *c, struct entry *e)
{
    hash_table_remove(&c->by_hash, &e->by_hash);
    hash_table_remove(&c->by_serial, &e->by_serial);
    if (e->key_id.len > 0)
        hash_table_remove(&c->by_key_id, &e->by_key_id);
    list_remove(&e->by_age);
    c->count--;
    entry_free(e);
}

struct smime_cache *smime_cache_free(struct smime_cache *c)
{
    if (!c)
        return NULL;
    while (!list_empty(&c->by_age))
        entry_take_out(c, container_of(c->by_age.next, struct entry, by_age));
    hash_table_fini(&c->by_hash);
    hash_table_fini(&c->by_serial);
    hash_table_fini(&c->by_key_id);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

void smime_cache_forget(struct smime_cache *c)
{
    pthread_mutex_lock(&c->lock);
    c->epoch++;
    pthread_mutex_unlock(&c->lock);
}

struct smime_cache_counters smime_cache_counters_read(struct smime_cache *c)
{
    pthread_mutex_lock(&c->lock);
    struct smime_cache_counters counters = c->counters;
    pthread_mutex_unlock(&c->lock);
    return counters;
}

uint64_t cache_epoch(struct smime_cache *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t epoch = c->epoch;
    pthread_mutex_unlock(&c->lock);
    return epoch;
}

static struct entry *find_hash(struct smime_cache *c, const uint8_t hash[static CERTIFICATE_HASH_BYTES])
{
    struct span key = span_make((const char *)hash, CERTIFICATE_HASH_BYTES);
    for (struct hash_node *n = hash_table_first(&c->by_hash, hash_bytes(key)); n; n = hash_node_next(n)) {
        struct entry *e = container_of(n, struct entry, by_hash);
        if (memcmp(e->certificate->hash, hash, CERTIFICATE_HASH_BYTES) == 0)
            return e;
    }
    return NULL;
}

/* Called with the lock. */
static struct cache_found entry_found(struct smime_cache *c, struct entry *e, const struct smime_trust *trust,
                                      int64_t now_s)
{
    struct cache_found found = {0};
    if (!e)
        return found;
    found.is_good =
        e->trust_id == trust->id && e->epoch == c->epoch && now_s >= e->from_s && now_s < e->until_s;
    if (!found.is_good && e->above && !(found.above = X509_chain_up_ref(e->above)))
        return (struct cache_found){0};
    found.certificate = certificate_ref(e->certificate);
    list_remove(&e->by_age);
    list_append(&c->by_age, &e->by_age);
    return found;
}

struct cache_found cache_find(struct smime_cache *c, const struct smime_trust *trust, struct span der,
                              int64_t now_s)
{
    uint8_t hash[CERTIFICATE_HASH_BYTES];
    certificate_hash(der, hash);
    pthread_mutex_lock(&c->lock);
    struct cache_found found = entry_found(c, find_hash(c, hash), trust, now_s);
    c->counters.chain_hits += found.is_good;
    c->counters.chain_misses += !found.is_good;
    pthread_mutex_unlock(&c->lock);
    return found;
}

/* Who signs, and when, as far as it is known before a chain is verified. */
struct sought {
    struct span jid;
    int64_t now_s;
};

static struct entry *choose(struct entry *chosen, struct entry *e, const struct sought *sought)
{
    bool is_better =
        !chosen || certificate_is_better(chosen->certificate, e->certificate, sought->jid, sought->now_s);
    return is_better ? e : chosen;
}

static struct entry *find_serial(struct smime_cache *c, struct span issuer, struct span serial,
                                 const struct sought *sought)
{
    struct buffer key = {0};
    struct entry *chosen = NULL;
    buffer_append(&key, issuer);
    buffer_append(&key, serial);
    if (buffer_ok(&key)) {
        uint64_t hash = hash_bytes(buffer_span(&key));
        for (struct hash_node *n = hash_table_first(&c->by_serial, hash); n; n = hash_node_next(n))
            if (span_equal(buffer_span(&container_of(n, struct entry, by_serial)->serial), buffer_span(&key)))
                chosen = choose(chosen, container_of(n, struct entry, by_serial), sought);
    }
    buffer_fini(&key);
    return chosen;
}

static struct entry *find_key_id(struct smime_cache *c, struct span key_id, const struct sought *sought)
{
    struct entry *chosen = NULL;
    for (struct hash_node *n = hash_table_first(&c->by_key_id, hash_bytes(key_id)); n; n = hash_node_next(n))
        if (span_equal(buffer_span(&container_of(n, struct entry, by_key_id)->key_id), key_id))
            chosen = choose(chosen, container_of(n, struct entry, by_key_id), sought);
    return chosen;
}

struct cache_found cache_find_signer(struct smime_cache *c, const struct smime_trust *trust,
                                     const struct cms_signer *signer, struct span jid, int64_t now_s)
{
    const struct sought sought = {jid, now_s};
    pthread_mutex_lock(&c->lock);
    struct entry *e = signer->key_id.len > 0 ? find_key_id(c, signer->key_id, &sought)
                                             : find_serial(c, signer->issuer, signer->serial, &sought);
    struct cache_found found = entry_found(c, e, trust, now_s);
    c->counters.certificate_hits += found.certificate != NULL;
    c->counters.certificate_misses += found.certificate == NULL;
    pthread_mutex_unlock(&c->lock);
    return found;
}

void cache_found_fini(struct cache_found *found)
{
    found->certificate = certificate_unref(found->certificate);
    sk_X509_pop_free(found->above, X509_free);
    found->above = NULL;
}

static struct entry *entry_new(struct certificate *certificate, struct span der)
{
    struct certificate_outline outline;
    struct entry *e = calloc(1, sizeof *e);
    if (!e || certificate_outline_read(der, &outline) != 0) {
        free(e);
        return NULL;
    }
    list_init(&e->by_age);
    buffer_append(&e->serial, outline.issuer);
    buffer_append(&e->serial, outline.serial);
    buffer_append(&e->key_id, outline.key_id);
    e->certificate = certificate_ref(certificate);
    if (!buffer_ok(&e->serial) || !buffer_ok(&e->key_id)) {
        entry_free(e);
        return NULL;
    }
    return e;
}

static bool entry_put_in(struct smime_cache *c, struct entry *e)
{
    struct span hash = span_make((const char *)e->certificate->hash, CERTIFICATE_HASH_BYTES);
    if (hash_table_insert(&c->by_hash, &e->by_hash, hash_bytes(hash)) != 0)
        return false;
    if (hash_table_insert(&c->by_serial, &e->by_serial, hash_bytes(buffer_span(&e->serial))) != 0)
        goto not_by_serial;
    if (e->key_id.len > 0 &&
        hash_table_insert(&c->by_key_id, &e->by_key_id, hash_bytes(buffer_span(&e->key_id))) != 0)
        goto not_by_key_id;
    list_append(&c->by_age, &e->by_age);
    c->count++;
    return true;
not_by_key_id:
    hash_table_remove(&c->by_serial, &e->by_serial);
not_by_serial:
    hash_table_remove(&c->by_hash, &e->by_hash);
    return false;
}

/* The entry of this certificate, new if need be; NULL without memory. Called with the lock. */
static struct entry *entry_take(struct smime_cache *c, struct certificate *certificate, struct span der)
{
    struct entry *e = find_hash(c, certificate->hash);
    if (e)
        return e;
    if (c->max == 0 || !(e = entry_new(certificate, der)))
        return NULL;
    while (c->count >= c->max) {
        entry_take_out(c, container_of(c->by_age.next, struct entry, by_age));
        c->counters.evicted++;
    }
    if (!entry_put_in(c, e)) {
        entry_free(e);
        return NULL;
    }
    return e;
}

void cache_keep(struct smime_cache *c, const struct smime_trust *trust, struct certificate *certificate,
                struct span der, STACK_OF(X509) * above, int64_t now_s, int64_t until_s, uint64_t epoch)
{
    STACK_OF(X509) *kept = above ? X509_chain_up_ref(above) : NULL;
    if (above && !kept)
        return;
    pthread_mutex_lock(&c->lock);
    struct entry *e = entry_take(c, certificate, der);
    if (e) {
        sk_X509_pop_free(e->above, X509_free);
        e->above = kept;
        e->trust_id = trust->id;
        e->epoch = epoch;
        e->from_s = now_s;
        e->until_s = until_s;
        kept = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    sk_X509_pop_free(kept, X509_free);
}
