/* SPDX-License-Identifier: Apache-2.0 */
/* Service discovery (XEP-0030): what the server says of itself. Of accounts: pep_disco.c. */
#include "base/buffer.h"
#include "service/services.h"
#include "stanza/e2e.h"
#include "xml/tree.h"
#include "xml/write.h"

/* In order of the bytes, as XEP-0115 s. 5.1 hashes them. */
static const char *const server_features[] = {
    "http://jabber.org/protocol/commands",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "jabber:iq:last",
    "jabber:iq:private",
    "jabber:iq:register",
    "jabber:iq:roster",
    "jabber:iq:version",
    "msgoffline",
    "urn:xmpp:blocking",
    "urn:xmpp:carbons:2",
    "urn:xmpp:invisible:1",
    "urn:xmpp:mam:2",
    "urn:xmpp:mam:2#extended",
    E2E_MARK_XMLNS,
    "urn:xmpp:ping",
    "urn:xmpp:sid:0",
    "urn:xmpp:time",
    "vcard-temp",
};

/* XEP-0157 s. 3, as the settings list them. */
static const char *const contact_fields[SERVICE_CONTACTS] = {
    "abuse-addresses",    "admin-addresses",  "feedback-addresses", "sales-addresses",
    "security-addresses", "status-addresses", "support-addresses",
};

static bool is_on(const struct service_query *q, const char *feature)
{
    if (strcmp(feature, "http://jabber.org/protocol/commands") == 0)
        return service_is_admin(q);
    if (strcmp(feature, "jabber:iq:version") == 0)
        return q->settings->tells_version;
    if (strcmp(feature, "jabber:iq:register") == 0)
        return service_register_is_on(q->settings);
    if (strcmp(feature, E2E_MARK_XMLNS) == 0)
        return router_e2e_marks(q->router, jid_domain(&q->stanza->to));
    return q->settings->has_archive || !span_starts(span_of(feature), SPAN("urn:xmpp:mam:2"));
}

void service_features_write(const struct service_query *q, struct buffer *out, const char *const *features,
                            size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_on(q, features[i]))
            buffer_printf(out, "<feature var='%s'/>", features[i]);
}

static void contacts_write(const struct service_query *q, struct buffer *out)
{
    const struct service_list *contacts = q->settings->contacts;
    uint32_t count = 0;
    for (int i = 0; i < SERVICE_CONTACTS; i++)
        count += contacts[i].count;
    if (!count)
        return;
    buffer_literal(out, "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>"
                        "<value>http://jabber.org/network/serverinfo</value></field>");
    for (int i = 0; i < SERVICE_CONTACTS; i++) {
        if (!contacts[i].count)
            continue;
        buffer_printf(out, "<field var='%s' type='list-multi'>", contact_fields[i]);
        for (uint32_t n = 0; n < contacts[i].count; n++) {
            buffer_literal(out, "<value>");
            xml_escape(out, span_of(contacts[i].texts[n]));
            buffer_literal(out, "</value>");
        }
        buffer_literal(out, "</field>");
    }
    buffer_literal(out, "</x>");
}

/* The answer begins. False: nothing was asked. */
static bool query_open(const struct service_query *q, const char *what, struct buffer *out,
                       struct span *ret_node)
{
    const struct xml_node *query = service_payload(q);
    if (!query)
        return false;
    *ret_node = xml_node_attribute(query, SPAN("node"));
    buffer_printf(out, "<query xmlns='http://jabber.org/protocol/disco#%s'", what);
    if (ret_node->len)
        xml_write_attribute(out, "node", *ret_node);
    buffer_append_char(out, '>');
    return true;
}

static void query_answer(const struct service_query *q, struct buffer *out, bool is_there)
{
    buffer_literal(out, "</query>");
    if (!is_there)
        service_refuse(q, STANZA_ITEM_NOT_FOUND);
    else if (buffer_ok(out))
        service_result(q, buffer_span(out));
    else
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(out);
}

void service_disco_info(const struct service_query *q)
{
    struct buffer out = {0};
    struct span node;
    bool is_there = true;
    if (!query_open(q, "info", &out, &node))
        return;
    if (node.len) {
        is_there = service_command_info(q, node, &out);
    } else {
        buffer_literal(&out, "<identity category='server' type='im' name='muster'/>");
        service_features_write(q, &out, server_features, sizeof server_features / sizeof *server_features);
        contacts_write(q, &out);
    }
    query_answer(q, &out, is_there);
}

void service_disco_items(const struct service_query *q)
{
    struct buffer out = {0};
    struct span node;
    bool is_there = true;
    if (!query_open(q, "items", &out, &node))
        return;
    if (node.len)
        is_there = service_command_items(q, node, &out);
    query_answer(q, &out, is_there);
}
