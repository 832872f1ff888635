/* SPDX-License-Identifier: Apache-2.0 */
/* Roster pushes for a change of the shared groups. What is to be pushed to whom is a list of pairs of
 * crowds, made at once; the pairs are walked in slices, for a group of ten thousand that gets a thousand
 * members is ten million pushes. A change of one contact is one frame, encoded once for all who see nothing
 * else of it. */
#include "route/grouping.h"

#include <stdlib.h>

#include "roster/query.h"

/* Pushes of one change to one session; above it the stream ends with <reset/>, for a roster asked for anew
 * costs less than so many items one by one. */
#define GROUP_PUSHES_MAX 1024
/* Looking whether there is somebody to push to costs about this part of pushing. */
#define LOOKS_PER_PUSH 16

/* Members of a group, which a removed one may be that is let go meanwhile: a reference. */
struct crowd {
    struct group *group;
    const uint32_t *places; /* NULL: all of them */
    uint32_t count;
};

/* Everybody of `readers` is told of everybody of `contacts`: of those whom it sees or has seen, or only of
 * those that are in its own roster. */
struct push_pair {
    struct crowd readers, contacts;
    bool is_seeing;
};

/* One change of one member, as most see it: encoded once. */
struct push_cache {
    struct frame *removal, *items[2]; /* by is_from */
};

struct group_pushes {
    struct router *router;
    const struct group_step *step;
    struct push_pair *pairs;
    uint32_t pair_count, pair_capacity;
    uint32_t pair, reader, contact; /* the next ones */
    struct push_cache *caches;      /* of this pair; NULL: it has not begun */
    uint32_t cache_count, looks;
};

/* ---- pairs ---- */

static struct crowd crowd_all(struct group *g)
{
    return (struct crowd){g, NULL, g->count};
}

static struct span crowd_jid(const struct crowd *c, uint32_t i)
{
    return group_member_jid(c->group, c->places ? c->places[i] : i);
}

static void pair_add(struct group_pushes *p, struct crowd readers, struct crowd contacts, bool is_seeing)
{
    if (!readers.count || !contacts.count)
        return;
    if (p->pair_count == p->pair_capacity) {
        uint32_t capacity = p->pair_capacity ? 2 * p->pair_capacity : 8;
        struct push_pair *grown = reallocarray(p->pairs, capacity, sizeof *grown);
        if (!grown)
            return;
        p->pairs = grown;
        p->pair_capacity = capacity;
    }
    p->pairs[p->pair_count++] = (struct push_pair){readers, contacts, is_seeing};
    group_ref(readers.group);
    group_ref(contacts.group);
}

/* Who has joined or left is told of those whom it sees or sees no more, and who sees it of it. */
static void pairs_of_members(struct group_pushes *p, const struct group_here *here, struct crowd changed)
{
    for (uint32_t i = 0; i < here->sees_count; i++)
        pair_add(p, changed, crowd_all(here->sees[i]->group), true);
    for (uint32_t i = 0; i < here->viewer_count; i++)
        pair_add(p, crowd_all(here->viewers[i]->group), changed, true);
    for (uint32_t i = 0; i < here->sees_count; i++)
        pair_add(p, crowd_all(here->sees[i]->group), changed, false);
}

/* One that sees the group, did, or does from now on: everybody there is told of the members when that or the
 * title is new, and they of it, who are seen by it or not. */
static void pairs_of_viewer(struct group_pushes *p, const struct group_here *here, uint32_t number,
                            bool is_retitled)
{
    const struct group_here *viewer = groups_find(&p->router->groups, number);
    struct group *before = p->step->before, *now = p->step->now;
    bool is_changed = group_is_seen_by(before, number) != group_is_seen_by(now, number),
         is_seen_by_members = false;
    if (!viewer)
        return;
    for (uint32_t i = 0; i < here->sees_count; i++)
        is_seen_by_members |= here->sees[i] == viewer;
    if (is_changed || is_retitled)
        pair_add(p, crowd_all(viewer->group), crowd_all(now), true);
    if (is_changed)
        pair_add(p, crowd_all(now), crowd_all(viewer->group), is_seen_by_members);
}

static void pairs_of_view(struct group_pushes *p, const struct group_here *here)
{
    const struct group *before = p->step->before, *now = p->step->now;
    bool is_retitled = !span_equal(before->title, now->title);
    for (uint32_t i = 0; i < before->viewer_count; i++)
        pairs_of_viewer(p, here, before->viewers[i], is_retitled);
    for (uint32_t i = 0; i < now->viewer_count; i++)
        if (!group_is_seen_by(before, now->viewers[i]))
            pairs_of_viewer(p, here, now->viewers[i], is_retitled);
}

struct group_pushes *group_pushes_new(struct router *r, const struct group_step *step)
{
    const struct group_here *here = groups_find(&r->groups, step->number);
    struct group_pushes *p = here ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->router = r;
    p->step = step;
    if (step->joined_count)
        pairs_of_members(p, here, (struct crowd){step->now, step->joined, step->joined_count});
    if (step->left_count)
        pairs_of_members(p, here, (struct crowd){step->before, step->left, step->left_count});
    if (step->before && step->now)
        pairs_of_view(p, here);
    return p;
}

/* ---- pushing ---- */

/* ` to` comes into the gap: the bare JID of whoever gets it. */
static struct frame *push_frame(const struct group_step *step, struct buffer *query)
{
    struct buffer push = {0};
    const struct group *g = step->now ? step->now : step->before;
    buffer_printf(&push, "<iq type='set' id='push-%u-%llu'>", g->number, (unsigned long long)g->version);
    buffer_append(&push, buffer_span(query));
    buffer_literal(&push, "</iq>");
    struct frame *f = buffer_ok(&push) && buffer_ok(query)
                          ? frame_new(buffer_span(&push), strlen("<iq"), FRAME_OTHER)
                          : NULL;
    buffer_fini(&push);
    return f;
}

/* Where the frame is kept that this account gets as others do; NULL: it sees something of its own. */
static struct frame **cache_place(struct push_cache *cache, const struct group *group,
                                  const struct roster_item *item, const struct roster_share *share)
{
    if (item || !cache)
        return NULL;
    if (!share->count)
        return &cache->removal;
    return share->count == 1 && share->groups[0] == group ? &cache->items[share->is_from] : NULL;
}

/* `cache` NULL: none is kept. */
static void push_contact(const struct group_pushes *p, const struct account *a, const struct push_pair *pair,
                         uint32_t at, struct push_cache *cache)
{
    struct router *r = p->router;
    struct roster_share share;
    struct span contact = crowd_jid(&pair->contacts, at);
    struct jid jid = jid_of_prepared(contact);
    const struct entity *e = entity_find(&r->entities, &jid);
    const struct roster_item *item = e ? roster_find(&a->roster, e) : NULL;
    router_share(a, contact, &share);
    struct frame **place = cache_place(cache, pair->contacts.group, item, &share),
                 *frame = place ? *place : NULL;
    if (!frame) {
        struct buffer query = {0};
        router_contact_write(r, a, NULL, contact, &query);
        frame = push_frame(p->step, &query);
        buffer_fini(&query);
        if (!frame)
            return;
        if (place)
            *place = frame;
    }
    account_each_session(s, a) if (s->is_interested) stream_send(s->stream, frame_ref(frame));
    if (!place)
        frame_unref(frame);
}

/* An account at home here that somebody is logged in to and looks at the roster of. */
static struct account *interested_account(struct router *r, struct span bare)
{
    struct account *a = router_account_find(r, bare);
    if (!a || router_home(r, bare) != r->index)
        return NULL;
    account_each_session(s, a) if (s->is_interested) return a;
    return NULL;
}

static void sessions_reset(struct router *r, struct account *a)
{
    bool was_settling = a->is_settling;
    a->is_settling = true; /* the end of the last stream forgets the account */
    for (bool is_one_left = true; is_one_left;) {
        is_one_left = false;
        account_each_session(s, a)
        {
            if (!s->is_interested)
                continue;
            stream_fail(s->stream, STREAM_RESET, "the shared groups have changed");
            is_one_left = true;
            break;
        }
    }
    a->is_settling = was_settling;
    router_account_settle(r, a);
}

/* ---- slices ---- */

static void look(struct group_pushes *p, uint32_t *budget)
{
    if (++p->looks % LOOKS_PER_PUSH == 0)
        --*budget;
}

/* Has an earlier pair told this reader the same? */
static bool is_repeated(const struct group_pushes *p, const struct account *a)
{
    const struct push_pair *pair = &p->pairs[p->pair];
    for (const struct push_pair *other = p->pairs; other < pair; other++)
        if (other->contacts.group == pair->contacts.group &&
            other->contacts.places == pair->contacts.places && !other->readers.places &&
            group_find(other->readers.group, entity_text(a->entity), a->entity->node.hash) >= 0)
            return true;
    return false;
}

/* Does this pair say anything of this contact to this account? */
static bool is_wanted(const struct group_pushes *p, const struct account *a, const struct push_pair *pair)
{
    struct jid jid = jid_of_prepared(crowd_jid(&pair->contacts, p->contact));
    const struct entity *e = entity_find(&p->router->entities, &jid);
    return e != a->entity && (pair->is_seeing || (e && roster_find(&a->roster, e)));
}

/* True: this reader has been told all. */
static bool reader_go_on(struct group_pushes *p, uint32_t *budget)
{
    const struct push_pair *pair = &p->pairs[p->pair];
    struct account *a = interested_account(p->router, crowd_jid(&pair->readers, p->reader));
    look(p, budget);
    if (!a || is_repeated(p, a))
        return true;
    if (pair->is_seeing && pair->contacts.count > GROUP_PUSHES_MAX) {
        sessions_reset(p->router, a);
        return true;
    }
    for (; p->contact < pair->contacts.count; p->contact++) {
        if (!*budget)
            return false;
        if (is_wanted(p, a, pair)) {
            push_contact(p, a, pair, p->contact, p->contact < p->cache_count ? &p->caches[p->contact] : NULL);
            --*budget;
        } else {
            look(p, budget);
        }
    }
    return true;
}

static void caches_fini(struct group_pushes *p)
{
    for (uint32_t i = 0; p->caches && i < p->cache_count; i++) {
        frame_unref(p->caches[i].removal);
        frame_unref(p->caches[i].items[0]);
        frame_unref(p->caches[i].items[1]);
    }
    free(p->caches);
    p->caches = NULL;
    p->cache_count = 0;
}

/* Without memory every push is encoded anew. */
static void caches_init(struct group_pushes *p)
{
    uint32_t count = p->pairs[p->pair].contacts.count;
    p->caches = calloc(count < GROUP_PUSHES_MAX ? count : GROUP_PUSHES_MAX, sizeof *p->caches);
    if (p->caches)
        p->cache_count = count < GROUP_PUSHES_MAX ? count : GROUP_PUSHES_MAX;
}

bool group_pushes_go_on(struct group_pushes *p, uint32_t *budget)
{
    for (; p->pair < p->pair_count; p->pair++) {
        if (!p->caches)
            caches_init(p);
        for (; p->reader < p->pairs[p->pair].readers.count; p->reader++) {
            if (!*budget || !reader_go_on(p, budget))
                return false;
            p->contact = 0;
        }
        p->reader = 0;
        caches_fini(p);
    }
    return true;
}

struct group_pushes *group_pushes_free(struct group_pushes *p)
{
    if (p) {
        caches_fini(p);
        for (uint32_t i = 0; i < p->pair_count; i++) {
            group_unref(p->pairs[i].readers.group);
            group_unref(p->pairs[i].contacts.group);
        }
        free(p->pairs);
    }
    free(p);
    return NULL;
}
