/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 for the floor: OpenSSL shakes hands, then each connection keeps only its keyed AES-128-GCM context,
 * and a record is the bare EVP calls. */
#ifndef MUSTER_BENCH_FLOOR_TLS_H
#define MUSTER_BENCH_FLOOR_TLS_H

#include <stddef.h>
#include <stdint.h>

/* Record header, content type, tag (RFC 8446 section 5.2). */
#define FLOOR_TLS_OVERHEAD (5 + 1 + 16)

struct floor_tls;

/* With a certificate of its own, made here. NULL when something fails. */
struct floor_tls *floor_tls_new(uint32_t connections);
/* Shake hands on the blocking socket; connection 0 can floor_tls_open afterwards. 0 or -EPROTO. */
int floor_tls_accept(struct floor_tls *t, uint32_t connection, int fd);
/* Seal into `record`, which has room for len + FLOOR_TLS_OVERHEAD. Bytes of the record; 0 when the library
 * failed. */
size_t floor_tls_seal(struct floor_tls *t, uint32_t connection, const char *plain, size_t len, char *record);
/* Open in place what connection 0 received. Bytes of plain text; -1 when it is not a whole, right record. */
int floor_tls_open(struct floor_tls *t, char *bytes, int len, size_t size);

#endif
