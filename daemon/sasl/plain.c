/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN (RFC 4616): the message, and the password against what SCRAM has stored. */
#include <openssl/crypto.h>

#include "sasl/hash.h"
#include "sasl/plain.h"

/* message = [authzid] NUL authcid NUL passwd (RFC 4616 s. 2); the last two are not empty. */
enum sasl_error plain_parse(struct span message, struct plain_message *ret_message)
{
    struct plain_message m;
    const char *nul = message.len ? memchr(message.ptr, 0, message.len) : NULL;

    if (!nul)
        return SASL_MALFORMED_REQUEST;
    m.authzid = span_make(message.ptr, (size_t)(nul - message.ptr));
    m.authcid = span_skip(message, m.authzid.len + 1);
    nul = m.authcid.len ? memchr(m.authcid.ptr, 0, m.authcid.len) : NULL;
    if (!nul)
        return SASL_MALFORMED_REQUEST;
    m.password = span_skip(m.authcid, (size_t)(nul - m.authcid.ptr) + 1);
    m.authcid.len = (size_t)(nul - m.authcid.ptr);
    if (m.authcid.len == 0 || m.password.len == 0 || memchr(m.password.ptr, 0, m.password.len))
        return SASL_MALFORMED_REQUEST;
    *ret_message = m;
    return SASL_ERROR_NONE;
}

int plain_check(const struct sasl_keys *keys, struct span password, bool *ret_is_match)
{
    enum sasl_hash hash = keys->hash_bytes == 32 ? SASL_SHA_256 : SASL_SHA_1;
    uint8_t stored_key[SASL_HASH_BYTES_MAX], server_key[SASL_HASH_BYTES_MAX];
    int rc = sasl_hash_derive_keys(hash, password, sasl_hash_span(keys->salt, sizeof(keys->salt)),
                                   keys->iterations, stored_key, server_key);

    if (rc == 0)
        *ret_is_match = CRYPTO_memcmp(stored_key, keys->stored_key, sasl_hash_bytes(hash)) == 0;
    OPENSSL_cleanse(stored_key, sizeof(stored_key));
    OPENSSL_cleanse(server_key, sizeof(server_key));
    return rc;
}
