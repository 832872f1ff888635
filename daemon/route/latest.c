/* SPDX-License-Identifier: Apache-2.0 */
/* The last item of each node that a session wants to hear of, from its own account and from everybody whom it
 * sees, also from those who are offline (XEP-0163 s. 4.3.4): when it becomes available, or when it is known
 * at last what it wants.
 *
 * The store does the looking: it walks the account's stored roster from a contact on, a slice at a time, and
 * asks of each contact's own roster whether it lets the account see. So nothing is held in memory, the
 * account is not BUSY, and what a slice finds is sent when it comes: the store answers in the order in which
 * it works, so no item that is published later can have overtaken it. What a slice costs is paid from the
 * bulk lane before the next one; few slices of a worker are with the store at a time, so that a storm of
 * log-ins keeps nobody waiting for the disk; and who does not read gets no more until it has. */
#include <stdlib.h>

#include "base/datetime.h"
#include "presence/group.h"
#include "route/grouping.h"
#include "route/internal.h"
#include "stanza/event.h"

/* Accounts in a slice: some 3 us each in the store, and for most of them nothing is found. */
#define LATEST_ACCOUNTS_MAX 64
/* A slice that has found so much ends. */
#define LATEST_BYTES_MAX 65536
/* Slices of one worker that are with the store at a time. */
#define LATEST_ASKING_MAX 4
/* Who has more than this to read is asked for again after a while. */
#define LATEST_QUEUED_MAX 262144
#define LATEST_PAUSE_MS 200

enum latest_phase { LATEST_OWN, LATEST_CONTACTS, LATEST_GROUPS, LATEST_DONE };

struct latest {
    struct message message;
    struct list link; /* in router->latest_waiting */
    struct lane_work work;
    struct timer timer;
    struct store_request request;
    struct arena arena; /* what lasts as long as it does */
    struct router *router;
    struct session *session; /* NULL: it has gone, or claims something else */
    struct caps *caps;       /* a reference: for what this is */
    enum latest_phase phase;
    bool is_asking;
    uint32_t owed; /* deliveries' worth, not paid yet */
    struct span *nodes;
    uint32_t node_count;
    struct buffer after; /* the last contact looked at */
    uint32_t *groups, group_count, group, member;
    struct pep_search search;
    struct pep_items items;
    struct span next;
    uint32_t looked;
};

static void latest_free(struct latest *l)
{
    struct router *r = l->router;
    list_remove(&l->link);
    lane_work_stop(&l->work);
    loop_timer_stop(r->loop, &l->timer);
    arena_fini(&l->request.arena);
    arena_fini(&l->arena);
    buffer_fini(&l->after);
    caps_unref(l->caps);
    free(l->groups);
    free(l);
    r->operations--;
}

void router_latest_stop(struct latest *l)
{
    if (!l)
        return;
    l->session = NULL;
    if (!l->is_asking)
        latest_free(l);
}

/* ---- asking ---- */

static void latest_done(struct store_request *request);

static int latest_call(struct store_db *db, struct store_request *request)
{
    struct latest *l = container_of(request, struct latest, request);
    return store_pep_latest(db, &l->search, &request->arena, &l->items, &l->next, &l->looked);
}

/* Does an earlier group have the member, too? Or is it in the roster, where it was looked at, or the account
 * itself? */
static bool is_known_otherwise(const struct latest *l, const struct account *a, struct span bare)
{
    struct router *r = l->router;
    uint64_t hash = entity_hash(bare);
    struct jid jid = jid_of_prepared(bare);
    const struct entity *e = entity_find(&r->entities, &jid);
    const struct roster_item *item = e ? roster_find(&a->roster, e) : NULL;
    if (e == a->entity || (item && subscription_has_to(item->state)))
        return true;
    for (uint32_t i = 0; i < l->group; i++) {
        const struct group_here *here = groups_find(&r->groups, l->groups[i]);
        if (here && group_find(here->group, bare, hash) != GROUP_NOT_MEMBER)
            return true;
    }
    return false;
}

/* The next members to be looked at; none when all groups are through. */
static uint32_t members_take(struct latest *l, const struct account *a, struct span *owners)
{
    uint32_t count = 0, looked = 0;
    for (; l->group < l->group_count; l->group++, l->member = 0) {
        const struct group_here *here = groups_find(&l->router->groups, l->groups[l->group]);
        while (here && l->member < here->group->count) {
            if (looked++ == LATEST_ACCOUNTS_MAX)
                return count;
            struct span bare = group_member_jid(here->group, l->member++);
            if (!is_known_otherwise(l, a, bare) && (owners[count] = arena_copy(&l->request.arena, bare)).ptr)
                count++;
        }
    }
    return count;
}

/* What the next slice is. False: there is none. */
static bool search_make(struct latest *l)
{
    const struct account *a = l->session->account;
    struct arena *arena = &l->request.arena;
    struct span *owners = arena_take(arena, LATEST_ACCOUNTS_MAX * sizeof *owners);
    l->search = (struct pep_search){.watcher = entity_text(a->entity),
                                    .nodes = l->nodes,
                                    .node_count = l->node_count,
                                    .accounts_max = LATEST_ACCOUNTS_MAX,
                                    .bytes_max = LATEST_BYTES_MAX};
    l->search.watcher = arena_copy(arena, l->search.watcher);
    if (!owners || !l->search.watcher.ptr)
        return false;
    if (l->phase == LATEST_OWN) {
        owners[0] = l->search.watcher;
        l->search.owners = owners;
        l->search.owner_count = 1;
        l->search.is_own = true;
    } else if (l->phase == LATEST_CONTACTS) {
        l->search.after = buffer_span(&l->after);
    } else {
        while (!l->search.owner_count && l->group < l->group_count)
            l->search.owner_count = members_take(l, a, owners);
        l->search.owners = owners;
    }
    return l->phase < LATEST_GROUPS || (l->phase == LATEST_GROUPS && l->search.owner_count);
}

static void latest_submit(struct latest *l)
{
    struct router *r = l->router;
    arena_reset(&l->request.arena);
    if (!search_make(l)) {
        l->phase = LATEST_DONE;
        l->session->latest = NULL;
        latest_free(l);
        return;
    }
    l->is_asking = true;
    r->latest_asking++;
    l->request.operation = STORE_CALL;
    l->request.call = latest_call;
    l->request.done = latest_done;
    l->request.jid = l->search.watcher;
    store_submit(r->store, &l->request);
}

static void latest_ask(struct latest *l)
{
    if (l->router->latest_asking < LATEST_ASKING_MAX)
        latest_submit(l);
    else
        list_append(&l->router->latest_waiting, &l->link);
}

/* ---- what was found ---- */

static struct frame *item_frame(const struct pep_item *item)
{
    struct buffer content = {0}, delay = {0};
    char stamp[DATETIME_BYTES];
    datetime_write(item->published * 1000000, stamp);
    event_item_write(&content, item->node, item->id, item->payload);
    buffer_printf(&delay, "<delay xmlns='urn:xmpp:delay' stamp='%s'/>", stamp);
    struct frame *f = buffer_ok(&content) && buffer_ok(&delay)
                          ? event_frame(item->owner, buffer_span(&content), buffer_span(&delay))
                          : NULL;
    buffer_fini(&content);
    buffer_fini(&delay);
    return f;
}

void router_items_send(struct router *r, struct session *s, const struct pep_items *items)
{
    for (const struct pep_item *i = items->first; i; i = i->next) {
        const struct caps_node *node = caps_node_find(&r->caps, i->node);
        struct frame *f = node && router_is_for(s, node) ? item_frame(i) : NULL;
        if (!f)
            continue;
        r->counters.events_delivered++;
        stream_send(s->stream, f);
    }
}

static void phase_go_on(struct latest *l)
{
    if (l->phase == LATEST_CONTACTS && l->next.len) {
        buffer_clear(&l->after);
        buffer_append(&l->after, l->next);
        if (buffer_ok(&l->after))
            return;
    }
    if (l->phase < LATEST_GROUPS)
        l->phase++;
    if (l->phase == LATEST_GROUPS && !l->groups)
        l->groups = groups_seen(l->session->account, NULL, &l->group_count);
}

static void latest_handle(struct message *m, void *context)
{
    (void)context;
    struct latest *l = container_of(m, struct latest, message);
    struct router *r = l->router;
    struct list *waiting;
    l->is_asking = false;
    r->latest_asking--;
    if (!l->session) {
        latest_free(l);
    } else if (l->request.result < 0) { /* logged by the store; who comes again is told then */
        l->session->latest = NULL;
        latest_free(l);
    } else {
        router_items_send(r, l->session, &l->items);
        l->owed = l->items.count + (l->looked + r->settings->pace - 1) / r->settings->pace;
        phase_go_on(l);
        loop_work_start(r->loop, &l->work, LANE_BULK);
    }
    while (r->latest_asking < LATEST_ASKING_MAX && (waiting = list_take(&r->latest_waiting)))
        latest_submit(container_of(waiting, struct latest, link));
}

static void latest_done(struct store_request *request)
{
    struct latest *l = container_of(request, struct latest, request);
    l->message.handle = latest_handle;
    loop_post(l->router->loop, NULL, &l->message);
}

/* ---- in slices ---- */

static void latest_step(struct lane_work *work, uint32_t *budget)
{
    struct latest *l = container_of(work, struct latest, work);
    uint32_t paid = l->owed < *budget ? l->owed : *budget;
    *budget -= paid;
    l->owed -= paid;
    if (l->owed)
        return;
    lane_work_stop(&l->work);
    if (l->session->stream->conn.out.bytes > LATEST_QUEUED_MAX)
        loop_timer_start(l->router->loop, &l->timer, LATEST_PAUSE_MS);
    else
        latest_ask(l);
}

static void latest_resume(struct timer *t)
{
    struct latest *l = container_of(t, struct latest, timer);
    loop_work_start(l->router->loop, &l->work, LANE_BULK);
}

static int span_order(const void *left, const void *right)
{
    const struct span *a = left, *b = right;
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->ptr, b->ptr, len);
    if (order)
        return order;
    return a->len < b->len ? -1 : a->len > b->len;
}

void router_nodes_order(struct span *nodes, uint32_t count)
{
    if (count > 1)
        qsort(nodes, count, sizeof *nodes, span_order);
}

/* The nodes of `caps` but not of `told`, in order. False: no memory. */
static bool nodes_take(struct latest *l, const struct caps *told)
{
    const struct caps *caps = l->caps;
    l->nodes = arena_take(&l->arena, caps->count * sizeof *l->nodes);
    for (uint32_t i = 0; l->nodes && i < caps->count; i++)
        if (!caps_want(told, caps->nodes[i]))
            l->nodes[l->node_count++] = span_make(caps->nodes[i]->name, caps->nodes[i]->len);
    router_nodes_order(l->nodes, l->node_count);
    return l->nodes;
}

struct latest *router_latest_begin(struct router *r, struct session *s, struct caps *caps,
                                   const struct caps *told)
{
    struct latest *l = caps->count ? calloc(1, sizeof *l) : NULL;
    if (!l)
        return NULL;
    *l = (struct latest){.router = r, .session = s, .caps = caps_ref(caps)};
    list_init(&l->link);
    lane_work_init(&l->work, latest_step);
    timer_init(&l->timer, latest_resume);
    arena_init(&l->arena);
    arena_init(&l->request.arena);
    r->operations++;
    if (!nodes_take(l, told) || !l->node_count) {
        latest_free(l);
        return NULL;
    }
    loop_work_start(r->loop, &l->work, LANE_BULK);
    return l;
}
