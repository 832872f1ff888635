/* SPDX-License-Identifier: Apache-2.0 */
/* What a person signs and opens with, and how PEM is read and S/MIME entities are written. Inside this room only. */
#ifndef MUSTER_SMIME_IDENTITY_H
#define MUSTER_SMIME_IDENTITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buffer.h"
#include "smime/make.h"

struct smime_identity {
    X509 *certificate;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
    struct buffer der; /* of the certificate */
};

/* The certificates of a text; NULL: none, or one that cannot be read. The caller's. */
STACK_OF(X509) * identity_certificates_read(struct span pem);
/* NULL: none that needs no password. The caller's. */
EVP_PKEY *identity_key_read(struct span pem);
/* Append a certificate's DER. */
void identity_der_put(struct buffer *out, X509 *certificate);

/* Write a line to `message`; returns `r`. */
int make_fail(struct buffer *message, int r, const char *text);
/* Base64 in lines, each ended by CRLF. */
void make_base64(struct buffer *out, struct span der);
/* Is it what smime_canonical() would make of it? 0; -EINVAL, -ENOMEM with a line. */
int make_canonical_check(struct span content, struct buffer *message);
/* application/pkcs7-mime around `der`. */
void make_entity(struct buffer *out, const char *smime_type, struct span der);

#endif
