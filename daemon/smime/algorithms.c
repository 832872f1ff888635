/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/algorithms.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "smime/der.h"

/* RFC 5754, RFC 3370, RFC 4055, RFC 8419, in DER without tag and length. */
#define OID_SHA1 "\x2b\x0e\x03\x02\x1a"
#define OID_SHA256 "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define OID_SHA384 "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
#define OID_SHA512 "\x60\x86\x48\x01\x65\x03\x04\x02\x03"
#define OID_PKCS1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01" /* and one octet more */
#define OID_PSS OID_PKCS1 "\x0a"
#define OID_MGF1 OID_PKCS1 "\x08"
#define OID_ECDSA_SHA2 "\x2a\x86\x48\xce\x3d\x04\x03" /* and one octet more */
#define OID_ED25519 "\x2b\x65\x70"

/* What key makers have chosen is at most 65537; some would allow 32 bits. */
#define RSA_EXPONENT_BITS_MAX 32
/* The longest salt that is looked for: of the greatest key. */
#define SALT_BYTES_MAX (RSA_BITS_MAX / 8)

static const struct {
    struct span oid;
    struct span identifier; /* without parameters (RFC 5754 s. 2) */
} digests[] = {
    [DIGEST_SHA1] = {SPAN(OID_SHA1), SPAN("\x30\x07\x06\x05" OID_SHA1)},
    [DIGEST_SHA256] = {SPAN(OID_SHA256), SPAN("\x30\x0b\x06\x09" OID_SHA256)},
    [DIGEST_SHA384] = {SPAN(OID_SHA384), SPAN("\x30\x0b\x06\x09" OID_SHA384)},
    [DIGEST_SHA512] = {SPAN(OID_SHA512), SPAN("\x30\x0b\x06\x09" OID_SHA512)},
};
#define DIGESTS (sizeof digests / sizeof digests[0])

static const struct {
    struct span oid;
    enum signature_scheme scheme;
    bool any_digest; /* the one that SignerInfo names beside it; else `digest` is part of this identifier */
    enum digest digest;
} signatures[] = {
    {SPAN(OID_PKCS1 "\x01"), SIGNATURE_RSA, true, DIGEST_SHA256},
    {SPAN(OID_PKCS1 "\x05"), SIGNATURE_RSA, false, DIGEST_SHA1},
    {SPAN(OID_PKCS1 "\x0b"), SIGNATURE_RSA, false, DIGEST_SHA256},
    {SPAN(OID_PKCS1 "\x0c"), SIGNATURE_RSA, false, DIGEST_SHA384},
    {SPAN(OID_PKCS1 "\x0d"), SIGNATURE_RSA, false, DIGEST_SHA512},
    {SPAN(OID_PSS), SIGNATURE_PSS, true, DIGEST_SHA256},
    {SPAN(OID_ECDSA_SHA2 "\x02"), SIGNATURE_ECDSA, false, DIGEST_SHA256},
    {SPAN(OID_ECDSA_SHA2 "\x03"), SIGNATURE_ECDSA, false, DIGEST_SHA384},
    {SPAN(OID_ECDSA_SHA2 "\x04"), SIGNATURE_ECDSA, false, DIGEST_SHA512},
    {SPAN(OID_ED25519), SIGNATURE_ED25519, false, DIGEST_SHA512}, /* RFC 8419 s. 3.1 */
};

/* Parameters that say nothing: absent or NULL. */
static bool is_nothing(struct span parameters)
{
    return parameters.len == 0 || span_is(parameters, "\x05\x00");
}

enum smime_reason algorithms_digest_read(struct span digest, bool legacy, enum digest *ret_digest)
{
    struct span oid;
    if (!der_take(&digest, DER_OID, &oid) || !is_nothing(digest))
        return SMIME_ALG_REFUSED;
    for (size_t i = 0; i < DIGESTS; i++) {
        if (!span_equal(oid, digests[i].oid) || (i == DIGEST_SHA1 && !legacy))
            continue;
        *ret_digest = (enum digest)i;
        return SMIME_OK;
    }
    return SMIME_ALG_REFUSED;
}

static bool is_digest(struct span identifier, enum digest digest)
{
    enum digest found;
    return algorithms_digest_read(identifier, true, &found) == SMIME_OK && found == digest;
}

/* RSASSA-PSS-params (RFC 4055 s. 3.1): hash and mask of the same digest; what is absent is SHA-1's, which is none we would take here. */
static bool pss_read(struct span parameters, enum digest digest, uint32_t *ret_salt_bytes)
{
    struct span all, hash, mask, value, oid, inner;
    uint32_t salt = 20, trailer = 1;
    if (!der_take(&parameters, DER_SEQUENCE, &all) || parameters.len > 0 ||
        !der_take(&all, DER_CONTEXT_CONSTRUCTED, &value) || !der_take(&value, DER_SEQUENCE, &hash) ||
        value.len > 0 || !is_digest(hash, digest) || !der_take(&all, DER_CONTEXT_CONSTRUCTED + 1, &value) ||
        !der_take(&value, DER_SEQUENCE, &mask) || value.len > 0 || !der_take(&mask, DER_OID, &oid) ||
        !span_is(oid, OID_MGF1) || !der_take(&mask, DER_SEQUENCE, &inner) || mask.len > 0 ||
        !is_digest(inner, digest))
        return false;
    if (der_take(&all, DER_CONTEXT_CONSTRUCTED + 2, &value) &&
        (!der_take_uint(&value, &salt) || value.len > 0))
        return false;
    if (der_take(&all, DER_CONTEXT_CONSTRUCTED + 3, &value) &&
        (!der_take_uint(&value, &trailer) || value.len > 0))
        return false;
    if (all.len > 0 || trailer != 1 || salt > SALT_BYTES_MAX)
        return false;
    *ret_salt_bytes = salt;
    return true;
}

enum smime_reason algorithms_read(struct span digest, struct span signature, bool legacy,
                                  struct signature_algorithm *ret_algorithm)
{
    struct signature_algorithm found = {0};
    struct span oid;
    if (algorithms_digest_read(digest, legacy, &found.digest) != SMIME_OK ||
        !der_take(&signature, DER_OID, &oid))
        return SMIME_ALG_REFUSED;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        if (!span_equal(oid, signatures[i].oid))
            continue;
        found.scheme = signatures[i].scheme;
        if (!signatures[i].any_digest && signatures[i].digest != found.digest)
            return SMIME_ALG_REFUSED;
        if (found.scheme == SIGNATURE_PSS ? !pss_read(signature, found.digest, &found.salt_bytes)
                                          : !is_nothing(signature))
            return SMIME_ALG_REFUSED;
        *ret_algorithm = found;
        return SMIME_OK;
    }
    return SMIME_ALG_REFUSED;
}

static bool is_curve_good(const EVP_PKEY *key)
{
    static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1"};
    char name[64];
    size_t len;
    if (EVP_PKEY_get_group_name(key, name, sizeof name, &len) !=
        1) /* also a curve described by its numbers */
        return false;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (strcmp(name, curves[i]) == 0)
            return true;
    return false;
}

/* 65537 in nearly every key. One as long as the modulus makes a signature cost a hundred times as much, to us and not to its maker. */
static bool is_exponent_good(const EVP_PKEY *key)
{
    BIGNUM *exponent = NULL;
    bool is_good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
                   BN_num_bits(exponent) <= RSA_EXPONENT_BITS_MAX;
    BN_free(exponent);
    return is_good;
}

enum smime_reason algorithms_key_check(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519"))
        return SMIME_OK;
    if (EVP_PKEY_is_a(key, "EC"))
        return is_curve_good(key) ? SMIME_OK : SMIME_ALG_REFUSED;
    if (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "RSA-PSS"))
        return SMIME_ALG_REFUSED;
    int bits = EVP_PKEY_get_bits(key);
    if (bits < RSA_BITS_MIN)
        return SMIME_KEY_TOO_SMALL;
    return bits <= RSA_BITS_MAX && is_exponent_good(key) ? SMIME_OK : SMIME_ALG_REFUSED;
}

bool algorithms_key_fits(const EVP_PKEY *key, enum signature_scheme scheme)
{
    switch (scheme) {
    case SIGNATURE_RSA:
        return EVP_PKEY_is_a(key, "RSA");
    case SIGNATURE_PSS:
        return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
    case SIGNATURE_ECDSA:
        return EVP_PKEY_is_a(key, "EC");
    default:
        return EVP_PKEY_is_a(key, "ED25519");
    }
}

const EVP_MD *algorithms_digest(enum digest digest)
{
    switch (digest) {
    case DIGEST_SHA1:
        return EVP_sha1();
    case DIGEST_SHA256:
        return EVP_sha256();
    case DIGEST_SHA384:
        return EVP_sha384();
    default:
        return EVP_sha512();
    }
}

struct span algorithms_digest_identifier(enum digest digest)
{
    return digests[digest].identifier;
}

struct span algorithms_signature_identifier(enum signature_scheme scheme, enum digest digest)
{
    if (scheme == SIGNATURE_RSA && digest == DIGEST_SHA256)
        return SPAN("\x30\x0d\x06\x09" OID_PKCS1 "\x0b\x05\x00");
    if (scheme == SIGNATURE_RSA && digest == DIGEST_SHA1) /* as RFC 3370 s. 3.2 wants it */
        return SPAN("\x30\x0d\x06\x09" OID_PKCS1 "\x01\x05\x00");
    if (scheme == SIGNATURE_PSS && digest == DIGEST_SHA256) /* salt as long as the digest */
        return SPAN("\x30\x3d\x06\x09" OID_PSS "\x30\x30"
                    "\xa0\x0d\x30\x0b\x06\x09" OID_SHA256 "\xa1\x1a\x30\x18\x06\x09" OID_MGF1
                    "\x30\x0b\x06\x09" OID_SHA256 "\xa2\x03\x02\x01\x20");
    if (scheme == SIGNATURE_ECDSA && digest == DIGEST_SHA256)
        return SPAN("\x30\x0a\x06\x08" OID_ECDSA_SHA2 "\x02");
    if (scheme == SIGNATURE_ED25519 && digest == DIGEST_SHA512)
        return SPAN("\x30\x05\x06\x03" OID_ED25519);
    return (struct span){0};
}
