/* SPDX-License-Identifier: Apache-2.0 */
/* Is a signer's certificate to be believed: its chain to an anchor (RFC 5280 s. 6), at a time. Inside this room only. */
#ifndef MUSTER_SMIME_CHAIN_H
#define MUSTER_SMIME_CHAIN_H

#include <openssl/x509.h>

#include "smime/certificate.h"
#include "smime/reason.h"
#include "smime/trust_openssl.h"

/* How long a verdict counts at most: what it does not know of (an anchor taken away is a new trust) is older than that nowhere. */
#define CHAIN_KEEP_S 3600

struct smime_trust {
    _Atomic uint32_t references;
    uint64_t id; /* no two of one process have the same */
    struct smime_trust_settings settings;
    X509_STORE *store;
    STACK_OF(X509) * intermediates;
    STACK_OF(X509_CRL) * lists; /* NULL: not looked at */
    struct smime_revocation_hook hook;
};

struct chain_verdict {
    enum smime_reason
        reason; /* SMIME_OK, SMIME_CHAIN, SMIME_EXPIRED, SMIME_NOT_YET_VALID, SMIME_REVOKED; SMIME_BUSY: without memory */
    int64_t until_s;        /* where it is OK: how long it stays so */
    STACK_OF(X509) * above; /* where it is OK: the chain without the leaf, the caller's; may be NULL */
};

/* `others`: certificates that the sender gave along; may be NULL. The purpose of the leaf itself is not judged here (purpose.h). */
struct chain_verdict chain_verify(const struct smime_trust *trust, const struct certificate *leaf,
                                  STACK_OF(X509) * others, int64_t now_s);

#endif
