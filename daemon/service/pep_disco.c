/* SPDX-License-Identifier: Apache-2.0 */
/* Service discovery of an account (XEP-0030, XEP-0163 s. 6, XEP-0060 s. 5): that it publishes, and which
 * nodes the asker may see. */
#include "service/pep.h"
#include "service/services.h"
#include "xml/write.h"

/* In order of the bytes. */
static const char *const account_features[] = {
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    PUBSUB "#access-open",
    PUBSUB "#access-presence",
    PUBSUB "#access-whitelist",
    PUBSUB "#auto-create",
    PUBSUB "#config-node",
    PUBSUB "#config-node-max",
    PUBSUB "#create-and-configure",
    PUBSUB "#create-nodes",
    PUBSUB "#delete-items",
    PUBSUB "#delete-nodes",
    PUBSUB "#filtered-notifications",
    PUBSUB "#item-ids",
    PUBSUB "#last-published",
    PUBSUB "#meta-data",
    PUBSUB "#multi-items",
    PUBSUB "#owner",
    PUBSUB "#persistent-items",
    PUBSUB "#presence-notifications",
    PUBSUB "#publish",
    PUBSUB "#publish-options",
    PUBSUB "#purge-nodes",
    PUBSUB "#retract-items",
    PUBSUB "#retrieve-affiliations",
    PUBSUB "#retrieve-items",
    PUBSUB "#rsm",
    "jabber:iq:last",
    "urn:xmpp:mam:2",
    "urn:xmpp:mam:2#extended",
    "urn:xmpp:mam:2#groupchat-field",
    "urn:xmpp:pep-vcard-conversion:0",
    "urn:xmpp:ping",
    "urn:xmpp:sid:0",
    "vcard-temp",
};

static void account_info(const struct service_query *q)
{
    struct buffer out = {0};
    buffer_literal(&out, "<query xmlns='http://jabber.org/protocol/disco#info'>"
                         "<identity category='account' type='registered'/>"
                         "<identity category='pubsub' type='pep'/>");
    service_features_write(q, &out, account_features, sizeof account_features / sizeof *account_features);
    buffer_literal(&out, "</query>");
    service_result(q, buffer_span(&out));
    buffer_fini(&out);
}

static int config_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    return store_pep_config(db, r->jid, p->node, p->rank, &p->config);
}

static void node_found(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    struct buffer out = {0};
    if (pep_work_is_refused(p))
        return;
    buffer_literal(&out, "<query xmlns='http://jabber.org/protocol/disco#info'");
    xml_write_attribute(&out, "node", p->node);
    buffer_literal(&out, "><identity category='pubsub' type='leaf'/><feature var='" PUBSUB "'/>");
    pep_form_write(&out, PEP_FORM_META, &p->config);
    buffer_literal(&out, "</query>");
    service_work_result(w, buffer_span(&out));
    buffer_fini(&out);
}

void service_account_info(const struct service_query *q)
{
    const struct xml_node *query = service_payload(q);
    if (!query)
        return;
    if (!xml_node_attribute(query, SPAN("node")).ptr) {
        /* To who may not see the account it is as if there were none. */
        if (pep_rank(q) == PEP_OPEN)
            service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
        else
            account_info(q);
        return;
    }
    struct pep_work *p = pep_work_new(q, node_found);
    if (p && pep_work_take_node(p, q, query))
        service_work_submit(&p->work, config_call);
}

static int nodes_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    return store_pep_nodes(db, r->jid, p->rank, &r->arena, &p->nodes);
}

static void nodes_found(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    struct buffer out = {0};
    buffer_literal(&out, "<query xmlns='http://jabber.org/protocol/disco#items'>");
    for (const struct pep_node *n = p->nodes; n; n = n->next) {
        buffer_literal(&out, "<item");
        xml_write_attribute(&out, "jid", w->request.jid);
        xml_write_attribute(&out, "node", n->name);
        buffer_literal(&out, "/>");
    }
    buffer_literal(&out, "</query>");
    service_work_result(w, buffer_span(&out));
    buffer_fini(&out);
}

void service_account_items(const struct service_query *q)
{
    const struct xml_node *query = service_payload(q);
    if (!query)
        return;
    if (xml_node_attribute(query, SPAN("node")).ptr) { /* the items of a node are asked for, not discovered */
        service_refuse(q, STANZA_ITEM_NOT_FOUND);
        return;
    }
    struct pep_work *p = pep_work_new(q, nodes_found);
    if (p)
        service_work_submit(&p->work, nodes_call);
}
