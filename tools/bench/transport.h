/* SPDX-License-Identifier: Apache-2.0 */
/* One non-blocking TCP connection, plain or under TLS, with a queue for what the kernel does not take. */
#ifndef MUSTER_BENCH_TRANSPORT_H
#define MUSTER_BENCH_TRANSPORT_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "loop.h"

struct ssl_st;
struct ssl_ctx_st;

#define TRANSPORT_WAIT 1 /* not yet; the socket will become ready */

struct transport {
    int fd;              /* -1: closed */
    struct ssl_st *ssl;  /* NULL: plain */
    bool is_shaking;     /* the TLS handshake runs */
    bool waits_to_write; /* epoll is asked for writability */
    struct buffer out;
    struct loop *loop;
    struct loop_source *source;
};

/* How to reach the server; shared by all connections. */
struct transport_target {
    struct sockaddr_storage address;
    socklen_t address_len;
    struct ssl_ctx_st *tls; /* NULL: none made yet */
    const char *tls_name;   /* SNI, and the name the certificate must bear when it is checked */
    bool checks_certificate;
};

/* A context for all connections. `ca_file` NULL: the system's authorities. `suite` NULL: OpenSSL's choice;
 * otherwise TLS 1.3 with that one and nothing else. 0 or -errno. */
int transport_tls_context(struct transport_target *target, const char *ca_file, bool insecure,
                          const char *suite);

void transport_init(struct transport *t, struct loop *loop, struct loop_source *source);
/* Give the descriptor and all memory back; `reset` sends RST instead of FIN. */
void transport_close(struct transport *t, bool reset);

/* Start connecting, from 127.0.0.`source_host` when that is not 0. 0 or -errno; the source is told by
 * EPOLLOUT. */
int transport_connect(struct transport *t, const struct transport_target *target, unsigned source_host);
/* How connecting ended. 0 or -errno. */
int transport_connected(struct transport *t);
/* Begin TLS; `direct` offers the ALPN name. 0 or -EIO. */
int transport_tls_start(struct transport *t, const struct transport_target *target, bool direct);
/* Go on with the handshake. 0 when done, TRANSPORT_WAIT, or -EIO with text in `reason`. */
int transport_tls_go_on(struct transport *t, char *reason, size_t reason_size);

/* Do not read any more, or go on. The kernel still takes what its buffer holds, which does not grow
 * meanwhile. 0 or -errno. */
int transport_pause(struct transport *t, bool pauses);
/* Bytes read (> 0), 0 at the end of the stream, -EAGAIN, or -errno. */
ssize_t transport_read(struct transport *t, char *to, size_t size);
/* Send, or queue what cannot be sent now. 0 or -errno. */
int transport_write(struct transport *t, struct span bytes);
/* The socket may take more. 0 or -errno. */
int transport_flush(struct transport *t);

#endif
