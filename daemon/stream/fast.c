/* SPDX-License-Identifier: Apache-2.0 */
/* FAST (XEP-0484): a client that is in may have a token, and is let in with it the next time in one round
 * trip. */
#include "base/datetime.h"
#include "stream/internal.h"
#include "xml/tree.h"

#define XMLNS_FAST SPAN("urn:xmpp:fast:0")

uint32_t stream_fast_mechanisms(const struct stream *s)
{
    struct sasl_bindings bindings;
    if (!s->worker->settings->token_lifetime_s || !stream_mechanisms_sasl2(s))
        return 0;
    uint32_t mechanisms = 1u << SASL_HT_SHA_256_NONE;
    stream_bindings(s, &bindings);
    if (bindings.tls_exporter_len)
        mechanisms |= 1u << SASL_HT_SHA_256_EXPR;
    if (bindings.tls_server_end_point_len)
        mechanisms |= 1u << SASL_HT_SHA_256_ENDP;
    return mechanisms;
}

void stream_fast_features(const struct stream *s, struct buffer *out)
{
    uint32_t mechanisms = stream_fast_mechanisms(s);
    if (!mechanisms)
        return;
    buffer_literal(out, "<fast xmlns='urn:xmpp:fast:0'>");
    stream_mechanisms_write(mechanisms, out);
    buffer_literal(out, "</fast>");
}

/* xs:boolean */
static bool is_true(struct span text)
{
    return span_is(text, "true") || span_is(text, "1");
}

/* A positive number; 0: there is none. */
static uint64_t count_read(struct span text)
{
    uint64_t count = 0;
    if (text.len > 10) /* xs:int has no more digits */
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        count = count * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return count;
}

void stream_fast_read(const struct stream *s, struct stream_login *l, const struct xml_node *authenticate)
{
    const struct xml_node *fast = xml_node_child(authenticate, SPAN("fast"), XMLNS_FAST);
    const struct xml_node *request = xml_node_child(authenticate, SPAN("request-token"), XMLNS_FAST);
    struct span wanted = request ? xml_node_attribute(request, SPAN("mechanism")) : (struct span){0};
    uint32_t mechanisms = stream_fast_mechanisms(s);
    if (fast) {
        l->fast.has_token = true;
        l->fast.is_invalidated = is_true(xml_node_attribute(fast, SPAN("invalidate")));
        l->fast.count = count_read(xml_node_attribute(fast, SPAN("count")));
    }
    if (!l->agent) /* nobody to give one to */
        return;
    for (int m = 0; m < SASL_MECHANISM_COUNT; m++)
        if (mechanisms & 1u << m && span_equal(wanted, span_of(sasl_mechanism_names[m])))
            l->fast.wanted = sasl_mechanism_names[m];
}

void stream_fast_success(const struct stream_login *l, struct buffer *out)
{
    char expiry[DATETIME_BYTES];
    if (!l->fast.made[0])
        return;
    datetime_write(l->fast.made_expires_s * 1000000, expiry);
    buffer_printf(out, "<token xmlns='urn:xmpp:fast:0' expiry='%s' token='%s'/>", expiry, l->fast.made);
}
