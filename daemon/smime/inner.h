/* SPDX-License-Identifier: Apache-2.0 */
/* What was signed: who it says it is from, whom it is for, and when it was said. Only looked at once the signature is known to be good. Inside this
 * room only. */
#ifndef MUSTER_SMIME_INNER_H
#define MUSTER_SMIME_INNER_H

#include "smime/verify.h"

/* `content`: the octets that were signed. `signing_time`: of the signature, or NULL. Sets verdict->content, has_stamp and stamp as far as it comes.
 * 0, a reason (SMIME_BAD_MIME, SMIME_INNER_FROM_MISMATCH, SMIME_INNER_TO_MISMATCH, SMIME_FUTURE_TIMESTAMP), or -ENOMEM. */
int inner_check(const struct smime_claim *claim, struct span content, const struct moment *signing_time,
                struct smime_verdict *verdict);

#endif
