/* SPDX-License-Identifier: Apache-2.0 */
/* A client asks for its roster (RFC 6121 s. 2.1.3, 2.6). Who knows the present version gets an empty result;
 * who knows an earlier one, an empty result and a push for each contact that has changed since; anybody else
 * the whole. Long rosters are looked through and written in slices, and queued in one go, so that nothing
 * comes between the parts of one stanza. The account is BUSY and its roster held meanwhile. */
#include <stdlib.h>

#include "roster/query.h"
#include "roster/writer.h"
#include "route/internal.h"
#include "xml/tree.h"
#include "xml/write.h"

/* Who has missed more gets the whole roster: that many pushes are many stanzas to handle for a client, and
 * they are written without slices. */
#define CHANGES_MAX 512

struct roster_change_seen {
    uint64_t version;
    uint32_t position;   /* of the item, when nothing is removed */
    struct span removed; /* the contact, on the request's arena */
};

struct roster_get {
    struct message message;
    struct store_request request; /* for the removals */
    struct lane_work work;
    struct router *router;
    struct account *account;
    uint32_t session_number;
    struct frame *empty, *refusal;
    struct buffer open;      /* the stanza's start */
    struct roster_mark mark; /* what the client will know */
    /* the whole */
    struct roster_writer writer;
    struct roster_items items;
    struct roster_source group_source;
    struct group_items groups;
    /* what has changed */
    uint64_t since;
    uint32_t at, change_count;
    struct roster_change_seen *changes; /* CHANGES_MAX */
};

struct roster_mark router_roster_mark(const struct router *r, const struct account *a)
{
    const struct store_epochs *epochs = store_epochs(r->store);
    return (struct roster_mark){.epoch = epochs->list[epochs->count - 1].token,
                                .version = a->roster.version,
                                .groups = router_groups_mark(a)};
}

static struct roster_get *get_free(struct roster_get *g)
{
    if (!g)
        return NULL;
    lane_work_stop(&g->work);
    roster_writer_fini(&g->writer);
    group_items_fini(&g->groups);
    arena_fini(&g->request.arena);
    buffer_fini(&g->open);
    frame_unref(g->empty);
    frame_unref(g->refusal);
    free(g->changes);
    free(g);
    return NULL;
}

static void get_end(struct roster_get *g)
{
    struct router *r = g->router;
    struct account *a = g->account;
    get_free(g);
    roster_release(&a->roster, &r->entities);
    account_walk_ends(a);
    r->operations--;
    router_account_settle(r, a);
}

/* `before` and what the writer has made, to the session if it is still there. */
static void get_answer(struct roster_get *g, struct frame *before)
{
    struct session *s = account_session_numbered(g->account, g->session_number);
    int error = roster_writer_finish(&g->writer);
    g->router->counters.roster_results += !error;
    if (s && error)
        stream_send(s->stream, frame_ref(g->refusal));
    if (!s || error)
        return;
    if (before)
        stream_send(s->stream, frame_ref(before));
    for (uint32_t i = 0; i < g->writer.frame_count; i++)
        stream_send(s->stream, frame_ref(g->writer.frames[i]));
}

/* ---- the whole ---- */

static void own_item_share(struct roster_items *items, const struct roster_item *item,
                           struct roster_share *ret)
{
    const struct roster_get *g = container_of(items, struct roster_get, items);
    router_share(g->account, entity_text(item->contact), ret);
}

/* Behind the account's own items, which have said what groups add to them. */
static uint32_t group_source_write(struct roster_source *source, struct buffer *out, uint32_t positions)
{
    struct roster_get *g = container_of(source, struct roster_get, group_source);
    uint32_t used = 0;
    while (used < positions && !g->groups.is_done) {
        struct frame *shared = group_items_next(&g->groups, out);
        if (shared)
            roster_writer_put(&g->writer, shared);
        used += shared ? 1 : GROUP_CHUNK_MEMBERS;
    }
    return g->groups.is_done ? 0 : positions;
}

static void whole_begin(struct roster_get *g);

static void whole_step(struct lane_work *work, uint32_t *budget)
{
    struct roster_get *g = container_of(work, struct roster_get, work);
    struct router *r = g->router;
    router_spend(r, budget, roster_writer_step(&g->writer, router_positions(r, *budget)));
    if (!g->writer.is_done)
        return;
    if (g->mark.groups != router_groups_mark(g->account)) { /* and pushes say so already: once more */
        roster_writer_fini(&g->writer);
        group_items_fini(&g->groups);
        whole_begin(g);
        return;
    }
    roster_writer_append(&g->writer, SPAN("</query></iq>"));
    get_answer(g, NULL);
    get_end(g);
}

/* Do it at once, or in slices. */
static void get_work(struct roster_get *g, void (*step)(struct lane_work *, uint32_t *))
{
    struct router *r = g->router;
    uint32_t count = g->account->roster.count + g->groups.looks, budget = count / r->settings->pace + 1;
    lane_work_stop(&g->work);
    lane_work_init(&g->work, step);
    if (count > r->settings->at_once_max)
        loop_work_start(r->loop, &g->work, LANE_BULK);
    else
        step(&g->work, &budget);
}

static void whole_begin(struct roster_get *g)
{
    struct buffer query = {0};
    g->mark = router_roster_mark(g->router, g->account);
    roster_query_open(&query, &g->mark);
    roster_writer_append(&g->writer, buffer_span(&g->open));
    roster_writer_append(&g->writer, buffer_span(&query));
    g->writer.has_failed |= !buffer_ok(&query);
    buffer_fini(&query);
    roster_items_init(&g->items, &g->account->roster);
    roster_writer_add(&g->writer, &g->items.source);
    if (g->account->group_count) {
        g->items.share = own_item_share;
        group_items_init(&g->groups, g->router, g->account);
        g->group_source.write = group_source_write;
        roster_writer_add(&g->writer, &g->group_source);
    }
    get_work(g, whole_step);
}

/* ---- what has changed ---- */

/* 0, or 1: too many, or two in one version (an import), of which the client could not say which it has
 * seen. */
static int changes_sort(struct roster_get *g)
{
    for (uint32_t i = 1; i < g->change_count; i++) { /* mostly few */
        struct roster_change_seen c = g->changes[i];
        uint32_t n = i;
        for (; n > 0 && g->changes[n - 1].version >= c.version; n--) {
            if (g->changes[n - 1].version == c.version)
                return 1;
            g->changes[n] = g->changes[n - 1];
        }
        g->changes[n] = c;
    }
    return 0;
}

static void item_push_write(const struct roster_get *g, const struct roster_mark *mark,
                            const struct roster_item *item, struct buffer *out)
{
    struct roster_share share;
    router_share(g->account, entity_text(item->contact), &share);
    roster_push_write(out, mark, entity_text(item->contact), item, &share);
}

static void changes_write(struct roster_get *g)
{
    const struct session *s = account_session_numbered(g->account, g->session_number);
    struct buffer query = {0}, push = {0};
    for (uint32_t i = 0; s && i < g->change_count; i++) {
        const struct roster_change_seen *c = &g->changes[i];
        struct roster_mark mark = g->mark;
        mark.version = c->version;
        buffer_clear(&query);
        buffer_clear(&push);
        if (c->removed.len)
            roster_push_removal_write(&query, &mark, c->removed);
        else
            item_push_write(g, &mark, &g->account->roster.items[c->position], &query);
        router_push_write(&push, session_jid(s), c->version, buffer_span(&query));
        g->writer.has_failed |= !buffer_ok(&query) || !buffer_ok(&push);
        roster_writer_append(&g->writer, buffer_span(&push));
        roster_writer_stanza_ends(&g->writer);
    }
    buffer_fini(&query);
    buffer_fini(&push);
}

static void changes_step(struct lane_work *work, uint32_t *budget)
{
    struct roster_get *g = container_of(work, struct roster_get, work);
    struct router *r = g->router;
    const struct roster *roster = &g->account->roster;
    uint32_t positions = router_positions(r, *budget), used = 0;
    for (; g->at < roster->count && used < positions && g->change_count < CHANGES_MAX; used++, g->at++) {
        const struct roster_item *item = &roster->items[g->at];
        if (item->version > g->since && item->is_listed)
            g->changes[g->change_count++] = (struct roster_change_seen){item->version, g->at, {0}};
    }
    router_spend(r, budget, used);
    if (g->at < roster->count && g->change_count < CHANGES_MAX)
        return;
    if (g->change_count == CHANGES_MAX || changes_sort(g)) {
        whole_begin(g);
        return;
    }
    changes_write(g);
    get_answer(g, g->empty);
    get_end(g);
}

static void changes_begin(struct roster_get *g)
{
    struct router *r = g->router;
    const struct store_removals *removals = &g->request.removals;
    for (uint32_t i = 0; i < removals->count; i++) {
        const struct store_removal *removal = &removals->items[i];
        struct jid jid = jid_of_prepared(removal->contact);
        const struct entity *contact = entity_find(&r->entities, &jid);
        const struct roster_item *item = contact ? roster_find(&g->account->roster, contact) : NULL;
        if (!(item && item->is_listed)) /* it may have come back */
            g->changes[g->change_count++] =
                (struct roster_change_seen){removal->version, 0, removal->contact};
    }
    get_work(g, changes_step);
}

_Static_assert(STORE_REMOVALS_MAX < CHANGES_MAX, "all removals fit");

static void removals_handle(struct message *m, void *context)
{
    (void)context;
    struct roster_get *g = container_of(m, struct roster_get, message);
    if (g->request.result == 0)
        changes_begin(g);
    else
        whole_begin(g);
}

static void removals_done(struct store_request *request)
{
    struct roster_get *g = container_of(request, struct roster_get, request);
    g->message.handle = removals_handle;
    loop_post(g->router->loop, NULL, &g->message);
}

/* ---- the request ---- */

static struct roster_get *get_new(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct account *a = s->account;
    struct roster_get *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->router = r;
    g->account = a;
    g->session_number = s->number;
    g->mark = router_roster_mark(r, a);
    lane_work_init(&g->work, whole_step);
    arena_init(&g->request.arena);
    roster_writer_init(&g->writer);
    stanza_result_open(&g->open, stanza, (struct span){0}, session_jid(s));
    g->empty = stanza_result_frame(stanza, (struct span){0}, session_jid(s), (struct span){0});
    g->refusal =
        stanza_error_frame(stanza, STANZA_RESOURCE_CONSTRAINT, entity_text(a->entity), session_jid(s), NULL);
    return buffer_ok(&g->open) && g->empty && g->refusal ? g : get_free(g);
}

/* What the client says it knows; false: nothing that we do. */
static bool mark_known(struct router *r, const struct account *a, const struct stanza *stanza,
                       struct roster_mark *ret_mark)
{
    struct xml_node *iq;
    if (xml_tree_build(&r->arena, stanza->raw, SPAN("jabber:client"), &iq) < 0 || !iq->children)
        return false;
    return roster_mark_read(xml_node_attribute(iq->children, SPAN("ver")), ret_mark) &&
           ret_mark->version <= a->roster.version && ret_mark->groups == router_groups_mark(a) &&
           store_epochs_know(store_epochs(r->store), ret_mark->epoch, ret_mark->version);
}

/* Ask the store for what was removed since. False: no memory. */
static bool removals_ask(struct roster_get *g, uint64_t since)
{
    struct store_request *request = &g->request;
    g->since = request->since = since;
    g->changes = malloc(CHANGES_MAX * sizeof *g->changes);
    request->operation = STORE_REMOVALS;
    request->jid = arena_copy(&request->arena, entity_text(g->account->entity));
    request->done = removals_done;
    if (!g->changes || !request->jid.ptr)
        return false;
    store_submit(g->router->store, request);
    return true;
}

void router_roster_get(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct account *a = s->account;
    struct roster_mark mark;
    struct roster_get *g = get_new(r, s, stanza);
    if (!g) {
        router_refuse(r, s, stanza, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    s->is_interested = true;
    bool is_known = mark_known(r, a, stanza, &mark);
    if (is_known && mark.version == a->roster.version) {
        r->counters.roster_results++;
        stream_send(s->stream, frame_ref(g->empty));
        get_free(g);
        return;
    }
    r->operations++;
    account_walk_begins(a);
    roster_hold(&a->roster);
    if (!is_known || !removals_ask(g, mark.version))
        whole_begin(g);
}

/* ---- pushes ---- */

void router_push_write(struct buffer *out, struct span to, uint64_t version, struct span query)
{
    buffer_printf(out, "<iq type='set' id='push-%llx'", (unsigned long long)version);
    xml_write_attribute(out, "to", to);
    buffer_literal(out, ">");
    buffer_append(out, query);
    buffer_literal(out, "</iq>");
}

void router_push(struct router *r, struct account *a, const struct entity *contact)
{
    struct roster_mark mark = router_roster_mark(r, a);
    struct buffer query = {0};
    router_contact_write(r, a, &mark, entity_text(contact), &query);
    account_each_session(s, a)
    {
        if (!s->is_interested)
            continue;
        struct buffer push = {0};
        router_push_write(&push, session_jid(s), mark.version, buffer_span(&query));
        struct frame *f = buffer_ok(&query) && buffer_ok(&push)
                              ? frame_new(buffer_span(&push), FRAME_NO_HEAD, FRAME_OTHER)
                              : NULL;
        buffer_fini(&push);
        if (f)
            stream_send(s->stream, f);
    }
    buffer_fini(&query);
}
