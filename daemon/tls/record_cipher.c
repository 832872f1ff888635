/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/record_cipher.h"

#include <errno.h>
#include <stdatomic.h>

#include <openssl/evp.h>

#include "tls/record_contexts.h"
#include "tls/wire.h"

static _Atomic uint64_t key_numbers_given;

uint64_t record_key_number_new(void)
{
    return atomic_fetch_add_explicit(&key_numbers_given, 1, memory_order_relaxed) + 1;
}

/* The library's own failures, all of them want of memory; they leave it to the next call to key afresh. */
static int spoiled(struct record_worker *w, const struct record_aead *a, int encrypt)
{
    contexts_spoil(w, a, encrypt);
    return -ENOMEM;
}

int record_aead_seal(struct record_worker *w, const struct record_aead *a, char *text, size_t len)
{
    unsigned char *bytes = (unsigned char *)text;
    EVP_CIPHER_CTX *ctx = contexts_take(w, a, 1);
    int n;

    if (!ctx)
        return -ENOMEM;
    if (EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)a->associated, (int)a->associated_len) != 1 ||
        EVP_EncryptUpdate(ctx, bytes, &n, bytes, (int)len) != 1 ||
        EVP_EncryptFinal_ex(ctx, bytes + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_BYTES, bytes + len) != 1)
        return spoiled(w, a, 1);
    return 0;
}

int record_aead_open(struct record_worker *w, const struct record_aead *a, char *text, size_t len)
{
    unsigned char *bytes = (unsigned char *)text;
    EVP_CIPHER_CTX *ctx = contexts_take(w, a, 0);
    int n;

    if (!ctx)
        return -ENOMEM;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TLS_TAG_BYTES, bytes + len) != 1 ||
        EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)a->associated, (int)a->associated_len) != 1)
        return spoiled(w, a, 0);
    /* ChaCha20-Poly1305 and GCM both check the tag at the end; nothing of the text is looked at before. */
    if (EVP_DecryptUpdate(ctx, bytes, &n, bytes, (int)len) != 1 ||
        EVP_DecryptFinal_ex(ctx, bytes + len, &n) != 1)
        return RECORD_FORGED;
    return 0;
}
