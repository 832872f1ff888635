/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's cipher contexts. Expanding a key costs about half as much as sealing a short stanza, so keyed
 * contexts are kept for the connections that are busy just now; everything else is keyed anew at each record.
 * The expanded key of a freed connection stays in its way, unused, until another key takes the way or the
 * worker ends. */
#include "tls/record_cipher.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "tls/wire.h"

/* Contexts kept per suite, a power of two. At about 1 KiB each they stay within the second-level cache. */
#define WAYS 64

struct way {
    uint64_t key_number; /* 0: not keyed */
    EVP_CIPHER_CTX *ctx;
};

struct record_worker {
    EVP_CIPHER *ciphers[TLS_CHACHA20_POLY1305 + 1];
    struct way ways[TLS_CHACHA20_POLY1305 + 1][WAYS];
};

static const char *const CIPHER_NAMES[] = {
    [TLS_AES_128_GCM] = "AES-128-GCM",
    [TLS_AES_256_GCM] = "AES-256-GCM",
    [TLS_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
};
_Static_assert(sizeof(CIPHER_NAMES) / sizeof(CIPHER_NAMES[0]) == TLS_CHACHA20_POLY1305 + 1, "a name a suite");

static _Atomic uint64_t key_numbers_given;

uint64_t record_key_number_new(void)
{
    return atomic_fetch_add_explicit(&key_numbers_given, 1, memory_order_relaxed) + 1;
}

struct record_worker *record_worker_new(void)
{
    struct record_worker *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    for (int suite = TLS_AES_128_GCM; suite <= TLS_CHACHA20_POLY1305; suite++) {
        w->ciphers[suite] = EVP_CIPHER_fetch(NULL, CIPHER_NAMES[suite], NULL);
        if (!w->ciphers[suite])
            return record_worker_free(w);
    }
    return w;
}

struct record_worker *record_worker_free(struct record_worker *w)
{
    if (!w)
        return NULL;
    for (int suite = TLS_AES_128_GCM; suite <= TLS_CHACHA20_POLY1305; suite++) {
        for (int i = 0; i < WAYS; i++)
            EVP_CIPHER_CTX_free(w->ways[suite][i].ctx);
        EVP_CIPHER_free(w->ciphers[suite]);
    }
    free(w);
    return NULL;
}

/* A context with a's key and nonce set, ready for the associated data; NULL when the library has no memory.
 */
static EVP_CIPHER_CTX *context_take(struct record_worker *w, const struct record_aead *a, int encrypt)
{
    struct way *way = &w->ways[a->suite][a->key_number % WAYS];

    if (!way->ctx) {
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        if (!ctx || EVP_CipherInit_ex(ctx, w->ciphers[a->suite], NULL, NULL, NULL, encrypt) != 1) {
            EVP_CIPHER_CTX_free(ctx);
            return NULL;
        }
        way->ctx = ctx;
    }
    const uint8_t *key = way->key_number == a->key_number ? NULL : a->key;
    if (EVP_CipherInit_ex(way->ctx, NULL, NULL, key, a->nonce, encrypt) != 1) {
        way->key_number = 0;
        return NULL;
    }
    way->key_number = a->key_number;
    return way->ctx;
}

/* The library's own failures, all of them want of memory; they leave it to the next call to key afresh. */
static int context_spoil(struct record_worker *w, const struct record_aead *a)
{
    w->ways[a->suite][a->key_number % WAYS].key_number = 0;
    return -ENOMEM;
}

int record_aead_seal(struct record_worker *w, const struct record_aead *a, char *text, size_t len)
{
    unsigned char *bytes = (unsigned char *)text;
    EVP_CIPHER_CTX *ctx = context_take(w, a, 1);
    int n;

    if (!ctx)
        return -ENOMEM;
    if (EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)a->associated, (int)a->associated_len) != 1 ||
        EVP_EncryptUpdate(ctx, bytes, &n, bytes, (int)len) != 1 ||
        EVP_EncryptFinal_ex(ctx, bytes + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_BYTES, bytes + len) != 1)
        return context_spoil(w, a);
    return 0;
}

int record_aead_open(struct record_worker *w, const struct record_aead *a, char *text, size_t len)
{
    unsigned char *bytes = (unsigned char *)text;
    EVP_CIPHER_CTX *ctx = context_take(w, a, 0);
    int n;

    if (!ctx)
        return -ENOMEM;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TLS_TAG_BYTES, bytes + len) != 1 ||
        EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)a->associated, (int)a->associated_len) != 1)
        return context_spoil(w, a);
    /* ChaCha20-Poly1305 and GCM both check the tag at the end; nothing of the text is looked at before. */
    if (EVP_DecryptUpdate(ctx, bytes, &n, bytes, (int)len) != 1 ||
        EVP_DecryptFinal_ex(ctx, bytes + len, &n) != 1)
        return RECORD_FORGED;
    return 0;
}
