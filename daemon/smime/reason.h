/* SPDX-License-Identifier: Apache-2.0 */
/* Why an end-to-end object (RFC 3923) does not count, in one word that users, logs, metrics and annotations share. */
#ifndef MUSTER_SMIME_REASON_H
#define MUSTER_SMIME_REASON_H

enum smime_reason {
    SMIME_OK,
    SMIME_NO_SIGNATURE, /* nothing signed: encrypted only, or no object at all where one is a must */
    SMIME_BAD_MIME,     /* MIME, CPIM, PIDF or XML within that its rules refuse */
    SMIME_BAD_CMS,
    SMIME_ALG_REFUSED,
    SMIME_KEY_TOO_SMALL,
    SMIME_DIGEST_MISMATCH,
    SMIME_SIG_INVALID,
    SMIME_NO_CERT, /* it carries none, and none is known */
    SMIME_CHAIN,
    SMIME_EXPIRED,
    SMIME_NOT_YET_VALID,
    SMIME_REVOKED,
    SMIME_EKU_MISSING,
    SMIME_EKU_WRONG,
    SMIME_EKU_MIXED, /* id-kp-imUri beside TLS purposes (RFC 9734 s. 4) */
    SMIME_KU_WRONG,
    SMIME_NAME_MISMATCH,
    SMIME_INNER_FROM_MISMATCH,
    SMIME_INNER_TO_MISMATCH,
    SMIME_OLD_TIMESTAMP,
    SMIME_FUTURE_TIMESTAMP,
    SMIME_DECREASING_TIMESTAMP,
    SMIME_REPLAY,
    SMIME_TOO_LARGE,
    SMIME_BUSY, /* could not be looked at in time */
    SMIME_REASON_COUNT
};

/* "ok", "bad-mime", ...: lower case, hyphens. */
const char *smime_reason_name(enum smime_reason reason);

#endif
