/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' certificates, with OpenSSL's types. Inside this room only. */
#ifndef MUSTER_TLS_CLIENT_OPENSSL_H
#define MUSTER_TLS_CLIENT_OPENSSL_H

#include <openssl/ssl.h>

#include "tls/client.h"
#include "tls/context.h"

struct crls;
struct crls_snapshot;
struct ocsp;

struct revocation {
    enum tls_revocation list_mode, ocsp_mode;
    bool is_bad_refused;
    struct crls *lists; /* NULL: no lists */
    struct ocsp *ocsp;  /* NULL: nobody is asked */
    _Atomic uint64_t revoked, unknown;
};

/* revocation.c. 0, or negative errno with one line in `ret_message`. */
int revocation_open(struct revocation *r, const struct tls_settings *settings, struct buffer *ret_message);
void revocation_fini(struct revocation *r);
/* Verify what is set up in `chain`, with the lists there are. X509_V_OK, or why not. */
int revocation_verify(struct revocation *r, X509_STORE_CTX *chain, uint64_t *ret_generation,
                      uint64_t *ret_stale_s);
static inline bool revocation_is_on(const struct revocation *r)
{
    return r->lists || r->ocsp;
}

/* Ask every client for a certificate of these authorities (PEM). 0 or -EINVAL: nothing usable in the file. */
int tls_client_ask(SSL_CTX *ctx, const char *authorities_path, struct revocation *r);
/* After the handshake; to be given back. NULL: no certificate, one that is not good, or one without an
 * address (or no memory). */
struct tls_client *tls_client_read(const SSL *ssl, bool is_kept);
/* A chain as tls_client_check sets it up is checked as in a handshake. */
void tls_client_purpose_set(X509_STORE_CTX *chain);

#endif
