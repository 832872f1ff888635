/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Type and its parameters (RFC 2045 s. 5.1). Two liberties, both taken by RFC 3923's own examples and their like: a value without
 * quotes may hold what needs them (protocol=application/pkcs7-signature), and a ';' may be the last. */
#include "smime/mime.h"

#include "smime/mime_text.h"

static bool is_token_char(char c)
{
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static bool is_loose_char(char c)
{
    return is_token_char(c) || c == '/' || c == ':' || c == '=' || c == '?';
}

static struct span take_run(struct span *text, bool (*is_in)(char))
{
    struct span run = *text;
    size_t len = 0;
    while (len < text->len && is_in(text->ptr[len]))
        len++;
    run.len = len;
    *text = span_skip(*text, len);
    return run;
}

static void skip_space(struct span *text)
{
    while (text->len && text_is_space(text->ptr[0]))
        *text = span_skip(*text, 1);
}

/* From the quote at text.ptr[0] to its partner: what is between them, escapes and folds as written. */
static bool take_quoted(struct span *text, struct span *ret_value)
{
    size_t i = 1;
    for (; i < text->len && text->ptr[i] != '"'; i++)
        if (text->ptr[i] == '\\' && (++i == text->len || text->ptr[i] == '\r'))
            return false;
    if (i >= text->len)
        return false;
    *ret_value = span_make(text->ptr + 1, i - 1);
    *text = span_skip(*text, i + 1);
    return true;
}

struct parameter {
    struct span name, value;
    bool is_quoted;
};

enum { PARAMETER_NONE = 1, PARAMETER_BAD = 2 };

static int take_parameter(struct span *text, struct parameter *ret)
{
    skip_space(text);
    if (!text->len)
        return PARAMETER_NONE;
    if (text->ptr[0] != ';')
        return PARAMETER_BAD;
    *text = span_skip(*text, 1);
    skip_space(text);
    if (!text->len)
        return PARAMETER_NONE;
    ret->name = take_run(text, is_token_char);
    if (!ret->name.len || !text->len || text->ptr[0] != '=')
        return PARAMETER_BAD;
    *text = span_skip(*text, 1);
    ret->is_quoted = text->len && text->ptr[0] == '"';
    if (ret->is_quoted)
        return take_quoted(text, &ret->value) ? 0 : PARAMETER_BAD;
    ret->value = take_run(text, is_loose_char);
    return ret->value.len ? 0 : PARAMETER_BAD;
}

bool mime_type_read(struct span value, struct span *ret_type)
{
    struct span rest = value;
    struct parameter p;
    int r;
    struct span type = take_run(&rest, is_token_char);
    if (!type.len || !rest.len || rest.ptr[0] != '/')
        return false;
    rest = span_skip(rest, 1);
    struct span subtype = take_run(&rest, is_token_char);
    if (!subtype.len)
        return false;
    *ret_type = span_make(type.ptr, type.len + 1 + subtype.len);
    do
        r = take_parameter(&rest, &p);
    while (r == 0);
    return r == PARAMETER_NONE;
}

/* Is it `name`, or a piece of it ("boundary*0", "boundary*")? */
static bool is_of(const struct parameter *p, struct span name)
{
    return text_is_word(p->name, name) || (p->name.len > name.len && p->name.ptr[name.len] == '*' &&
                                           text_is_word(span_make(p->name.ptr, name.len), name));
}

static bool unquote(const struct parameter *p, char *storage, size_t storage_bytes, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < p->value.len; i++) {
        char c = p->value.ptr[i];
        if (p->is_quoted && (c == '\r' || c == '\n'))
            continue; /* folded: the white space behind it stays */
        if (p->is_quoted && c == '\\')
            c = p->value.ptr[++i];
        if (len == storage_bytes)
            return false;
        storage[len++] = c;
    }
    *ret_len = len;
    return true;
}

int mime_parameter(const struct mime_entity *entity, struct span name, char *storage, size_t storage_bytes,
                   struct span *ret_value)
{
    struct parameter p, found = {0};
    size_t len;
    if (!entity->type.len)
        return MIME_BAD;
    struct span rest = span_skip(entity->content_type, entity->type.len);
    while (take_parameter(&rest, &p) == 0) {
        if (!is_of(&p, name))
            continue;
        if (found.name.len || p.name.len != name.len)
            return MIME_BAD;
        found = p;
    }
    if (!found.name.len || !unquote(&found, storage, storage_bytes, &len))
        return MIME_BAD;
    *ret_value = span_make(storage, len);
    return 0;
}
