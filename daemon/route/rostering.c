/* SPDX-License-Identifier: Apache-2.0 */
/* A client's roster requests (RFC 6121 s. 2). */
#include "roster/query.h"
#include "route/internal.h"
#include "xml/tree.h"
#include "xml/write.h"

static void set_committed(struct commit *c)
{
    router_push(c->router, c->account, c->contact);
}

/* RFC 6121 s. 2.5.2: what the removal ends is said to the contact. */
static void removal_committed(struct commit *c)
{
    struct router *r = c->router;
    if (subscription_has_from(c->before))
        router_hide_from(r, c->account, c->contact);
    if (subscription_has_to(c->before) || subscription_is_pending_out(c->before))
        router_say_subscription(r, c->account, c->contact, PRESENCE_UNSUBSCRIBE);
    if (subscription_has_from(c->before) || subscription_is_pending_in(c->before))
        router_say_subscription(r, c->account, c->contact, PRESENCE_UNSUBSCRIBED);
    router_push(r, c->account, c->contact);
}

static void roster_set(struct router *r, struct session *s, const struct stanza *stanza)
{
    static const enum stanza_error no_memory = STANZA_RESOURCE_CONSTRAINT;
    struct roster_change change;
    enum stanza_error refusal = no_memory;
    struct xml_node *iq;
    struct account *a = s->account;
    if (xml_tree_build(&r->arena, stanza->raw, SPAN("jabber:client"), &iq) < 0 || !iq->children ||
        roster_change_read(iq->children, &r->arena, &change, &refusal) != 0) {
        router_refuse(r, s, stanza, refusal);
        return;
    }
    struct jid bare = jid_of_prepared(jid_bare(&change.contact));
    struct entity *contact = entity_take(&r->entities, &bare);
    const struct roster_item *item = contact ? roster_find(&a->roster, contact) : NULL;
    if (change.is_removal && (!item || !item->is_listed)) {
        entity_give(&r->entities, contact);
        /* s. 2.5.3; what a group alone shows is not the user's to remove */
        bool is_shown = group_view(a, jid_full(&bare)).is_to;
        router_refuse(r, s, stanza, is_shown ? STANZA_NOT_ALLOWED : STANZA_ITEM_NOT_FOUND);
        return;
    }
    struct commit *c =
        contact ? commit_new(r, a, contact, change.is_removal ? removal_committed : set_committed) : NULL;
    entity_give(&r->entities, contact);
    if (!c) {
        router_refuse(r, s, stanza, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    struct store_item *row = commit_item(c);
    if (change.is_removal) {
        *row = (struct store_item){.contact = row->contact, .version = row->version};
    } else {
        row->name = arena_copy(&c->request.arena, change.name);
        row->groups = arena_copy(&c->request.arena, change.groups);
        row->is_listed = true;
    }
    c->session_number = s->number;
    c->result = stanza_result_frame(stanza, (struct span){0}, session_jid(s), (struct span){0});
    c->refusal = stanza_error_frame(stanza, STANZA_INTERNAL_SERVER_ERROR, entity_text(a->entity),
                                    session_jid(s), "the change could not be stored");
    commit_submit(c);
}

bool router_is_roster_query(const struct stanza *stanza)
{
    return span_is(stanza->child_xmlns, "jabber:iq:roster") && span_is(stanza->child_name, "query");
}

bool router_roster_iq(struct router *r, struct session *s, const struct stanza *stanza)
{
    if (!router_is_roster_query(stanza))
        return false;
    if (stanza->type.iq == IQ_GET)
        router_roster_get(r, s, stanza);
    else
        roster_set(r, s, stanza);
    arena_reset(&r->arena);
    return true;
}
