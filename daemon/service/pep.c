/* SPDX-License-Identifier: Apache-2.0 */
/* Personal eventing (XEP-0163): the part of XEP-0060 that clients use, on an account's own address. Here:
 * publishing, retracting and reading items. What an asker may not see is not there for it, whatever the
 * reason, or the answer would tell who has an account and what is in it. */
#include "service/pep.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "service/services.h"
#include "xml/write.h"

#define CONDITION(name) SPAN("<" name " xmlns='" PUBSUB "#errors'/>")

/* ---- queries under way ---- */

struct pep_work *pep_work_new(const struct service_query *q, void (*finish)(struct service_work *w))
{
    struct pep_work *p = service_work_new(q, sizeof *p, finish);
    if (!p)
        return NULL;
    p->limits = *router_pep_limits(q->router);
    p->rank = pep_rank(q);
    return p;
}

/* Keep an attribute or a text for the time of the query; too long or missing: false. */
static bool keep_name(struct pep_work *p, struct span name, struct span *ret)
{
    if (!name.len || name.len > PEP_NAME_BYTES_MAX)
        return false;
    *ret = arena_copy(&p->work.request.arena, name);
    return ret->ptr;
}

static void give_up(struct pep_work *p, const struct service_query *q, enum stanza_error e, struct span more)
{
    service_work_free(&p->work);
    service_refuse_more(q, e, more);
}

bool pep_work_take_node(struct pep_work *p, const struct service_query *q, const struct xml_node *element)
{
    if (keep_name(p, xml_node_attribute(element, SPAN("node")), &p->node))
        return true;
    give_up(p, q, STANZA_BAD_REQUEST, CONDITION("nodeid-required"));
    return false;
}

bool pep_work_is_refused(struct pep_work *p)
{
    switch (p->work.request.result) {
    case 0:
        return false;
    case STORE_EXISTS:
        service_work_refuse(&p->work, STANZA_CONFLICT);
        break;
    case PEP_UNFIT:
        service_work_refuse_more(&p->work, STANZA_CONFLICT, CONDITION("precondition-not-met"));
        break;
    case PEP_TOO_LARGE:
        service_work_refuse_more(&p->work, STANZA_NOT_ACCEPTABLE, CONDITION("payload-too-big"));
        break;
    case PEP_TOO_MANY:
        service_work_refuse_more(&p->work, STANZA_NOT_ALLOWED, CONDITION("max-nodes-exceeded"));
        break;
    case PEP_ACCOUNT_FULL:
        service_work_refuse(&p->work, STANZA_RESOURCE_CONSTRAINT);
        break;
    default:
        service_work_refuse(&p->work, STANZA_ITEM_NOT_FOUND);
    }
    return true;
}

enum pep_access pep_rank(const struct service_query *q)
{
    const struct jid from = jid_of_prepared(q->from);
    if (q->address == SERVICE_OWN)
        return PEP_WHITELIST;
    return router_may_see(q->router, q->account, jid_bare(&from)) ? PEP_PRESENCE : PEP_OPEN;
}

/* ---- publishing ---- */

static int publish_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    int outcome = store_pep_publish(db, r->jid, p->node, &p->item, &p->options, &p->limits, &p->config);
    return outcome ? outcome : pep_avatar_follow(db, p, PEP_PUBLISHED);
}

static void published(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    struct buffer out = {0};
    if (pep_work_is_refused(p))
        return;
    buffer_literal(&out, "<pubsub xmlns='" PUBSUB "'><publish");
    xml_write_attribute(&out, "node", p->node);
    buffer_literal(&out, "><item");
    xml_write_attribute(&out, "id", p->item.id);
    buffer_literal(&out, "/></publish></pubsub>");
    service_work_result(w, buffer_span(&out));
    buffer_fini(&out);
    pep_tell_item(p);
    pep_avatar_tell(p);
}

/* Of what says no name: sixteen digits. */
static struct span name_make(struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t random;
    char text[16];
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        abort();
    for (int i = 0; i < 16; i++, random >>= 4)
        text[i] = digits[random & 15];
    return arena_copy(arena, span_make(text, sizeof text));
}

/* The payload must be an element that means the same wherever it stands: its namespace and prefixes are its
 * own. */
static bool payload_stands_alone(struct router *r, const struct xml_node *payload)
{
    struct xml_node *alone;
    struct arena arena;
    arena_init(&arena);
    bool is_alone = router_stands_alone(r, payload->raw) &&
                    xml_tree_build(&arena, payload->raw, SPAN("?"), &alone) == 0 &&
                    !span_is(alone->xmlns, "?");
    arena_fini(&arena);
    return is_alone;
}

/* Take item and payload. False: refused. */
static bool publish_take_item(struct pep_work *p, const struct service_query *q, const struct xml_node *item)
{
    struct arena *arena = &p->work.request.arena;
    struct span id = xml_node_attribute(item, SPAN("id"));
    const struct xml_node *payload = item->children;
    if (payload && (payload->next || !payload_stands_alone(q->router, payload))) {
        give_up(p, q, STANZA_BAD_REQUEST, CONDITION("invalid-payload"));
        return false;
    }
    p->item.published = (uint64_t)time(NULL);
    p->item.payload = payload ? arena_copy(arena, payload->raw) : (struct span){0};
    p->item.id = id.len ? arena_copy(arena, id) : name_make(arena);
    if (id.len <= PEP_NAME_BYTES_MAX && p->item.id.ptr && (!payload || p->item.payload.ptr))
        return true;
    give_up(p, q, id.len > PEP_NAME_BYTES_MAX ? STANZA_NOT_ACCEPTABLE : STANZA_RESOURCE_CONSTRAINT,
            (struct span){0});
    return false;
}

void pep_publish(const struct service_query *q, const struct xml_node *publish)
{
    const struct xml_node *item = xml_node_child(publish, SPAN("item"), SPAN(PUBSUB));
    const struct xml_node *options = xml_node_child(publish->parent, SPAN("publish-options"), SPAN(PUBSUB));
    if (!item || publish->children->next) {
        service_refuse_more(q, STANZA_BAD_REQUEST, item ? (struct span){0} : CONDITION("item-required"));
        return;
    }
    struct pep_work *p = pep_work_new(q, published);
    if (!p || !pep_work_take_node(p, q, publish) || !publish_take_item(p, q, item))
        return;
    if (pep_form_read(pep_form_in(options), &p->limits, &p->options) != 0) {
        give_up(p, q, STANZA_NOT_ACCEPTABLE, CONDITION("invalid-options"));
        return;
    }
    service_work_submit(&p->work, publish_call);
}

/* ---- retracting ---- */

static int retract_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    int outcome = store_pep_retract(db, r->jid, p->node, p->item.id, &p->config);
    return outcome ? outcome : pep_avatar_follow(db, p, PEP_CHANGED);
}

static void retracted(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    if (pep_work_is_refused(p))
        return;
    service_work_result(w, (struct span){0});
    pep_tell_retracted(p);
    pep_avatar_tell(p);
}

void pep_retract(const struct service_query *q, const struct xml_node *retract)
{
    const struct xml_node *item = xml_node_child(retract, SPAN("item"), SPAN(PUBSUB));
    struct span notify = xml_node_attribute(retract, SPAN("notify"));
    struct pep_work *p = pep_work_new(q, retracted);
    if (!p || !pep_work_take_node(p, q, retract))
        return;
    if (!item || item->next || !keep_name(p, xml_node_attribute(item, SPAN("id")), &p->item.id)) {
        give_up(p, q, STANZA_BAD_REQUEST, CONDITION("item-required"));
        return;
    }
    p->is_notified = span_is(notify, "1") || span_is(notify, "true");
    service_work_submit(&p->work, retract_call);
}

/* ---- reading ---- */

static int items_call(struct store_db *db, struct store_request *r)
{
    struct pep_work *p = pep_work_of(r);
    return store_pep_items(db, r->jid, p->node, p->rank, &p->wanted, &r->arena, &p->items, &p->total);
}

static void set_write(const struct pep_work *p, struct buffer *out)
{
    const struct pep_item *last = p->items.first;
    buffer_literal(out, "<set xmlns='http://jabber.org/protocol/rsm'>");
    if (last) {
        buffer_literal(out, "<first>");
        xml_escape(out, last->id);
        while (last->next)
            last = last->next;
        buffer_literal(out, "</first><last>");
        xml_escape(out, last->id);
        buffer_literal(out, "</last>");
    }
    buffer_printf(out, "<count>%u</count></set>", p->total);
}

static void items_found(struct service_work *w)
{
    struct pep_work *p = container_of(w, struct pep_work, work);
    struct buffer out = {0};
    if (pep_work_is_refused(p))
        return;
    buffer_literal(&out, "<pubsub xmlns='" PUBSUB "'><items");
    xml_write_attribute(&out, "node", p->node);
    buffer_append_char(&out, '>');
    for (const struct pep_item *i = p->items.first; i; i = i->next) {
        buffer_literal(&out, "<item");
        xml_write_attribute(&out, "id", i->id);
        buffer_append_char(&out, '>');
        buffer_append(&out, i->payload);
        buffer_literal(&out, "</item>");
    }
    buffer_literal(&out, "</items>");
    if (p->has_set || p->items.bytes >= PEP_ANSWER_BYTES_MAX)
        set_write(p, &out);
    buffer_literal(&out, "</pubsub>");
    if (buffer_ok(&out))
        service_work_result(w, buffer_span(&out));
    else
        service_work_refuse(w, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
}

/* A number of items; 0 and what is none: as many as there are. */
static uint32_t read_count(struct span text)
{
    uint32_t value = 0;
    for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && value < 1000000; i++)
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
    return value ? value : INT32_MAX;
}

/* 0, or the error to refuse with plus one. */
static int items_take_ids(struct pep_work *p, const struct xml_node *items)
{
    struct span *ids = arena_take(&p->work.request.arena, PEP_IDS_MAX * sizeof *ids);
    uint32_t count = 0;
    for (const struct xml_node *n = items->children; n; n = n->next)
        if (!ids || count == PEP_IDS_MAX || !keep_name(p, xml_node_attribute(n, SPAN("id")), &ids[count++]))
            return 1 + STANZA_BAD_REQUEST;
    p->wanted.ids = ids;
    p->wanted.id_count = count;
    return 0;
}

static void items_take_set(struct pep_work *p, const struct xml_node *pubsub)
{
    const struct xml_node *set = xml_node_child(pubsub, SPAN("set"), SPAN("http://jabber.org/protocol/rsm"));
    if (!set)
        return;
    const struct xml_node *max = xml_node_child(set, SPAN("max"), set->xmlns);
    const struct xml_node *after = xml_node_child(set, SPAN("after"), set->xmlns);
    uint32_t count = max ? read_count(max->text) : INT32_MAX;
    if (count < p->wanted.items_max)
        p->wanted.items_max = count;
    if (after)
        keep_name(p, after->text, &p->wanted.after);
    p->has_set = true;
}

void pep_items(const struct service_query *q, const struct xml_node *items)
{
    struct pep_work *p = pep_work_new(q, items_found);
    if (!p || !pep_work_take_node(p, q, items))
        return;
    p->wanted = (struct pep_wanted){.items_max = read_count(xml_node_attribute(items, SPAN("max_items"))),
                                    .bytes_max = PEP_ANSWER_BYTES_MAX};
    items_take_set(p, items->parent);
    int refusal = items_take_ids(p, items);
    if (refusal)
        give_up(p, q, (enum stanza_error)(refusal - 1), (struct span){0});
    else
        service_work_submit(&p->work, items_call);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    uint8_t types;
    bool is_for_others; /* the store says what they may see */
    void (*answer)(const struct service_query *q, const struct xml_node *element);
} actions[] = {
    {"publish", SERVICE_SET, false, pep_publish},
    {"retract", SERVICE_SET, false, pep_retract},
    {"items", SERVICE_GET, true, pep_items},
    {"create", SERVICE_SET, false, pep_create},
    {"affiliations", SERVICE_GET, false, pep_affiliations},
    {"subscriptions", SERVICE_GET, false, pep_affiliations},
};

void service_pep(const struct service_query *q)
{
    uint8_t type = q->stanza->type.iq == IQ_GET ? SERVICE_GET : SERVICE_SET;
    const struct xml_node *pubsub = service_payload(q), *action = pubsub ? pubsub->children : NULL;
    if (!pubsub)
        return;
    if (!action) {
        service_refuse(q, STANZA_BAD_REQUEST);
        return;
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (!span_equal(action->name, span_of(actions[i].name)) || !(actions[i].types & type))
            continue;
        if (q->address == SERVICE_OWN || actions[i].is_for_others)
            actions[i].answer(q, action);
        else
            service_refuse(q, STANZA_FORBIDDEN);
        return;
    }
    /* Explicit subscriptions above all: who wants to hear of a node says so in its capabilities. */
    service_refuse_more(q, STANZA_FEATURE_NOT_IMPLEMENTED,
                        SPAN("<unsupported xmlns='" PUBSUB "#errors' feature='subscribe'/>"));
}
