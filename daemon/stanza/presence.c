/* SPDX-License-Identifier: Apache-2.0 */
/* What a presence says about its resource (RFC 6121 s. 4.7.2): the depth-1 children of its content, walked on
 * the raw bytes. The scanner has found them well-formed; were they not, the answer is PRESENCE_BAD, and
 * nothing behind them is read. */
#include "stanza/caps.h"
#include "stanza/answer.h"
#include "stanza/child.h"
#include "stanza/stanza.h"

/* White space around show and priority is dropped (XML Schema's collapse); what is left has no business being
 * longer:
 * "-128", and some zeros that XML Schema allows. */
#define TOKEN_BYTES_MAX 16

struct token {
    char text[TOKEN_BYTES_MAX];
    uint8_t len;
    bool is_ended; /* white space followed */
};

/* Does the tag declare a default namespace other than the content namespace? */
static bool is_foreign(struct span attributes)
{
    struct span xmlns = stanza_child_attribute(attributes, SPAN("xmlns"));
    return xmlns.ptr && !span_is(xmlns, "jabber:client");
}

static bool token_add(struct token *t, char c)
{
    if (stanza_is_space(c)) {
        t->is_ended = t->len > 0;
        return true;
    }
    if (t->is_ended || t->len == sizeof t->text)
        return false;
    t->text[t->len++] = c;
    return true;
}

/* The character of the reference at in[0] == '&', which must be an ASCII one: no show or priority has
 * another, nor any that a named reference stands for. Returns the length, 0 when it is not such a
 * reference. */
static size_t read_reference(struct span in, char *ret_c)
{
    bool is_hex = in.len > 2 && in.ptr[2] == 'x';
    unsigned value = 0;
    if (in.len < 2 || in.ptr[1] != '#')
        return 0;
    for (size_t i = is_hex ? 3 : 2; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == ';') {
            *ret_c = (char)value;
            return value ? i + 1 : 0;
        }
        if (c >= '0' && c <= '9')
            value = value * (is_hex ? 16 : 10) + (unsigned)(c - '0');
        else if (is_hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + (unsigned)((c | 0x20) - 'a') + 10;
        else
            return 0;
        if (value > 0x7f)
            return 0;
    }
    return 0;
}

/* The text of an element that has only text. False when it cannot be a show or a priority. */
static bool read_token(struct span content, struct token *ret_token)
{
    *ret_token = (struct token){0};
    bool is_within_cdata = false;
    for (size_t i = 0; i < content.len;) {
        struct span rest = span_skip(content, i);
        char c = *rest.ptr;
        size_t len = 1;
        if (is_within_cdata) {
            if (span_starts(rest, SPAN("]]>"))) {
                is_within_cdata = false;
                i += 3;
                continue;
            }
        } else if (stanza_is_cdata(rest)) {
            is_within_cdata = true;
            i += SPAN("<![CDATA[").len;
            continue;
        } else if (c == '<' || (c == '&' && (len = read_reference(rest, &c)) == 0)) {
            return false;
        }
        if (!token_add(ret_token, c))
            return false;
        i += len;
    }
    return true;
}

static bool is_show(const struct token *t)
{
    struct span show = span_make(t->text, t->len);
    return span_is(show, "away") || span_is(show, "chat") || span_is(show, "dnd") || span_is(show, "xa");
}

/* XML Schema's byte: an optional sign and digits, -128 to 127. */
static bool read_priority(const struct token *t, int8_t *ret_priority)
{
    size_t i = 0;
    bool is_negative = t->len && t->text[0] == '-';
    if (t->len && (t->text[0] == '-' || t->text[0] == '+'))
        i++;
    int value = 0;
    if (i == t->len)
        return false;
    for (; i < t->len; i++) {
        if (t->text[i] < '0' || t->text[i] > '9')
            return false;
        value = value * 10 + (t->text[i] - '0');
        if (value > 128)
            return false;
    }
    value = is_negative ? -value : value;
    if (value > 127)
        return false;
    *ret_priority = (int8_t)value;
    return true;
}

void presence_content_write(struct buffer *out, const struct stanza *s)
{
    struct span rest = s->content;
    struct stanza_child child;
    if (s->type.presence != PRESENCE_UNAVAILABLE) {
        buffer_append(out, rest);
        return;
    }
    for (struct span before = rest; stanza_child_next(&rest, &child) == 0; before = rest)
        if ((!span_is(child.name, "show") && !span_is(child.name, "priority")) ||
            is_foreign(child.attributes))
            buffer_append(out, span_make(before.ptr, (size_t)(rest.ptr - before.ptr)));
}

int presence_read(const struct stanza *s, struct presence_details *ret_details)
{
    struct presence_details details = {.priority = 0};
    struct span rest = s->content;
    struct stanza_child child = {0};
    struct token token;
    uint32_t shows = 0, priorities = 0;
    int outcome;
    while ((outcome = stanza_child_next(&rest, &child)) == 0) {
        if (span_is(child.name, "c"))
            caps_claim_read(&child, &details.caps);
        bool names_show = span_is(child.name, "show"), names_priority = span_is(child.name, "priority");
        if ((!names_show && !names_priority) || is_foreign(child.attributes))
            continue;
        if (!read_token(child.content, &token))
            return PRESENCE_BAD;
        if (names_show && (++shows > 1 || !is_show(&token)))
            return PRESENCE_BAD;
        if (names_priority && (++priorities > 1 || !read_priority(&token, &details.priority)))
            return PRESENCE_BAD;
    }
    if (outcome != CHILD_NONE)
        return PRESENCE_BAD;
    *ret_details = details;
    return 0;
}

struct span presence_status(struct span presence)
{
    struct stanza_child child;
    struct span content = {0};
    if (stanza_child_next(&presence, &child) == 0)
        content = child.content;
    while (stanza_child_next(&content, &child) == 0)
        if (span_is(child.name, "status") && !is_foreign(child.attributes))
            return child.content.len && memchr(child.content.ptr, '<', child.content.len) ? (struct span){0}
                                                                                          : child.content;
    return (struct span){0};
}
