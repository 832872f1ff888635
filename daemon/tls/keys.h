/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivations of TLS: HKDF-Expand-Label and what hangs on it (RFC 8446 s. 7), the TLS 1.2 key block
 * (RFC 5246 s. 6.3). */
#ifndef MUSTER_TLS_KEYS_H
#define MUSTER_TLS_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "tls/secrets.h"

#define TLS_RANDOM_BYTES 32
#define TLS12_MASTER_BYTES 48

/* Of the AEAD key; 0 for TLS_SUITE_NONE. */
size_t tls_suite_key_bytes(enum tls_suite suite);

/* HKDF-Expand-Label(secret, label, "", len) with SHA-256 or SHA-384, as `hash_bytes` says; `secret` is that
 * long. 0, or -EINVAL (another hash), -EIO (the library failed). */
int tls_expand_label(uint8_t hash_bytes, const uint8_t *secret, const char *label, uint8_t *ret_bytes,
                     size_t len);

/* TLS-Exporter(label, "", len) of the exporter secret (RFC 8446 s. 7.5). As tls_expand_label. */
int tls_export(uint8_t hash_bytes, const uint8_t *secret, const char *label, uint8_t *ret_bytes, size_t len);

/* TLS 1.3: key and iv from d->secret, sequence 0 (RFC 8446 s. 7.3). */
int tls_direction_derive(struct tls_direction *d, enum tls_suite suite, uint8_t hash_bytes);
/* TLS 1.3: the next generation of secret, key and iv, sequence 0 (RFC 8446 s. 7.2). On failure `d` is as it
 * was. */
int tls_direction_update(struct tls_direction *d, enum tls_suite suite, uint8_t hash_bytes);

/* TLS 1.2: both directions' key and iv out of the master secret; sequences are 1, because each
 * side's Finished was record 0 (RFC 5246 s. 6.3). `s` has suite and hash_bytes already. */
int tls12_secrets_derive(struct tls_secrets *s, const uint8_t master[TLS12_MASTER_BYTES],
                         const uint8_t client_random[TLS_RANDOM_BYTES],
                         const uint8_t server_random[TLS_RANDOM_BYTES]);

#endif
