/* SPDX-License-Identifier: Apache-2.0 */
/* SASL as RFC 6120 s. 6 writes it: <auth/>, and a new stream after <success/>. */
#include "stream/internal.h"

static void sasl_say(struct stream *s, const char *element, struct span message)
{
    struct buffer out = {0};
    buffer_printf(&out, "<%s xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>", element);
    if (message.len)
        sasl_base64_encode(message, &out);
    buffer_printf(&out, "</%s>", element);
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
}

static void sasl_challenge(struct stream *s, struct span message)
{
    sasl_say(s, "challenge", message);
}

static void sasl_failure(struct stream *s, enum sasl_error error)
{
    struct buffer out = {0};
    buffer_printf(&out, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><%s/></failure>",
                  sasl_error_name(error));
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
}

static void sasl_success(struct stream *s, struct span message)
{
    sasl_say(s, "success", message);
    s->is_header_sent = false;
}

static const struct auth_wire sasl_wire = {sasl_challenge, sasl_failure, sasl_success};

void stream_sasl_item(struct stream *s, const struct xml_item *item)
{
    if (span_is(item->name, "auth"))
        stream_auth_start(s, &sasl_wire, stream_mechanisms(s), xml_item_attribute(item, SPAN("mechanism")),
                          item->content.len ? &item->content : NULL);
    else if (span_is(item->name, "abort"))
        stream_auth_fail(s, &sasl_wire, SASL_ABORTED);
    else if (!span_is(item->name, "response") || !stream_auth_respond(s, &sasl_wire, item->content))
        stream_auth_fail(s, &sasl_wire, SASL_MALFORMED_REQUEST);
}
