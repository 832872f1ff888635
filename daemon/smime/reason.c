/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/reason.h"

#include <stddef.h>

static const char *const names[SMIME_REASON_COUNT] = {
    [SMIME_OK] = "ok",
    [SMIME_NO_SIGNATURE] = "no-signature",
    [SMIME_BAD_MIME] = "bad-mime",
    [SMIME_BAD_CMS] = "bad-cms",
    [SMIME_ALG_REFUSED] = "alg-refused",
    [SMIME_KEY_TOO_SMALL] = "key-too-small",
    [SMIME_DIGEST_MISMATCH] = "digest-mismatch",
    [SMIME_SIG_INVALID] = "sig-invalid",
    [SMIME_NO_CERT] = "no-cert",
    [SMIME_CHAIN] = "chain",
    [SMIME_EXPIRED] = "expired",
    [SMIME_NOT_YET_VALID] = "not-yet-valid",
    [SMIME_REVOKED] = "revoked",
    [SMIME_EKU_MISSING] = "eku-missing",
    [SMIME_EKU_WRONG] = "eku-wrong",
    [SMIME_EKU_MIXED] = "eku-mixed",
    [SMIME_KU_WRONG] = "ku-wrong",
    [SMIME_NAME_MISMATCH] = "name-mismatch",
    [SMIME_INNER_FROM_MISMATCH] = "inner-from-mismatch",
    [SMIME_INNER_TO_MISMATCH] = "inner-to-mismatch",
    [SMIME_OLD_TIMESTAMP] = "old-timestamp",
    [SMIME_FUTURE_TIMESTAMP] = "future-timestamp",
    [SMIME_DECREASING_TIMESTAMP] = "decreasing-timestamp",
    [SMIME_REPLAY] = "replay",
    [SMIME_TOO_LARGE] = "too-large",
    [SMIME_BUSY] = "busy",
};

const char *smime_reason_name(enum smime_reason reason)
{
    return names[reason];
}
