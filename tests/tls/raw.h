/* SPDX-License-Identifier: Apache-2.0 */
/* A second, plain reading of the record protection of RFC 8446 s. 5.2 and RFC 5246 s. 6.2.3.3, for tests that
 * must seal what the room itself never would. Shares no code with the room but the key derivation. */
#ifndef MUSTER_TESTS_TLS_RAW_H
#define MUSTER_TESTS_TLS_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "tls/secrets.h"

/* One direction of a connection; `sequence` moves with every call. */
struct raw_key {
    uint16_t version;
    uint8_t suite, hash_bytes;
    struct tls_direction direction;
};

/* Secrets as a handshake would leave them, from fixed bytes. */
void raw_secrets_make(struct tls_secrets *ret, uint16_t version, enum tls_suite suite);
/* The client's side of them: what it seals with, what it opens with. */
struct raw_key raw_client_seal_key(const struct tls_secrets *s);
struct raw_key raw_client_open_key(const struct tls_secrets *s);
void raw_key_update(struct raw_key *k);

/* Append one record around exactly `text`; in TLS 1.3 that includes the inner type and padding. */
void raw_seal(struct raw_key *k, uint8_t outer_type, struct span text, struct buffer *out);
/* Append one record of a content type, with `padding` zeros in TLS 1.3. */
void raw_seal_content(struct raw_key *k, uint8_t type, struct span content, size_t padding,
                      struct buffer *out);
/* Open the first record of `in`: its type and content; false when it is not whole or not authentic. */
bool raw_open(struct raw_key *k, struct span *in, uint8_t *ret_type, struct buffer *ret_content);

#endif
