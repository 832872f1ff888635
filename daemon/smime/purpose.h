/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate's extended key usage lets its owner do here (RFC 9734, RFC 5280 s. 4.2.1.12). Inside this room only. */
#ifndef MUSTER_SMIME_PURPOSE_H
#define MUSTER_SMIME_PURPOSE_H

#include <stdint.h>

#include <openssl/x509.h>

#include "smime/reason.h"
#include "smime/trust.h"
#include "smime/verify.h"

#define PURPOSE_IM_OID "1.3.6.1.5.5.7.3.40"

enum { PURPOSE_IM = 1, PURPOSE_ANY = 2, PURPOSE_EMAIL = 4, PURPOSE_TLS = 8, PURPOSE_OTHER = 16 };

struct purposes {
    bool is_present;
    uint32_t set; /* of the bits above */
};

/* Make the purposes known to OpenSSL; once, before any thread. 0 or -EIO. */
int purpose_register(void);
/* The number to give to X509_STORE_CTX_set_purpose(). */
int purpose_id(enum smime_purpose mode);

/* An extension that cannot be read allows nothing. */
struct purposes purpose_read(const X509 *certificate);
/* SMIME_OK, SMIME_EKU_MISSING, SMIME_EKU_WRONG, SMIME_EKU_MIXED; ret_eku is always set. */
enum smime_reason purpose_judge(struct purposes p, enum smime_purpose mode, enum smime_eku *ret_eku);

#endif
