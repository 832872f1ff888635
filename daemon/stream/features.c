/* SPDX-License-Identifier: Apache-2.0 */
/* Stream features (RFC 6120 s. 4.3.2): what may be negotiated now. */
#include "stream/internal.h"

#define SCRAM_PLUS_MECHANISMS (1u << SASL_SCRAM_SHA_256_PLUS | 1u << SASL_SCRAM_SHA_1_PLUS)
#define SCRAM_MECHANISMS (1u << SASL_SCRAM_SHA_256 | 1u << SASL_SCRAM_SHA_1)

void stream_bindings(const struct stream *s, struct sasl_bindings *ret)
{
    const struct tls_bindings *b = conn_bindings(&s->conn);
    *ret = (struct sasl_bindings){.is_tls = conn_is_secure(&s->conn)};
    if (!b)
        return;
    ret->tls_exporter_len = b->exporter_len;
    memcpy(ret->tls_exporter, b->exporter, b->exporter_len);
    ret->tls_server_end_point_len = b->end_point_len;
    memcpy(ret->tls_server_end_point, b->end_point, b->end_point_len);
    ret->tls_unique_len = b->unique_len;
    memcpy(ret->tls_unique, b->unique, b->unique_len);
}

uint32_t stream_mechanisms(const struct stream *s)
{
    const struct tls_bindings *b = conn_bindings(&s->conn);
    if (s->tls != STREAM_TLS_NONE && !conn_is_secure(&s->conn))
        return 0;
    uint32_t mechanisms = SCRAM_MECHANISMS;
    if (b && (b->exporter_len || b->end_point_len))
        mechanisms |= SCRAM_PLUS_MECHANISMS;
    if (stream_certified(s, NULL))
        mechanisms |= 1u << SASL_EXTERNAL;
    /* RFC 6120 s. 13.8.3: PLAIN only under TLS, and only where the operator wants it. */
    if (conn_is_secure(&s->conn) && s->worker->settings->allow_plain)
        mechanisms |= 1u << SASL_PLAIN;
    return mechanisms;
}

uint32_t stream_mechanisms_sasl2(const struct stream *s)
{
    return stream_is_private(s) ? stream_mechanisms(s) : 0;
}

void stream_mechanisms_write(uint32_t mechanisms, struct buffer *out)
{
    for (int m = 0; m < SASL_MECHANISM_COUNT; m++)
        if (mechanisms & 1u << m)
            buffer_printf(out, "<mechanism>%s</mechanism>", sasl_mechanism_names[m]);
}

/* XEP-0388, with what may be asked for along with the log-in. */
static void features_authentication(const struct stream *s, struct buffer *out)
{
    uint32_t mechanisms = stream_mechanisms_sasl2(s);
    if (!mechanisms)
        return;
    buffer_literal(out, "<authentication xmlns='urn:xmpp:sasl:2'>");
    stream_mechanisms_write(mechanisms, out);
    buffer_literal(out, "<inline><bind xmlns='urn:xmpp:bind:0'>");
    buffer_literal(out, "<inline>");
    buffer_literal(out, "<feature var='urn:xmpp:carbons:2'/>");
    if (s->worker->settings->has_csi)
        buffer_literal(out, "<feature var='urn:xmpp:csi:0'/>");
    buffer_literal(out, "<feature var='" XMLNS_SM_TEXT "'/></inline></bind><sm xmlns='" XMLNS_SM_TEXT "'/>");
    stream_fast_features(s, out);
    buffer_literal(out, "</inline></authentication>");
}

static void features_mechanisms(const struct stream *s, struct buffer *out)
{
    uint32_t mechanisms = stream_mechanisms(s);
    buffer_literal(out, "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>");
    stream_mechanisms_write(mechanisms, out);
    buffer_literal(out, "</mechanisms>");
    features_authentication(s, out);
    if (stream_may_register(s))
        buffer_literal(out, "<register xmlns='http://jabber.org/features/iq-register'/>");
    const struct tls_bindings *b = conn_bindings(&s->conn);
    if (!b || !(mechanisms & SCRAM_PLUS_MECHANISMS))
        return;
    /* XEP-0440: which channel bindings a client may choose from. */
    buffer_literal(out, "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>");
    if (b->exporter_len)
        buffer_literal(out, "<channel-binding type='tls-exporter'/>");
    if (b->end_point_len)
        buffer_literal(out, "<channel-binding type='tls-server-end-point'/>");
    buffer_literal(out, "</sasl-channel-binding>");
}

static void features_bind(const struct stream *s, struct buffer *out)
{
    if (s->state != STREAM_BOUND)
        buffer_literal(out, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
                            "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>");
    buffer_literal(out, "<sub xmlns='urn:xmpp:features:pre-approval'/>"
                        "<ver xmlns='urn:xmpp:features:rosterver'/>");
    /* Along with the log-in it may be enabled already: who is offered it again would enable or resume once more. */
    if (!s->management)
        buffer_literal(out, "<sm xmlns='" XMLNS_SM_TEXT "'/>");
    if (s->worker->settings->has_csi)
        buffer_literal(out, "<csi xmlns='urn:xmpp:csi:0'/>");
}

/* XEP-0478; idle-seconds is left out, for nobody is disconnected for being silent. */
static void features_limits(const struct stream *s, struct buffer *out)
{
    const struct stream_settings *settings = s->worker->settings;
    buffer_printf(out, "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>%u</max-bytes></limits>",
                  s->jid ? settings->stanza_bytes_max : settings->unauthenticated_bytes_max);
}

void stream_features_write(const struct stream *s, struct buffer *out)
{
    buffer_literal(out, "<stream:features>");
    if (s->jid)
        features_bind(s, out);
    else if (s->tls == STREAM_TLS_STARTTLS && !conn_is_secure(&s->conn))
        buffer_literal(out, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>");
    else
        features_mechanisms(s, out);
    features_limits(s, out);
    buffer_literal(out, "</stream:features>");
}

void stream_features_send(struct stream *s)
{
    struct buffer out = {0};
    stream_features_write(s, &out);
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
}
