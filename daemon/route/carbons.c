/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of messages for an account's other resources (XEP-0280). A copy is made here and goes to streams of this worker: it never
 * comes back, is never archived, and is never copied again. */
#include "base/buffer.h"
#include "route/internal.h"
#include "stanza/message.h"
#include "xml/write.h"

/* s. 6.1. Of errors, those that answer a message to a bare JID: an account's or a room's server is not asked to say what it answers,
 * and messages to full JIDs are answered to the one who asked. A room copies what it says to each resource itself. */
bool router_carbon_is_due(bool is_sent, enum message_type type, uint32_t content, const struct jid *from)
{
    if (content & (MESSAGE_HAS_NO_COPY | MESSAGE_HAS_CARBON))
        return false;
    bool is_room_private =
        !is_sent && from->resource_len && (content & MESSAGE_HAS_ROOM) && !(content & MESSAGE_HAS_INVITATION);
    switch (type) {
    case MESSAGE_CHAT:
        return !is_room_private;
    case MESSAGE_NORMAL:
        return !is_room_private && content & (MESSAGE_HAS_BODY | MESSAGE_HAS_OBJECT | MESSAGE_HAS_CHAT_STATE |
                                              MESSAGE_HAS_RECEIPT | MESSAGE_HAS_MARKER | MESSAGE_HAS_RIDER |
                                              MESSAGE_HAS_INVITATION);
    case MESSAGE_ERROR:
        return !is_sent && from->local_len && !from->resource_len;
    case MESSAGE_GROUPCHAT:
    case MESSAGE_HEADLINE:
        break;
    }
    return false;
}

/* All but the recipient. */
static void copy_write(struct buffer *out, bool is_sent, enum message_type type, struct span message,
                       struct span more)
{
    const char *name = is_sent ? "sent" : "received";
    if (type == MESSAGE_CHAT)
        buffer_literal(out, " type='chat'");
    else if (type == MESSAGE_ERROR)
        buffer_literal(out, " type='error'");
    buffer_printf(out, "><%s xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>", name);
    message_forwarded_write(out, message, more);
    buffer_printf(out, "</forwarded></%s></message>", name);
}

static void copy_send(struct router *r, struct session *s, struct span copy)
{
    struct buffer head = {0};
    buffer_literal(&head, "<message");
    xml_write_attribute(&head, "from", entity_text(s->account->entity));
    xml_write_attribute(&head, "to", session_jid(s));
    struct frame *f =
        buffer_ok(&head) ? frame_new2(buffer_span(&head), copy, FRAME_NO_HEAD, FRAME_MESSAGE) : NULL;
    buffer_fini(&head);
    if (!f)
        return;
    r->counters.messages_copied++;
    stream_send(s->stream, f);
}

void router_carbons_send(struct router *r, struct account *a, bool is_sent, enum message_type type,
                         struct span message, struct span more)
{
    struct buffer copy = {0};
    account_each_session(s, a)
    {
        if (!s->has_carbons || s->has_message)
            continue;
        if (!copy.len)
            copy_write(&copy, is_sent, type, message, more);
        if (buffer_ok(&copy))
            copy_send(r, s, buffer_span(&copy));
    }
    buffer_fini(&copy);
}
