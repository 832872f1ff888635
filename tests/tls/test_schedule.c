/* SPDX-License-Identifier: Apache-2.0 */
/* Our key schedule against the library's own, as the library calls it. */
#include "tls/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

struct hash_row {
    const char *name;
    uint8_t bytes;
};

static const struct hash_row hashes[] = {{"SHA2-256", 32}, {"SHA256", 32}, {"SHA2-384", 48}, {"SHA384", 48}};
enum { HASHES = sizeof hashes / sizeof hashes[0] };

static uint8_t bytes_a[256], bytes_b[256];

static int provider_make(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bytes_a; i++) {
        bytes_a[i] = (uint8_t)(i * 7 + 1);
        bytes_b[i] = (uint8_t)(i * 13 + 5);
    }
    return schedule_is_ours() ? 0 : -1;
}

struct question {
    int mode;
    const char *hash, *label;
    size_t key_len, salt_len, data_len; /* 0: not given */
};

/* What the implementation that `query` finds derives; false when it refuses. */
static bool derive(const char *query, const struct question *q, uint8_t *ret_bytes, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, query);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[8], *p = params;
    int mode = q->mode;
    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)q->hash, 0);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (char *)(uintptr_t) "tls13 ", 6);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (char *)(uintptr_t)q->label,
                                             strlen(q->label));
    if (q->key_len)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, bytes_a, q->key_len);
    if (q->salt_len)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, bytes_b, q->salt_len);
    if (q->data_len)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_DATA, bytes_b, q->data_len);
    *p = OSSL_PARAM_construct_end();
    bool is_done = EVP_KDF_derive(ctx, ret_bytes, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return is_done;
}

static void agree(const struct question *q, size_t len)
{
    uint8_t ours[256] = {0}, theirs[256] = {0};
    assert_true(derive("provider=muster", q, ours, len));
    assert_true(derive("provider=default", q, theirs, len));
    assert_memory_equal(ours, theirs, sizeof ours);
}

/* HKDF-Expand-Label, of every length up to three hashes and a bit. */
static void expanding(void **state)
{
    (void)state;
    for (size_t i = 0; i < HASHES; i++)
        for (size_t len = 1; len <= 150; len++) {
            const size_t contexts[] = {0, hashes[i].bytes, 64};
            for (size_t j = 0; j < 3; j++) {
                const struct question q = {
                    EVP_KDF_HKDF_MODE_EXPAND_ONLY, hashes[i].name, "key", hashes[i].bytes, 0, contexts[j]};
                agree(&q, len);
            }
        }
}

/* The first secret has neither salt nor, without a PSK, key; the last has no key. */
static void extracting(void **state)
{
    (void)state;
    for (size_t i = 0; i < HASHES; i++) {
        size_t bytes = hashes[i].bytes;
        const size_t given[][2] = {{0, 0}, {bytes, 0}, {32, bytes}, {66, bytes}, {0, bytes}};
        for (size_t j = 0; j < sizeof given / sizeof given[0]; j++) {
            const struct question q = {
                EVP_KDF_HKDF_MODE_EXTRACT_ONLY, hashes[i].name, "derived", given[j][0], given[j][1], 0};
            agree(&q, bytes);
        }
    }
}

static void refused(void **state)
{
    (void)state;
    uint8_t bytes[256];
    const struct question other_hash = {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA1", "key", 20, 0, 0};
    const struct question other_mode = {EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, "SHA256", "key", 32, 0, 0};
    const struct question wrong_length = {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA256", "derived", 32, 32, 0};
    assert_false(derive("provider=muster", &other_hash, bytes, 20));
    assert_false(derive("provider=muster", &other_mode, bytes, 32));
    assert_false(derive("provider=muster", &wrong_length, bytes, 31));
}

/* Three secrets are told, whatever else is derived; to who listens, and no longer than that. */
static void listening(void **state)
{
    (void)state;
    static const char *const labels[] = {"c ap traffic", "s ap traffic", "exp master", "c hs traffic", "key"};
    struct schedule_secrets heard = {0};
    uint8_t bytes[5][32];
    for (int is_listening = 1; is_listening >= 0; is_listening--) {
        schedule_listen(is_listening ? &heard : NULL);
        for (size_t i = 0; i < 5; i++) {
            const struct question q = {EVP_KDF_HKDF_MODE_EXPAND_ONLY,  "SHA256", labels[i], 32, 0,
                                       (size_t)(is_listening ? 32 : 0)};
            assert_true(derive(SCHEDULE_QUERY, &q, is_listening ? bytes[i] : (uint8_t[32]){0}, 32));
        }
    }
    assert_int_equal(heard.client_len, 32);
    assert_memory_equal(heard.client, bytes[0], 32);
    assert_int_equal(heard.server_len, 32);
    assert_memory_equal(heard.server, bytes[1], 32);
    assert_int_equal(heard.exporter_len, 32);
    assert_memory_equal(heard.exporter, bytes[2], 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expanding),
        cmocka_unit_test(extracting),
        cmocka_unit_test(refused),
        cmocka_unit_test(listening),
    };
    return cmocka_run_group_tests(tests, provider_make, NULL);
}
