/* SPDX-License-Identifier: Apache-2.0 */
/* A client's roster requests (RFC 6121 s. 2). */
#include <stdlib.h>

#include "roster/query.h"
#include "roster/writer.h"
#include "route/internal.h"
#include "xml/tree.h"
#include "xml/write.h"

/* ---- get: the result in slices, queued in one go ---- */

/* A result that is being made. The account is BUSY and its roster is held meanwhile. */
struct roster_get {
    struct lane_work work;
    struct router *router;
    struct account *account;
    uint32_t session_number;
    struct roster_writer writer;
    struct roster_items items;
    struct frame *refusal;
};

/* To the session, if it is still there. Nothing came in between: the frames are one stanza. */
static void roster_get_answer(struct roster_get *g)
{
    struct session *s = account_session_numbered(g->account, g->session_number);
    roster_writer_append(&g->writer, SPAN("</query></iq>"));
    if (roster_writer_finish(&g->writer) < 0) {
        if (s && g->refusal)
            stream_send(s->stream, frame_ref(g->refusal));
        return;
    }
    g->router->counters.roster_results++;
    if (!s)
        return;
    for (uint32_t i = 0; i < g->writer.frame_count; i++)
        stream_send(s->stream, frame_ref(g->writer.frames[i]));
}

static void roster_get_end(struct roster_get *g)
{
    struct router *r = g->router;
    struct account *a = g->account;
    lane_work_stop(&g->work);
    roster_get_answer(g);
    roster_writer_fini(&g->writer);
    frame_unref(g->refusal);
    free(g);
    roster_release(&a->roster, &r->entities);
    account_walk_ends(a);
    r->operations--;
    router_account_settle(r, a);
}

static void roster_get_step(struct lane_work *work, uint32_t *budget)
{
    struct roster_get *g = container_of(work, struct roster_get, work);
    router_spend(g->router, budget, roster_writer_step(&g->writer, router_positions(g->router, *budget)));
    if (g->writer.is_done)
        roster_get_end(g);
}

static struct roster_get *roster_get_new(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct roster_get *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->router = r;
    g->account = s->account;
    g->session_number = s->number;
    lane_work_init(&g->work, roster_get_step);
    roster_writer_init(&g->writer);
    roster_items_init(&g->items, &s->account->roster);
    roster_writer_add(&g->writer, &g->items.source);
    g->refusal = stanza_error_frame(stanza, STANZA_RESOURCE_CONSTRAINT, entity_text(s->account->entity), session_jid(s), NULL);
    struct buffer head = {0};
    stanza_result_open(&head, stanza, (struct span){0}, session_jid(s));
    roster_query_open(&head);
    roster_writer_append(&g->writer, buffer_span(&head));
    g->writer.has_failed = !buffer_ok(&head);
    buffer_fini(&head);
    return g;
}

static void roster_get(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct account *a = s->account;
    struct roster_get *g = roster_get_new(r, s, stanza);
    if (!g) {
        router_refuse(r, s, stanza, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    s->is_interested = true;
    r->operations++;
    account_walk_begins(a);
    roster_hold(&a->roster);
    if (a->roster.count > r->settings->at_once_max) {
        loop_work_start(r->loop, &g->work, LANE_BULK);
        return;
    }
    roster_writer_step(&g->writer, UINT32_MAX);
    roster_get_end(g);
}

/* ---- set ---- */

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
        router_refuse(r, s, stanza, STANZA_ITEM_NOT_FOUND); /* s. 2.5.3 */
        return;
    }
    struct commit *c = contact ? commit_new(r, a, contact, change.is_removal ? removal_committed : set_committed) : NULL;
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
    c->refusal = stanza_error_frame(stanza, STANZA_INTERNAL_SERVER_ERROR, entity_text(a->entity), session_jid(s),
                                    "the change could not be stored");
    commit_submit(c);
}

bool router_roster_iq(struct router *r, struct session *s, const struct stanza *stanza)
{
    if (!span_is(stanza->child_xmlns, "jabber:iq:roster") || !span_is(stanza->child_name, "query"))
        return false;
    if (stanza->type.iq == IQ_GET)
        roster_get(r, s, stanza);
    else
        roster_set(r, s, stanza);
    arena_reset(&r->arena);
    return true;
}
