/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream that logs in asks of the store (struct stream_events). */
#ifndef MUSTER_WORKER_LOGIN_H
#define MUSTER_WORKER_LOGIN_H

#include "stream/stream.h"

struct worker;

void worker_credentials(struct stream *s, struct span jid, struct stream_auth *auth);
void worker_refused(struct stream *s, struct span jid);
void worker_tokens(struct stream *s, struct span jid, struct stream_tokens *tokens, struct stream_auth *auth);
/* Whoever waits after wrong passwords waits no longer: the worker stops. */
void worker_logins_stop(struct worker *w);
void worker_registration(struct stream *s, struct span jid, const struct sasl_credentials *credentials,
                         struct stream_registration *registration);

#endif
