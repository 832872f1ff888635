/* SPDX-License-Identifier: Apache-2.0 */
/* What a bound stream says, sorted by kind and address (RFC 6120 s. 10, RFC 6121 s. 8). */
#include "route/router.h"

#include <errno.h>
#include <stdlib.h>

#include "route/abroad.h"
#include "route/cost.h"
#include "route/e2e.h"
#include "xml/write.h"

int router_init(struct router *r, const struct router_settings *settings, struct loop *loop,
                struct store *store, struct router **peers, uint32_t index, uint32_t count)
{
    *r = (struct router){
        .settings = settings, .loop = loop, .store = store, .peers = peers, .index = index, .count = count};
    entity_table_init(&r->entities);
    hash_table_init(&r->lost);
    hash_table_init(&r->told_abroad);
    hash_table_init(&r->strange_domains);
    list_init(&r->strange_order);
    slab_init(&r->accounts, "account", account_bytes(count));
    slab_init(&r->sessions, "session", sizeof(struct session));
    arena_init(&r->arena);
    groups_init(&r->groups);
    caps_table_init(&r->caps, settings->caps_max);
    list_init(&r->latest_waiting);
    r->sent = calloc(count, sizeof *r->sent);
    r->received = calloc(count, sizeof *r->received);
    /* What a client was allowed to say comes back with stamps on it: a little larger, never refused here. */
    struct xml_limits limits = xml_limits_default;
    limits.stanza_bytes = UINT32_MAX;
    limits.attributes = XML_ATTRIBUTES_MAX;
    limits.depth = XML_DEPTH_MAX;
    r->scan = xml_scan_new(&limits);
    r->cost = cost_new();
    if (r->sent && r->received && r->scan && r->cost && (index > 0 || router_archive_sweep_start(r) == 0))
        return 0;
    router_fini(r);
    return -ENOMEM;
}

void router_fini(struct router *r)
{
    free(r->sent);
    free(r->received);
    r->sent = r->received = NULL;
    r->scan = xml_scan_free(r->scan);
    r->cost = cost_free(r->cost);
    arena_fini(&r->arena);
    hash_table_fini(&r->lost);
    hash_table_fini(&r->told_abroad);
    router_strangers_free(r);
    router_e2e_free(r);
    groups_fini(&r->groups);
    caps_table_fini(&r->caps);
    entity_table_fini(&r->entities);
    slab_fini(&r->accounts);
    slab_fini(&r->sessions);
}

uint32_t router_home(const struct router *r, struct span bare)
{
    return entity_home(entity_hash(bare), r->count);
}

bool router_is_local(const struct router *r, struct span domain)
{
    for (uint32_t i = 0; i < r->settings->domain_count; i++)
        if (span_equal(r->settings->domains[i], domain))
            return true;
    return false;
}

void router_refuse(struct router *r, struct session *s, const struct stanza *stanza, enum stanza_error e)
{
    if (!stanza_error_may_answer(stanza))
        return;
    r->counters.errors++;
    struct span from = stanza->has_to ? jid_full(&stanza->to) : entity_text(s->account->entity);
    struct frame *f = stanza_error_frame(stanza, e, from, session_jid(s), NULL);
    if (f)
        stream_send(s->stream, f);
    else
        stream_fail(s->stream, STREAM_INTERNAL_SERVER_ERROR, NULL);
}

void router_route(struct router *r, struct session *s, const struct stanza *stanza, struct span from,
                  const struct jid *to)
{
    bool is_local = router_is_local(r, jid_domain(to));
    if (!is_local && !r->remote) {
        router_refuse(r, s, stanza, STANZA_REMOTE_SERVER_NOT_FOUND);
        return;
    }
    if (is_local && !to->local_len) { /* the server itself, which keeps no mailbox and watches nobody */
        if (stanza->kind == STANZA_MESSAGE)
            router_refuse(r, s, stanza, STANZA_SERVICE_UNAVAILABLE);
        return;
    }
    struct frame *frame = stanza_frame(stanza, from, jid_full(to), stream_lang(s->stream));
    if (frame && stanza->kind == STANZA_PRESENCE && stanza->type.presence == PRESENCE_AVAILABLE)
        frame = router_avatar_put(s, frame);
    if (frame)
        router_send_said(r, frame, from, to);
    else
        router_refuse(r, s, stanza, STANZA_RESOURCE_CONSTRAINT);
}

static void presence(struct router *r, struct session *s, const struct stanza *stanza)
{
    switch (stanza->type.presence) {
    case PRESENCE_AVAILABLE:
    case PRESENCE_UNAVAILABLE:
        if (stanza->has_to)
            router_directed_presence(r, s, stanza);
        else
            router_presence(r, s, stanza);
        return;
    case PRESENCE_SUBSCRIBE:
    case PRESENCE_SUBSCRIBED:
    case PRESENCE_UNSUBSCRIBE:
    case PRESENCE_UNSUBSCRIBED:
        if (stanza->has_to)
            router_subscription_out(r, s, stanza);
        else
            router_refuse(r, s, stanza, STANZA_BAD_REQUEST);
        return;
    case PRESENCE_PROBE: /* RFC 6121 s. 4.3: a client should not, but is served */
    case PRESENCE_ERROR:
        if (stanza->has_to)
            router_route(r, s, stanza, session_jid(s), &stanza->to);
        return;
    case PRESENCE_UNKNOWN:
        router_refuse(r, s, stanza, STANZA_BAD_REQUEST);
        return;
    }
}

static void iq(struct router *r, struct session *s, const struct stanza *stanza)
{
    bool is_request = stanza->type.iq == IQ_GET || stanza->type.iq == IQ_SET;
    /* RFC 6120 s. 8.2.3: an id, and within a request exactly one child. */
    if (stanza->type.iq == IQ_UNKNOWN || !stanza->id.ptr || (is_request && !stanza_has_one_child(stanza))) {
        router_refuse(r, s, stanza, STANZA_BAD_REQUEST);
        return;
    }
    bool is_local = !stanza->has_to || router_is_local(r, jid_domain(&stanza->to));
    if (!is_local || (stanza->has_to && stanza->to.resource_len && stanza->to.local_len))
        router_route(r, s, stanza, session_jid(s), &stanza->to);
    else
        router_query(r, s, stanza);
}

/* A later change takes a delayed one's place; anything else goes behind it. */
static bool is_broadcast(const struct stanza *stanza)
{
    return stanza->kind == STANZA_PRESENCE && !stanza->has_to &&
           (stanza->type.presence == PRESENCE_AVAILABLE || stanza->type.presence == PRESENCE_UNAVAILABLE);
}

static uint64_t *received_counter(struct router_counters *c, const struct stanza *stanza)
{
    if (stanza->kind == STANZA_MESSAGE)
        return &c->messages_received;
    if (stanza->kind == STANZA_IQ)
        return &c->queries_received;
    switch (stanza->type.presence) {
    case PRESENCE_AVAILABLE:
    case PRESENCE_UNAVAILABLE:
        return stanza->has_to ? &c->directed_received : &c->presences_received;
    case PRESENCE_SUBSCRIBE:
    case PRESENCE_SUBSCRIBED:
    case PRESENCE_UNSUBSCRIBE:
    case PRESENCE_UNSUBSCRIBED:
        return &c->subscriptions_received;
    case PRESENCE_PROBE:
        return &c->probes_received;
    case PRESENCE_ERROR:
    case PRESENCE_UNKNOWN:
        break;
    }
    return &c->others_received;
}

bool router_stanza(struct router *r, struct stream *stream, const struct stanza *stanza)
{
    struct session *s = stream->session;
    struct stanza clean; /* 3 KiB, and not touched but for what is signed */
    /* What waits comes first: a session that comes and goes meanwhile would be told of an earlier time. */
    if (s->account->state != ACCOUNT_READY || s->account->pending)
        return false;
    if (r->settings->e2e.edge && !router_e2e_client(r, s, &stanza, &clean))
        return false;
    if (!stanza)
        return true;
    ++*received_counter(&r->counters, stanza);
    if (s->is_paced && !is_broadcast(stanza))
        router_pace_flush(r, s);
    if (!router_let_out(r, s, stanza))
        return true;
    if (!router_stranger_admits(r, s, stanza)) {
        router_refuse(r, s, stanza, STANZA_POLICY_VIOLATION);
        return true;
    }
    switch (stanza->kind) {
    case STANZA_PRESENCE:
        presence(r, s, stanza);
        break;
    case STANZA_IQ:
        iq(r, s, stanza);
        break;
    case STANZA_MESSAGE:
        if (stanza->has_to) {
            router_message_out(r, s, stanza, &stanza->to);
        } else { /* RFC 6121 s. 8.1: as if to the sender's own bare JID */
            struct jid own = entity_jid(s->account->entity);
            router_message_out(r, s, stanza, &own);
        }
        break;
    }
    return true;
}
