/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers a server's certificate is for (RFC 6120 s. 13.7.1.2, 13.7.2; RFC 6125): taken out of the
 * handshake, after which the library's objects are gone. */
#ifndef MUSTER_TLS_SERVER_H
#define MUSTER_TLS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* A host with more domains than this has a certificate for each, or names them by a wildcard. */
#define TLS_SERVER_NAMES_MAX 256

enum tls_name_kind {
    TLS_NAME_DNS,  /* dNSName: a host's name, or "*." and a domain */
    TLS_NAME_SRV,  /* id-on-dnsSRV: "_xmpp-server." and a domain (RFC 4985) */
    TLS_NAME_XMPP, /* id-on-xmppAddr */
};

struct tls_name {
    uint8_t kind; /* enum tls_name_kind */
    uint16_t len;
    uint32_t at; /* in the text */
};

struct tls_server {
    uint32_t count;
    struct tls_name names[]; /* then their text, as written */
};

/* From names as the certificate has them; malloced, NULL without memory. */
struct tls_server *tls_server_new(const enum tls_name_kind *kinds, const struct span *names, uint32_t count);
/* Is the certificate one of a server of `domain`, which is prepared? Takes NULL, the certificate that is not
 * good. */
bool tls_server_is_for(const struct tls_server *s, struct span domain);

#endif
