/* SPDX-License-Identifier: Apache-2.0 */
/* One signer's signature, checked: over what was signed, with a key that is given. Whose key that is, is not asked here. One way for all algorithms, Ed25519 among them, which
 * OpenSSL's own CMS cannot check (RFC 8419). Inside this room only. */
#ifndef MUSTER_SMIME_SIGNATURE_H
#define MUSTER_SMIME_SIGNATURE_H

#include <openssl/evp.h>

#include "base/span.h"
#include "smime/algorithms.h"
#include "smime/certificate.h"
#include "smime/cms.h"
#include "smime/reason.h"

/* SMIME_OK; SMIME_DIGEST_MISMATCH: the text is not the one that was signed; SMIME_SIG_INVALID; SMIME_BUSY: without memory. */
enum smime_reason signature_check(const struct cms_signer *signer,
                                  const struct signature_algorithm *algorithm, EVP_PKEY *key,
                                  struct span content);
/* Does the signer mean this certificate, if it says which one (RFC 5035)? */
bool signature_means(const struct cms_signer *signer, const struct certificate *certificate);

#endif
