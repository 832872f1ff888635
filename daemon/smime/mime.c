/* SPDX-License-Identifier: Apache-2.0 */
/* An entity's header fields and body. What readers of MIME are known to take in more than one way is refused. */
#include "smime/mime.h"

#include <errno.h>

#include "sasl/sasl.h"
#include "smime/mime_text.h"

/* Behind the leading lines that hold nothing but white space. */
static struct span skip_blank_lines(struct span text)
{
    size_t line = 0;
    for (size_t i = 0; i < text.len && text_is_space(text.ptr[i]); i++)
        if (!text_is_blank(text.ptr[i]))
            line = i + 1;
    return span_skip(text, line);
}

int smime_canonical(struct span text, struct buffer *out)
{
    if (text.len)
        text = skip_blank_lines(text);
    while (text.len) {
        size_t run = 0;
        while (run < text.len && text.ptr[run] != '\r' && text.ptr[run] != '\n')
            run++;
        buffer_append(out, span_make(text.ptr, run));
        text = span_skip(text, run);
        if (!text.len)
            break;
        buffer_literal(out, "\r\n");
        text = span_skip(text, span_starts(text, SPAN("\r\n")) ? 2 : 1);
    }
    return buffer_ok(out) ? 0 : -ENOMEM;
}

static bool is_field_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f)
            return false;
    return name.len > 0;
}

static enum mime_encoding encoding_of(struct span value)
{
    if (text_is_word(value, SPAN("7bit")) || text_is_word(value, SPAN("8bit")) ||
        text_is_word(value, SPAN("binary")))
        return MIME_ENCODING_IDENTITY;
    return text_is_word(value, SPAN("base64")) ? MIME_ENCODING_BASE64 : MIME_ENCODING_OTHER;
}

struct reading {
    struct mime_entity entity;
    struct span name, value; /* of the field that the next line may go on with; name empty: none yet */
    bool has_encoding;
};

/* The field is whole: keep it if it is one of those that matter. */
static bool note_field(struct reading *r)
{
    struct mime_entity *e = &r->entity;
    if (text_is_word(r->name, SPAN("Content-Type"))) {
        if (e->content_type.ptr)
            return false;
        e->content_type = text_trim(r->value);
        return mime_type_read(e->content_type, &e->type);
    }
    if (text_is_word(r->name, SPAN("Content-Transfer-Encoding"))) {
        if (r->has_encoding)
            return false;
        r->has_encoding = true;
        e->encoding = encoding_of(text_trim(r->value));
    }
    return true;
}

static bool note_line(struct reading *r, struct span line)
{
    for (size_t i = 0; i < line.len; i++)
        if (text_is_control(line.ptr[i]) && line.ptr[i] != '\t')
            return false;
    if (text_is_blank(line.ptr[0])) {
        /* One of white space alone ends the fields for some readers and not for others. */
        if (!r->name.len || text_is_all_space(line))
            return false;
        r->value.len = (size_t)(line.ptr + line.len - r->value.ptr);
        return true;
    }
    if (r->name.len && !note_field(r))
        return false;
    const char *colon = memchr(line.ptr, ':', line.len);
    if (!colon)
        return false;
    r->name = span_make(line.ptr, (size_t)(colon - line.ptr));
    r->value = span_skip(line, r->name.len + 1);
    return is_field_name(r->name);
}

int mime_read(struct span canonical, struct mime_entity *ret_entity)
{
    struct reading r = {.entity.whole = canonical};
    struct span text = canonical, line;
    if (canonical.len > MIME_BYTES_MAX)
        return MIME_BAD;
    for (unsigned lines = 0;; lines++) {
        if (lines > MIME_HEADER_LINES_MAX || !text_take_line(&text, &line) ||
            line.len > MIME_HEADER_LINE_BYTES_MAX)
            return MIME_BAD;
        if (!line.len)
            break;
        if (!note_line(&r, line))
            return MIME_BAD;
    }
    if (!r.name.len || !note_field(&r))
        return MIME_BAD;
    r.entity.fields = span_make(canonical.ptr, (size_t)(line.ptr - canonical.ptr));
    r.entity.body = text;
    *ret_entity = r.entity;
    return 0;
}

bool mime_is(const struct mime_entity *entity, struct span type)
{
    return text_is_word(entity->type, type);
}

static int decode_base64(struct span body, struct buffer *out)
{
    struct buffer digits = {0};
    for (size_t i = 0; i < body.len;) {
        size_t run = i;
        while (run < body.len && !text_is_space(body.ptr[run]))
            run++;
        buffer_append(&digits, span_make(body.ptr + i, run - i));
        for (i = run; i < body.len && text_is_space(body.ptr[i]);)
            i++;
    }
    int r = buffer_ok(&digits) ? 0 : -ENOMEM;
    /* "=" alone is nothing to SASL, but no base64. */
    if (r == 0 && (digits.len % 4 != 0 || sasl_base64_decode(buffer_span(&digits), out) != 0))
        r = MIME_BAD;
    buffer_fini(&digits);
    return r;
}

int mime_decode(const struct mime_entity *entity, struct buffer *out)
{
    int r = 0;
    if (entity->encoding == MIME_ENCODING_OTHER)
        return MIME_BAD;
    if (entity->encoding == MIME_ENCODING_BASE64)
        r = decode_base64(entity->body, out);
    else
        buffer_append(out, entity->body);
    if (r != 0)
        return r;
    return buffer_ok(out) ? 0 : -ENOMEM;
}
