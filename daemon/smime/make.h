/* SPDX-License-Identifier: Apache-2.0 */
/* Making signed and encrypted objects, and opening encrypted ones: for muster-smime and the tests. The daemon has no private keys. */
#ifndef MUSTER_SMIME_MAKE_H
#define MUSTER_SMIME_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

struct smime_identity; /* a certificate, its key, the chain above it */

/* PEM texts. `chain` may be empty. 0, -EINVAL, -ENOMEM with a line in `ret_message`. */
int smime_identity_new(struct span certificate, struct span key, struct span chain,
                       struct smime_identity **ret_identity, struct buffer *ret_message);
struct smime_identity *smime_identity_free(struct smime_identity *i);

struct smime_sign_options {
    bool is_opaque;           /* application/pkcs7-mime; smime-type=signed-data, else multipart/signed */
    bool without_certificate; /* RFC 3923 s. 6.6 */
    bool legacy;              /* SHA-1 (s. 6.10) */
    bool pss;                 /* RSA-PSS instead of PKCS#1 v1.5 */
    int64_t signing_time_s;   /* the attribute (RFC 8551 s. 2.5.1), since 1970; 0: none */
};
/* Append the S/MIME entity, lines ended by CRLF, around `content`, a whole canonical MIME entity. ECDSA, RSA, Ed25519 by the key, with
 * SHA-256 (Ed25519: SHA-512, RFC 8419). 0, -EINVAL, -ENOMEM, with a line in `ret_message`. */
int smime_sign(const struct smime_identity *signer, const struct smime_sign_options *options,
               struct span content, struct buffer *out, struct buffer *ret_message);

struct smime_encrypt_options {
    bool legacy; /* RSA v1.5, AES-128-CBC (RFC 3923 s. 6.10); else OAEP or ECDH with SHA-256, AES-256-GCM */
};
/* A person's devices, and the sender. */
#define SMIME_RECIPIENTS_MAX 8
/* `recipients`: PEM, up to SMIME_RECIPIENTS_MAX certificates, the sender's own among them; RSA or EC, with the keyUsage for it if they have one.
 * `content` and results as of smime_sign(). */
int smime_encrypt(struct span recipients, const struct smime_encrypt_options *options, struct span content,
                  struct buffer *out, struct buffer *ret_message);
/* `object`: as it stands in <e2e/>, canonical. Appends the entity within only once its integrity is known. 0; -EACCES: it cannot be opened, whatever
 * the reason (which is not told apart: RFC 3923 s. 7's oracle), algorithms that only `legacy_algorithms` lets in (RSA v1.5, CBC, which know of no
 * integrity) among them; -EINVAL: no encrypted object; -ENOMEM. */
int smime_decrypt(const struct smime_identity *recipient, bool legacy_algorithms, struct span object,
                  struct buffer *out, struct buffer *ret_message);

/* A request (PKCS #10, PEM) for a key (PEM) with every name form of `jid` and the purpose id-kp-imUri. */
int smime_request(struct span jid, struct span key, struct buffer *out, struct buffer *ret_message);

#endif
