/* SPDX-License-Identifier: Apache-2.0 */
/* Stream headers (RFC 6120 s. 4.7, 4.8). */
#include <stdlib.h>
#include <sys/random.h>

#include "base/hex.h"
#include "jid/jid.h"
#include "stream/internal.h"
#include "xml/write.h"

/* RFC 6120 s. 4.7.3: unpredictable; 128 bits. */
#define STREAM_ID_BYTES 16
/* A language tag (RFC 5646) is rarely over 35 characters; it is repeated in every stanza we stamp. */
#define STREAM_LANG_BYTES_MAX 35

void stream_id_write(struct buffer *out)
{
    uint8_t id[STREAM_ID_BYTES];
    char text[2 * sizeof id + 1];
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        abort(); /* 16 bytes after boot cannot fail */
    hex_write(id, sizeof id, text);
    buffer_append(out, span_make(text, 2 * sizeof id));
}

void stream_header_send(struct stream *s, struct span version, struct span to)
{
    struct buffer out = {0};
    buffer_literal(&out, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
                         "xmlns:stream='http://etherx.jabber.org/streams' xml:lang='en' id='");
    stream_id_write(&out);
    buffer_literal(&out, "'");
    if (version.len)
        xml_write_attribute(&out, "version", version);
    xml_write_attribute(&out, "from", s->worker->settings->domains[s->domain]);
    if (to.len)
        xml_write_attribute(&out, "to", to);
    buffer_literal(&out, ">");
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
    s->is_header_sent = true;
}

/* Which of our domains is it? false: none. */
static bool header_domain(struct stream *s, struct span to)
{
    char storage[JID_PART_BYTES_MAX];
    struct span text, domain;
    /* s. 4.7.2: liberal in what we accept, where there is no doubt. */
    if (!to.ptr)
        return s->jid || s->worker->settings->domain_count == 1;
    text = xml_unescape(&s->worker->arena, to);
    if (!text.ptr || jid_prepare_domain(text, storage, &domain) != 0)
        return false;
    for (uint32_t i = 0; i < s->worker->settings->domain_count; i++) {
        if (!span_equal(s->worker->settings->domains[i], domain))
            continue;
        /* After authentication the account's domain stays (RFC 6120 s. 6.4.6 and 4.7.2). */
        if (s->jid && i != s->domain)
            return false;
        s->domain = (uint8_t)i;
        return true;
    }
    return false;
}

/* The digits at the beginning of `text`, which is cut by them, as a number that need not be exact above 1000.
 * false: none. */
static bool version_part(struct span *text, unsigned *ret)
{
    unsigned value = 0;
    size_t len = 0;
    for (; len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9'; len++)
        value = value > 1000 ? value : value * 10 + (unsigned)(text->ptr[len] - '0');
    if (len == 0)
        return false; /* perhaps there is no text at all */
    *text = span_skip(*text, len);
    *ret = value;
    return true;
}

bool stream_version_is_supported(struct span version)
{
    /* "major.minor" as two numbers (s. 4.7.5): whoever speaks more than 1.0 is answered with 1.0, the lower
     * one. No version is the time before features: we have nothing to offer to it. */
    unsigned major, minor;
    if (!version_part(&version, &major) || !span_starts(version, SPAN(".")))
        return false;
    version = span_skip(version, 1);
    return version_part(&version, &minor) && version.len == 0 && major >= 1;
}

/* Whom it says it is from: a bare JID in `storage`; empty: it says nothing of use. */
static struct span header_from(struct stream *s, struct span raw, char storage[static JID_BYTES_MAX],
                               struct jid *ret)
{
    struct span text = raw.len ? xml_unescape(&s->worker->arena, raw) : raw;
    *ret = (struct jid){0};
    return text.len && jid_parse(text, storage, ret) == 0 ? jid_bare(ret) : (struct span){0};
}

/* Keep it for the log-in; false: it names another domain than it is addressed to (RFC 6120 s. 4.9.3.9). */
static bool header_from_keep(struct stream *s, const struct jid *from, struct span bare)
{
    if (s->login) { /* what was said in the clear does not count (RFC 6120 s. 5.4.3.3) */
        free(s->login->from);
        s->login->from = NULL;
    }
    if (!bare.len)
        return true;
    if (s->jid) /* it has logged in, and not as that one (RFC 6120 s. 4.9.3.9) */
        return span_equal(bare, stream_bare_jid(s));
    if (!span_equal(jid_domain(from), s->worker->settings->domains[s->domain]))
        return false;
    struct stream_login *l = from->local_len ? stream_login_take(s) : NULL;
    if (l)
        l->from = strndup(bare.ptr, bare.len);
    return true;
}

/* STREAM_ERROR_COUNT: nothing is wrong. */
static enum stream_error header_check(struct stream *s, const struct xml_item *item, const char **ret_text)
{
    struct span streams = xml_item_attribute(item, SPAN("xmlns:stream"));
    if (!span_is(item->name, "stream:stream")) {
        *ret_text = "the stream element's prefix must be 'stream'";
        return STREAM_BAD_NAMESPACE_PREFIX;
    }
    if (!span_equal(streams, XMLNS_STREAMS) || !span_equal(item->xmlns, XMLNS_CLIENT))
        return STREAM_INVALID_NAMESPACE;
    if (!header_domain(s, item->to))
        return STREAM_HOST_UNKNOWN;
    if (!stream_version_is_supported(xml_item_attribute(item, SPAN("version")))) {
        *ret_text = "version 1.0 is required";
        return STREAM_UNSUPPORTED_VERSION;
    }
    return STREAM_ERROR_COUNT;
}

void stream_header_item(struct stream *s, const struct xml_item *item)
{
    char storage[JID_BYTES_MAX];
    struct jid from;
    const char *text = NULL;
    struct span bare = header_from(s, item->from, storage, &from);
    enum stream_error error = header_check(s, item, &text);
    if (error == STREAM_ERROR_COUNT && !header_from_keep(s, &from, bare))
        error = STREAM_INVALID_FROM;
    /* Whoever says whom it is from is answered by that name, also by an error, and nobody else (RFC 6120
     * s. 4.7.2). */
    bool is_ancient = !xml_item_attribute(item, SPAN("version")).ptr;
    stream_header_send(s, is_ancient ? (struct span){0} : STREAM_VERSION, bare);
    if (error != STREAM_ERROR_COUNT) {
        stream_fail(s, error, text);
        return;
    }
    free(s->lang);
    s->lang = NULL;
    if (item->lang.len && item->lang.len <= STREAM_LANG_BYTES_MAX &&
        !memchr(item->lang.ptr, '&', item->lang.len))
        s->lang = strndup(item->lang.ptr, item->lang.len);
    if (item->is_self_closing) { /* opened and closed in one breath */
        stream_end(s);
        return;
    }
    stream_enter(s, s->jid ? STREAM_BINDING : STREAM_FEATURES);
    stream_features_send(s);
}
