/* SPDX-License-Identifier: Apache-2.0 */
/* One TLS handshake, of the end that the context's role says, done by OpenSSL over memory: whole records in, bytes out. At its end the
 * traffic secrets and channel-binding values are taken out and the library's connection object is freed (RFC
 * 8446, RFC 9266, RFC 5929). A handshake step may run on any thread; one step at a time. */
#ifndef MUSTER_TLS_HANDSHAKE_H
#define MUSTER_TLS_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "tls/context.h"
#include "tls/secrets.h"

struct tls_handshake;

enum { TLS_MORE = 1, TLS_BAD = 2 };

/* `direct`: direct TLS (XEP-0368): ALPN ("xmpp-client", or "xmpp-server") is required if the client offers
 * ALPN at all, and offered where we are the client.
 * NULL without memory. Refs the context. */
struct tls_handshake *tls_handshake_new(struct tls_context *context, bool direct);
/* The domain that the client has asked for already, whose certificate it gets if it names no other; outlives `h`. */
void tls_handshake_expect(struct tls_handshake *h, struct span domain);
struct tls_handshake *tls_handshake_free(struct tls_handshake *h);
/* Where we are the client, before the first step: the domain whose server is to answer (SNI; RFC 6066 s. 3). 0 or -ENOMEM. */
int tls_handshake_name(struct tls_handshake *h, struct span domain);

/* Feed the peer's bytes; where we are the client, none at first. Takes whole records only, and none behind the one that completes the handshake:
 * those are application data for the record layer. Appends what is to be sent (also an alert, with TLS_BAD).
 * *ret_used is always set. Returns
 *   - 0: done, take the secrets with tls_handshake_finish;
 *   - TLS_MORE: needs more of the peer's bytes;
 *   - TLS_BAD: failed; `out` may hold an alert; tls_handshake_reason says why. */
int tls_handshake_step(struct tls_handshake *h, struct span in, size_t *ret_used, struct buffer *out);
/* Whether the next step is some hashes and no more: TLS 1.3, and only the client's Finished is to come, no certificate of its own. */
bool tls_handshake_is_nearly_done(const struct tls_handshake *h);
/* One line for the log, without peer data; borrowed from `h`. */
const char *tls_handshake_reason(const struct tls_handshake *h);

/* After 0: the secrets and bindings, sequence numbers already counting what the handshake itself sent under
 * the application keys (session tickets). Frees the library's object; `h` is only good for tls_handshake_free
 * after it. Returns 0 or negative errno (a suite that the record layer cannot do; none is offered). */
int tls_handshake_finish(struct tls_handshake *h, struct tls_secrets *ret_secrets,
                         struct tls_bindings *ret_bindings);

#endif
