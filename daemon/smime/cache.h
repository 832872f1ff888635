/* SPDX-License-Identifier: Apache-2.0 */
/* Signers whose chains were found good, kept from one object to the next, so that neither is a certificate decoded again nor its chain verified; and found by
 * issuer and serial number, or by key identifier, for objects that bring no certificate (RFC 3923 s. 6.6). Any thread. Inside this room only;
 * smime/verify.h has what others see. */
#ifndef MUSTER_SMIME_CACHE_H
#define MUSTER_SMIME_CACHE_H

#include "smime/certificate.h"
#include "smime/chain.h"
#include "smime/cms.h"
#include "smime/verify.h"

struct cache_found {
    struct certificate *certificate; /* the caller's reference; NULL: not found */
    STACK_OF(X509) * above;          /* the caller's; what was above it when it was good; may be NULL */
    bool is_good;                    /* its chain is known to be good now, by this trust */
};

/* By the certificate's DER. */
struct cache_found cache_find(struct smime_cache *c, const struct smime_trust *trust, struct span der,
                              int64_t now_s);
/* By what a signer says of its certificate; of several under one identifier the one that is `jid`'s, in
 * force at `now_s`, and the last that was issued, in this order. */
struct cache_found cache_find_signer(struct smime_cache *c, const struct smime_trust *trust,
                                     const struct cms_signer *signer, struct span jid, int64_t now_s);
void cache_found_fini(struct cache_found *found);

/* Taken before the chain is verified and given when it is kept: what was verified before a smime_cache_forget() is not kept as good after it. */
uint64_t cache_epoch(struct smime_cache *c);
/* Remember it: good from now until `until_s`. Without memory it is not remembered. */
void cache_keep(struct smime_cache *c, const struct smime_trust *trust, struct certificate *certificate,
                struct span der, STACK_OF(X509) * above, int64_t now_s, int64_t until_s, uint64_t epoch);

#endif
