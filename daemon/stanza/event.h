/* SPDX-License-Identifier: Apache-2.0 */
/* Events of published nodes (XEP-0060 s. 7.1.2), written. */
#ifndef MUSTER_STANZA_EVENT_H
#define MUSTER_STANZA_EVENT_H

#include "base/buffer.h"
#include "base/frame.h"

/* Append <items/> with one item, whose payload (XML) may be empty. */
void event_item_write(struct buffer *out, struct span node, struct span id, struct span payload);
/* A headline with the event, from the account, with a gap for its recipient. `after`, XML that follows the
 * event, may be empty. NULL without memory. */
struct frame *event_frame(struct span publisher, struct span content, struct span after);

#endif
