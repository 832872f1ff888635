/* SPDX-License-Identifier: Apache-2.0 */
/* Expanding a key costs about half as much as sealing a short stanza, so keyed contexts are kept for the
 * connections that are busy just now; everything else is keyed anew at each record. The expanded key of a
 * freed connection stays in its way, unused, until another key takes the way, or the way is given up.
 *
 * A few ways are there always. When a worker seals fast and mostly for keys that it does not find, as in
 * fan-outs to a thousand sessions, it gets many; it gives them up when they do not help (more sessions than
 * ways, in turn) or when it has become quiet, for a context is as large as an idle session. */
#include "tls/record_contexts.h"

#include <stdbool.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/clock.h"

/* Powers of two. A keyed context is about 1 KiB: few stay within the first-level cache of second-long use,
 * many within a second-level cache's few MiB; beyond that a context comes from memory no faster than it is
 * keyed. */
#define WAYS_FEW 64
#define WAYS_MANY 2048
/* Records after which hits are looked at: each of many ways may have been used a few times. */
#define WINDOW_RECORDS (4 * WAYS_MANY)
/* Slower than this a window is no burst, and many ways are not worth their memory. */
#define WINDOW_MS_MAX 4000
/* Windows to stay with few ways after many did not help. */
#define WINDOWS_OF_DOUBT 16

struct way {
    uint64_t key_number; /* 0: not keyed */
    EVP_CIPHER_CTX *ctx;
};

struct ways {
    struct way few[WAYS_FEW];
    struct way *many;              /* NULL: few are in use */
    uint32_t records, hits, doubt; /* in this window; windows */
    uint64_t window_began_ms;
};

struct record_worker {
    EVP_CIPHER *ciphers[TLS_SUITES];
    struct ways opening[TLS_SUITES], sealing[TLS_SUITES];
};

static const char *const CIPHER_NAMES[] = {
    [TLS_AES_128_GCM] = "AES-128-GCM",
    [TLS_AES_256_GCM] = "AES-256-GCM",
    [TLS_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
};
_Static_assert(sizeof(CIPHER_NAMES) / sizeof(CIPHER_NAMES[0]) == TLS_SUITES, "a name a suite");

struct record_worker *record_worker_new(void)
{
    struct record_worker *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    for (int suite = TLS_AES_128_GCM; suite < TLS_SUITES; suite++) {
        w->ciphers[suite] = EVP_CIPHER_fetch(NULL, CIPHER_NAMES[suite], NULL);
        if (!w->ciphers[suite])
            return record_worker_free(w);
    }
    return w;
}

static void ways_clear(struct way *ways, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        EVP_CIPHER_CTX_free(ways[i].ctx);
}

static void many_give_up(struct ways *s)
{
    if (!s->many)
        return;
    ways_clear(s->many, WAYS_MANY);
    free(s->many);
    s->many = NULL;
}

struct record_worker *record_worker_free(struct record_worker *w)
{
    if (!w)
        return NULL;
    for (int suite = TLS_AES_128_GCM; suite < TLS_SUITES; suite++) {
        many_give_up(&w->sealing[suite]);
        ways_clear(w->sealing[suite].few, WAYS_FEW);
        ways_clear(w->opening[suite].few, WAYS_FEW);
        EVP_CIPHER_free(w->ciphers[suite]);
    }
    free(w);
    return NULL;
}

bool record_worker_is_large(const struct record_worker *w)
{
    for (int suite = TLS_AES_128_GCM; suite < TLS_SUITES; suite++)
        if (w->sealing[suite].many)
            return true;
    return false;
}

void record_worker_rest(struct record_worker *w, uint64_t now_ms)
{
    for (int suite = TLS_AES_128_GCM; suite < TLS_SUITES; suite++) {
        struct ways *s = &w->sealing[suite];
        if (s->many && now_ms > s->window_began_ms + WINDOW_MS_MAX)
            many_give_up(s);
    }
}

/* All at once, so that they lie together and their memory can be given back together. */
static void many_make(struct ways *s, const EVP_CIPHER *cipher)
{
    s->many = calloc(WAYS_MANY, sizeof *s->many);
    for (uint32_t i = 0; s->many && i < WAYS_MANY; i++) {
        s->many[i].ctx = EVP_CIPHER_CTX_new();
        if (!s->many[i].ctx || EVP_CipherInit_ex(s->many[i].ctx, cipher, NULL, NULL, NULL, 1) != 1)
            many_give_up(s); /* few will do */
    }
}

static void window_ends(struct ways *s, const EVP_CIPHER *cipher)
{
    uint64_t now = clock_now_ms();
    bool is_burst = now - s->window_began_ms <= WINDOW_MS_MAX, is_hitting = s->hits > WINDOW_RECORDS / 2;
    if (s->many && !is_hitting) {
        many_give_up(s);
        s->doubt = WINDOWS_OF_DOUBT;
    } else if (s->doubt) {
        s->doubt--;
    } else if (!s->many && !is_hitting && is_burst) {
        many_make(s, cipher);
    }
    s->records = s->hits = 0;
    s->window_began_ms = now;
}

/* Connections number their keys one after the other, so numbers spread well over the ways. */
static struct way *way_of(struct ways *s, uint64_t key_number)
{
    return s->many ? &s->many[key_number / 2 % WAYS_MANY] : &s->few[key_number / 2 % WAYS_FEW];
}

static struct ways *ways_of(struct record_worker *w, const struct record_aead *a, int encrypt)
{
    return encrypt ? &w->sealing[a->suite] : &w->opening[a->suite];
}

EVP_CIPHER_CTX *contexts_take(struct record_worker *w, const struct record_aead *a, int encrypt)
{
    struct ways *s = ways_of(w, a, encrypt);
    if (encrypt && ++s->records == WINDOW_RECORDS)
        window_ends(s, w->ciphers[a->suite]);
    struct way *way = way_of(s, a->key_number);
    if (!way->ctx) {
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        if (!ctx || EVP_CipherInit_ex(ctx, w->ciphers[a->suite], NULL, NULL, NULL, encrypt) != 1) {
            EVP_CIPHER_CTX_free(ctx);
            return NULL;
        }
        way->ctx = ctx;
    }
    bool is_keyed = way->key_number == a->key_number;
    s->hits += is_keyed;
    if (EVP_CipherInit_ex(way->ctx, NULL, NULL, is_keyed ? NULL : a->key, a->nonce, encrypt) != 1) {
        way->key_number = 0;
        return NULL;
    }
    way->key_number = a->key_number;
    return way->ctx;
}

void contexts_spoil(struct record_worker *w, const struct record_aead *a, int encrypt)
{
    way_of(ways_of(w, a, encrypt), a->key_number)->key_number = 0;
}
