/* SPDX-License-Identifier: Apache-2.0 */
/* The outside of CMS objects (RFC 5652), read from DER: whole, within limits, borrowed. Nothing is computed and nothing believed here. */
#ifndef MUSTER_SMIME_CMS_H
#define MUSTER_SMIME_CMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* A signer, the authorities above it, and some to spare; each costs a look for an issuer. */
#define CMS_CERTIFICATES_MAX 8
/* Each costs an operation with a public key. */
#define CMS_SIGNERS_MAX 4
/* Of one signer: content type, digest, time, certificate, capabilities, ... */
#define CMS_ATTRIBUTES_MAX 32

enum { CMS_BAD = 1 };

enum cms_type { CMS_SIGNED, CMS_ENVELOPED, CMS_AUTH_ENVELOPED };

struct cms_signer {
    struct span issuer, serial; /* DER of the Name, the number's octets; or empty, and: */
    struct span key_id;         /* subjectKeyIdentifier */
    struct span digest_algorithm, signature_algorithm; /* within their SEQUENCE */
    struct span attributes;                            /* the signed ones, whole, with the tag [0] */
    struct span signature;
    struct span message_digest;
    bool has_signing_time;
    int64_t signing_time_s;
    struct span
        signing_certificate; /* SigningCertificateV2 within its SEQUENCE (RFC 5035); empty: it has none */
};

struct cms_signed {
    bool has_content;
    struct span content;                            /* the octets; opaque signing */
    struct span certificates[CMS_CERTIFICATES_MAX]; /* DER, whole */
    uint32_t certificate_count;
    struct cms_signer signers[CMS_SIGNERS_MAX];
    uint32_t signer_count; /* at least 1 */
};

/* ContentInfo: what is it? 0 or CMS_BAD (something around it, or of a type that has no place here: compressed, digested, encrypted). */
int cms_type_read(struct span der, enum cms_type *ret_type, struct span *ret_content);
/* SignedData, of cms_type_read(). 0 or CMS_BAD: also without signed attributes, which leaves it open what was signed, a text or attributes; with an
 * attribute twice or of several values; with content of another type than data. */
int cms_signed_read(struct span content, struct cms_signed *ret_signed);

#endif
