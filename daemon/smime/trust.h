/* SPDX-License-Identifier: Apache-2.0 */
/* Whom we believe: authorities (anchors), certificates between them and signers, revocation lists, and what a signer's certificate must be for. Made
 * once, then constant and counted: any thread. A reload makes a new one. The library's types stay in this room but for
 * smime/trust_openssl.h, which edge/ (lists and responders) sees as well. */
#ifndef MUSTER_SMIME_TRUST_H
#define MUSTER_SMIME_TRUST_H

#include "base/buffer.h"
#include "base/span.h"

/* What the extended key usage of a signer's certificate must say (RFC 9734; docs/smime.md has the table). */
enum smime_purpose {
    SMIME_PURPOSE_REQUIRE, /* id-kp-imUri; the default */
    SMIME_PURPOSE_STRICT,  /* and no purpose of TLS beside it */
    SMIME_PURPOSE_LEGACY,  /* as certificates of RFC 3923's days: also none, any, or e-mail */
};

struct smime_trust_settings {
    enum smime_purpose purpose;
    bool legacy_algorithms; /* SHA-1, RSA key transport v1.5, CBC: RFC 3923 s. 6.10 */
};

struct smime_trust;

/* Once, before any thread: the purpose is made known to OpenSSL. 0 or -EIO. */
int smime_library_begin(void);
/* A line of warning when the OpenSSL that runs lacks fixes that matter here; NULL when it has them. */
const char *smime_library_warning(void);

/* PEM texts: anchors (at least one), intermediates (may be empty), CRLs (may be empty; then nobody is looked up in lists; not empty: every
 * certificate of a chain must be in one that is up to date). 0, or -EINVAL, -ENOMEM with a line in `ret_message`. */
int smime_trust_new(const struct smime_trust_settings *settings, struct span anchors,
                    struct span intermediates, struct span crls, struct smime_trust **ret_trust,
                    struct buffer *ret_message);
struct smime_trust *smime_trust_ref(struct smime_trust *t);
struct smime_trust *smime_trust_unref(struct smime_trust *t); /* takes NULL, returns NULL */

#endif
