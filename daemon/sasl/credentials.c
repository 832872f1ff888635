/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored for an account: made here from its password, once. */
#include <errno.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "sasl/hash.h"
#include "sasl/sasl.h"

static int keys_make(enum sasl_hash hash, struct span password, uint32_t iterations,
                     struct sasl_keys *ret_keys)
{
    struct sasl_keys keys = {.hash_bytes = (uint8_t)sasl_hash_bytes(hash), .iterations = iterations};
    int rc;

    if (RAND_bytes(keys.salt, sizeof(keys.salt)) != 1)
        return -EIO;
    rc = sasl_hash_derive_keys(hash, password, sasl_hash_span(keys.salt, sizeof(keys.salt)), iterations,
                               keys.stored_key, keys.server_key);
    if (rc == 0)
        *ret_keys = keys;
    OPENSSL_cleanse(&keys, sizeof(keys));
    return rc;
}

bool sasl_password_is_short(struct span password, uint32_t chars_min)
{
    uint32_t chars = 0;
    for (size_t i = 0; i < password.len; i++)
        chars += ((uint8_t)password.ptr[i] & 0xC0) != 0x80; /* what continues a character of UTF-8 is none */
    return chars < chars_min;
}

int sasl_credentials_make(struct span password, uint32_t iterations, struct sasl_credentials *ret)
{
    struct sasl_credentials made;
    int rc;

    if (password.len == 0 || iterations < SASL_ITERATIONS_MIN || iterations > SASL_ITERATIONS_MAX)
        return -EINVAL;
    rc = keys_make(SASL_SHA_256, password, iterations, &made.sha256);
    if (rc == 0)
        rc = keys_make(SASL_SHA_1, password, iterations, &made.sha1);
    if (rc == 0)
        *ret = made;
    OPENSSL_cleanse(&made, sizeof(made));
    return rc;
}
