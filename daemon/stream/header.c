/* SPDX-License-Identifier: Apache-2.0 */
/* Stream headers (RFC 6120 s. 4.7, 4.8). */
#include <stdlib.h>
#include <sys/random.h>

#include "jid/jid.h"
#include "stream/internal.h"
#include "xml/write.h"

/* RFC 6120 s. 4.7.3: unpredictable; 128 bits. */
#define STREAM_ID_BYTES 16
/* A language tag (RFC 5646) is rarely over 35 characters; it is repeated in every stanza we stamp. */
#define STREAM_LANG_BYTES_MAX 35

void stream_header_send(struct stream *s)
{
    uint8_t id[STREAM_ID_BYTES];
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        abort(); /* 16 bytes after boot cannot fail */
    struct buffer out = {0};
    buffer_literal(&out, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
                         "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='en' id='");
    for (size_t i = 0; i < sizeof id; i++)
        buffer_printf(&out, "%02x", id[i]);
    buffer_literal(&out, "'");
    xml_write_attribute(&out, "from", s->worker->settings->domains[s->domain]);
    if (s->jid)
        xml_write_attribute(&out, "to", stream_bare_jid(s));
    buffer_literal(&out, ">");
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
    s->is_header_sent = true;
}

/* Which of our domains is it? false: none. */
static bool header_domain(struct stream *s, struct span to)
{
    char storage[JID_PART_BYTES_MAX];
    struct span text = xml_unescape(&s->worker->arena, to), domain;
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

static bool version_is_supported(struct span version)
{
    /* "major.minor" as two numbers (s. 4.7.5); any 1.x speaks 1.0. No version is the time before features: we
     * have nothing to offer to it. */
    return span_starts(version, SPAN("1.")) && version.len > 2;
}

/* Keep whom it says it is from; false: it names another domain than it is addressed to (RFC 6120 s. 4.9.3.9).
 * What is no JID says nothing. */
static bool header_from(struct stream *s, struct span raw)
{
    char storage[JID_BYTES_MAX];
    struct jid from;
    if (s->login) { /* what was said in the clear does not count (RFC 6120 s. 5.4.3.3) */
        free(s->login->from);
        s->login->from = NULL;
    }
    struct span text = raw.len ? xml_unescape(&s->worker->arena, raw) : raw;
    if (!text.len || s->jid || jid_parse(text, storage, &from) != 0)
        return true;
    if (!span_equal(jid_domain(&from), s->worker->settings->domains[s->domain]))
        return false;
    struct stream_login *l = from.local_len ? stream_login_take(s) : NULL;
    if (l)
        l->from = strndup(jid_bare(&from).ptr, jid_bare(&from).len);
    return true;
}

void stream_header_item(struct stream *s, const struct xml_item *item)
{
    struct span streams = xml_item_attribute(item, SPAN("xmlns:stream"));
    if (!span_is(item->name, "stream:stream")) {
        stream_fail(s, STREAM_BAD_NAMESPACE_PREFIX, "the stream element's prefix must be 'stream'");
        return;
    }
    if (!span_equal(streams, XMLNS_STREAMS) || !span_equal(item->xmlns, XMLNS_CLIENT)) {
        stream_fail(s, STREAM_INVALID_NAMESPACE, NULL);
        return;
    }
    if (!item->to.ptr || !header_domain(s, item->to)) {
        stream_fail(s, STREAM_HOST_UNKNOWN, NULL);
        return;
    }
    if (!version_is_supported(xml_item_attribute(item, SPAN("version")))) {
        stream_fail(s, STREAM_UNSUPPORTED_VERSION, "version 1.0 is required");
        return;
    }
    if (!header_from(s, item->from)) {
        stream_fail(s, STREAM_INVALID_FROM, NULL);
        return;
    }
    free(s->lang);
    s->lang = NULL;
    if (item->lang.len && item->lang.len <= STREAM_LANG_BYTES_MAX && !memchr(item->lang.ptr, '&', item->lang.len))
        s->lang = strndup(item->lang.ptr, item->lang.len);
    stream_header_send(s);
    if (item->is_self_closing) { /* opened and closed in one breath */
        stream_end(s);
        return;
    }
    stream_enter(s, s->jid ? STREAM_BINDING : STREAM_FEATURES);
    stream_features_send(s);
}
