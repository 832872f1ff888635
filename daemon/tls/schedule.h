/* SPDX-License-Identifier: Apache-2.0 */
/* The key schedule of TLS 1.3, done for OpenSSL by hkdf.c: a provider of the one algorithm "TLS13-KDF". What
 * it derives while a handshake listens is how the handshake comes by its application secrets. Within tls/
 * only. */
#ifndef MUSTER_TLS_SCHEDULE_H
#define MUSTER_TLS_SCHEDULE_H

#include "tls/hkdf.h"

/* For SSL_CTX_new_ex: ours before the library's. Not a condition: other algorithms are the library's. */
#define SCHEDULE_QUERY "?provider=muster"

/* Application secrets of a handshake; *_len 0: not derived yet. */
struct schedule_secrets {
    uint8_t client_len, server_len, exporter_len;
    uint8_t client[HKDF_BYTES_MAX], server[HKDF_BYTES_MAX], exporter[HKDF_BYTES_MAX];
};

/* Make the algorithm known to the library. Whether it takes it when asked by SCHEDULE_QUERY: not where an
 * administrator has restricted the library to others (FIPS). */
bool schedule_is_ours(void);

/* What this thread derives from now on goes to `s`, too; NULL ends that. */
void schedule_listen(struct schedule_secrets *s);

#endif
