/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/signature.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "smime/der.h"

/* Attributes that fit are made ready on the stack: a signer has about 100 octets of them, with capabilities 250. */
#define ATTRIBUTES_BYTES_USUAL 1024

static bool is_digest_of(const EVP_MD *md, struct span text, struct span digest)
{
    unsigned char found[EVP_MAX_MD_SIZE];
    unsigned int len;
    return EVP_Digest(text.ptr, text.len, found, &len, md, NULL) == 1 && digest.len == len &&
           CRYPTO_memcmp(found, digest.ptr, len) == 0;
}

static bool pss_prepare(EVP_PKEY_CTX *ctx, const struct signature_algorithm *algorithm, const EVP_MD *md)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)algorithm->salt_bytes) == 1;
}

static enum smime_reason key_operation(const struct signature_algorithm *algorithm, EVP_PKEY *key,
                                       const uint8_t *signed_set, size_t len, struct span signature)
{
    enum smime_reason reason = SMIME_SIG_INVALID;
    const EVP_MD *md = algorithm->scheme == SIGNATURE_ED25519 ? NULL : algorithms_digest(algorithm->digest);
    EVP_PKEY_CTX *key_ctx;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx)
        return SMIME_BUSY;
    if (EVP_DigestVerifyInit(ctx, &key_ctx, md, NULL, key) == 1 &&
        (algorithm->scheme != SIGNATURE_PSS || pss_prepare(key_ctx, algorithm, md)) &&
        EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len, signed_set, len) == 1)
        reason = SMIME_OK;
    else
        ERR_clear_error();
    EVP_MD_CTX_free(ctx);
    return reason;
}

enum smime_reason signature_check(const struct cms_signer *signer,
                                  const struct signature_algorithm *algorithm, EVP_PKEY *key,
                                  struct span content)
{
    uint8_t usual[ATTRIBUTES_BYTES_USUAL], *signed_set = usual;
    if (!is_digest_of(algorithms_digest(algorithm->digest), content, signer->message_digest))
        return SMIME_DIGEST_MISMATCH;
    if (!algorithms_key_fits(key, algorithm->scheme))
        return SMIME_SIG_INVALID;
    if (signer->attributes.len > sizeof usual && !(signed_set = malloc(signer->attributes.len)))
        return SMIME_BUSY;
    /* What is signed has the tag of a SET OF, not the [0] that it is sent with (RFC 5652 s. 5.4). */
    memcpy(signed_set, signer->attributes.ptr, signer->attributes.len);
    signed_set[0] = DER_SET;
    enum smime_reason reason =
        key_operation(algorithm, key, signed_set, signer->attributes.len, signer->signature);
    if (signed_set != usual)
        free(signed_set);
    return reason;
}

bool signature_means(const struct cms_signer *signer, const struct certificate *certificate)
{
    struct span list = signer->signing_certificate, certificates, first, algorithm, hash;
    unsigned char found[EVP_MAX_MD_SIZE];
    unsigned int len;
    enum digest digest = DIGEST_SHA256;
    if (list.len == 0)
        return true;
    if (!der_take(&list, DER_SEQUENCE, &certificates) || !der_take(&certificates, DER_SEQUENCE, &first))
        return false;
    if (der_is_next(first, DER_SEQUENCE) && (!der_take(&first, DER_SEQUENCE, &algorithm) ||
                                             algorithms_digest_read(algorithm, false, &digest) != SMIME_OK))
        return false;
    if (!der_take(&first, DER_OCTETS, &hash))
        return false;
    if (digest == DIGEST_SHA256)
        return span_equal(hash, span_make((const char *)certificate->hash, CERTIFICATE_HASH_BYTES));
    return X509_digest(certificate->x509, algorithms_digest(digest), found, &len) == 1 &&
           span_equal(hash, span_make((const char *)found, len));
}
