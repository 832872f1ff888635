/* SPDX-License-Identifier: Apache-2.0 */
#include "content.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"
#include "sasl/sasl.h"
#include "smime/cpim.h"
#include "smime/mime.h"
#include "smime/pidf.h"
#include "xml/write.h"

/* RFC 2045 s. 6.8. */
#define BASE64_LINE_BYTES 76
/* Nobody guesses it, and no two are equal. */
#define ID_BYTES 8

/* The end of the last line is the shell's (echo), not the text's. */
static struct span line_end_cut(struct span text)
{
    if (text.len && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (text.len && text.ptr[text.len - 1] == '\r')
        text.len--;
    return text;
}

/* XML_ERROR_NONE: it can stand in a stanza as it is. */
static enum xml_error text_check(struct arena *arena, struct span text)
{
    struct buffer probe;
    buffer_init(&probe);
    buffer_literal(&probe, "<message>");
    xml_escape(&probe, text);
    buffer_literal(&probe, "</message>");
    struct stanza unused;
    enum xml_error error = XML_ERROR_NONE;
    stanza_read(arena, buffer_span(&probe), &unused, &error);
    buffer_fini(&probe);
    return error;
}

static void base64_write(struct buffer *out, struct span text)
{
    struct buffer whole;
    buffer_init(&whole);
    sasl_base64_encode(text, &whole);
    for (struct span rest = buffer_span(&whole); rest.len;) {
        size_t len = rest.len < BASE64_LINE_BYTES ? rest.len : BASE64_LINE_BYTES;
        buffer_append(out, span_make(rest.ptr, len));
        buffer_literal(out, "\r\n");
        rest = span_skip(rest, len);
    }
    if (!buffer_ok(&whole))
        out->failed = true;
    buffer_fini(&whole);
}

/* A text that XML has no characters for is written in base64 (s. 1.1 of the profile: never as it is). */
static int text_make(struct arena *arena, struct span in, struct buffer *out)
{
    struct span text = line_end_cut(in);
    enum xml_error error = text.len ? text_check(arena, text) : XML_ERROR_NONE;
    if (error == XML_UNSUPPORTED_ENCODING)
        return fail(EXIT_REFUSED, "standard input", SPAN("the text is not UTF-8"));
    buffer_literal(out, "Content-Type: text/plain; charset=utf-8\r\n");
    if (error) {
        buffer_literal(out, "Content-Transfer-Encoding: base64\r\n\r\n");
        base64_write(out, text);
        return -1;
    }
    buffer_literal(out, "\r\n");
    /* leading blank lines are left out by it, so the header fields go through it as well */
    struct buffer canonical;
    buffer_init(&canonical);
    buffer_append(out, text);
    if (smime_canonical(buffer_span(out), &canonical))
        canonical.failed = true;
    buffer_clear(out);
    buffer_append(out, buffer_span(&canonical));
    out->failed |= canonical.failed;
    buffer_fini(&canonical);
    return -1;
}

static int presence_make(const struct options *o, struct arena *arena, struct span in,
                         const struct parties *p, struct moment now, struct buffer *out)
{
    const char *basic = option_value(o, OPTION_BASIC);
    struct span note = line_end_cut(in);
    if (note.len && text_check(arena, note))
        return fail(EXIT_REFUSED, "standard input", SPAN("the note is not text that XML can have"));
    struct buffer document;
    buffer_init(&document);
    int error = pidf_write(&document, jid_bare(&p->from), !basic || strcmp(basic, "open") == 0, note, now);
    buffer_literal(out, "Content-Type: application/pidf+xml\r\n\r\n");
    if (error || smime_canonical(buffer_span(&document), out))
        out->failed = true;
    buffer_fini(&document);
    return -1;
}

/* The stanza as it is, in a document of its own. */
static void stanza_document_make(struct span raw, struct buffer *out)
{
    struct buffer document;
    buffer_init(&document);
    buffer_literal(&document, "<?xml version='1.0' encoding='UTF-8'?>\n<xmpp xmlns='jabber:client'>");
    buffer_append(&document, raw);
    buffer_literal(&document, "</xmpp>\n");
    buffer_literal(out, "Content-Type: application/xmpp+xml; charset=utf-8\r\n\r\n");
    if (smime_canonical(buffer_span(&document), out))
        out->failed = true;
    buffer_fini(&document);
}

static struct span id_make(struct arena *arena)
{
    uint8_t random[ID_BYTES];
    char text[2 * ID_BYTES + 1] = "";
    if (getrandom(random, sizeof random, 0) == (ssize_t)sizeof random)
        hex_write(random, sizeof random, text);
    return arena_copy(arena, span_of(text));
}

/* Do the options say something that can be? -1, or the exit status. */
static int options_check(const struct options *o)
{
    const char *as = option_value(o, OPTION_AS);
    if (strcmp(as, "presence") != 0 && (option_is_given(o, OPTION_BASIC) || option_is_given(o, OPTION_BARE)))
        return fail_usage("--basic and --bare belong to --as presence", NULL);
    if (strcmp(as, "stanza") != 0 && option_is_given(o, OPTION_IN))
        return fail_usage("--in belongs to --as stanza", NULL);
    return -1;
}

/* What the stanza around it looks like; `inner`: what is wrapped, when it is a stanza. */
static struct stanza outline_make(const struct options *o, struct arena *arena, const struct stanza *inner,
                                  const struct parties *p)
{
    const char *in = option_value(o, OPTION_IN);
    struct stanza outline = {.kind = span_of(option_value(o, OPTION_AS)), .id = id_make(arena)};
    bool is_other = inner && in && !span_equal(inner->kind, span_of(in));
    if (inner)
        outline.kind = is_other ? span_of(in) : inner->kind;
    if (inner && !is_other) {
        outline.type = inner->type;
        if (inner->id.ptr)
            outline.id = inner->id; /* an answer is told by it */
    } else if (span_is(outline.kind, "message")) {
        outline.type = SPAN("chat");
    } else if (span_is(outline.kind, "iq")) {
        outline.type = SPAN("set");
    }
    outline.from = jid_full(&p->from);
    outline.to = jid_full(&p->to);
    return outline;
}

int content_make(const struct options *o, struct arena *arena, struct span in, struct parties *parties,
                 struct buffer *entity, struct stanza *ret_outline)
{
    int status = options_check(o);
    if (status >= 0)
        return status;
    struct stanza inner = {0};
    struct moment now;
    const char *as = option_value(o, OPTION_AS);
    bool is_stanza = strcmp(as, "stanza") == 0, is_presence = strcmp(as, "presence") == 0;
    enum xml_error why;
    if (is_stanza && stanza_read(arena, in, &inner, &why))
        return fail(EXIT_REFUSED, "standard input", span_of(stanza_error_text(why)));
    if ((status = now_read(o, &now)) >= 0 || (status = parties_read(o, inner.from, inner.to, parties)) >= 0)
        return status;
    struct buffer content;
    buffer_init(&content);
    if (is_stanza)
        stanza_document_make(inner.raw, &content);
    else if (is_presence)
        status = presence_make(o, arena, in, parties, now, &content);
    else
        status = text_make(arena, in, &content);
    entity->failed |= content.failed;
    if (status < 0 && option_is_given(o, OPTION_BARE))
        buffer_append(entity, buffer_span(&content));
    else if (status < 0 &&
             cpim_write(entity, is_presence ? SPAN("pres") : SPAN("im"), jid_bare(&parties->from),
                        jid_bare(&parties->to), now, buffer_span(&content)))
        entity->failed = true;
    buffer_fini(&content);
    *ret_outline = outline_make(o, arena, is_stanza ? &inner : NULL, parties);
    return status;
}
