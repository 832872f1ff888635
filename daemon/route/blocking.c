/* SPDX-License-Identifier: Apache-2.0 */
/* A change of an account's block list: to the disk, then into memory, then its effects. Presence is blocked
 * where the watches are made, so that a fan-out knows nothing of it: who is blocked loses its watch and sees
 * the account go, and the account gives up its own watch; both are made again when the block ends. */
#include <stdlib.h>

#include "route/abroad.h"
#include "route/grouping.h"
#include "store/blocks.h"
#include "xml/write.h"

struct block_commit {
    struct message message;
    struct store_blocks_change change;
    struct router *router;
    struct account *account;
    struct block_list *after;       /* a reference: what the list will be */
    struct frame *result, *refusal; /* to the session that asked */
    uint32_t session_number;
    struct buffer push; /* the payload of what the others are told */
};

static void block_commit_free(struct block_commit *c)
{
    block_list_unref(c->after);
    frame_unref(c->result);
    frame_unref(c->refusal);
    buffer_fini(&c->push);
    arena_fini(&c->change.request.arena);
    free(c);
}

/* ---- effects ---- */

static bool is_blocked_by(const void *context, struct span jid)
{
    struct jid to = jid_of_prepared(jid);
    return router_blocks(context, &to);
}

/* Whom directed presence has reached sees the end of it, and hears nothing later. */
static void directed_end(struct router *r, struct session *s)
{
    const struct account *a = s->account;
    char text[JID_BYTES_MAX];
    for (size_t len; (len = directed_take_if(s, is_blocked_by, a, text, sizeof text)) > 0;) {
        struct jid to = jid_of_prepared(span_make(text, len));
        struct jid bare = jid_of_prepared(jid_bare(&to));
        /* The walk over the roster tells those who see all of it, if they are blocked as a whole. */
        if (session_is_available(s) && router_blocks(a, &bare) && router_may_see(r, a, jid_full(&bare)))
            continue;
        router_send_stanza(
            r, stanza_presence_frame(PRESENCE_UNAVAILABLE, session_jid(s), jid_full(&to), (struct span){0}),
            session_jid(s), &to);
    }
}

static void push_send(struct router *r, const struct account *a, const struct buffer *payload)
{
    account_each_session(s, a)
    {
        struct buffer push = {0};
        if (!s->is_told_of_blocks)
            continue;
        buffer_printf(&push, "<iq type='set' id='block-%llx'", (unsigned long long)++r->block_pushes);
        xml_write_attribute(&push, "to", session_jid(s));
        buffer_literal(&push, ">");
        buffer_append(&push, buffer_span(payload));
        buffer_literal(&push, "</iq>");
        struct frame *f = buffer_ok(payload) && buffer_ok(&push)
                              ? frame_new(buffer_span(&push), FRAME_NO_HEAD, FRAME_OTHER)
                              : NULL;
        buffer_fini(&push);
        if (f)
            stream_send(s->stream, f);
    }
}

static void block_effects(struct block_commit *c)
{
    struct router *r = c->router;
    struct account *a = c->account;
    struct block_list *before = a->blocks;
    a->blocks = block_list_ref(c->after);
    push_send(r, a, &c->push);
    account_each_session(s, a) directed_end(r, s);
    if (account_is_hearing(a))
        router_walk_blocks(r, a, before);
    block_list_unref(before);
}

/* ---- the change ---- */

static void block_handle(struct message *m, void *context)
{
    (void)context;
    struct block_commit *c = container_of(m, struct block_commit, message);
    struct router *r = c->router;
    struct account *a = c->account;
    bool is_done = c->change.request.result == 0;
    r->operations--;
    account_change_ends(a);
    bool was_settling = a->is_settling;
    a->is_settling = true; /* effects first, then what waits */
    const struct session *s = account_session_numbered(a, c->session_number);
    struct frame *answer = is_done ? c->result : c->refusal;
    if (s && answer)
        stream_send(s->stream, frame_ref(answer));
    if (is_done)
        block_effects(c);
    a->is_settling = was_settling;
    block_commit_free(c);
    router_account_settle(r, a);
}

static void block_done(struct store_request *request)
{
    struct store_blocks_change *change = container_of(request, struct store_blocks_change, request);
    struct block_commit *c = container_of(change, struct block_commit, change);
    loop_post(c->router->loop, NULL, &c->message);
}

static void push_write(struct buffer *out, bool is_block, const struct span *jids, uint32_t count)
{
    buffer_printf(out, "<%s xmlns='urn:xmpp:blocking'%s>", is_block ? "block" : "unblock", count ? "" : "/");
    for (uint32_t i = 0; i < count; i++) {
        buffer_literal(out, "<item");
        xml_write_attribute(out, "jid", jids[i]);
        buffer_literal(out, "/>");
    }
    if (count)
        buffer_printf(out, "</%s>", is_block ? "block" : "unblock");
}

/* Everything that the change needs, made beforehand. False: no memory. */
static bool block_prepare(struct block_commit *c, const struct service_query *q, bool is_block,
                          const struct span *jids, uint32_t count)
{
    struct store_blocks_change *change = &c->change;
    struct arena *arena = &change->request.arena;
    const struct block_list *before = c->account->blocks;
    struct span *kept = arena_take(arena, (count + 1) * sizeof *kept);
    change->request.jid = arena_copy(arena, entity_text(c->account->entity));
    for (uint32_t i = 0; kept && i < count; i++)
        if (!(kept[i] = arena_copy(arena, jids[i])).ptr)
            kept = NULL;
    change->jids = kept;
    change->count = count;
    change->kind = is_block ? STORE_BLOCKS_ADD : count ? STORE_BLOCKS_REMOVE : STORE_BLOCKS_CLEAR;
    int error = is_block ? block_list_with(before, jids, count, &c->after)
                : count  ? block_list_without(before, jids, count, &c->after)
                         : 0; /* all: none is left */
    c->result = stanza_result_frame(q->stanza, (struct span){0}, q->from, (struct span){0});
    c->refusal = stanza_error_frame(q->stanza, STANZA_INTERNAL_SERVER_ERROR, entity_text(c->account->entity),
                                    q->from, "the change could not be stored");
    push_write(&c->push, is_block, jids, count);
    return !error && kept && change->request.jid.ptr && c->result && c->refusal;
}

void router_block(const struct service_query *q, bool is_block, const struct span *jids, uint32_t count)
{
    struct router *r = q->router;
    struct block_commit *c = calloc(1, sizeof *c);
    if (!c) {
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    struct store_request *request = &c->change.request;
    arena_init(&request->arena);
    c->message.handle = block_handle;
    c->router = r;
    c->account = q->account;
    c->session_number = q->session->number;
    if (!block_prepare(c, q, is_block, jids, count) ||
        (is_block && c->after && c->after->count > r->settings->blocks_max)) {
        block_commit_free(c);
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    request->operation = STORE_CALL;
    request->call = store_blocks_change_run;
    request->done = block_done;
    account_change_begins(c->account);
    r->operations++;
    store_submit(r->store, request);
}

/* ---- one contact, met by the walk over the roster or found in a group ---- */

bool router_block_meet(struct router *r, struct account *a, const struct block_list *before,
                       struct roster_item *item)
{
    struct jid contact = entity_jid(item->contact);
    bool was = block_list_matches(before, &contact), is = block_list_matches(a->blocks, &contact);
    bool has_from = subscription_has_from(item->state), has_to = subscription_has_to(item->state);
    if (was == is)
        return false;
    bool is_local = router_is_local(r, jid_domain(&contact));
    if (is) {
        if (has_from)
            router_hide_at_once(r, a, item->contact);
        router_unwatch(r, a, item);
        foreign_forget(r, a, item->contact);
        return false;
    }
    account_each_session(s, a) if (session_is_hearing(s)) router_request_deliver(r, s, item);
    if (has_from)
        router_grant(r, a, item->contact);
    if (has_to && !is_local)
        router_probe_say(r, entity_text(a->entity), entity_text(item->contact));
    return has_to && is_local;
}

struct group_block {
    struct router *router;
    struct account *account;
    const struct block_list *before;
};

static void group_member_meet(const struct group_block *b, struct span bare)
{
    struct router *r = b->router;
    struct account *a = b->account;
    struct jid jid = jid_of_prepared(bare);
    bool was = block_list_matches(b->before, &jid), is = block_list_matches(a->blocks, &jid);
    struct group_view view = group_view(a, bare);
    struct entity *e = was != is && (view.is_to || view.is_from) ? entity_take(&r->entities, &jid) : NULL;
    if (!e)
        return;
    const struct roster_item *item = roster_find(&a->roster, e);
    if (is && view.is_from && !(item && subscription_has_from(item->state)))
        router_hide_at_once(r, a, e);
    if (was && view.is_from)
        router_groups_show(r, a, e);
    if (was && view.is_to && !(item && subscription_has_to(item->state)))
        router_probe_say(r, entity_text(a->entity), bare);
    entity_give(&r->entities, e);
}

/* Everybody of that domain. A member of several groups is met in the first. */
static void group_domain_meet(const struct group_block *b, struct span domain)
{
    const struct groups_here *groups = &b->router->groups;
    for (uint32_t g = 0; g < groups->count; g++) {
        const struct group *group = groups->at[g]->group;
        for (uint32_t i = 0; i < group->count && !groups->at[g]->is_removed; i++) {
            struct span bare = group_member_jid(group, i);
            struct jid jid = jid_of_prepared(bare);
            bool is_met = false;
            for (uint32_t n = 0; n < g && !is_met; n++)
                is_met = group_find(groups->at[n]->group, bare, entity_hash(bare)) >= 0;
            if (!is_met && span_equal(jid_domain(&jid), domain))
                group_member_meet(b, bare);
        }
    }
}

static void group_difference_meet(const struct group_block *b, const struct block_list *some,
                                  const struct block_list *others)
{
    for (uint32_t i = 0; some && i < some->count; i++) {
        struct jid jid = jid_of_prepared(some->jids[i]);
        if (block_list_has(others, some->jids[i]) || jid.resource_len)
            continue;
        if (jid.local_len)
            group_member_meet(b, some->jids[i]);
        else
            group_domain_meet(b, some->jids[i]);
    }
}

void router_block_groups(struct router *r, struct account *a, const struct block_list *before)
{
    const struct group_block b = {r, a, before};
    if (!a->group_count || !a->is_in_groups)
        return;
    group_difference_meet(&b, a->blocks, before);
    group_difference_meet(&b, before, a->blocks);
}
