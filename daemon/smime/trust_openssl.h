/* SPDX-License-Identifier: Apache-2.0 */
/* Trust with OpenSSL's types: for this room and edge/, which keeps lists of revoked certificates and asks responders. */
#ifndef MUSTER_SMIME_TRUST_OPENSSL_H
#define MUSTER_SMIME_TRUST_OPENSSL_H

#include <stdint.h>

#include <openssl/x509.h>

#include "smime/trust.h"

enum smime_revocation {
    SMIME_REVOCATION_GOOD,
    SMIME_REVOCATION_REVOKED,
    SMIME_REVOCATION_UNKNOWN, /* nobody answers, and that is not good enough: refused (SMIME_CHAIN) */
    SMIME_REVOCATION_LATER, /* not on this thread: the verification fails with -ENOMEM, as one that is to be tried again */
};

/* Asked about each certificate of a chain that is good otherwise, from the signer's up, the anchor not: on the thread that verifies, which it may hold up. Not
 * asked again for a signer while the verdict on its chain is kept: until the first `ret_until_s` (since 1970; written unless UNKNOWN). Who softens
 * failures answers GOOD and a time soon. */
struct smime_revocation_hook {
    enum smime_revocation (*ask)(void *context, X509 *certificate, X509 *issuer, X509_STORE *authorities,
                                 uint64_t *ret_until_s);
    void *context; /* as long as the trust */
};

/* As smime_trust_new(). `lists`: NULL or empty: nobody is looked up in lists; taken over by reference to each. `hook`: NULL: nobody is asked. */
int smime_trust_new_openssl(const struct smime_trust_settings *settings, struct span anchors,
                            struct span intermediates, STACK_OF(X509_CRL) * lists,
                            const struct smime_revocation_hook *hook, struct smime_trust **ret_trust,
                            struct buffer *ret_message);

#endif
