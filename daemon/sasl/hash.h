/* SPDX-License-Identifier: Apache-2.0 */
/* The hash functions SCRAM is built of, over OpenSSL. Inside this room only. */
#ifndef MUSTER_SASL_HASH_H
#define MUSTER_SASL_HASH_H

#include <stdint.h>

#include "base/span.h"
#include "sasl/sasl.h"

enum sasl_hash { SASL_SHA_256, SASL_SHA_1 };

/* 32 or 20. */
size_t sasl_hash_bytes(enum sasl_hash hash);

/* H(), HMAC(). ret: sasl_hash_bytes(hash). 0 or -EIO. */
int sasl_hash_digest(enum sasl_hash hash, struct span data, uint8_t *ret_digest);
int sasl_hash_hmac(enum sasl_hash hash, struct span key, struct span data, uint8_t *ret_mac);

/* Hi(): PBKDF2 with one block of output (RFC 5802 s. 2.2). 0 or -EIO. */
int sasl_hash_stretch(enum sasl_hash hash, struct span password, struct span salt, uint32_t iterations,
                      uint8_t *ret_salted);

/* StoredKey and ServerKey of RFC 5802 s. 3. Slow. 0 or -EIO. */
int sasl_hash_derive_keys(enum sasl_hash hash, struct span password, struct span salt, uint32_t iterations,
                          uint8_t *ret_stored_key, uint8_t *ret_server_key);

static inline struct span sasl_hash_span(const uint8_t *bytes, size_t len)
{
    return span_make((const char *)bytes, len);
}

#endif
