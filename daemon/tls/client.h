/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's certificate says of it (RFC 6120 s. 13.7.1.4, 13.7.2): taken out of the handshake, after
 * which the library's objects are gone; and whether it has been revoked since. */
#ifndef MUSTER_TLS_CLIENT_H
#define MUSTER_TLS_CLIENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/span.h"

struct tls_context;

/* A certificate is one person's; who needs more addresses than this has a certificate for each. */
#define TLS_CLIENT_ADDRESSES_MAX 16

struct tls_client {
    _Atomic uint32_t references;
    uint64_t expires_s; /* since 1970: of the certificate, or of one above it */
    struct span chain;  /* DER, one behind the other, its own first; empty: nobody will ask
                           (tls_context_checks_clients) */
    uint32_t count;
    struct span addresses[TLS_CLIENT_ADDRESSES_MAX]; /* JIDs as written, not prepared; in `text` */
    char text[];
};

/* Constant but for the count: any thread. */
struct tls_client *tls_client_ref(struct tls_client *c);
struct tls_client *tls_client_unref(struct tls_client *c); /* takes NULL, returns NULL */

enum tls_client_status {
    TLS_CLIENT_GOOD,
    TLS_CLIENT_REVOKED, /* or nothing that the authorities vouch for any more */
    TLS_CLIENT_UNKNOWN, /* who should know does not say, and the settings do not let that pass */
};

/* What the last check rests on; zeroed before the first. */
struct tls_client_look {
    uint64_t generation; /* of the lists */
    uint32_t context;    /* whose authorities were asked: its generation */
    uint64_t until_s;    /* since 1970: then it is to be done again */
};

/* Lists and responders, as the context's settings say. May wait for the network: on a thread for that. Costs
 * nothing while what the last check rests on still holds. */
enum tls_client_status tls_client_check(struct tls_context *context, const struct tls_client *c,
                                        struct tls_client_look *look);

struct tls_client_counters {
    uint64_t revoked, unknown; /* checks, those of handshakes among them, that ended so or would have */
    uint64_t lists_read, lists_failed; /* files that had changed, and could be read or not */
    uint64_t asked, ask_failed;        /* questions to responders */
};

#endif
