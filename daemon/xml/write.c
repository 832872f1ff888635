/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/write.h"

#include "xml/reference.h"

/* The longest escape, &quot; or &apos;. */
#define ESCAPE_BYTES_MAX 6

static struct span escape_of(char c)
{
    switch (c) {
    case '&':
        return SPAN("&amp;");
    case '<':
        return SPAN("&lt;");
    case '>':
        return SPAN("&gt;");
    case '\'':
        return SPAN("&apos;");
    case '"':
        return SPAN("&quot;");
    case '\t':
        return SPAN("&#9;");
    case '\n':
        return SPAN("&#10;");
    case '\r':
        return SPAN("&#13;");
    default:
        return (struct span){NULL, 0};
    }
}

/* Bytes from `from` on that stand for themselves. */
static size_t plain_run(struct span text, size_t from)
{
    size_t i = from;
    while (i < text.len && !escape_of(text.ptr[i]).ptr)
        i++;
    return i - from;
}

void xml_escape(struct buffer *out, struct span text)
{
    for (size_t i = 0; i < text.len;) {
        size_t run = plain_run(text, i);
        if (run > 0)
            buffer_append(out, span_make(text.ptr + i, run));
        i += run;
        if (i < text.len)
            buffer_append(out, escape_of(text.ptr[i++]));
    }
}

void xml_write_attribute(struct buffer *out, const char *name, struct span value)
{
    buffer_append_char(out, ' ');
    buffer_append(out, span_of(name));
    buffer_literal(out, "='");
    xml_escape(out, value);
    buffer_append_char(out, '\'');
}

struct span xml_unescape(struct arena *arena, struct span raw)
{
    const struct span refused = {NULL, 0};
    const char *first = raw.len ? memchr(raw.ptr, '&', raw.len) : NULL;
    if (!first)
        return raw;
    char *copy = arena_take(arena, raw.len);
    if (!copy)
        return refused;
    size_t len = (size_t)(first - raw.ptr);
    memcpy(copy, raw.ptr, len);
    for (struct span rest = span_skip(raw, len); rest.len > 0;) {
        uint32_t code;
        size_t used = 1;
        if (rest.ptr[0] != '&') {
            copy[len++] = rest.ptr[0];
        } else {
            used = reference_decode(rest, &code);
            if (used == 0)
                return refused;
            len += reference_encode(code, copy + len);
        }
        rest = span_skip(rest, used);
    }
    return span_make(copy, len);
}
