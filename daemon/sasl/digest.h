/* SPDX-License-Identifier: Apache-2.0 */
/* Hash functions by the names that XMPP gives them (XEP-0300), over OpenSSL. */
#ifndef MUSTER_SASL_DIGEST_H
#define MUSTER_SASL_DIGEST_H

#include <stdint.h>

#include "base/span.h"

#define DIGEST_BYTES_MAX 64

enum { DIGEST_UNKNOWN = 1 };

/* 0, DIGEST_UNKNOWN (no function of that name here) or -EIO. */
int digest_named(struct span name, struct span data, uint8_t ret_digest[static DIGEST_BYTES_MAX],
                 size_t *ret_bytes);
/* HMAC with SHA-256 (RFC 2104). 0 or -EIO. */
int digest_hmac_sha256(struct span key, struct span data, uint8_t ret_mac[static 32]);
bool digest_is_known(struct span name);

#endif
