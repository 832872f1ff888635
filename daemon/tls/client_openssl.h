/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' certificates, with OpenSSL's types. Inside this room only. */
#ifndef MUSTER_TLS_CLIENT_OPENSSL_H
#define MUSTER_TLS_CLIENT_OPENSSL_H

#include <openssl/ssl.h>

#include "tls/client.h"

/* Ask every client for a certificate of these authorities (PEM). 0 or -EINVAL: nothing usable in the file. */
int tls_client_ask(SSL_CTX *ctx, const char *authorities_path);
/* After the handshake; to be freed. NULL: no certificate, one that is not good, or one without an address (or no memory). */
struct tls_client *tls_client_read(const SSL *ssl);

#endif
