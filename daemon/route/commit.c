/* SPDX-License-Identifier: Apache-2.0 */
/* One change of one roster item: to the disk first, then into memory, then its effects. While it is on its
 * way the account is BUSY, so nothing acts on what is not yet true. */
#include <stdlib.h>

#include "base/log.h"
#include "roster/query.h"
#include "route/abroad.h"
#include "xml/write.h"

struct store_item *commit_item(struct commit *c)
{
    return &c->request.changes[0].item;
}

struct commit *commit_new(struct router *r, struct account *a, struct entity *contact,
                          void (*committed)(struct commit *c))
{
    struct roster_item *item = roster_find(&a->roster, contact);
    if (!item && a->roster.count >= r->settings->roster_items_max)
        return NULL;
    struct commit *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    struct arena *arena = &c->request.arena;
    arena_init(arena);
    c->router = r;
    c->account = a;
    c->contact = entity_ref(contact);
    c->committed = committed;
    c->request.operation = STORE_CHANGE;
    c->request.jid = arena_copy(arena, entity_text(a->entity));
    c->request.changes = arena_take(arena, sizeof *c->request.changes);
    c->request.change_count = 1;
    if (!c->request.jid.ptr || !c->request.changes) {
        commit_free(c);
        return NULL;
    }
    struct store_item *row = commit_item(c);
    row->contact = arena_copy(arena, entity_text(contact));
    if (item) {
        row->name = arena_copy(arena, roster_item_name(item));
        row->groups = arena_copy(arena, roster_item_groups(item));
        row->request = arena_copy(arena, roster_item_request(item));
        row->state = item->state;
        row->is_approved = item->is_approved;
        row->is_listed = item->is_listed;
    }
    row->version = store_version_after(a->roster.version);
    c->before = (enum subscription_state)row->state;
    c->was_listed = row->is_listed;
    c->was_approved = row->is_approved;
    return c;
}

void commit_free(struct commit *c)
{
    if (!c)
        return;
    entity_give(&c->router->entities, c->contact);
    frame_unref(c->stanza);
    frame_unref(c->result);
    frame_unref(c->refusal);
    arena_fini(&c->request.arena);
    free(c);
}

struct session *commit_session(const struct commit *c)
{
    return account_session_numbered(c->account, c->session_number);
}

/* Bring the change into memory. A watch outlives the subscription until the contact's home revokes it, which
 * it does with the contact's `unavailable`: so what the contact shows at this moment, its going offline above
 * all, is not missed. A failure here leaves the disk ahead of the memory until the account is loaded anew. */
static void commit_apply(struct commit *c)
{
    struct router *r = c->router;
    struct roster *roster = &c->account->roster;
    const struct store_change *change = &c->request.changes[0];
    struct roster_item *item = roster_find(roster, c->contact);
    roster->version = change->item.version;
    if (change->is_removal && !(item && item->watch_slot)) {
        struct roster_item *moved;
        foreign_forget(r, c->account, c->contact);
        if (item)
            roster_remove(roster, item, &r->entities, &moved);
        return;
    }
    if (!item && roster_add(roster, c->contact, UINT32_MAX, &item) != 0) {
        log_error("roster-memory", "jid=%.*s reason=out-of-memory", (int)c->request.jid.len,
                  c->request.jid.ptr);
        return;
    }
    item->state = change->item.state;
    item->is_approved = change->item.is_approved;
    item->is_listed = change->item.is_listed;
    item->version = change->item.version;
    if (roster_item_set_text(item, change->item.name, change->item.groups, change->item.request) < 0)
        log_error("roster-memory", "jid=%.*s reason=out-of-memory", (int)c->request.jid.len,
                  c->request.jid.ptr);
    if (!subscription_has_to(item->state))
        foreign_forget(r, c->account, c->contact);
    /* The contact's cancellation has revoked what it had granted: a watch that is there now was granted
     * since, to a subscription that this ends. */
    if (!c->is_outbound && c->event == SUBSCRIPTION_UNSUBSCRIBED && !subscription_has_to(item->state))
        router_unwatch(r, c->account, item);
}

static void commit_handle(struct message *m, void *context)
{
    (void)context;
    struct commit *c = container_of(m, struct commit, message);
    struct router *r = c->router;
    struct account *a = c->account;
    r->operations--;
    account_change_ends(a);
    bool was_settling = a->is_settling;
    a->is_settling = true; /* effects first, then what waits */
    if (c->request.result == 0) {
        r->counters.roster_changes++;
        commit_apply(c);
        c->committed(c);
    }
    struct session *s = commit_session(c);
    struct frame *answer = c->request.result == 0 ? c->result : c->refusal;
    if (s && answer)
        stream_send(s->stream, frame_ref(answer));
    a->is_settling = was_settling;
    commit_free(c);
    router_account_settle(r, a);
}

static void commit_done(struct store_request *request)
{
    struct commit *c = container_of(request, struct commit, request);
    c->message.handle = commit_handle;
    loop_post(c->router->loop, NULL, &c->message);
}

void commit_submit(struct commit *c)
{
    struct store_change *change = &c->request.changes[0];
    const struct store_item *row = &change->item;
    change->is_removal = row->state == SUBSCRIPTION_NONE && !row->is_listed && !row->is_approved;
    change->is_delisting = c->was_listed && (change->is_removal || !row->is_listed);
    c->request.done = commit_done;
    account_change_begins(c->account);
    c->router->operations++;
    store_submit(c->router->store, &c->request);
}
