/* SPDX-License-Identifier: Apache-2.0 */
/* Where a domain's server is (RFC 6120 s. 3.2, XEP-0368). */
#ifndef MUSTER_LINK_RESOLVE_H
#define MUSTER_LINK_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/span.h"
#include "jid/jid.h"

/* A server with more addresses has those tried first that it prefers. */
#define TARGETS_MAX 8
#define SERVER_PORT 5269

struct target {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t address_len;
    bool is_direct; /* TLS from the first byte */
};

struct resolution {
    char domain[JID_PART_BYTES_MAX + 1];
    uint16_t port;   /* the one to connect to; 0: what SRV records say */
    bool is_timeout; /* no name server has answered */
    uint32_t count;
    struct target targets[TARGETS_MAX];
};

/* By the configuration: is `host`, "domain=address:port", of `domain`? Then that is its one target, or its
 * address with ret->port. */
bool resolve_host(struct span host, struct span domain, struct resolution *ret);
/* By DNS; blocks. r->domain and r->port say what to look for. Nothing found: r->count is 0. */
void resolve_domain(struct resolution *r);
/* Where a server redirects to (RFC 6120 s. 4.9.3.19): "host", "host:port", a host being a domain, an IPv4
 * address, or an IPv6 address in brackets. An address is the one target at once; a domain is yet to be
 * resolved. False: it is none of these. */
bool resolve_place(struct span place, struct resolution *ret);

/* One SRV record. */
struct service_record {
    uint16_t priority, weight, port;
    bool is_direct;
    char target[256];
};
/* Bring them into the order in which they are to be tried (RFC 2782): by priority, and among equals at
 * random, by weight. */
void service_records_order(struct service_record *records, uint32_t count, uint32_t (*draw)(void *context),
                           void *context);

#endif
