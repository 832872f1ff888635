/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that are stored: our PBKDF2 against OpenSSL's, fresh salts, bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "sasl/hash.h"
#include "sasl/sasl.h"

static void test_stretch_agrees_with_openssl(void **state)
{
    static const size_t password_lengths[] = {0, 1, 6, 63, 64, 65, 200, 1023};
    static const size_t salt_lengths[] = {0, 12, 16, 64};
    static const uint32_t iterations[] = {1, 2, 3, 100};
    uint8_t password[1023], salt[64];

    (void)state;
    for (size_t i = 0; i < sizeof(password); i++)
        password[i] = (uint8_t)(i * 7 + 1);
    for (size_t i = 0; i < sizeof(salt); i++)
        salt[i] = (uint8_t)(i * 5);
    for (size_t p = 0; p < sizeof(password_lengths) / sizeof(password_lengths[0]); p++)
        for (size_t s = 0; s < sizeof(salt_lengths) / sizeof(salt_lengths[0]); s++)
            for (size_t i = 0; i < sizeof(iterations) / sizeof(iterations[0]); i++)
                for (int h = 0; h < 2; h++) {
                    enum sasl_hash hash = h == 0 ? SASL_SHA_256 : SASL_SHA_1;
                    uint8_t ours[SASL_HASH_BYTES_MAX], theirs[SASL_HASH_BYTES_MAX];

                    assert_int_equal(sasl_hash_stretch(hash, sasl_hash_span(password, password_lengths[p]),
                                                       sasl_hash_span(salt, salt_lengths[s]), iterations[i],
                                                       ours),
                                     0);
                    assert_int_equal(PKCS5_PBKDF2_HMAC((const char *)password, (int)password_lengths[p], salt,
                                                       (int)salt_lengths[s], (int)iterations[i],
                                                       h == 0 ? EVP_sha256() : EVP_sha1(),
                                                       (int)sasl_hash_bytes(hash), theirs),
                                     1);
                    assert_memory_equal(ours, theirs, sasl_hash_bytes(hash));
                }
}

static void check_keys(const struct sasl_keys *keys, enum sasl_hash hash, struct span password)
{
    uint8_t stored_key[SASL_HASH_BYTES_MAX], server_key[SASL_HASH_BYTES_MAX];

    assert_int_equal(keys->hash_bytes, sasl_hash_bytes(hash));
    assert_int_equal(keys->iterations, 5000);
    assert_int_equal(sasl_hash_derive_keys(hash, password, sasl_hash_span(keys->salt, SASL_SALT_BYTES), 5000,
                                           stored_key, server_key),
                     0);
    assert_memory_equal(stored_key, keys->stored_key, sasl_hash_bytes(hash));
    assert_memory_equal(server_key, keys->server_key, sasl_hash_bytes(hash));
    assert_memory_not_equal(stored_key, server_key, sasl_hash_bytes(hash));
}

static void test_make(void **state)
{
    struct sasl_credentials one, two;

    (void)state;
    assert_int_equal(sasl_credentials_make(SPAN("pencil"), 5000, &one), 0);
    assert_int_equal(sasl_credentials_make(SPAN("pencil"), 5000, &two), 0);
    check_keys(&one.sha256, SASL_SHA_256, SPAN("pencil"));
    check_keys(&one.sha1, SASL_SHA_1, SPAN("pencil"));
    assert_memory_not_equal(one.sha256.salt, two.sha256.salt, SASL_SALT_BYTES);
    assert_memory_not_equal(one.sha1.salt, two.sha1.salt, SASL_SALT_BYTES);
    assert_memory_not_equal(one.sha1.salt, one.sha256.salt, SASL_SALT_BYTES);
}

static void test_make_bounds(void **state)
{
    struct sasl_credentials untouched = {.sha256.iterations = 7};

    (void)state;
    assert_int_equal(sasl_credentials_make(SPAN("pencil"), SASL_ITERATIONS_MIN - 1, &untouched), -EINVAL);
    assert_int_equal(sasl_credentials_make(SPAN("pencil"), SASL_ITERATIONS_MAX + 1, &untouched), -EINVAL);
    assert_int_equal(sasl_credentials_make(SPAN(""), SASL_ITERATIONS_MIN, &untouched), -EINVAL);
    assert_int_equal(untouched.sha256.iterations, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stretch_agrees_with_openssl),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_make_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
