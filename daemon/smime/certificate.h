/* SPDX-License-Identifier: Apache-2.0 */
/* A signer's certificate (RFC 5280): what it says, read once, then constant and counted. Whether it is to be believed is trust.h's.
 * Inside this room only. */
#ifndef MUSTER_SMIME_CERTIFICATE_H
#define MUSTER_SMIME_CERTIFICATE_H

#include <stdatomic.h>

#include <openssl/x509.h>

#include "base/span.h"
#include "jid/jid.h"
#include "smime/purpose.h"

/* More alternative names than any person has; each is mapped as a JID. Beyond it none of them counts. */
#define CERTIFICATE_NAMES_MAX 32
#define CERTIFICATE_HASH_BYTES 32

enum { CERTIFICATE_BAD = 1 };

/* Where the things stand that SignerIdentifier names, without decoding the rest. Borrowed. */
struct certificate_outline {
    struct span issuer; /* whole, with its tag */
    struct span serial; /* octets of the INTEGER */
    struct span key_id; /* subjectKeyIdentifier; empty: it has none */
};
int certificate_outline_read(struct span der,
                             struct certificate_outline *ret_outline); /* 0 or CERTIFICATE_BAD */

struct certificate {
    _Atomic uint32_t references;
    X509 *x509;
    EVP_PKEY *key;                        /* the certificate's */
    uint8_t hash[CERTIFICATE_HASH_BYTES]; /* SHA-256 of the DER */
    uint8_t key_id[32];                   /* SHA-256 of SubjectPublicKeyInfo */
    enum smime_reason key_reason;         /* may a key of this kind and size sign? */
    enum smime_reason key_usage_reason;   /* SMIME_OK or SMIME_KU_WRONG */
    struct purposes purposes;
    int64_t starts_s, ends_s; /* it is in force between */
    bool is_sound;            /* its extensions can be read, and it is no authority's */
    uint32_t name_count;
    char *names; /* bare JIDs, each ended by NUL */
};

/* Seconds since 1970; INT64_MAX: there is no time, or none that can be read. */
int64_t certificate_seconds(const ASN1_TIME *t);
void certificate_hash(struct span der, uint8_t ret_hash[static CERTIFICATE_HASH_BYTES]);
/* 0, CERTIFICATE_BAD, -ENOMEM. */
int certificate_new(struct span der, struct certificate **ret_certificate);
struct certificate *certificate_ref(struct certificate *c);
struct certificate *certificate_unref(struct certificate *c); /* takes NULL, returns NULL */
/* Is it this bare JID's? */
bool certificate_names(const struct certificate *c, struct span bare_jid);
/* Of two that one identifier names: is it rather `b` that signed? The one that is the sender's, this bare JID; else one that is in force, for a key may
 * have had a certificate before; else the last that was issued. */
bool certificate_is_better(const struct certificate *a, const struct certificate *b, struct span bare_jid,
                           int64_t now_s);
/* Its first name; empty: it has none. */
struct span certificate_first_name(const struct certificate *c);

#endif
