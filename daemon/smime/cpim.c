/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/cpim.h"

#include <errno.h>

#include <openssl/asn1.h>

#include "smime/mime_text.h"
#include "smime/uri.h"

#define CPIM_NAMESPACE SPAN("urn:ietf:params:cpim-headers:")

/* NAMECHAR (s. 3.6): no dot, which ends a prefix. */
static bool is_name_char(char c)
{
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}.", c);
}

/* TOKENCHAR: anything above ASCII, too. */
static bool is_token_char(char c)
{
    return is_name_char(c) || c == '.' || (unsigned char)c >= 0x80;
}

static struct span take_run(struct span *text, bool (*is_in)(char))
{
    size_t len = 0;
    while (len < text->len && is_in(text->ptr[len]))
        len++;
    struct span run = span_make(text->ptr, len);
    *text = span_skip(*text, len);
    return run;
}

static bool take_char(struct span *text, char c)
{
    if (!text->len || text->ptr[0] != c)
        return false;
    *text = span_skip(*text, 1);
    return true;
}

/* DQUOTE *( Str-char / Escape ) DQUOTE */
static bool take_string(struct span *text)
{
    if (!take_char(text, '"'))
        return false;
    for (size_t i = 0; i < text->len; i++) {
        if (text->ptr[i] == '"') {
            *text = span_skip(*text, i + 1);
            return true;
        }
        i += text->ptr[i] == '\\';
    }
    return false;
}

/* UTF-8 without control characters, and no white space at its end (s. 2.2). */
static bool is_line(struct span line)
{
    if (line.ptr[line.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < line.len;) {
        unsigned long code;
        int len = UTF8_getc((const unsigned char *)line.ptr + i, (int)(line.len - i), &code);
        if (len <= 0 || code < 0x20 || code == 0x7f)
            return false;
        i += (size_t)len;
    }
    return true;
}

struct header {
    struct span prefix, name, value; /* prefix: empty when there is none */
    bool has_parameters;
};

/* Header-name ":" *( ";" Parameter ) SP Header-value */
static bool header_read(struct span line, struct header *ret)
{
    *ret = (struct header){.name = take_run(&line, is_name_char)};
    if (take_char(&line, '.')) {
        ret->prefix = ret->name;
        ret->name = take_run(&line, is_name_char);
        if (!ret->prefix.len)
            return false;
    }
    if (!ret->name.len || !take_char(&line, ':'))
        return false;
    while (take_char(&line, ';')) {
        ret->has_parameters = true;
        if (!take_run(&line, is_name_char).len || !take_char(&line, '='))
            return false;
        if (line.len && line.ptr[0] == '"' ? !take_string(&line) : !take_run(&line, is_token_char).len)
            return false;
    }
    ret->value = line;
    return take_char(&ret->value, ' ') && ret->value.len && ret->value.ptr[0] != ' ';
}

/* "<" URI ">" and no more, with a scheme. */
static bool bracketed_read(struct span text, struct span *ret_uri)
{
    if (!take_char(&text, '<') || !text.len || text.ptr[text.len - 1] != '>')
        return false;
    text.len--;
    const char *colon = memchr(text.ptr, ':', text.len);
    if (!colon || colon == text.ptr)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || strchr("<>\"\\^`{|}", text.ptr[i]))
            return false;
    *ret_uri = text;
    return true;
}

/* [ Formal-name ] "<" URI ">"; a quoted name may have its space, which the grammar forgot. */
static bool address_read(struct span text, struct span *ret_uri)
{
    if (text.ptr[0] == '"') {
        if (!take_string(&text))
            return false;
        (void)take_char(&text, ' ');
    } else {
        while (text.len && text.ptr[0] != '<')
            if (!take_run(&text, is_token_char).len || !take_char(&text, ' '))
                return false;
    }
    return bracketed_read(text, ret_uri);
}

struct reading {
    struct cpim cpim;
    struct {
        struct span prefix;
        bool is_ours;
    } namespaces[CPIM_NAMESPACES_MAX];
    uint32_t namespace_count;
    bool has_stamp;
};

/* NS: [ prefix ] <URI>; an empty prefix is the default's. */
static bool note_namespace(struct reading *r, struct span value)
{
    struct span uri, prefix = take_run(&value, is_name_char);
    if (prefix.len)
        (void)take_char(&value, ' ');
    if (!bracketed_read(value, &uri) || r->namespace_count == CPIM_NAMESPACES_MAX)
        return false;
    for (uint32_t i = 0; i < r->namespace_count; i++)
        if (span_equal(r->namespaces[i].prefix, prefix))
            return false;
    r->namespaces[r->namespace_count].prefix = prefix;
    r->namespaces[r->namespace_count++].is_ours = span_equal(uri, CPIM_NAMESPACE);
    return true;
}

/* False: the prefix is not declared. */
static bool find_namespace(const struct reading *r, struct span prefix, bool *ret_is_ours)
{
    *ret_is_ours = true;
    for (uint32_t i = 0; i < r->namespace_count; i++)
        if (span_equal(r->namespaces[i].prefix, prefix)) {
            *ret_is_ours = r->namespaces[i].is_ours;
            return true;
        }
    return !prefix.len;
}

static bool note_header(struct reading *r, const struct header *h)
{
    struct cpim *c = &r->cpim;
    bool is_ours;
    if (!find_namespace(r, h->prefix, &is_ours))
        return false;
    if (!is_ours)
        return true;
    if (span_is(h->name, "Require"))
        return false;
    if (span_is(h->name, "NS"))
        return !h->has_parameters && note_namespace(r, h->value);
    if (span_is(h->name, "From"))
        return !h->has_parameters && !c->from.len && address_read(h->value, &c->from);
    if (span_is(h->name, "To"))
        return !h->has_parameters && c->to_count < CPIM_RECIPIENTS_MAX &&
               address_read(h->value, &c->to[c->to_count++]);
    if (!span_is(h->name, "DateTime"))
        return true;
    if (h->has_parameters || r->has_stamp || moment_read(h->value, &c->stamp) != 0)
        return false;
    r->has_stamp = true;
    return true;
}

int cpim_read(struct span body, struct cpim *ret_cpim)
{
    struct reading r = {0};
    struct header h;
    struct span line;
    for (unsigned lines = 0;; lines++) {
        if (lines > MIME_HEADER_LINES_MAX || !text_take_line(&body, &line))
            return CPIM_BAD;
        if (!line.len)
            break;
        if (!is_line(line) || !header_read(line, &h) || !note_header(&r, &h))
            return CPIM_BAD;
    }
    if (!r.cpim.from.len || !r.cpim.to_count || !r.has_stamp || mime_read(body, &r.cpim.content) != 0 ||
        !r.cpim.content.type.len)
        return CPIM_BAD;
    *ret_cpim = r.cpim;
    return 0;
}

static void write_address(struct buffer *out, const char *header, struct span scheme, struct span jid)
{
    buffer_printf(out, "%s: <", header);
    uri_write(out, scheme, jid);
    buffer_literal(out, ">\r\n");
}

int cpim_write(struct buffer *out, struct span scheme, struct span from, struct span to, struct moment stamp,
               struct span content)
{
    char text[MOMENT_BYTES];
    moment_write(stamp, text);
    buffer_literal(out, "Content-Type: Message/CPIM\r\n\r\n");
    write_address(out, "From", scheme, from);
    write_address(out, "To", scheme, to);
    buffer_printf(out, "DateTime: %s\r\n\r\n", text);
    buffer_append(out, content);
    return buffer_ok(out) ? 0 : -ENOMEM;
}
