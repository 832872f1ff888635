/* SPDX-License-Identifier: Apache-2.0 */
/* A contact has approved a subscription: the account's sessions are told the last items of the nodes that
 * they want of this contact (XEP-0163 s. 4.3.4: "to all new subscribers"), who may be offline. One look-up
 * for all of them; what they want of others they know. */
#include <stdlib.h>

#include "route/internal.h"

/* All that a contact can have in one answer: as much as a slice of a log-in's (latest.c). */
#define APPROVED_BYTES_MAX 65536

struct approved {
    struct message message;
    struct store_request request;
    struct router *router;
    struct pep_search search;
    struct pep_items items;
    struct span contact, next;
    uint32_t looked;
};

static void approved_free(struct approved *p)
{
    p->router->operations--;
    arena_fini(&p->request.arena);
    free(p);
}

static int approved_call(struct store_db *db, struct store_request *request)
{
    struct approved *p = container_of(request, struct approved, request);
    return store_pep_latest(db, &p->search, &request->arena, &p->items, &p->next, &p->looked);
}

/* Meanwhile sessions may have gone and others come. What would end the subscription, or block the contact,
 * comes behind this: the store answers in the order in which it is asked. */
static void approved_handle(struct message *m, void *context)
{
    (void)context;
    struct approved *p = container_of(m, struct approved, message);
    struct router *r = p->router;
    struct account *a = router_account_find(r, p->search.watcher);
    if (a && p->request.result == 0)
        account_each_session(s, a) router_items_send(r, s, &p->items);
    approved_free(p);
}

static void approved_done(struct store_request *request)
{
    struct approved *p = container_of(request, struct approved, request);
    p->message.handle = approved_handle;
    loop_post(p->router->loop, NULL, &p->message);
}

/* What any session wants. False: nothing, or no memory. */
static bool search_make(struct approved *p, const struct account *a, const struct entity *contact)
{
    struct arena *arena = &p->request.arena;
    uint32_t most = 0;
    account_each_session(s, a) most += session_is_hearing(s) && s->caps ? s->caps->count : 0;
    struct span *nodes = most ? arena_take(arena, most * sizeof *nodes) : NULL;
    if (!nodes)
        return false;
    p->search = (struct pep_search){.watcher = arena_copy(arena, entity_text(a->entity)),
                                    .nodes = nodes,
                                    .owners = &p->contact,
                                    .owner_count = 1,
                                    .accounts_max = 1,
                                    .bytes_max = APPROVED_BYTES_MAX};
    p->contact = arena_copy(arena, entity_text(contact));
    account_each_session(s, a)
    {
        for (uint32_t i = 0; session_is_hearing(s) && s->caps && i < s->caps->count; i++) {
            const struct caps_node *n = s->caps->nodes[i];
            if (!(nodes[p->search.node_count++] = arena_copy(arena, span_make(n->name, n->len))).ptr)
                return false;
        }
    }
    router_nodes_order(nodes, p->search.node_count);
    return p->search.watcher.ptr && p->contact.ptr;
}

void router_latest_of(struct router *r, struct account *a, const struct entity *contact)
{
    if (group_view(a, entity_text(contact)).is_to)
        return; /* told already */
    struct approved *p = calloc(1, sizeof *p);
    if (!p)
        return;
    p->router = r;
    r->operations++;
    arena_init(&p->request.arena);
    if (!search_make(p, a, contact)) {
        approved_free(p);
        return;
    }
    p->request.operation = STORE_CALL;
    p->request.call = approved_call;
    p->request.done = approved_done;
    p->request.jid = p->search.watcher;
    store_submit(r->store, &p->request);
}
