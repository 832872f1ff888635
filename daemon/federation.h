/* SPDX-License-Identifier: Apache-2.0 */
/* Other servers, wired: settings, certificates, listeners and resolver threads of the process; each worker's
 * streams. Without `federation.enabled` there is none of it, and every function here does nothing. */
#ifndef MUSTER_FEDERATION_H
#define MUSTER_FEDERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct broker;
struct config;
struct tls_context;
struct worker;
struct federation;
struct links;

/* Before the workers start. 0, or negative errno with one line in ret_message. */
int federation_open(struct broker *b, struct buffer *ret_message);
/* Every worker has ended: wait for the resolvers; and when the loops are freed: the rest. */
void federation_end(struct federation *f);
struct federation *federation_free(struct federation *f); /* takes NULL, returns NULL */

/* Contexts towards other servers, of each end. */
struct federation_tls {
    struct tls_context *incoming, *outgoing;
};
/* Of a configuration that was read again, in place of those there are. 0, or negative errno with one line in ret_message; *ret_tls is to be
 * given back in either case. */
int federation_tls_renew(const struct federation *f, const struct config *c, struct federation_tls *ret_tls,
                         struct buffer *ret_message);
void federation_tls_unref(struct federation_tls *tls);
/* On the worker: its next handshakes use these. When all workers do: they are those there are, and *tls those that were. */
void federation_worker_tls(struct worker *w, const struct federation_tls *tls);
void federation_tls_swap(struct federation *f, struct federation_tls *tls);

/* On the worker, as the functions of worker.h with these names. */
void federation_worker_open(struct worker *w);
void federation_listen(struct worker *w);
void federation_stop(struct worker *w);
void federation_abort(struct worker *w);
bool federation_is_idle(const struct worker *w);
void federation_worker_close(struct worker *w);
/* Streams that other servers have opened here, and which stay here. */
uint64_t federation_streams(const struct worker *w);
/* The listening sockets: how many each worker has, and one of them. */
uint32_t federation_listener_count(const struct broker *b);
int federation_listener_fd(const struct broker *b, uint32_t worker, uint32_t listener);
/* NULL: none. */
struct links *federation_links(const struct worker *w);

#endif
