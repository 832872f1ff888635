/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts come into memory when something concerns them and leave when nothing does. What arrives while one
 * is being loaded or changed waits in its queue, so that everything about an account happens in order. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"
#include "route/abroad.h"
#include "route/e2e.h"

/* ---- finding ---- */

static void account_forget(struct router *r, struct account *a)
{
    router_roster_discard(r, &a->roster);
    account_fini(a, &r->entities);
    slab_give(&r->accounts, a);
}

struct account *router_account(struct router *r, const struct jid *jid)
{
    struct entity *e = entity_take(&r->entities, jid);
    if (!e)
        return NULL;
    if (e->account) {
        struct account *a = e->account;
        entity_give(&r->entities, e);
        return a;
    }
    struct account *a = slab_take(&r->accounts);
    if (!a) {
        entity_give(&r->entities, e);
        return NULL;
    }
    if (account_init(a, e) < 0 || router_account_load(r, a) < 0) {
        account_forget(r, a);
        return NULL;
    }
    return a;
}

struct account *router_account_find(struct router *r, struct span bare)
{
    struct jid jid = jid_of_prepared(bare);
    struct entity *e = entity_find(&r->entities, &jid);
    return e ? e->account : NULL;
}

static void account_wake_streams(struct account *a)
{
    /* Once round, each to the end of the list: whoever makes the account busy again, the others are first
     * next time. */
    for (uint32_t i = a->session_count; i > 0 && a->state == ACCOUNT_READY && !list_empty(&a->sessions);
         i--) {
        struct session *s = container_of(list_take(&a->sessions), struct session, link);
        list_append(&a->sessions, &s->link);
        if (s->stream->is_waiting)
            stream_continue(s->stream);
    }
}

static void account_reload(struct router *r, struct account *a)
{
    a->is_stale = false;
    router_roster_discard(r, &a->roster);
    while (a->group_count)
        account_group_remove(a, &a->groups[0]);
    block_list_unref(a->blocks);
    a->blocks = NULL;
    a->state = router_account_load(r, a) == 0 ? ACCOUNT_LOADING : ACCOUNT_FAILED;
}

struct rest_message {
    struct route_message base;
    size_t len;
    char bare[];
};

static void rest_run(struct router *r, struct route_message *base)
{
    struct rest_message *m = (struct rest_message *)base;
    struct account *a = router_account_find(r, span_make(m->bare, m->len));
    if (a)
        router_account_settle(r, a);
}

/* Go on in the next turn. False: no memory. */
static bool account_settle_later(struct router *r, const struct account *a)
{
    struct span bare = entity_text(a->entity);
    struct rest_message *m = route_message_new(sizeof *m + bare.len, rest_run, NULL);
    if (!m)
        return false;
    m->len = bare.len;
    memcpy(m->bare, bare.ptr, bare.len);
    route_message_post(r, r->index, &m->base);
    return true;
}

void router_account_settle(struct router *r, struct account *a)
{
    if (a->is_settling)
        return;
    a->is_settling = true;
    if (a->is_stale && account_is_settled(a) && !a->session_count && a->pending)
        account_reload(r, a);
    for (uint32_t count = 0; a->pending && account_is_settled(a); count++) {
        /* A long walk may have let much pile up. */
        if (count > r->settings->at_once_max && account_settle_later(r, a))
            break;
        route_message_run(container_of(account_pending_take(a), struct route_message, message));
    }
    if (a->state == ACCOUNT_READY && !a->pending)
        account_wake_streams(a);
    a->is_settling = false;
    if (!a->pending && !a->session_count && !a->lost_count && account_is_settled(a))
        account_forget(r, a);
}

/* ---- binding ---- */

struct bind_message {
    struct route_message base;
    struct stream *stream; /* NULL: it ended while it waited */
    struct account *account;
    uint32_t client_len;
    bool has_carbons;
    size_t resource_len;
    char resource[];
};

static void resource_make(char *text /* 17 bytes */)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        abort();
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++, random >>= 4)
        text[i] = digits[random & 15];
    text[16] = 0;
}

/* The same installation is here again: its earlier sessions are over, whatever their resources are called (XEP-0386 s. 3.2). */
static void bind_replace(struct account *a, struct span client)
{
    for (bool is_found = client.len > 0; is_found;) {
        is_found = false;
        list_each(node, &a->sessions)
        {
            struct session *s = container_of(node, struct session, link);
            struct span resource = session_resource(s);
            is_found = resource.len >= client.len &&
                       span_equal(span_skip(resource, resource.len - client.len), client);
            if (!is_found)
                continue;
            s->stream->is_lost = true;
            stream_fail(s->stream, STREAM_CONFLICT, "replaced by a new session of the same client");
            break; /* the list has changed */
        }
    }
}

static void bind_run(struct router *r, struct route_message *base)
{
    struct bind_message *m = (struct bind_message *)base;
    struct account *a = m->account;
    struct stream *stream = m->stream;
    if (!stream)
        return;
    if (a->state == ACCOUNT_MISSING) {
        stream_fail(stream, STREAM_NOT_AUTHORIZED, "the account is gone");
        return;
    }
    if (a->state == ACCOUNT_FAILED) {
        stream_refuse_bind(stream, STANZA_INTERNAL_SERVER_ERROR);
        return;
    }
    char made[17];
    struct span resource = span_make(m->resource, m->resource_len);
    bind_replace(a, span_skip(resource, resource.len - m->client_len));
    struct session *other = resource.len ? account_session(a, resource) : NULL;
    /* One without a connection has nobody who could be disturbed; most often its client is here again, without its id. */
    bool is_replaced = other && (r->settings->resource_conflict == RESOURCE_REPLACE ||
                                 stream_is_parked(other->stream) || other->stream->conn.is_ended);
    if (other && !is_replaced && r->settings->resource_conflict == RESOURCE_REFUSE) {
        stream_refuse_bind(stream, STANZA_CONFLICT);
        return;
    }
    if (is_replaced) {
        other->stream->is_lost =
            true; /* most often it is: its client knows before we do, and is here again */
        stream_fail(other->stream, STREAM_CONFLICT, "replaced by a new session of the same resource");
    }
    if (!resource.len || (other && !is_replaced)) {
        resource_make(made);
        resource = span_of(made);
    }
    if (a->session_count >= r->settings->resources_max && !router_parked_end_one(a)) {
        stream_refuse_bind(stream, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    struct session *s = slab_take(&r->sessions);
    if (!s || session_init(s, a, entity_text(a->entity), resource, ++a->next_session_number) < 0) {
        slab_give(&r->sessions, s);
        stream_refuse_bind(stream, STANZA_INTERNAL_SERVER_ERROR);
        return;
    }
    s->stream = stream;
    s->has_carbons = m->has_carbons;
    list_append(&a->sessions, &s->link);
    a->session_count++;
    stream->conn.head = frame_ref(a->head);
    stream_bound(stream, s, session_jid(s));
}

void router_bind(struct router *r, struct stream *s, struct span bare, const struct stream_bind *request)
{
    struct span resource = request->resource;
    struct jid jid = jid_of_prepared(bare);
    struct bind_message *m = route_message_new(sizeof *m + resource.len, bind_run, NULL);
    struct account *a = m ? router_account(r, &jid) : NULL;
    if (!a) {
        free(m);
        stream_refuse_bind(s, STANZA_INTERNAL_SERVER_ERROR);
        return;
    }
    m->base.router = r;
    m->stream = s;
    m->account = a;
    m->client_len = request->client_len;
    m->has_carbons = request->has_carbons;
    m->resource_len = resource.len;
    if (resource.len)
        memcpy(m->resource, resource.ptr, resource.len);
    account_pend(a, &m->base.message);
    router_account_settle(r, a);
}

static void bind_forget(struct account *a, const struct stream *s)
{
    for (struct message *m = a->pending; m; m = m->next) {
        struct route_message *base = container_of(m, struct route_message, message);
        if (base->run == bind_run && ((struct bind_message *)base)->stream == s)
            ((struct bind_message *)base)->stream = NULL;
    }
}

void router_stream_ended(struct router *r, struct stream *stream)
{
    struct session *s = stream->session;
    if (!s) {
        struct account *a = router_account_find(r, stream_bare_jid(stream));
        if (a)
            bind_forget(a, stream);
        return;
    }
    struct account *a = s->account;
    router_offline_session_ends(s);
    router_e2e_session_ends(s);
    stream->session = NULL;
    router_session_unavailable(r, s, NULL);
    router_invisible_end(r, s);
    list_remove(&s->link);
    a->session_count--;
    struct jid jid = jid_of_prepared(stream_jid(stream));
    uint32_t age_s;
    for (struct frame *f; (f = stream_undelivered_take(stream, &age_s)); frame_unref(f))
        router_undelivered(r, &jid, f, age_s);
    session_fini(s);
    slab_give(&r->sessions, s);
    router_account_settle(r, a);
}

/* ---- stanzas to accounts ---- */

struct stanza_message {
    struct route_message base;
    struct frame *frame;
    bool has_looked; /* the store was read meanwhile */
    uint16_t from_len, to_len;
    char jids[]; /* from, to */
};

static void stanza_message_fini(struct route_message *base)
{
    frame_unref(((struct stanza_message *)base)->frame);
}

/* A message of its own, for this one is freed by its runner. NULL without memory. */
static struct stanza_message *stanza_message_copy(struct router *r, const struct stanza_message *m,
                                                  void (*run)(struct router *, struct route_message *))
{
    size_t bytes = sizeof *m + m->from_len + m->to_len;
    struct stanza_message *own = route_message_new(bytes, run, stanza_message_fini);
    if (!own)
        return NULL;
    own->base.router = r;
    own->frame = frame_ref(m->frame);
    own->has_looked = m->has_looked;
    own->from_len = m->from_len;
    own->to_len = m->to_len;
    memcpy(own->jids, m->jids, (size_t)m->from_len + m->to_len);
    return own;
}

static void stanza_run(struct router *r, struct route_message *base);

/* How long an answer takes must not tell a stranger that the account is in memory: the store is read first, as for one that is
 * not. The account is not held up by that, and nothing that reaches its sessions goes this way. */
static bool stanza_looks(struct router *r, const struct account *a, const struct stanza_message *m,
                         const struct jid *from, const struct jid *to)
{
    if (m->has_looked || !router_answers_too_soon(r, a, m->frame, from, to))
        return false;
    struct stanza_message *own = stanza_message_copy(r, m, stanza_run);
    if (!own)
        return false;
    own->has_looked = true;
    if (router_account_look(r, entity_text(a->entity), &own->base) == 0)
        return true;
    stanza_message_fini(&own->base);
    free(own);
    return false;
}

static void stanza_arrive(struct router *r, struct account *a, const struct stanza_message *m)
{
    struct jid from = jid_of_prepared(span_make(m->jids, m->from_len));
    struct jid to = jid_of_prepared(span_make(m->jids + m->from_len, m->to_len));
    if (a && !stanza_looks(r, a, m, &from, &to))
        router_inbound(r, a, m->frame, &from, &to);
}

static void stanza_run_pending(struct router *r, struct route_message *base)
{
    struct stanza_message *m = (struct stanza_message *)base;
    struct jid to = jid_of_prepared(span_make(m->jids + m->from_len, m->to_len));
    stanza_arrive(r, router_account_find(r, jid_bare(&to)), m);
}

static void stanza_run(struct router *r, struct route_message *base)
{
    struct stanza_message *m = (struct stanza_message *)base;
    struct jid to = jid_of_prepared(span_make(m->jids + m->from_len, m->to_len));
    struct account *a = router_account(r, &to);
    if (!a)
        return;
    if (r->fanouts) {
        struct jid publisher = jid_of_prepared(span_make(m->jids, m->from_len));
        const struct entity *e = entity_find(&r->entities, &publisher);
        if (e)
            router_fanout_hurry(r, e, a);
    }
    if (a->state == ACCOUNT_READY && !a->pending && !a->is_settling) {
        a->is_settling = true;
        stanza_arrive(r, a, m);
        a->is_settling = false;
        router_account_settle(r, a);
        return;
    }
    struct stanza_message *own = stanza_message_copy(r, m, stanza_run_pending);
    if (own) /* it waits its turn in the account's queue */
        account_pend(a, &own->base.message);
    router_account_settle(r, a);
}

void router_send_stanza(struct router *r, struct frame *frame, struct span from, const struct jid *to)
{
    struct span to_text = jid_full(to);
    if (frame && !router_is_local(r, jid_domain(to))) {
        router_send_remote(r, frame, from, to, false);
        return;
    }
    struct stanza_message *m =
        frame ? route_message_new(sizeof *m + from.len + to_text.len, stanza_run, stanza_message_fini) : NULL;
    if (!m) {
        frame_unref(frame);
        return;
    }
    m->frame = frame;
    m->from_len = (uint16_t)from.len;
    m->to_len = (uint16_t)to_text.len;
    memcpy(m->jids, from.ptr, from.len);
    memcpy(m->jids + from.len, to_text.ptr, to_text.len);
    r->counters.stanzas_routed++;
    route_message_post(r, router_home(r, jid_bare(to)), &m->base);
}

/* ---- changes from outside ---- */

struct changed_message {
    struct route_message base;
    bool is_removed;
    size_t len;
    char bare[];
};

static void changed_run(struct router *r, struct route_message *base)
{
    struct changed_message *m = (struct changed_message *)base;
    struct account *a = router_account_find(r, span_make(m->bare, m->len));
    if (!a)
        return;
    /* Ending the last stream forgets the account: hold it until all are ended. */
    bool was_settling = a->is_settling;
    a->is_settling = true;
    while (!list_empty(&a->sessions)) {
        struct session *s = container_of(a->sessions.next, struct session, link);
        stream_fail(s->stream, m->is_removed ? STREAM_NOT_AUTHORIZED : STREAM_RESET,
                    m->is_removed ? "the account was removed"
                                  : "the account was changed by the administrator");
    }
    router_damping_end(r, a);
    if (m->is_removed)
        router_absence_flush(r, a); /* one of the same name that is made next does not get it */
    a->is_settling = was_settling;
    a->is_stale = true; /* what waits for it, a new log-in perhaps, must see the new rows */
    router_account_settle(r, a);
}

static void changed_handle(struct message *message, void *context)
{
    (void)context;
    route_message_run(container_of(message, struct route_message, message));
}

void router_account_changed(struct router **peers, uint32_t count, struct span bare, bool is_removed)
{
    struct changed_message *m = route_message_new(sizeof *m + bare.len, changed_run, NULL);
    if (!m)
        return;
    m->base.router = peers[entity_home(entity_hash(bare), count)];
    m->base.message.handle = changed_handle;
    m->is_removed = is_removed;
    m->len = bare.len;
    memcpy(m->bare, bare.ptr, bare.len);
    loop_post(m->base.router->loop, NULL, &m->base.message);
}
