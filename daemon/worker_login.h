/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream that logs in asks of the store (struct stream_events). */
#ifndef MUSTER_WORKER_LOGIN_H
#define MUSTER_WORKER_LOGIN_H

#include "stream/stream.h"

void worker_credentials(struct stream *s, struct span jid, struct stream_auth *auth);
void worker_tokens(struct stream *s, struct span jid, struct stream_tokens *tokens, struct stream_auth *auth);

#endif
