/* SPDX-License-Identifier: Apache-2.0 */
/* Service discovery (XEP-0030): what the server says of itself. */
#include "base/buffer.h"
#include "service/services.h"

/* In order of the bytes, as XEP-0115 s. 5.1 hashes them. */
static const char *const server_features[] = {
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "jabber:iq:register",
    "jabber:iq:roster",
    "msgoffline",
    "urn:xmpp:blocking",
    "urn:xmpp:carbons:2",
    "urn:xmpp:invisible:1",
    "urn:xmpp:mam:2",
    "urn:xmpp:mam:2#extended",
    "urn:xmpp:ping",
    "urn:xmpp:sid:0",
};

static bool is_on(const struct service_query *q, const char *feature)
{
    return q->settings->has_archive || !span_starts(span_of(feature), SPAN("urn:xmpp:mam:2"));
}

void service_features_write(const struct service_query *q, struct buffer *out, const char *const *features,
                            size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_on(q, features[i]))
            buffer_printf(out, "<feature var='%s'/>", features[i]);
}

void service_disco_info(const struct service_query *q)
{
    struct buffer out = {0};
    buffer_literal(&out, "<query xmlns='http://jabber.org/protocol/disco#info'>"
                         "<identity category='server' type='im' name='muster'/>");
    service_features_write(q, &out, server_features, sizeof server_features / sizeof server_features[0]);
    buffer_literal(&out, "</query>");
    if (buffer_ok(&out))
        service_result(q, buffer_span(&out));
    else
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
}

void service_disco_items(const struct service_query *q)
{
    service_result(q, SPAN("<query xmlns='http://jabber.org/protocol/disco#items'/>"));
}
