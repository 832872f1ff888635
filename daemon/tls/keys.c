/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivations: of TLS 1.3 by hkdf.c, of TLS 1.2 by OpenSSL's; what is on the stack is wiped. */
#include "tls/keys.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "tls/hkdf.h"

/* TLS 1.2's largest: two AES-256 keys and two salts, or two ChaCha20 keys and two 12-byte ivs. */
#define KEY_BLOCK_BYTES_MAX (2 * (TLS_KEY_BYTES_MAX + TLS_IV_BYTES))
#define GCM_SALT_BYTES 4

size_t tls_suite_key_bytes(enum tls_suite suite)
{
    switch (suite) {
    case TLS_AES_128_GCM:
        return 16;
    case TLS_AES_256_GCM:
    case TLS_CHACHA20_POLY1305:
        return 32;
    case TLS_SUITE_NONE:
        break;
    }
    return 0;
}

static const char *hash_name(uint8_t hash_bytes)
{
    return hash_bytes == 32 ? "SHA256" : hash_bytes == 48 ? "SHA384" : NULL;
}

static int kdf_derive(const char *name, const OSSL_PARAM *params, uint8_t *ret_bytes, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int done = ctx ? EVP_KDF_derive(ctx, ret_bytes, len, params) : 0;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done > 0 ? 0 : -EIO;
}

static struct span octets(const uint8_t *bytes, size_t len)
{
    return span_make((const char *)bytes, len);
}

int tls_expand_label(uint8_t hash_bytes, const uint8_t *secret, const char *label, uint8_t *ret_bytes,
                     size_t len)
{
    return hkdf_expand_label(hash_bytes, octets(secret, hash_bytes), SPAN("tls13 "), span_of(label),
                             (struct span){0}, ret_bytes, len);
}

int tls_export(uint8_t hash_bytes, const uint8_t *secret, const char *label, uint8_t *ret_bytes, size_t len)
{
    uint8_t empty[HKDF_BYTES_MAX], derived[HKDF_BYTES_MAX];
    int r = hkdf_hash(hash_bytes, (struct span){0}, empty);
    if (r == 0)
        r = hkdf_expand_label(hash_bytes, octets(secret, hash_bytes), SPAN("tls13 "), span_of(label),
                              octets(empty, hash_bytes), derived, hash_bytes);
    if (r == 0)
        r = hkdf_expand_label(hash_bytes, octets(derived, hash_bytes), SPAN("tls13 "), SPAN("exporter"),
                              octets(empty, hash_bytes), ret_bytes, len);
    OPENSSL_cleanse(derived, sizeof derived);
    return r;
}

int tls_direction_derive(struct tls_direction *d, enum tls_suite suite, uint8_t hash_bytes)
{
    size_t key_bytes = tls_suite_key_bytes(suite);
    if (key_bytes == 0)
        return -EINVAL;
    int r = tls_expand_label(hash_bytes, d->secret, "key", d->key, key_bytes);
    if (r == 0)
        r = tls_expand_label(hash_bytes, d->secret, "iv", d->iv, TLS_IV_BYTES);
    if (r == 0)
        d->sequence = 0;
    return r;
}

int tls_direction_update(struct tls_direction *d, enum tls_suite suite, uint8_t hash_bytes)
{
    struct tls_direction next = {0};
    int r = tls_expand_label(hash_bytes, d->secret, "traffic upd", next.secret, hash_bytes);
    if (r == 0)
        r = tls_direction_derive(&next, suite, hash_bytes);
    if (r == 0)
        *d = next;
    OPENSSL_cleanse(&next, sizeof(next));
    return r;
}

int tls12_secrets_derive(struct tls_secrets *s, const uint8_t master[TLS12_MASTER_BYTES],
                         const uint8_t client_random[TLS_RANDOM_BYTES],
                         const uint8_t server_random[TLS_RANDOM_BYTES])
{
    const char *hash = hash_name(s->hash_bytes);
    size_t key_bytes = tls_suite_key_bytes(s->suite);
    size_t iv_bytes = s->suite == TLS_CHACHA20_POLY1305 ? TLS_IV_BYTES : GCM_SALT_BYTES;
    uint8_t block[KEY_BLOCK_BYTES_MAX];
    if (!hash || key_bytes == 0)
        return -EINVAL;

    /* The seeds are concatenated in the order given: label, server, client (RFC 5246 s. 6.3). */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)hash, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, (void *)master, TLS12_MASTER_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)"key expansion", 13),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)server_random, TLS_RANDOM_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)client_random, TLS_RANDOM_BYTES),
        OSSL_PARAM_construct_end(),
    };
    int r = kdf_derive(OSSL_KDF_NAME_TLS1_PRF, params, block, 2 * (key_bytes + iv_bytes));
    if (r == 0) {
        struct tls_direction *client = s->is_client ? &s->send : &s->receive;
        struct tls_direction *server = s->is_client ? &s->receive : &s->send;
        memset(client, 0, sizeof(*client));
        memset(server, 0, sizeof(*server));
        memcpy(client->key, block, key_bytes);
        memcpy(server->key, block + key_bytes, key_bytes);
        memcpy(client->iv, block + 2 * key_bytes, iv_bytes);
        memcpy(server->iv, block + 2 * key_bytes + iv_bytes, iv_bytes);
        client->sequence = server->sequence = 1;
    }
    OPENSSL_cleanse(block, sizeof(block));
    return r;
}
