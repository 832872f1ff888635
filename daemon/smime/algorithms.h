/* SPDX-License-Identifier: Apache-2.0 */
/* Which algorithms sign (RFC 8551 s. 2, RFC 8419, RFC 3923 s. 6.10), and with keys of what size. MD5, and whatever else is not in the table, never. Inside
 * this room only. */
#ifndef MUSTER_SMIME_ALGORITHMS_H
#define MUSTER_SMIME_ALGORITHMS_H

#include <openssl/evp.h>

#include "base/span.h"
#include "smime/reason.h"

#define RSA_BITS_MIN 2048
/* A check of a signature takes a time that grows with the square of the size: 8192 is a millisecond (RFC 8551 s. 6). */
#define RSA_BITS_MAX 8192

enum signature_scheme {
    SIGNATURE_RSA, /* PKCS #1 v1.5 */
    SIGNATURE_PSS,
    SIGNATURE_ECDSA,
    SIGNATURE_ED25519
};
enum digest { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

struct signature_algorithm {
    enum signature_scheme scheme;
    enum digest digest;
    uint32_t salt_bytes; /* of PSS */
};

/* Two AlgorithmIdentifiers (DER within the SEQUENCE). SMIME_OK or SMIME_ALG_REFUSED; SHA-1 only if `legacy`. */
enum smime_reason algorithms_read(struct span digest, struct span signature, bool legacy,
                                  struct signature_algorithm *ret_algorithm);
/* What of a digest alone. SMIME_OK or SMIME_ALG_REFUSED. */
enum smime_reason algorithms_digest_read(struct span digest, bool legacy, enum digest *ret_digest);
/* May such a key sign? SMIME_OK, SMIME_KEY_TOO_SMALL, or SMIME_ALG_REFUSED (of another kind or curve, or too big). */
enum smime_reason algorithms_key_check(const EVP_PKEY *key);
/* Is it a key for this scheme? */
bool algorithms_key_fits(const EVP_PKEY *key, enum signature_scheme scheme);

const EVP_MD *algorithms_digest(enum digest digest);
/* Of the AlgorithmIdentifiers, whole: to be written. */
struct span algorithms_digest_identifier(enum digest digest);
/* Empty where we sign nothing with it. */
struct span algorithms_signature_identifier(enum signature_scheme scheme, enum digest digest);

#endif
