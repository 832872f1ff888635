/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over a whole roster: an account's first session becomes available (its contacts are granted and
 * asked), a further one does (they are asked), the last one no longer is (its slots are given up). Long ones
 * go in slices, each of which sends what it has found: so no message is longer than a slice either. The
 * account is BUSY meanwhile, hence:
 *
 * - its own streams wait, and nothing but the end of its sessions can overtake the walk; that ends the walk;
 * - its roster stands still (roster_hold), but for a walk that leaves: that one goes from the end to the
 * beginning, where only what is through already can move to;
 * - it is offline and without a slot when the next session becomes available. */
#include <stdlib.h>

#include "presence/watch.h"
#include "route/abroad.h"
#include "route/watching.h"

/* What finding a contact costs its worker and the other one, in positions looked at. */
#define POSITIONS_PER_ENTRY 2

struct walk {
    struct lane_work work;
    struct router *router;
    struct account *account;
    enum { WALK_COMES, WALK_ASKS, WALK_LEAVES, WALK_BLOCKS } kind;
    uint32_t at; /* positions before it are through; a walk that leaves: positions from it on */
    uint32_t session_number;
    struct coming coming;
    const uint64_t *seen; /* how far each worker's messages were read when the session became available */
    uint64_t *seen_copy;  /* where that is, in a walk that goes on */
    struct block_list *before; /* WALK_BLOCKS: what the block list was; a reference in a walk that goes on */
};

/* From the end to the beginning: who is taken out of the roster has its place filled with one that is
 * through. */
static bool walk_is_backward(const struct walk *w)
{
    return w->kind == WALK_LEAVES || w->kind == WALK_BLOCKS;
}

/* What a slice has found, for each worker, and for other servers. */
struct found {
    struct found_abroad shown, probed, asked_again;
    struct grant_message **grants;
    struct watch_request **requests;
    struct list_message **releases;
};

static bool found_init(struct found *f, const struct router *r)
{
    void **lists = calloc(3 * (size_t)r->count, sizeof *lists);
    *f = (struct found){0};
    f->grants = (struct grant_message **)lists;
    f->requests = (struct watch_request **)(lists ? lists + r->count : NULL);
    f->releases = (struct list_message **)(lists ? lists + 2 * r->count : NULL);
    return lists != NULL;
}

static void found_post(struct found *f, struct router *r, struct account *a)
{
    for (uint32_t to = 0; to < r->count; to++) {
        if (f->grants[to])
            grant_post(r, a, to, f->grants[to]);
        if (f->requests[to])
            route_message_post(r, to, &f->requests[to]->lists.base);
    }
    lists_post(r, f->releases);
    free(f->grants);
}

static void say_abroad(struct router *r, struct found_abroad *found, enum presence_type type,
                       const struct account *a)
{
    struct span from = entity_text(a->entity);
    struct frame *frame =
        found->count ? stanza_presence_frame(type, from, (struct span){0}, (struct span){0}) : NULL;
    found_abroad_tell(r, found, frame, from);
    frame_unref(frame);
}

static void found_post_abroad(struct found *f, struct router *r, const struct account *a,
                              const struct session *s)
{
    found_abroad_tell(r, &f->shown, s ? s->presence : NULL, entity_text(a->entity));
    say_abroad(r, &f->probed, PRESENCE_PROBE, a);
    say_abroad(r, &f->asked_again, PRESENCE_SUBSCRIBE, a);
}

/* One at another server. What is not known of it is asked, and a request that it has not answered is said
 * again (RFC 6121 s. 4.3.1, 3.1.2). */
static uint32_t walk_meet_abroad(struct walk *w, const struct session *s, const struct roster_item *item,
                                 struct found *f)
{
    struct router *r = w->router;
    uint32_t entries = 0;
    if (!r->remote)
        return 0;
    if (w->kind == WALK_COMES && subscription_has_from(item->state) &&
        outreach_add(w->account, item->contact)) {
        found_abroad_add(&f->shown, item->contact);
        entries++;
    }
    if (w->kind == WALK_COMES && subscription_is_pending_out(item->state)) {
        found_abroad_add(&f->asked_again, item->contact);
        entries++;
    }
    if (subscription_has_to(item->state) && !w->coming.is_silent) {
        if (!foreign_show(r, s, item->contact))
            found_abroad_add(&f->probed, item->contact);
        entries++;
    }
    return entries;
}

/* One contact of an account that comes online, or of which another session does. Returns how many lists it
 * went on. */
static uint32_t walk_meet(struct walk *w, struct session *s, const struct roster_item *item, struct found *f)
{
    struct router *r = w->router;
    struct account *a = w->account;
    struct jid contact = entity_jid(item->contact);
    uint32_t entries = 0;
    if (router_blocks(a, &contact))
        return 0;
    router_request_deliver(r, s, item);
    bool is_granted = w->kind == WALK_COMES && subscription_has_from(item->state);
    bool is_asked = subscription_has_to(item->state);
    if (!router_is_local(r, jid_domain(&contact)))
        return walk_meet_abroad(w, s, item, f);
    if (!(is_granted || is_asked))
        return 0;
    uint32_t to = entity_home(item->contact->node.hash, r->count);
    struct grant_message *grant = is_granted ? grant_for(f->grants, to, a, s->presence) : NULL;
    if (grant) {
        route_list_put(&grant->lists.list, jid_bare(&contact), 0);
        a->interests[to].grants++;
        r->counters.grants++;
        entries++;
    }
    struct watch_request *request =
        is_asked ? watch_request_for(r, f->requests, to, a, w->session_number) : NULL;
    if (request) {
        request->seen = w->seen[to];
        request->is_first = w->coming.is_heard_first;
        request->is_silent = w->coming.is_silent;
        route_list_put(&request->lists.list, jid_bare(&contact), 0);
        entries++;
    }
    return entries;
}

/* One contact of an account that has gone offline. */
static uint32_t walk_leave(struct walk *w, struct roster_item *item, struct found *f)
{
    struct router *r = w->router;
    if (!item->watch_slot)
        return 0;
    uint32_t to = entity_home(item->contact->node.hash, r->count);
    struct buffer *list = f->releases ? list_for(f->releases, to, release_run) : NULL;
    if (list)
        route_list_put(list, entity_text(item->contact), item->contact->watch->incarnation);
    watch_remove(w->account, item, &r->entities);
    return 1;
}

/* One contact of an account whose block list has changed. */
static uint32_t walk_block(struct walk *w, struct roster_item *item, struct found *f)
{
    struct span contact = entity_text(item->contact);
    uint32_t to = entity_home(item->contact->node.hash, w->router->count);
    if (!router_block_meet(w->router, w->account, w->before, item))
        return 0;
    struct watch_request *request = watch_request_for(w->router, f->requests, to, w->account, 0);
    if (request) {
        request->is_probe = true;
        route_list_put(&request->lists.list, contact, 0);
    }
    return 1;
}

/* Look at about `positions`. Returns at how many, dearer ones counted for more. */
static uint32_t walk_some(struct walk *w, uint32_t positions)
{
    struct router *r = w->router;
    struct account *a = w->account;
    struct roster *roster = &a->roster;
    struct session *s = account_session_numbered(a, w->session_number);
    struct found f;
    uint32_t used = 0;
    bool has_lists = found_init(&f, r);
    if (w->kind == WALK_LEAVES) {
        if (w->at > roster->count)
            w->at = roster->count;
        for (; w->at && used < positions; used++)
            used += POSITIONS_PER_ENTRY * walk_leave(w, &roster->items[--w->at], &f);
    } else if (w->kind == WALK_BLOCKS && has_lists) {
        for (; w->at && used < positions; used++)
            used += POSITIONS_PER_ENTRY * walk_block(w, &roster->items[--w->at], &f);
    } else if (w->kind == WALK_BLOCKS) {
        w->at = 0;
    } else if (!s || !session_is_hearing(s) || !has_lists) {
        w->at = roster->count; /* nobody is left to be told; or out of memory, as every message would be */
    } else {
        for (; w->at < roster->count && used < positions; used++)
            used += POSITIONS_PER_ENTRY * walk_meet(w, s, &roster->items[w->at++], &f);
    }
    if (has_lists)
        found_post(&f, r, a);
    found_post_abroad(&f, r, a, s);
    return used;
}

static bool walk_is_over(const struct walk *w)
{
    return w->at == (walk_is_backward(w) ? 0 : w->account->roster.count);
}

/* The account is settled by the caller. */
static void walk_free(struct walk *w)
{
    struct router *r = w->router;
    struct account *a = w->account;
    lane_work_stop(&w->work);
    a->walk = NULL;
    if (w->kind != WALK_LEAVES)
        roster_release(&a->roster, &r->entities);
    free(w->seen_copy);
    block_list_unref(w->before);
    free(w);
    r->operations--;
    account_walk_ends(a);
}

/* Everybody in the roster is told and asked: now the groups are. */
static void walk_groups(struct router *r, struct account *a, const struct walk *w)
{
    if (w->kind == WALK_BLOCKS) {
        router_block_groups(r, a, w->before);
        return;
    }
    struct session *s = w->kind == WALK_LEAVES ? NULL : account_session_numbered(a, w->session_number);
    if (s && session_is_hearing(s))
        router_groups_come(r, s, &w->coming);
}

static void walk_step(struct lane_work *work, uint32_t *budget)
{
    struct walk *w = container_of(work, struct walk, work);
    struct router *r = w->router;
    struct account *a = w->account;
    router_spend(r, budget, walk_some(w, router_positions(r, *budget)));
    if (!walk_is_over(w))
        return;
    walk_groups(r, a, w);
    walk_free(w);
    router_account_settle(r, a);
}

/* Go on in slices. False: no memory. */
static bool walk_begin(const struct walk *first)
{
    struct router *r = first->router;
    struct account *a = first->account;
    struct walk *w = malloc(sizeof *w);
    size_t bytes = r->count * sizeof *w->seen;
    if (!w)
        return false;
    *w = *first;
    if (w->seen) {
        if (!(w->seen_copy = malloc(bytes))) {
            free(w);
            return false;
        }
        memcpy(w->seen_copy, w->seen, bytes);
        w->seen = w->seen_copy;
    }
    if (w->kind != WALK_LEAVES)
        roster_hold(&a->roster);
    block_list_ref(w->before);
    lane_work_init(&w->work, walk_step);
    a->walk = w;
    r->operations++;
    account_walk_begins(a);
    loop_work_start(r->loop, &w->work, LANE_BULK);
    return true;
}

/* Short walks are over at once, and nobody sees the account BUSY. */
static void walk_run(struct walk *w)
{
    bool is_long = w->account->roster.count > w->router->settings->at_once_max;
    if (is_long && walk_begin(w))
        return;
    while (!walk_is_over(w))
        walk_some(w, UINT32_MAX);
    walk_groups(w->router, w->account, w);
}

bool walk_will_grant(const struct account *a, const struct roster_item *item)
{
    const struct walk *w = a->walk;
    return w && w->kind == WALK_COMES && (uint32_t)(item - a->roster.items) >= w->at;
}

struct block_list *walk_blocks_before(const struct account *a)
{
    return a->walk && a->walk->kind == WALK_BLOCKS ? a->walk->before : a->blocks;
}

void router_walk_comes(struct router *r, struct session *s, const struct coming *coming)
{
    struct account *a = s->account;
    struct walk w = {.router = r,
                     .account = a,
                     .kind = coming->is_shown_first ? WALK_COMES : WALK_ASKS,
                     .coming = *coming,
                     .session_number = s->number,
                     .seen = r->received};
    for (uint32_t to = 0; coming->is_shown_first && to < r->count; to++)
        a->interests[to] = (struct interest){0};
    if (coming->is_shown_first)
        outreach_end(r, a); /* what was left for want of memory */
    walk_run(&w);
}

void router_walk_leaves(struct router *r, struct account *a)
{
    struct walk w = {.router = r, .account = a, .kind = WALK_LEAVES, .at = a->roster.count};
    if (a->walk)
        walk_free(a->walk);
    walk_run(&w);
}

void router_walk_blocks(struct router *r, struct account *a, struct block_list *before)
{
    struct walk w = {.router = r,
                     .account = a,
                     .kind = WALK_BLOCKS,
                     .at = a->roster.count,
                     .seen = r->received,
                     .before = before};
    walk_run(&w);
}
