/* SPDX-License-Identifier: Apache-2.0 */
/* One end-to-end object of one stanza, verified (RFC 3923, with RFC 8551, 3862, 3863, 9734): all but its freshness, which is freshness.h's and of the
 * sender's thread. Any thread; may take half a millisecond. Decrypts nothing.
 *
 * The first of these that is so is the verdict's reason:
 *
 *  1. too-large              the text, and with it the object within
 *  2. no-signature           white space only; an entity that is no S/MIME object; an encrypted one (`form` tells)
 *  3. bad-mime               the entity around it; what it names as its protocol; base64
 *  4. bad-cms                not DER, too many of anything, another kind of object, no or odd signed attributes, no signer; strict: not exactly one
 *  5. alg-refused            of any signer: digest and signature, by name
 *  6. no-cert                of any signer (bad-cms: it is there and cannot be read)
 *  7. alg-refused, key-too-small  of any signer: kind and size of the key
 *  8. digest-mismatch, sig-invalid  signer by signer; the certificate is not the one that the signature names (RFC 5035)
 *     From here on it is about one signer, the sender: the first whose certificate names the stanza's from, else the first.
 *  9. chain                  also: it is an authority's, an extension that cannot be read, a list or an answer on revocation that is missing;
 *     expired, not-yet-valid, revoked: whichever OpenSSL finds first in the chain
 * 10. eku-missing, eku-wrong, eku-mixed
 * 11. ku-wrong
 * 12. name-mismatch          also: more names than CERTIFICATE_NAMES_MAX
 * 13. bad-mime               what was signed: CPIM, PIDF, XML; presence in a message or a message in presence; no time; strict: a document
 *                            that Message/CPIM is not around
 * 14. inner-from-mismatch    of Message/CPIM, of PIDF, of the stanza within
 * 15. inner-to-mismatch
 * 16. future-timestamp       of a tuple of PIDF */
#ifndef MUSTER_SMIME_VERIFY_H
#define MUSTER_SMIME_VERIFY_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "jid/jid.h"
#include "smime/moment.h"
#include "smime/reason.h"
#include "smime/trust.h"

/* Limits of hostile input (docs/smime.md): the element's text, the object within. */
#define SMIME_TEXT_BYTES_MAX 65536
#define SMIME_DER_BYTES_MAX 49152

enum smime_form { SMIME_FORM_NONE, SMIME_FORM_SIGNED, SMIME_FORM_OPAQUE, SMIME_FORM_ENCRYPTED };
enum smime_content {
    SMIME_CONTENT_OTHER,
    SMIME_CONTENT_MESSAGE,
    SMIME_CONTENT_PRESENCE,
    SMIME_CONTENT_STANZA
};
/* What the signer's certificate says it is for. */
enum smime_eku { SMIME_EKU_IM, SMIME_EKU_IM_MIXED, SMIME_EKU_LEGACY };

/* Certificates and what became of their chains, kept from one object to the next; bounded; locks itself. */
struct smime_cache;
struct smime_cache *smime_cache_new(uint32_t max); /* of each kind of entry; NULL without memory */
struct smime_cache *smime_cache_free(struct smime_cache *c);
/* Forget every verdict on chains: trust has changed. Certificates stay: they are looked at again. */
void smime_cache_forget(struct smime_cache *c);
struct smime_cache_counters {
    uint64_t chain_hits, chain_misses, certificate_hits, certificate_misses, evicted;
};
struct smime_cache_counters smime_cache_counters_read(struct smime_cache *c);

/* What the stanza around it says. */
struct smime_claim {
    struct jid from;  /* full or bare; its resource does not matter */
    struct jid to;    /* bare or full */
    bool is_presence; /* else a message or an iq */
    bool is_strict;   /* enforce: exactly one signer; presence within CPIM; no preamble */
    struct moment now;
};

struct smime_verdict {
    enum smime_reason reason;
    enum smime_form form;
    enum smime_content content;
    enum smime_eku eku;
    bool has_signer;    /* it got to 9: it is known whose key signed, and `eku` and the next three are set */
    uint8_t key_id[32]; /* SHA-256 of SubjectPublicKeyInfo */
    char jid
        [JID_BYTES_MAX]; /* bare, of the certificate, ended by NUL: the one that matched, or its first, or empty */
    uint8_t
        digest[32]; /* of what is signed (the attributes, the text's digest among them), for freshness_item */
    bool has_stamp;
    struct moment stamp; /* what the signer says the time is */
};

/* `text`: the character data of <e2e/>, decoded, as it came. `cache` may be NULL. Outcomes are in the verdict. 0 or -ENOMEM. */
int smime_verify(const struct smime_trust *trust, struct smime_cache *cache, const struct smime_claim *claim,
                 struct span text, struct smime_verdict *ret_verdict);

#endif
