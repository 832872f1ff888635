/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's certificate says of it (RFC 6120 s. 13.7.1.4, 13.7.2): taken out of the handshake, after which the library's
 * objects are gone. */
#ifndef MUSTER_TLS_CLIENT_H
#define MUSTER_TLS_CLIENT_H

#include <stdint.h>

#include "base/span.h"

/* A certificate is one person's; who needs more addresses than this has a certificate for each. */
#define TLS_CLIENT_ADDRESSES_MAX 16

struct tls_client {
    uint64_t expires_s; /* since 1970: of the certificate, or of one above it */
    uint32_t count;
    struct span addresses[TLS_CLIENT_ADDRESSES_MAX]; /* JIDs as written, not prepared; in `text` */
    char text[];
};

#endif
