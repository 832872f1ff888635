/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: what a stanza's object consists of, down to the content. Nothing is checked and nobody is trusted. */
#include <errno.h>

#include "commands.h"
#include "files.h"
#include "inspect_cms.h"
#include "object.h"
#include "sasl/sasl.h"
#include "smime/cpim.h"
#include "smime/mime.h"
#include "smime/pidf.h"

static void inspect_entity(const struct lines *l, struct arena *arena, struct span entity);

static void cms_lines(const struct lines *l, struct arena *arena, struct span der)
{
    struct buffer content;
    buffer_init(&content);
    inspect_cms(l, der, &content);
    struct lines within = lines_within(l);
    if (content.len) {
        line_printf(&within, "what is signed", "%u octets", content.len);
        inspect_entity(&within, arena, buffer_span(&content));
    }
    buffer_fini(&content);
}

static void moment_line(const struct lines *l, const char *label, struct moment m)
{
    char text[MOMENT_BYTES];
    moment_write(m, text);
    line_add(l, label, span_of(text));
}

static void signed_lines(const struct lines *l, struct arena *arena, const struct mime_entity *entity)
{
    struct span part;
    struct mime_entity signature;
    struct buffer der;
    if (mime_split_signed(entity, false, &part, &signature)) {
        line_add(l, "not two parts", (struct span){0});
        return;
    }
    line_printf(l, "what is signed", "%zu octets", part.len);
    inspect_entity(l, arena, part);
    line_add(l, "signature", signature.type);
    buffer_init(&der);
    struct lines within = lines_within(l);
    if (mime_decode(&signature, &der))
        line_add(&within, "cannot be decoded", (struct span){0});
    else
        cms_lines(&within, arena, buffer_span(&der));
    buffer_fini(&der);
}

static void cpim_lines(const struct lines *l, struct arena *arena, struct span body)
{
    struct cpim cpim;
    if (cpim_read(body, &cpim)) {
        line_add(l, "not as RFC 3862 has it", (struct span){0});
        return;
    }
    line_add(l, "from", cpim.from);
    for (uint32_t i = 0; i < cpim.to_count; i++)
        line_add(l, "to", cpim.to[i]);
    moment_line(l, "time", cpim.stamp);
    inspect_entity(l, arena, cpim.content.whole);
}

/* A document that is written within: what it says of itself. */
static void document_lines(const struct lines *l, struct arena *arena, const struct mime_entity *entity)
{
    struct buffer document;
    struct pidf pidf;
    struct xmpp_document xmpp;
    buffer_init(&document);
    if (mime_decode(entity, &document)) {
        line_add(l, "cannot be decoded", (struct span){0});
    } else if (mime_is(entity, SPAN("application/pidf+xml"))) {
        if (pidf_read(arena, buffer_span(&document), &pidf)) {
            line_add(l, "not as RFC 3863 has it", (struct span){0});
        } else {
            line_add(l, "entity", pidf.entity);
            if (pidf.has_stamp)
                moment_line(l, "time", pidf.stamp);
        }
    } else if (xmpp_document_read(arena, buffer_span(&document), &xmpp)) {
        line_add(l, "not as RFC 3923 has it", (struct span){0});
    } else {
        if (xmpp.has_from)
            line_add(l, "from", xmpp.from);
        if (xmpp.has_to)
            line_add(l, "to", xmpp.to);
        line_add(l, "stanza", xmpp.stanza);
    }
    buffer_fini(&document);
}

static void inspect_entity(const struct lines *l, struct arena *arena, struct span entity)
{
    struct mime_entity e;
    struct buffer octets;
    if (l->depth > 2 * MIME_DEPTH_MAX) {
        line_add(l, "nested deeper than is looked at", (struct span){0});
        return;
    }
    if (mime_read(entity, &e)) {
        line_add(l, "not a MIME entity", (struct span){0});
        return;
    }
    line_add(l, "mime", e.content_type.ptr ? e.content_type : SPAN("no type"));
    struct lines within = lines_within(l);
    bool is_cms =
        mime_is(&e, SPAN("application/pkcs7-mime")) || mime_is(&e, SPAN("application/x-pkcs7-mime"));
    if (mime_is(&e, SPAN("multipart/signed"))) {
        signed_lines(&within, arena, &e);
    } else if (mime_is(&e, SPAN("message/cpim"))) {
        cpim_lines(&within, arena, e.body);
    } else if (mime_is(&e, SPAN("application/pidf+xml")) || mime_is(&e, SPAN("application/xmpp+xml"))) {
        document_lines(&within, arena, &e);
    } else {
        buffer_init(&octets);
        if (mime_decode(&e, &octets))
            line_add(&within, "cannot be decoded", (struct span){0});
        else if (is_cms)
            cms_lines(&within, arena, buffer_span(&octets));
        else
            line_add(&within, "content", buffer_span(&octets));
        buffer_fini(&octets);
    }
}

/* Base64 with no header fields at all, as RFC 3923 s. 3.3 shows it. */
static bool inspect_bare_base64(const struct lines *l, struct arena *arena, struct span text)
{
    struct buffer packed, der;
    buffer_init(&packed);
    buffer_init(&der);
    for (size_t i = 0; i < text.len; i++)
        if (!memchr(" \t\r\n", text.ptr[i], 4))
            buffer_append_char(&packed, text.ptr[i]);
    bool is_base64 = packed.len && sasl_base64_decode(buffer_span(&packed), &der) == 0;
    if (is_base64) {
        line_add(l, "base64 without header fields", (struct span){0});
        struct lines within = lines_within(l);
        cms_lines(&within, arena, buffer_span(&der));
    }
    buffer_fini(&packed);
    buffer_fini(&der);
    return is_base64;
}

static void stanza_line(const struct lines *l, const struct stanza *s)
{
    line_add(l, "stanza", s->kind);
    struct lines within = lines_within(l);
    if (s->from.ptr)
        line_add(&within, "from", s->from);
    if (s->to.ptr)
        line_add(&within, "to", s->to);
    if (s->type.ptr)
        line_add(&within, "type", s->type);
    if (s->has_body)
        line_add(&within, "a body beside the object, which nothing protects", (struct span){0});
}

int command_inspect(const struct options *o)
{
    (void)o;
    struct object b;
    struct buffer canonical, out;
    object_init(&b);
    buffer_init(&canonical);
    buffer_init(&out);
    struct lines l = {&out, 0};
    int status = object_read_whole(&b);
    if (status < 0 && smime_canonical(b.text, &canonical))
        status = fail_errno(EXIT_REFUSED, "standard input", -ENOMEM);
    if (status < 0) {
        if (b.has_stanza)
            stanza_line(&l, &b.stanza);
        if (!inspect_bare_base64(&l, &b.arena, buffer_span(&canonical)))
            inspect_entity(&l, &b.arena, buffer_span(&canonical));
        status = output_write(buffer_span(&out));
    }
    buffer_fini(&canonical);
    buffer_fini(&out);
    object_fini(&b);
    return status;
}
