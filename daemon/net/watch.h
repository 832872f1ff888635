/* SPDX-License-Identifier: Apache-2.0 */
/* Connections without TLS that a BPF program looks at before the worker wakes (offload/verdict.h). Within net/ only. */
#ifndef MUSTER_NET_WATCH_H
#define MUSTER_NET_WATCH_H

#include <stddef.h>
#include <stdint.h>

struct conn;

/* So often a connection tries: it fails only when something comes in the very moment, or there is no place. */
#define WATCH_TRIES_MAX 7

/* At the end of a turn, of a connection that may be watched and is not yet. */
void watch_begin(struct conn *c);
/* So many octets were read, and their owner has been told. */
void watch_read(struct conn *c, size_t octets);
/* Before the socket is closed. Also where nothing is watched. */
void watch_end(struct conn *c);

#endif
