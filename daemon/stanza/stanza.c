/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what the scanner found as a stanza, and writing it again under the server's stamp. The content
 * between the tags is copied and never looked at here. */
#include "stanza/stanza.h"

#include <errno.h>

#include "base/buffer.h"
#include "stanza/answer.h"
#include "xml/write.h"

/* What a stamped start tag has beyond the bytes of the stanza and the escaped addresses: attribute names,
 * quotes. */
#define STAMP_BYTES 64

static const char *const stanza_names[] = {
    [STANZA_MESSAGE] = "message",
    [STANZA_PRESENCE] = "presence",
    [STANZA_IQ] = "iq",
};

static const char *const presence_names[] = {
    [PRESENCE_UNAVAILABLE] = "unavailable",
    [PRESENCE_SUBSCRIBE] = "subscribe",
    [PRESENCE_SUBSCRIBED] = "subscribed",
    [PRESENCE_UNSUBSCRIBE] = "unsubscribe",
    [PRESENCE_UNSUBSCRIBED] = "unsubscribed",
    [PRESENCE_PROBE] = "probe",
    [PRESENCE_ERROR] = "error",
};

static const char *const message_names[] = {
    [MESSAGE_NORMAL] = "normal",     [MESSAGE_CHAT] = "chat",   [MESSAGE_GROUPCHAT] = "groupchat",
    [MESSAGE_HEADLINE] = "headline", [MESSAGE_ERROR] = "error",
};

static const char *const iq_names[] = {
    [IQ_GET] = "get",
    [IQ_SET] = "set",
    [IQ_RESULT] = "result",
    [IQ_ERROR] = "error",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Where `name` stands among the names (NULL for a value without one); `otherwise` when it is not there. */
static unsigned name_index(struct span name, const char *const names[], size_t count, unsigned otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (names[i] && span_equal(name, span_of(names[i])))
            return (unsigned)i;
    return otherwise;
}

const char *presence_type_name(enum presence_type type)
{
    return (size_t)type < COUNT(presence_names) ? presence_names[type] : NULL;
}

/* An attribute value without its references. 0 or -ENOMEM. */
static int decode(struct arena *arena, struct span raw, struct span *ret_text)
{
    struct span text = raw;
    if (raw.len && memchr(raw.ptr, '&', raw.len)) {
        text = xml_unescape(arena, raw);
        if (!text.ptr)
            return -ENOMEM; /* the scanner has accepted the reference, so memory it must be */
    }
    *ret_text = text;
    return 0;
}

static void read_type(struct stanza *s, struct span type)
{
    switch (s->kind) {
    case STANZA_PRESENCE:
        s->type.presence = PRESENCE_AVAILABLE;
        if (type.ptr)
            s->type.presence = name_index(type, presence_names, COUNT(presence_names), PRESENCE_UNKNOWN);
        break;
    case STANZA_MESSAGE:
        s->type.message = name_index(type, message_names, COUNT(message_names), MESSAGE_NORMAL);
        break;
    case STANZA_IQ:
        s->type.iq = name_index(type, iq_names, COUNT(iq_names), IQ_UNKNOWN);
        break;
    }
}

int stanza_read(const struct xml_item *item, struct span xmlns, struct arena *arena,
                struct stanza *ret_stanza)
{
    struct span declared, type, to;
    unsigned kind = name_index(item->name, stanza_names, COUNT(stanza_names), COUNT(stanza_names));
    if (item->kind != XML_STANZA || kind == COUNT(stanza_names))
        return STANZA_NOT;
    int error = decode(arena, item->xmlns, &declared);
    if (error)
        return error;
    if (declared.ptr && !span_equal(declared, xmlns))
        return STANZA_NOT;
    if ((error = decode(arena, item->type, &type)) || (error = decode(arena, item->to, &to)))
        return error;

    /* Member by member: to_storage is 3 KiB that nobody needs cleared. */
    struct stanza *s = ret_stanza;
    s->kind = (enum stanza_kind)kind;
    read_type(s, type);
    s->raw = item->raw;
    s->content = item->content;
    s->id = item->id;
    s->lang = item->lang;
    s->child_name = item->child_name;
    s->child_xmlns = item->child_xmlns;
    s->aside = (struct span){0};
    s->attributes = item->attributes;
    s->attribute_count = item->attribute_count;
    s->has_from = item->from.ptr != NULL;
    s->from = item->from;
    s->has_to = false;
    s->to = (struct jid){0};
    if (!item->to.ptr)
        return 0;
    if (jid_parse(to, s->to_storage, &s->to) != 0) {
        s->to = (struct jid){0};
        return STANZA_BAD_TO;
    }
    s->has_to = true;
    return 0;
}

static enum frame_kind presence_frame_kind(enum presence_type type)
{
    switch (type) {
    case PRESENCE_AVAILABLE:
    case PRESENCE_UNAVAILABLE:
        return FRAME_PRESENCE;
    case PRESENCE_SUBSCRIBE:
    case PRESENCE_SUBSCRIBED:
    case PRESENCE_UNSUBSCRIBE:
    case PRESENCE_UNSUBSCRIBED:
        return FRAME_SUBSCRIPTION;
    default:
        return FRAME_OTHER;
    }
}

static enum frame_kind stanza_frame_kind(const struct stanza *s)
{
    if (s->kind == STANZA_PRESENCE)
        return presence_frame_kind(s->type.presence);
    return s->kind == STANZA_MESSAGE ? FRAME_MESSAGE : FRAME_OTHER;
}

/* ` name="value"` of a value that is written already, in quotes that it does not hold: it stood in one kind,
 * so it cannot hold both. */
static void write_written(struct buffer *out, const char *name, struct span value)
{
    char quote = value.len && memchr(value.ptr, '\'', value.len) ? '"' : '\'';
    buffer_append_char(out, ' ');
    buffer_append(out, span_of(name));
    buffer_append_char(out, '=');
    buffer_append_char(out, quote);
    buffer_append(out, value);
    buffer_append_char(out, quote);
}

/* `<presence`, then the gap or ` to='...'`, then ` from='...'`. *ret_head_at is where the gap is. */
static void write_start(struct buffer *out, enum stanza_kind kind, struct span from, struct span to,
                        uint16_t *ret_head_at)
{
    buffer_append_char(out, '<');
    buffer_append(out, span_of(stanza_names[kind]));
    *ret_head_at = to.ptr ? FRAME_NO_HEAD : (uint16_t)out->len;
    if (to.len)
        xml_write_attribute(out, "to", to);
    if (from.len)
        xml_write_attribute(out, "from", from);
}

/* The frame of what was written, and the buffer's end. */
static struct frame *take_frame_aside(struct buffer *out, struct span aside, uint16_t head_at,
                                      enum frame_kind kind)
{
    struct frame *f =
        buffer_ok(out) ? frame_new_aside(buffer_span(out), aside, head_at, (uint16_t)kind) : NULL;
    buffer_fini(out);
    return f;
}

static struct frame *take_frame(struct buffer *out, uint16_t head_at, enum frame_kind kind)
{
    return take_frame_aside(out, (struct span){0}, head_at, kind);
}

/* Is this attribute written by the server, or said by the stream already? Any default namespace declared here
 * is the content namespace: stanza_read refuses others. */
static bool is_stamped(struct span name)
{
    return span_is(name, "from") || span_is(name, "to") || span_is(name, "xmlns");
}

struct frame *stanza_frame(const struct stanza *s, struct span from, struct span to, struct span lang)
{
    struct buffer out;
    uint16_t head_at;
    buffer_init(&out);
    buffer_reserve(&out, s->raw.len + from.len + to.len + lang.len + STAMP_BYTES);
    write_start(&out, s->kind, from, to, &head_at);
    for (uint32_t i = 0; i < s->attribute_count; i++) {
        const struct xml_attribute *a = &s->attributes[i];
        if (is_stamped(a->name))
            continue;
        buffer_append_char(&out, ' ');
        /* From the first byte of its name to its closing quote, as the sender wrote it. */
        buffer_append(&out, span_make(a->name.ptr, (size_t)(a->value.ptr + a->value.len + 1 - a->name.ptr)));
    }
    if (!s->lang.ptr && lang.len)
        write_written(&out, "xml:lang", lang);
    if (s->raw.ptr[s->raw.len - 2] == '/') { /* written <presence/>: an end tag has a name there, or space */
        buffer_literal(&out, "/>");
    } else {
        buffer_append_char(&out, '>');
        if (s->kind == STANZA_PRESENCE)
            presence_content_write(&out, s);
        else
            buffer_append(&out, s->content);
        buffer_literal(&out, "</");
        buffer_append(&out, span_of(stanza_names[s->kind]));
        buffer_append_char(&out, '>');
    }
    return take_frame_aside(&out, s->aside, head_at, stanza_frame_kind(s));
}

struct frame *stanza_presence_frame(enum presence_type type, struct span from, struct span to, struct span id)
{
    return stanza_presence_frame_with(type, from, to, id, (struct span){0});
}

struct frame *stanza_presence_frame_with(enum presence_type type, struct span from, struct span to,
                                         struct span id, struct span content)
{
    struct buffer out;
    uint16_t head_at;
    buffer_init(&out);
    write_start(&out, STANZA_PRESENCE, from, to, &head_at);
    const char *name = presence_type_name(type);
    if (name)
        write_written(&out, "type", span_of(name));
    if (id.len)
        write_written(&out, "id", id);
    if (content.len) {
        buffer_append_char(&out, '>');
        buffer_append(&out, content);
        buffer_literal(&out, "</presence>");
    } else {
        buffer_literal(&out, "/>");
    }
    return take_frame(&out, head_at, presence_frame_kind(type));
}

struct span presence_frame_publisher(const struct frame *f)
{
    if (f->kind != FRAME_PRESENCE || f->head_at == FRAME_NO_HEAD)
        return (struct span){0};
    struct span rest = span_make(f->bytes + f->head_at, f->len - f->head_at);
    if (!span_starts(rest, SPAN(" from='")))
        return (struct span){0};
    rest = span_skip(rest, SPAN(" from='").len);
    const char *end = memchr(rest.ptr, '\'', rest.len);
    return end ? span_make(rest.ptr, (size_t)(end - rest.ptr)) : (struct span){0};
}

void stanza_answer_start(struct buffer *out, const struct stanza *s, const char *type, struct span from,
                         struct span to)
{
    buffer_append_char(out, '<');
    buffer_append(out, span_of(stanza_names[s->kind]));
    write_written(out, "type", span_of(type));
    /* An iq's answer has an id even when the request had none (RFC 6120 s. 8.3.1, rule 3). */
    if (s->id.ptr || s->kind == STANZA_IQ)
        write_written(out, "id", s->id);
    if (from.len)
        xml_write_attribute(out, "from", from);
    if (to.len)
        xml_write_attribute(out, "to", to);
}

struct frame *stanza_answer_end(struct buffer *out, const struct stanza *s, struct span payload)
{
    if (payload.len) {
        buffer_append_char(out, '>');
        buffer_append(out, payload);
        buffer_literal(out, "</");
        buffer_append(out, span_of(stanza_names[s->kind]));
        buffer_append_char(out, '>');
    } else {
        buffer_literal(out, "/>");
    }
    return take_frame(out, FRAME_NO_HEAD, s->kind == STANZA_MESSAGE ? FRAME_MESSAGE : FRAME_OTHER);
}

void stanza_result_open(struct buffer *out, const struct stanza *request, struct span from, struct span to)
{
    stanza_answer_start(out, request, "result", from, to);
    buffer_append_char(out, '>');
}

struct frame *stanza_result_frame(const struct stanza *request, struct span from, struct span to,
                                  struct span payload)
{
    struct buffer out;
    buffer_init(&out);
    buffer_reserve(&out, request->id.len + from.len + to.len + payload.len + STAMP_BYTES);
    stanza_answer_start(&out, request, "result", from, to);
    return stanza_answer_end(&out, request, payload);
}
