/* SPDX-License-Identifier: Apache-2.0 */
/* Service discovery (XEP-0030): what the server says of itself and of accounts. */
#include "base/buffer.h"
#include "service/services.h"
#include "xml/tree.h"
#include "xml/write.h"

/* In order of the bytes, as XEP-0115 s. 5.1 hashes them. */
static const char *const server_features[] = {
    "http://jabber.org/protocol/commands",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "jabber:iq:last",
    "jabber:iq:private",
    "jabber:iq:roster",
    "jabber:iq:version",
    "urn:xmpp:ping",
    "urn:xmpp:time",
    "vcard-temp",
};

static const char *const account_features[] = {
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "jabber:iq:last",
    "urn:xmpp:ping",
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
    return q->settings->tells_version || strcmp(feature, "jabber:iq:version") != 0;
}

static void features_write(const struct service_query *q, struct buffer *out, const char *const *features,
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

/* What there may be of an account is not said to those who may not see it. False: refused. *ret_node: which one is asked for;
 * empty: none. */
static bool may_discover(const struct service_query *q, struct span *ret_node)
{
    const struct xml_node *query = service_payload(q);
    if (!query)
        return false;
    *ret_node = xml_node_attribute(query, SPAN("node"));
    if (q->address != SERVICE_ACCOUNT || service_may_see(q))
        return true;
    service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
    return false;
}

static void own_info(const struct service_query *q, struct buffer *out)
{
    if (q->address == SERVICE_SERVER) {
        buffer_literal(out, "<identity category='server' type='im' name='muster'/>");
        features_write(q, out, server_features, sizeof server_features / sizeof *server_features);
        contacts_write(q, out);
    } else {
        buffer_literal(out, "<identity category='account' type='registered'/>");
        features_write(q, out, account_features, sizeof account_features / sizeof *account_features);
    }
}

static void query_open(struct buffer *out, const char *what, struct span node)
{
    buffer_printf(out, "<query xmlns='http://jabber.org/protocol/disco#%s'", what);
    if (node.len)
        xml_write_attribute(out, "node", node);
    buffer_append_char(out, '>');
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

/* Only the server has nodes, its commands. */
void service_disco_info(const struct service_query *q)
{
    struct buffer out = {0};
    struct span node;
    bool is_there = true;
    if (!may_discover(q, &node))
        return;
    query_open(&out, "info", node);
    if (!node.len)
        own_info(q, &out);
    else
        is_there = q->address == SERVICE_SERVER && service_command_info(q, node, &out);
    query_answer(q, &out, is_there);
}

void service_disco_items(const struct service_query *q)
{
    struct buffer out = {0};
    struct span node;
    bool is_there = true;
    if (!may_discover(q, &node))
        return;
    query_open(&out, "items", node);
    if (node.len)
        is_there = q->address == SERVICE_SERVER && service_command_items(q, node, &out);
    query_answer(q, &out, is_there);
}
