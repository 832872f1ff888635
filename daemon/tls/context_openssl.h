/* SPDX-License-Identifier: Apache-2.0 */
/* What context.c and handshake.c share; only they include it, because it names OpenSSL's types. */
#ifndef MUSTER_TLS_CONTEXT_OPENSSL_H
#define MUSTER_TLS_CONTEXT_OPENSSL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "tls/client_openssl.h"
#include "tls/context.h"
#include "tls/tickets.h"

/* The certificate of one domain. */
struct identity {
    char *domain;
    SSL_CTX *ctx; /* holds it, with key and chain, and does nothing else */
    uint8_t end_point_len;
    uint8_t end_point[64];
};

/* What a context hands on to the one that is made in its place: so tickets go on resuming, and what is known of revoked certificates
 * stays known. */
struct lasting {
    _Atomic uint32_t references;
    _Atomic uint32_t generation; /* contexts made that ask clients for certificates */
    struct tickets tickets;
    struct revocation revocation; /* of clients' certificates */
};

struct tls_context {
    _Atomic uint32_t references;
    SSL_CTX *ctx;
    enum tls_role role;
    struct identity *identities;
    uint32_t identity_count;
    struct lasting *lasting;
    uint32_t generation; /* which of those that ask clients for certificates, by lasting->generation; 0: it does not */
    /* tls-server-end-point of our certificate; len 0 where RFC 5929 leaves it undefined. */
    uint8_t end_point_len;
    uint8_t end_point[64];
};

/* The certificate for a connection whose client has named this host in its handshake (NULL: none), and this domain in its header. NULL:
 * the context's own. */
const struct identity *tls_identity_find(const struct tls_context *c, const char *host, struct span domain);
/* Let `ctx` call the handshake that owns an SSL: for its certificate, for ALPN, and for secrets where the library does not take our
 * key schedule. */
void tls_handshake_hook(SSL_CTX *ctx, bool is_schedule_ours);

#endif
