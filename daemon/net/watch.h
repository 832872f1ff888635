/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that a BPF program looks at before the worker wakes: without TLS in the socket (offload/verdict.h), without or with the
 * kernel's TLS in the loop (ring/loop.h, slots). Within net/ only. */
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

/* Before a receive is armed: a slot of the loop, where its program can read what comes. */
void watch_slot_take(struct conn *c);
/* At rest, before it leaves the loop. Also where there is none. */
void watch_slot_give(struct conn *c);

#endif
