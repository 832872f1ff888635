/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza/message.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/datetime.h"
#include "stanza/child.h"
#include "stanza/e2e.h"
#include "xml/write.h"

/* What goes before its end tag is put behind these bytes of it. */
#define MESSAGE_END "</message>"

/* Elements that decide; name NULL: any of the namespace. The first row that fits counts. 0: says nothing. */
static const struct kind {
    const char *name, *xmlns;
    uint32_t content;
} kinds[] = {
    {"body", "jabber:client", MESSAGE_HAS_BODY},
    {"thread", "jabber:client", 0},
    {NULL, "http://jabber.org/protocol/chatstates", MESSAGE_HAS_CHAT_STATE},
    {"received", "urn:xmpp:receipts", MESSAGE_HAS_RECEIPT},
    {"request", "urn:xmpp:receipts", MESSAGE_HAS_RIDER},
    {"markable", "urn:xmpp:chat-markers:0", MESSAGE_HAS_RIDER},
    {NULL, "urn:xmpp:chat-markers:0", MESSAGE_HAS_MARKER},
    {"x", "jabber:x:conference", MESSAGE_HAS_INVITATION},
    {"x", "http://jabber.org/protocol/muc#user", MESSAGE_HAS_ROOM},
    {"store", "urn:xmpp:hints", MESSAGE_HAS_STORE},
    {"no-store", "urn:xmpp:hints", MESSAGE_HAS_NO_STORE},
    {"no-storage", "urn:xmpp:hints", MESSAGE_HAS_NO_STORE}, /* its name before the hints' version 0.3 */
    {"no-permanent-store", "urn:xmpp:hints", MESSAGE_HAS_NO_PERMANENT_STORE},
    {"no-permanent-storage", "urn:xmpp:hints", MESSAGE_HAS_NO_PERMANENT_STORE},
    {"no-copy", "urn:xmpp:hints", MESSAGE_HAS_NO_COPY},
    {NULL, "urn:xmpp:hints", 0},
    {"private", "urn:xmpp:carbons:2", MESSAGE_HAS_NO_COPY},
    {"sent", "urn:xmpp:carbons:2", MESSAGE_HAS_CARBON},
    {"received", "urn:xmpp:carbons:2", MESSAGE_HAS_CARBON},
    {"stanza-id", "urn:xmpp:sid:0", MESSAGE_HAS_STANZA_ID},
    {"origin-id", "urn:xmpp:sid:0", 0},
    {NULL, "urn:xmpp:delay", 0},
    {"e2e", E2E_XMLNS, MESSAGE_HAS_OBJECT},
};

/* ---- what it holds ---- */

/* A mediated invitation is told from what a room says by an <invite/> within. */
static bool is_invitation(struct span content)
{
    struct stanza_child c;
    while (stanza_child_next(&content, &c) == 0)
        if (span_is(c.name, "invite"))
            return true;
    return false;
}

static uint32_t content_of(struct span name, struct span xmlns, struct span content)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *k = &kinds[i];
        if ((k->name && !span_equal(name, span_of(k->name))) || !span_equal(xmlns, span_of(k->xmlns)))
            continue;
        return k->content == MESSAGE_HAS_ROOM && is_invitation(content)
                   ? MESSAGE_HAS_ROOM | MESSAGE_HAS_INVITATION
                   : k->content;
    }
    return MESSAGE_HAS_OTHER;
}

int message_read(const struct stanza *s, struct arena *arena, uint32_t *ret_content)
{
    struct span rest = s->content, name, xmlns;
    struct stanza_child c;
    uint32_t content = 0;
    while (stanza_child_next(&rest, &c) == 0) {
        int error = stanza_child_resolve(s, &c, arena, &name, &xmlns);
        if (error)
            return error;
        content |= content_of(name, xmlns, c.content);
    }
    *ret_content = content;
    return 0;
}

bool message_is_kept(enum message_type type, uint32_t content)
{
    if ((type != MESSAGE_NORMAL && type != MESSAGE_CHAT) || content & MESSAGE_HAS_NO_STORE)
        return false;
    return content & (MESSAGE_HAS_BODY | MESSAGE_HAS_OBJECT | MESSAGE_HAS_STORE | MESSAGE_HAS_RECEIPT |
                      MESSAGE_HAS_MARKER | MESSAGE_HAS_INVITATION | MESSAGE_HAS_OTHER);
}

bool message_is_archived(enum message_type type, uint32_t content)
{
    if ((type != MESSAGE_NORMAL && type != MESSAGE_CHAT) ||
        content & (MESSAGE_HAS_NO_STORE | MESSAGE_HAS_NO_PERMANENT_STORE))
        return false;
    return content & (MESSAGE_HAS_BODY | MESSAGE_HAS_OBJECT | MESSAGE_HAS_STORE | MESSAGE_HAS_RECEIPT |
                      MESSAGE_HAS_MARKER | MESSAGE_HAS_INVITATION);
}

/* ---- written again ---- */

/* Is the JID, as written in an attribute, `by`? Without memory it is, so that no forged one gets through. */
static bool is_by(struct span value, struct arena *arena, struct span by)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;
    struct span text = value.len && memchr(value.ptr, '&', value.len) ? xml_unescape(arena, value) : value;
    if (!text.ptr)
        return true;
    return jid_parse(text, storage, &jid) == 0 && span_equal(jid_full(&jid), by);
}

static bool is_stanza_id_by(const struct stanza *s, const struct stanza_child *c, struct arena *arena,
                            struct span by)
{
    struct span name, xmlns, value, rest = c->attributes;
    if (stanza_child_resolve(s, c, arena, &name, &xmlns) != 0)
        return true;
    if (!span_is(name, "stanza-id") || !span_is(xmlns, "urn:xmpp:sid:0"))
        return false;
    while (stanza_attribute_next(&rest, &name, &value))
        if (span_is(name, "by") && is_by(value, arena, by))
            return true;
    return false;
}

bool message_has_stanza_id(const struct stanza *s, struct arena *arena, struct span by)
{
    struct span rest = s->content;
    struct stanza_child c;
    while (stanza_child_next(&rest, &c) == 0)
        if (is_stanza_id_by(s, &c, arena, by))
            return true;
    return false;
}

struct frame *message_frame(const struct stanza *s, struct arena *arena, struct span by, struct span more)
{
    struct buffer out;
    struct stanza_child c;
    bool is_empty = s->raw.ptr[s->raw.len - 2] == '/'; /* written <message/> */
    const char *from = s->raw.ptr, *end = s->raw.ptr + s->raw.len - (is_empty ? 2 : SPAN(MESSAGE_END).len);
    struct span rest = s->content;
    buffer_init(&out);
    buffer_reserve(&out, s->raw.len + more.len + SPAN(MESSAGE_END).len);
    while (by.len && !is_empty && stanza_child_next(&rest, &c) == 0) {
        if (!is_stanza_id_by(s, &c, arena, by))
            continue;
        buffer_append(&out, span_make(from, (size_t)(c.name.ptr - 1 - from)));
        from = rest.ptr;
    }
    buffer_append(&out, span_make(from, (size_t)(end - from)));
    if (is_empty)
        buffer_append_char(&out, '>');
    buffer_append(&out, more);
    buffer_literal(&out, MESSAGE_END);
    struct frame *f =
        buffer_ok(&out) ? frame_new_aside(buffer_span(&out), s->aside, FRAME_NO_HEAD, FRAME_MESSAGE) : NULL;
    buffer_fini(&out);
    return f;
}

void message_delay_write(struct buffer *out, struct span from, uint64_t us)
{
    char stamp[DATETIME_BYTES];
    datetime_write(us, stamp);
    buffer_literal(out, "<delay xmlns='urn:xmpp:delay'");
    if (from.len)
        xml_write_attribute(out, "from", from);
    buffer_printf(out, " stamp='%s'/>", stamp);
}

void message_stanza_id_write(struct buffer *out, struct span by, uint64_t id)
{
    char text[MESSAGE_ID_BYTES];
    message_id_write(id, text);
    buffer_literal(out, "<stanza-id xmlns='urn:xmpp:sid:0'");
    xml_write_attribute(out, "by", by);
    buffer_printf(out, " id='%s'/>", text);
}

/* The message from behind its name on, with `more` behind its children. */
static void rest_write(struct buffer *out, struct span message, struct span more)
{
    bool is_empty = message.ptr[message.len - 2] == '/';
    struct span rest = span_skip(message, SPAN("<message").len);
    buffer_append(out, span_make(rest.ptr, rest.len - (is_empty ? 2 : SPAN(MESSAGE_END).len)));
    if (is_empty)
        buffer_append_char(out, '>');
    buffer_append(out, more);
    buffer_literal(out, MESSAGE_END);
}

struct frame *message_frame_more(struct span message, struct span more)
{
    struct buffer out;
    buffer_init(&out);
    buffer_reserve(&out, message.len + more.len + SPAN(MESSAGE_END).len);
    buffer_literal(&out, "<message");
    rest_write(&out, message, more);
    struct frame *f = buffer_ok(&out) ? frame_new(buffer_span(&out), FRAME_NO_HEAD, FRAME_MESSAGE) : NULL;
    buffer_fini(&out);
    return f;
}

struct frame *message_frame_delayed(struct span message, struct span from, uint64_t us)
{
    struct buffer mark = {0};
    struct frame *f = NULL;
    message_delay_write(&mark, from, us);
    /* As far as its stamp, the mark is always written in the same way. */
    struct span delay = buffer_span(&mark);
    size_t constant = delay.len - DATETIME_BYTES - SPAN("'/>").len + 1;
    if (buffer_ok(&mark) && memmem(message.ptr, message.len, delay.ptr, constant))
        f = frame_new(message, FRAME_NO_HEAD, FRAME_MESSAGE);
    else if (buffer_ok(&mark))
        f = message_frame_more(message, delay);
    buffer_fini(&mark);
    return f;
}

void message_forwarded_write(struct buffer *out, struct span message, struct span more)
{
    buffer_literal(out, "<message xmlns='jabber:client'");
    rest_write(out, message, more);
}

void message_id_write(uint64_t id, char text[static MESSAGE_ID_BYTES])
{
    snprintf(text, MESSAGE_ID_BYTES, "%016" PRIx64, id);
}

bool message_id_read(struct span text, uint64_t *ret_id)
{
    uint64_t id = 0;
    if (text.len != MESSAGE_ID_BYTES - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        id = id << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret_id = id;
    return true;
}
