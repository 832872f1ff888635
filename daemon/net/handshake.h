/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's TLS handshake: its bytes go to a job thread and what comes of them back. Within net/ only. */
#ifndef MUSTER_NET_HANDSHAKE_H
#define MUSTER_NET_HANDSHAKE_H

#include "net/conn.h"

/* The peer's bytes while a handshake is under way. */
void conn_handshake_feed(struct conn *c, struct span bytes);
/* Takes a connection without a handshake; never while a step is with the job thread. */
void conn_handshake_free(struct conn *c);

#endif
