/* SPDX-License-Identifier: Apache-2.0 */
#include "route/explain.h"

#include "presence/group.h"
#include "presence/watch.h"
#include "route/watching.h"
#include "stream/held.h"

static void account_begin(struct explained_account *a, const struct router *r, const struct jid *jid)
{
    a->jid = *jid;
    a->home = router_home(r, jid_bare(jid));
    a->existence = router_is_local(r, jid_domain(jid)) ? EXPLAINED_STORED : EXPLAINED_FOREIGN;
    a->is_roster_known = a->existence == EXPLAINED_FOREIGN;
}

void explanation_init(struct explanation *e, const struct router *r, const struct jid *publisher,
                      const struct jid *watcher)
{
    *e = (struct explanation){0};
    account_begin(&e->publisher, r, publisher);
    account_begin(&e->watcher, r, watcher);
}

void explanation_fini(struct explanation *e)
{
    buffer_fini(&e->publisher.resources);
    buffer_fini(&e->watcher.resources);
    buffer_fini(&e->groups);
}

static bool session_is_asked_for(const struct explained_account *a, const struct session *s)
{
    return !a->jid.resource_len || span_equal(session_resource(s), jid_resource(&a->jid));
}

static void item_take(struct explained_account *a, bool has_item, uint8_t subscription, bool is_approved)
{
    a->is_roster_known = true;
    a->has_item = has_item;
    a->subscription = has_item ? (enum subscription_state)subscription : SUBSCRIPTION_NONE;
    a->is_approved = has_item && is_approved;
}

/* What `show` says, as clients write it; empty: nothing. */
static struct span show_of(const struct frame *f)
{
    static const char tag[] = "<show>";
    const char *at = memmem(f->bytes, f->len, tag, sizeof tag - 1);
    if (!at)
        return (struct span){0};
    at += sizeof tag - 1;
    const char *end = memchr(at, '<', f->len - (size_t)(at - f->bytes));
    return end ? span_make(at, (size_t)(end - at)) : (struct span){0};
}

static void resource_write(struct buffer *out, const struct session *s, struct span publisher)
{
    const struct stream *stream = s->stream;
    buffer_append(out, session_jid(s));
    if (!session_is_available(s)) {
        buffer_append(out,
                      s->is_invisible ? SPAN(": connected, invisible") : SPAN(": connected, not available"));
    } else {
        struct span show = show_of(s->presence);
        buffer_printf(out, ": available, priority %d%s", s->priority, show.len ? ", " : "");
        buffer_append(out, show);
    }
    if (stream_is_parked(stream))
        buffer_literal(out, ", detached: it may be resumed");
    if (stream->is_inactive)
        buffer_literal(out, ", inactive by its client's word");
    if (stream->conn.out.bytes)
        buffer_printf(out, ", %llu bytes queued", (unsigned long long)stream->conn.out.bytes);
    if (stream->held)
        buffer_printf(
            out, ", %u presences held back%s", held_count(stream->held),
            publisher.ptr && held_has_account(stream->held, publisher) ? ", the publisher's among them" : "");
    if (s->is_paced)
        buffer_literal(out, ", its last change waits for presence.rate");
    buffer_append_char(out, '\n');
}

static const struct roster_item *item_of(const struct account *a, const struct router *r,
                                         const struct jid *contact)
{
    struct jid bare = jid_of_prepared(jid_bare(contact));
    const struct entity *e = entity_find(&r->entities, &bare);
    return e ? roster_find(&a->roster, e) : NULL;
}

/* What both homes say alike. Returns the account when there is more to say. */
static const struct account *account_read(struct explained_account *to, const struct explained_account *other,
                                          struct router *r, struct span publisher)
{
    const struct account *a = router_account_find(r, jid_bare(&to->jid));
    if (!a)
        return NULL;
    if (a->state == ACCOUNT_MISSING) {
        to->existence = EXPLAINED_MISSING;
        to->is_roster_known = true;
        return NULL;
    }
    to->existence = EXPLAINED_IN_MEMORY;
    to->state = a->state;
    to->changes = a->changes;
    to->walks = a->walks;
    to->is_queue_waiting = a->pending;
    if (a->state == ACCOUNT_LOADING || a->state == ACCOUNT_FAILED)
        return NULL;
    to->sessions = a->session_count;
    to->available = a->available_count;
    to->lost = a->lost_count;
    account_each_session(s, a)
    {
        resource_write(&to->resources, s, publisher);
        to->is_connected |= session_is_asked_for(to, s);
        to->is_available |= session_is_asked_for(to, s) && session_is_available(s);
    }
    const struct roster_item *item = item_of(a, r, &other->jid);
    item_take(to, item, item ? item->state : SUBSCRIPTION_NONE, item && item->is_approved);
    to->is_blocking = router_blocks(a, &other->jid);
    return a;
}

/* The groups of the publisher, and of those who see them the ones that the watcher is in. */
static void groups_read(struct explanation *e, const struct router *r)
{
    struct span publisher = jid_bare(&e->publisher.jid), watcher = jid_bare(&e->watcher.jid);
    uint64_t publisher_hash = entity_hash(publisher), watcher_hash = entity_hash(watcher);
    for (uint32_t i = 0; i < r->groups.count; i++) {
        const struct group_here *here = r->groups.at[i];
        if (here->is_removed || group_find(here->group, publisher, publisher_hash) < 0)
            continue;
        for (uint32_t n = 0; n < here->viewer_count; n++) {
            const struct group *viewer = here->viewers[n]->group;
            if (group_find(viewer, watcher, watcher_hash) < 0)
                continue;
            buffer_append(&e->groups, here->group->name);
            if (viewer != here->group) {
                buffer_literal(&e->groups, ", which the members of ");
                buffer_append(&e->groups, viewer->name);
                buffer_literal(&e->groups, " see");
            }
            buffer_append_char(&e->groups, '\n');
        }
    }
}

void explain_publisher(struct explanation *e, struct router *r)
{
    struct explained_account *p = &e->publisher;
    const struct account *a = account_read(p, &e->watcher, r, (struct span){0});
    groups_read(e, r);
    if (!a)
        return;
    e->is_shown_to_groups = a->is_in_groups;
    e->incarnation = a->incarnation;
    e->grants = a->available_count ? a->interests[e->watcher.home].grants : 0;
    const struct roster_item *item = item_of(a, r, &e->watcher.jid);
    e->is_grant_to_come = item && walk_will_grant(a, item);
    account_each_session(s, a)
    {
        e->paced += s->is_paced;
        e->directed += session_is_asked_for(p, s) && directed_reaches(s, jid_bare(&e->watcher.jid));
    }
    for (const struct lost *l = NULL; (l = router_lost_next(r, a, l));) {
        struct jid jid = jid_of_prepared(span_make(l->jid, l->jid_len));
        p->is_available |= !p->jid.resource_len || span_equal(jid_full(&jid), jid_full(&p->jid));
    }
}

/* Its place in the list of the publisher's watchers here, and what is on its way to it. */
static void slot_read(struct explanation *e, const struct roster_item *item)
{
    const struct watch *w = item->contact->watch;
    if (!item->watch_slot || !w)
        return;
    e->has_slot = true;
    e->slot_incarnation = w->incarnation;
    for (const struct watch_change *c = w->queue ? w->queue->first : NULL; c; c = c->next)
        e->changes_due += watch_is_due(w, c, item->watch_slot - 1);
    if (w->queue) {
        e->fanout_done = w->queue->cursor;
        e->fanout_all = w->count;
    }
}

void explain_watcher(struct explanation *e, struct router *r)
{
    struct explained_account *to = &e->watcher;
    struct span publisher = jid_bare(&e->publisher.jid);
    const struct account *a = account_read(to, &e->publisher, r, publisher);
    if (!a)
        return;
    e->hears_groups = a->is_in_groups;
    e->is_group_wave = !list_empty(&a->waves);
    account_each_session(s, a)
    {
        if (!session_is_hearing(s) || !session_is_asked_for(to, s))
            continue;
        to->is_available = true; /* for what it hears: an invisible one is */
        e->readers++;
        e->readers_holding += s->stream->held && held_has_account(s->stream->held, publisher);
    }
    const struct roster_item *item = item_of(a, r, &e->publisher.jid);
    if (item)
        slot_read(e, item);
}

void explain_stored(struct explained_account *a, int result, const struct store_roster *roster,
                    const struct jid *contact)
{
    struct block_list *blocks;
    if (result != 0) {
        a->existence = result < 0 ? EXPLAINED_UNREADABLE : EXPLAINED_MISSING;
        a->is_roster_known = true;
        return;
    }
    const struct store_item *found = NULL;
    for (uint32_t i = 0; i < roster->count && !found; i++)
        if (span_equal(roster->items[i].contact, jid_bare(contact)))
            found = &roster->items[i];
    item_take(a, found, found ? found->state : SUBSCRIPTION_NONE, found && found->is_approved);
    if (block_list_make(roster->blocks.jids, roster->blocks.count, &blocks) < 0)
        return;
    a->is_blocking = block_list_matches(blocks, contact) && !span_equal(jid_bare(contact), jid_bare(&a->jid));
    block_list_unref(blocks);
}
