/* SPDX-License-Identifier: Apache-2.0 */
/* Streams between servers (RFC 6120; XEP-0220 dialback, XEP-0178 SASL EXTERNAL): what a worker has of them.
 * Those that others open stay with the worker that accepted them; those that we open belong to the worker
 * that the domain's hash names, which keeps what waits for it. What is to be sent comes from the routers, and
 * what has come goes to them, by route/remote.h. */
#ifndef MUSTER_LINK_LINK_H
#define MUSTER_LINK_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/timer.h"
#include "link/dialback.h"
#include "net/address.h"
#include "net/conn.h"
#include "route/remote.h"
#include "xml/scanner.h"

struct link_settings {
    const struct span *domains; /* ours, prepared */
    uint32_t domain_count;
    struct tls_context *incoming, *outgoing;
    const char *const *hosts; /* "domain=address:port" */
    uint32_t host_count;
    char dialback[DIALBACK_SECRET_BYTES + 1];
    bool has_dialback, has_bidi;
    bool wants_certificates; /* of every server, also with dialback */
    struct jobs *resolvers;  /* threads of their own, for a dead name server must not hold up handshakes */
    struct address_limit *addresses;
    uint32_t stanza_bytes_max, unauthenticated_bytes_max;
    uint32_t streams_max, queue_stanzas_max, queue_bytes_max;
    uint32_t connect_timeout_ms, login_timeout_ms, idle_timeout_ms;
    uint32_t retry_first_ms, retry_max_ms;
    uint32_t stanza_rate, byte_rate, rate_burst_s; /* of one stream; rate 0: no limit */
};

/* One worker's. */
struct links {
    const struct link_settings *settings;
    struct net *net;
    struct router *router;
    struct links **peers; /* of all workers, this one among them */
    uint32_t index, count;
    struct xml_limits limits;
    struct arena arena;        /* reset after every item */
    struct stanza stanza;      /* scratch: large */
    struct list streams;       /* struct link */
    struct hash_table numbers; /* the same, by number */
    struct hash_table remotes; /* struct remote: pairs of a domain of ours and another, by both */
    uint32_t stream_count, operations;
    _Atomic int64_t
        deliveries;         /* stanzas, batches of them and sightings on their way here from other workers */
    uint64_t numbers_given; /* counts the streams, for answers that come later */
    struct timer leaving;
    bool is_stopping; /* nothing new is begun */
    bool has_left;    /* nothing leaves any more */
    struct link_counters {
        uint64_t accepted, refused, opened, authenticated_incoming, authenticated_outgoing, failed,
            stream_errors, throttled;
        uint64_t bidirectional, stanzas_received, stanzas_sent, stanzas_failed;
        uint64_t incoming, outgoing, queued; /* now */
    } counters;
};

/* The peers' table must be complete before the first event. */
void links_init(struct links *l, const struct link_settings *settings, struct net *net, struct router *router,
                struct links **peers, uint32_t index, uint32_t count);
void links_fini(struct links *l);

/* For router_remote_use: the context is a struct links. */
extern const struct remote_link links_remote;

/* Another server has connected; takes the socket over. */
void links_accept(struct links *l, int fd, bool is_direct);

/* End all streams, a moment later, so that what the end of the clients' streams has to tell still goes out;
 * and at once. */
void links_stop(struct links *l);
void links_abort(struct links *l);
bool links_are_idle(const struct links *l);

/* For the administrator: a line for each stream, and for each domain that is being tried or waits to be. */
void links_write(struct links *l, struct buffer *out);

#endif
