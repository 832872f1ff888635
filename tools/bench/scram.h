/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of SCRAM (RFC 5802, RFC 7677), without channel binding. What the password hashing
 * costs is paid once per account: the derived keys are kept and used again while the server's salt and
 * iteration count stay the same. */
#ifndef MUSTER_BENCH_SCRAM_H
#define MUSTER_BENCH_SCRAM_H

#include <stdint.h>

#include "base/buffer.h"

enum scram_hash { SCRAM_SHA_1, SCRAM_SHA_256 };

#define SCRAM_HASH_BYTES_MAX 32
#define SCRAM_SALT_BYTES_MAX 64       /* servers use 12 to 36 */
#define SCRAM_ITERATIONS_MAX 1000000u /* beyond it a server would only keep us busy */
#define SCRAM_NONCE_BYTES 18

#define SCRAM_REFUSED 1 /* the server's message is malformed or does not prove that it knows us */

/* Keys derived from one password; zeroed is empty. Belongs to the account. */
struct scram_keys {
    uint8_t salt[SCRAM_SALT_BYTES_MAX];
    uint32_t salt_len;
    uint32_t iterations; /* 0: empty */
    enum scram_hash hash;
    uint8_t client_key[SCRAM_HASH_BYTES_MAX];
    uint8_t server_key[SCRAM_HASH_BYTES_MAX];
};

/* One exchange. */
struct scram {
    enum scram_hash hash;
    const char *password;
    struct scram_keys *keys;
    char nonce[64];
    struct buffer transcript; /* the AuthMessage as far as it is known */
    uint8_t server_signature[SCRAM_HASH_BYTES_MAX];
};

/* Begin; `nonce` NULL takes a random one. `password` and `keys` must outlive the exchange. 0 or -EIO. */
int scram_init(struct scram *s, enum scram_hash hash, const char *password, struct scram_keys *keys,
               const char *nonce);
void scram_fini(struct scram *s);

/* Append the client's first message for `user`. 0 or -ENOMEM. */
int scram_first(struct scram *s, const char *user, struct buffer *out);
/* Answer the server's first message. 0, SCRAM_REFUSED, or -errno. */
int scram_final(struct scram *s, struct span server_first, struct buffer *out);
/* Check the server's final message. 0 or SCRAM_REFUSED. */
int scram_verify(const struct scram *s, struct span server_final);

/* Base64 as SASL in XMPP wants it. 0 or -ENOMEM. */
int base64_append(struct buffer *out, struct span bytes);
/* Decoded bytes appended; 0, SCRAM_REFUSED when it is not base64, or -ENOMEM. */
int base64_decode(struct buffer *out, struct span text);

#endif
