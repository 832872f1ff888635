/* SPDX-License-Identifier: Apache-2.0 */
/* Rosters come into memory from the store, and leave it. Both are a look at the table of entities for each
 * contact, which for a long roster is mostly waiting for memory: they are done in slices. The account is
 * LOADING until its roster is whole. */
#include <errno.h>
#include <stdlib.h>

#include "route/internal.h"

/* A row costs twice what writing a contact does, most of it waiting for the memory of its entity. */
#define POSITIONS_PER_ROW 2

struct load {
    struct message message;
    struct lane_work work;
    struct store_request request;
    struct router *router;
    struct account *account;
    uint32_t at; /* rows before it are in the roster */
};

static int row_apply(struct router *r, struct account *a, const struct store_item *row)
{
    struct jid jid = jid_of_prepared(row->contact);
    struct entity *contact = entity_take(&r->entities, &jid);
    if (!contact)
        return -ENOMEM;
    struct roster_item *item = NULL;
    /* No limit here: what was stored once is served, even if the limit was lowered since. */
    int error = roster_add(&a->roster, contact, UINT32_MAX, &item);
    entity_give(&r->entities, contact);
    if (error)
        return -ENOMEM;
    item->state = row->state < SUBSCRIPTION_STATE_COUNT ? row->state : SUBSCRIPTION_NONE;
    item->is_approved = row->is_approved;
    item->is_listed = row->is_listed;
    item->version = row->version;
    return roster_item_set_text(item, row->name, row->groups, row->request);
}

static void load_end(struct load *l, int result)
{
    struct router *r = l->router;
    struct account *a = l->account;
    lane_work_stop(&l->work);
    a->roster.version = l->request.roster.version;
    a->has_offline = l->request.roster.has_offline;
    router_archive_prefer(a, l->request.roster.archive_preferences);
    router_avatar_load(a, &l->request.roster.avatar);
    account_absent(a, l->request.roster.absence.since_s, l->request.roster.absence.status);
    if (result == 0)
        result = account_groups_load(a, &r->groups);
    if (result == 0)
        result = block_list_make(l->request.roster.blocks.jids, l->request.roster.blocks.count, &a->blocks);
    a->state = result == 0 ? ACCOUNT_READY : result == STORE_NOT_FOUND ? ACCOUNT_MISSING : ACCOUNT_FAILED;
    arena_fini(&l->request.arena);
    free(l);
    r->operations--;
    router_account_settle(r, a);
}

/* Bring up to `rows` rows into memory. Returns how many. */
static uint32_t load_some(struct load *l, uint32_t rows)
{
    const struct store_roster *stored = &l->request.roster;
    uint32_t left = stored->count - l->at, some = rows < left ? rows : left;
    int error = 0;
    for (uint32_t i = 0; i < some && !error; i++)
        error = row_apply(l->router, l->account, &stored->items[l->at++]);
    if (error || l->at == stored->count)
        load_end(l, error);
    return some;
}

static void load_step(struct lane_work *work, uint32_t *budget)
{
    struct load *l = container_of(work, struct load, work);
    struct router *r = l->router;
    uint32_t rows = router_positions(r, *budget) / POSITIONS_PER_ROW;
    router_spend(r, budget, POSITIONS_PER_ROW * load_some(l, rows ? rows : 1));
}

static void load_handle(struct message *m, void *context)
{
    (void)context;
    struct load *l = container_of(m, struct load, message);
    struct router *r = l->router;
    uint32_t count = l->request.roster.count;
    if (l->request.result != 0)
        load_end(l, l->request.result);
    else if (roster_reserve(&l->account->roster, count) < 0)
        load_end(l, -ENOMEM);
    else if (count <= r->settings->at_once_max)
        load_some(l, UINT32_MAX);
    else
        loop_work_start(r->loop, &l->work, LANE_BULK);
}

static void load_done(struct store_request *request)
{
    struct load *l = container_of(request, struct load, request);
    l->message.handle = load_handle;
    loop_post(l->router->loop, NULL, &l->message);
}

int router_account_load(struct router *r, struct account *a)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    lane_work_init(&l->work, load_step);
    arena_init(&l->request.arena);
    l->request.operation = STORE_ROSTER;
    l->request.jid = arena_copy(&l->request.arena, entity_text(a->entity));
    l->request.done = load_done;
    l->router = r;
    l->account = a;
    if (!l->request.jid.ptr) {
        free(l);
        return -ENOMEM;
    }
    r->operations++;
    router_mailbox_flush(r); /* what waits for the account is to be seen */
    router_absence_flush(r, a);
    store_submit(r->store, &l->request);
    return 0;
}

/* ---- a look for nothing ---- */

/* One for all who ask for the same account meanwhile, as a LOADING one has them wait: however many they are, the
 * store reads it once. */
struct look {
    struct message message;
    struct store_request request;
    struct router *router;
    struct look *next; /* of the router's */
    struct message *first, **last;
};

static struct look *look_find(struct router *r, struct span bare)
{
    for (struct look *l = r->looks; l; l = l->next)
        if (span_equal(l->request.jid, bare))
            return l;
    return NULL;
}

static void look_add(struct look *l, struct route_message *then)
{
    then->message.next = NULL;
    *l->last = &then->message;
    l->last = &then->message.next;
}

static void look_handle(struct message *m, void *context)
{
    (void)context;
    struct look *l = container_of(m, struct look, message);
    struct look **at = &l->router->looks;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    arena_fini(&l->request.arena);
    l->router->operations--;
    for (struct message *then = l->first, *next; then; then = next) {
        next = then->next;
        route_message_run(container_of(then, struct route_message, message));
    }
    free(l);
}

static void look_done(struct store_request *request)
{
    struct look *l = container_of(request, struct look, request);
    l->message.handle = look_handle;
    loop_post(l->router->loop, NULL, &l->message);
}

int router_account_look(struct router *r, struct span bare, struct route_message *then)
{
    struct look *l = look_find(r, bare);
    if (l) {
        look_add(l, then);
        return 0;
    }
    l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    arena_init(&l->request.arena);
    l->request.operation = STORE_ROSTER;
    l->request.jid = arena_copy(&l->request.arena, bare);
    l->request.done = look_done;
    l->router = r;
    if (!l->request.jid.ptr) {
        free(l);
        return -ENOMEM;
    }
    l->last = &l->first;
    look_add(l, then);
    l->next = r->looks;
    r->looks = l;
    r->operations++;
    router_mailbox_flush(r); /* as loading does */
    store_submit(r->store, &l->request);
    return 0;
}

/* ---- leaving memory ---- */

struct discard {
    struct lane_work work;
    struct router *router;
    struct roster roster;
};

static void discard_step(struct lane_work *work, uint32_t *budget)
{
    struct discard *d = container_of(work, struct discard, work);
    struct router *r = d->router;
    uint32_t rows = router_positions(r, *budget) / POSITIONS_PER_ROW;
    router_spend(r, budget, POSITIONS_PER_ROW * roster_fini_some(&d->roster, &r->entities, rows ? rows : 1));
    if (d->roster.count)
        return;
    lane_work_stop(&d->work);
    roster_fini(&d->roster, &r->entities);
    free(d);
    r->operations--;
}

void router_roster_discard(struct router *r, struct roster *roster)
{
    struct discard *d = roster->count > r->settings->at_once_max ? malloc(sizeof *d) : NULL;
    if (!d) {
        roster_fini(roster, &r->entities);
        return;
    }
    *d = (struct discard){.router = r, .roster = *roster};
    roster_init(roster);
    lane_work_init(&d->work, discard_step);
    r->operations++;
    loop_work_start(r->loop, &d->work, LANE_BULK);
}
