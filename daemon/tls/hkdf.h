/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF as TLS 1.3 uses it (RFC 5869, RFC 8446 s. 7.1), over OpenSSL's SHA-256 and SHA-384. Within tls/
 * only. */
#ifndef MUSTER_TLS_HKDF_H
#define MUSTER_TLS_HKDF_H

#include <stdint.h>

#include "base/span.h"

/* Of the largest hash. */
#define HKDF_BYTES_MAX 48

/* All return 0, -EINVAL (neither hash, or more than a label or an output can be) or -EIO (the library
 * failed). `hash_bytes` is 32 or 48. */

int hkdf_hash(uint8_t hash_bytes, struct span text, uint8_t *ret_hash);
/* HKDF-Extract(salt, key). Empty ones are right. */
int hkdf_extract(uint8_t hash_bytes, struct span salt, struct span key, uint8_t *ret_secret);
/* HKDF-Expand-Label(secret, prefix + label, context, len); the prefix of TLS 1.3 is "tls13 ". */
int hkdf_expand_label(uint8_t hash_bytes, struct span secret, struct span prefix, struct span label,
                      struct span context, uint8_t *ret_bytes, size_t len);

#endif
