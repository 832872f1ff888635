/* SPDX-License-Identifier: Apache-2.0 */
/* Servers' certificates, with OpenSSL's types. Inside this room only. */
#ifndef MUSTER_TLS_SERVER_OPENSSL_H
#define MUSTER_TLS_SERVER_OPENSSL_H

#include <openssl/ssl.h>

#include "tls/server.h"

/* Look at the certificate of every other server by these authorities (PEM; NULL: the system's). 0 or -EINVAL:
 * nothing usable in the file. */
int tls_server_judge(SSL_CTX *ctx, const char *authorities_path);
/* After the handshake; to be freed. NULL: no certificate, or one that is not good (or no memory). */
struct tls_server *tls_server_read(const SSL *ssl);

#endif
