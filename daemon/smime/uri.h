/* SPDX-License-Identifier: Apache-2.0 */
/* A bare JID as an address of messages (im:, RFC 3860) or of presence (pres:, RFC 3859). */
#ifndef MUSTER_SMIME_URI_H
#define MUSTER_SMIME_URI_H

#include "base/buffer.h"
#include "base/span.h"

/* Append it; what may not stand in a URI as it is, is written as %XX. So it needs no escape in XML nor in CPIM either. */
void uri_write(struct buffer *out, struct span scheme, struct span bare_jid);

#endif
