/* SPDX-License-Identifier: Apache-2.0 */
#include "sasl/digest.h"

#include <errno.h>

#include <openssl/evp.h>

#include "sasl/hash.h"

/* MD5 and SHA-0 may not be used any more (XEP-0300 s. 3). SHA-1 stays for XEP-0115, where it is what
 * everybody says. */
static const struct {
    const char *name;
    const EVP_MD *(*algorithm)(void);
} digests[] = {
    {"sha-1", EVP_sha1},     {"sha-256", EVP_sha256},    {"sha-384", EVP_sha384},
    {"sha-512", EVP_sha512}, {"sha3-256", EVP_sha3_256}, {"sha3-512", EVP_sha3_512},
};

static const EVP_MD *digest_find(struct span name)
{
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
        if (span_equal(name, span_of(digests[i].name)))
            return digests[i].algorithm();
    return NULL;
}

bool digest_is_known(struct span name)
{
    return digest_find(name) != NULL;
}

int digest_named(struct span name, struct span data, uint8_t ret_digest[static DIGEST_BYTES_MAX],
                 size_t *ret_bytes)
{
    const EVP_MD *algorithm = digest_find(name);
    unsigned bytes;
    if (!algorithm)
        return DIGEST_UNKNOWN;
    if (EVP_Digest(data.ptr, data.len, ret_digest, &bytes, algorithm, NULL) != 1)
        return -EIO;
    *ret_bytes = bytes;
    return 0;
}

int digest_hmac_sha256(struct span key, struct span data, uint8_t ret_mac[static 32])
{
    return sasl_hash_hmac(SASL_SHA_256, key, data, ret_mac);
}
