/* SPDX-License-Identifier: Apache-2.0 */
/* What an owner does with its nodes (XEP-0060 s. 8): make, configure, empty and remove them, and see which it
 * has. */
#include "service/pep.h"
#include "service/services.h"
#include "xml/write.h"

/* ---- making ---- */

static int create_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    return store_pep_create(db, r->jid, p->node, &p->options, &p->limits);
}

static void is_done(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    if (!pep_work_is_refused(p))
        service_work_result(w, (struct span){0});
}

/* The form that `element` holds, as options. False: refused. */
static bool take_form(struct pep_work *p, const struct service_query *q, const struct xml_node *element)
{
    if (pep_form_read(pep_form_in(element), &p->limits, &p->options) == 0)
        return true;
    service_work_free(&p->work);
    service_refuse(q, STANZA_NOT_ACCEPTABLE);
    return false;
}

void pep_create(const struct service_query *q, const struct xml_node *create)
{
    struct pep_work *p = pep_work_new(q, is_done);
    if (p && pep_work_take_node(p, q, create) &&
        take_form(p, q, xml_node_child(create->parent, SPAN("configure"), SPAN(PUBSUB))))
        service_work_submit(&p->work, create_call);
}

/* ---- configuring ---- */

static int config_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    return store_pep_config(db, r->jid, p->node, p->rank, &p->config);
}

static void configuration_found(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    struct buffer out = {0};
    if (pep_work_is_refused(p))
        return;
    buffer_literal(&out, "<pubsub xmlns='" PUBSUB_OWNER "'><configure");
    xml_write_attribute(&out, "node", p->node);
    buffer_append_char(&out, '>');
    pep_form_write(&out, PEP_FORM_CONFIG, &p->config);
    buffer_literal(&out, "</configure></pubsub>");
    service_work_result(w, buffer_span(&out));
    buffer_fini(&out);
}

static int configure_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    int outcome = store_pep_configure(db, r->jid, p->node, &p->options, &p->config);
    return outcome ? outcome : pep_avatar_follow(db, p, PEP_CHANGED);
}

static void configured(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    if (pep_work_is_refused(p))
        return;
    service_work_result(w, (struct span){0});
    if (p->config.notify_config)
        pep_tell_node(p, "configuration");
    pep_avatar_tell(p);
}

static void owner_configure(const struct service_query *q, const struct xml_node *configure)
{
    bool is_get = q->stanza->type.iq == IQ_GET;
    const struct xml_node *form = pep_form_in(configure);
    struct pep_work *p = pep_work_new(q, is_get ? configuration_found : configured);
    if (!p || !pep_work_take_node(p, q, configure))
        return;
    if (is_get) {
        service_work_submit(&p->work, config_call);
    } else if (form && span_is(xml_node_attribute(form, SPAN("type")), "cancel")) {
        service_work_free(&p->work);
        service_result(q, (struct span){0});
    } else if (take_form(p, q, configure)) {
        service_work_submit(&p->work, configure_call);
    }
}

static void owner_default(const struct service_query *q, const struct xml_node *element)
{
    struct buffer out = {0};
    (void)element;
    buffer_literal(&out, "<pubsub xmlns='" PUBSUB_OWNER "'><default>");
    pep_form_write(&out, PEP_FORM_CONFIG, &pep_config_default);
    buffer_literal(&out, "</default></pubsub>");
    service_result(q, buffer_span(&out));
    buffer_fini(&out);
}

/* ---- emptying and removing ---- */

static int purge_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    int outcome = store_pep_purge(db, r->jid, p->node, &p->config);
    return outcome ? outcome : pep_avatar_follow(db, p, PEP_CHANGED);
}

static void purged(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    is_done(w);
    if (w->request.result == 0 && p->config.notify_retract)
        pep_tell_node(p, "purge");
    pep_avatar_tell(p);
}

static void owner_purge(const struct service_query *q, const struct xml_node *purge)
{
    struct pep_work *p = pep_work_new(q, purged);
    if (p && pep_work_take_node(p, q, purge))
        service_work_submit(&p->work, purge_call);
}

static int delete_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    int outcome = store_pep_delete(db, r->jid, p->node, &p->config);
    return outcome ? outcome : pep_avatar_follow(db, p, PEP_CHANGED);
}

static void deleted(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    is_done(w);
    if (w->request.result == 0 && p->config.notify_delete)
        pep_tell_node(p, "delete");
    pep_avatar_tell(p);
}

static void owner_delete(const struct service_query *q, const struct xml_node *element)
{
    struct pep_work *p = pep_work_new(q, deleted);
    if (p && pep_work_take_node(p, q, element))
        service_work_submit(&p->work, delete_call);
}

/* ---- who has to do with the nodes: the owner alone, and nobody subscribes ---- */

static int nodes_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    return store_pep_nodes(db, r->jid, p->rank, &r->arena, &p->nodes);
}

static void affiliations_found(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    struct buffer out = {0};
    if (pep_work_is_refused(p))
        return;
    buffer_literal(&out, "<pubsub xmlns='" PUBSUB "'><affiliations>");
    for (const struct pep_node *n = p->nodes; n; n = n->next) {
        buffer_literal(&out, "<affiliation");
        xml_write_attribute(&out, "node", n->name);
        buffer_literal(&out, " affiliation='owner'/>");
    }
    buffer_literal(&out, "</affiliations></pubsub>");
    service_work_result(w, buffer_span(&out));
    buffer_fini(&out);
}

void pep_affiliations(const struct service_query *q, const struct xml_node *element)
{
    if (span_is(element->name, "subscriptions")) {
        service_result(q, SPAN("<pubsub xmlns='" PUBSUB "'><subscriptions/></pubsub>"));
        return;
    }
    struct pep_work *p = pep_work_new(q, affiliations_found);
    if (p)
        service_work_submit(&p->work, nodes_call);
}

static void owner_found(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    struct buffer out = {0};
    if (pep_work_is_refused(p))
        return;
    buffer_printf(&out, "<pubsub xmlns='" PUBSUB_OWNER "'><%s",
                  p->has_set ? "subscriptions" : "affiliations");
    xml_write_attribute(&out, "node", p->node);
    if (p->has_set) {
        buffer_literal(&out, "/></pubsub>");
    } else {
        buffer_literal(&out, "><affiliation");
        xml_write_attribute(&out, "jid", w->request.jid);
        buffer_literal(&out, " affiliation='owner'/></affiliations></pubsub>");
    }
    service_work_result(w, buffer_span(&out));
    buffer_fini(&out);
}

static void owner_list(const struct service_query *q, const struct xml_node *element)
{
    struct pep_work *p = pep_work_new(q, owner_found);
    if (!p || !pep_work_take_node(p, q, element))
        return;
    p->has_set = span_is(element->name, "subscriptions");
    service_work_submit(&p->work, config_call);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    uint8_t types;
    void (*answer)(const struct service_query *q, const struct xml_node *element);
} actions[] = {
    {"configure", SERVICE_GET | SERVICE_SET, owner_configure},
    {"default", SERVICE_GET, owner_default},
    {"purge", SERVICE_SET, owner_purge},
    {"delete", SERVICE_SET, owner_delete},
    {"affiliations", SERVICE_GET, owner_list},
    {"subscriptions", SERVICE_GET, owner_list},
};

void service_pep_owner(const struct service_query *q)
{
    uint8_t type = q->stanza->type.iq == IQ_GET ? SERVICE_GET : SERVICE_SET;
    if (q->address != SERVICE_OWN) {
        service_refuse(q, STANZA_FORBIDDEN);
        return;
    }
    const struct xml_node *pubsub = service_payload(q), *action = pubsub ? pubsub->children : NULL;
    if (!pubsub)
        return;
    for (size_t i = 0; action && i < sizeof actions / sizeof *actions; i++) {
        if (!span_equal(action->name, span_of(actions[i].name)) || !(actions[i].types & type))
            continue;
        actions[i].answer(q, action);
        return;
    }
    service_refuse(q, action ? STANZA_FEATURE_NOT_IMPLEMENTED : STANZA_BAD_REQUEST);
}
