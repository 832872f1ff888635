/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza/event.h"

#include "stanza/stanza.h"
#include "xml/write.h"

void event_item_write(struct buffer *out, struct span node, struct span id, struct span payload)
{
    buffer_literal(out, "<items");
    xml_write_attribute(out, "node", node);
    buffer_literal(out, "><item");
    xml_write_attribute(out, "id", id);
    if (payload.len) {
        buffer_append_char(out, '>');
        buffer_append(out, payload);
        buffer_literal(out, "</item></items>");
    } else {
        buffer_literal(out, "/></items>");
    }
}

struct frame *event_frame(struct span publisher, struct span content, struct span after)
{
    struct buffer out = {0};
    buffer_literal(&out, "<message");
    uint16_t head_at = (uint16_t)out.len;
    xml_write_attribute(&out, "from", publisher);
    buffer_literal(&out, " type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>");
    buffer_append(&out, content);
    buffer_literal(&out, "</event>");
    buffer_append(&out, after);
    buffer_literal(&out, "</message>");
    struct frame *f = buffer_ok(&out) ? frame_new(buffer_span(&out), head_at, FRAME_OTHER) : NULL;
    buffer_fini(&out);
    return f;
}
