/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that waited (XEP-0160): the first session that says it takes messages gets them, oldest first and
 * page by page. The account is BUSY meanwhile, so what comes newly comes behind them.
 *
 * They are forgotten when somebody else answers for them: with stream management (XEP-0198) a page as soon as
 * it is with the stream, which gives back what was not acknowledged; without, all of it when the last byte
 * has been handed to the kernel. When the session ends before, they go on waiting, and who comes next gets
 * them all: some perhaps a second time, with the same stanza-id.
 */
#include <stdlib.h>

#include "base/buffer.h"
#include "route/internal.h"
#include "stanza/message.h"
#include "store/offline.h"

/* How often it is looked whether a reader without stream management has got all: nobody waits for that. */
#define OFFLINE_LOOK_MS 100

struct offline {
    struct message message;
    struct store_request request;
    struct store_offline_page page;
    struct timer timer;
    struct router *router;
    struct account *account; /* NULL: nothing is read any more */
    struct session *session; /* NULL: it has ended */
    struct stream *stream;   /* its stream when they were given: another one has not got them */
    uint64_t given;          /* up to this number they are with the session */
    uint64_t forgettable;    /* up to this number somebody answers for them */
    uint64_t given_ms;       /* when */
    bool is_looking;         /* the timer runs */
};

/* On the store thread: forget what may be, read what comes next. */
static int page_turn(struct store_db *db, struct store_request *request)
{
    struct offline *o = container_of(request, struct offline, request);
    int error = o->forgettable ? store_offline_remove(db, request->jid, o->forgettable) : 0;
    if (error || !o->account)
        return error;
    return store_offline_read(db, request->jid, o->given, &request->arena, &o->page);
}

static void offline_free(struct offline *o)
{
    arena_fini(&o->request.arena);
    free(o);
}

static void message_give(struct router *r, struct session *s, const struct store_offline_message *m)
{
    struct jid to = entity_jid(s->account->entity);
    struct frame *f = message_frame_delayed(m->stanza, jid_domain(&to), m->us);
    if (f && r->settings->e2e.edge) { /* it may have come when nobody looked for forged ones */
        f = router_frame_unmarked(r, f);
        arena_reset(&r->arena);
    }
    if (!f)
        return;
    r->counters.messages_delivered++;
    r->counters.messages_given++;
    stream_send(s->stream, f);
}

static bool offline_submit(struct offline *o, struct span jid);

static bool session_takes(const struct session *s)
{
    return session_is_hearing(s) && s->priority >= 0;
}

/* Hand the page to the session. False: there is nobody to take it. */
static bool page_give(struct offline *o)
{
    struct session *s = o->session;
    if (!s || !session_takes(s))
        return false;
    for (uint32_t i = 0; i < o->page.count; i++) {
        message_give(o->router, s, &o->page.messages[i]);
        o->given = o->page.messages[i].number;
    }
    o->given_ms = loop_now_ms(o->router->loop);
    o->stream = s->stream;
    if (s->stream->conn.is_managed)
        o->forgettable = o->given;
    return true;
}

/* All is done that will be. What came while the session took none is given now, unless the disk fails: then what waits goes
 * on waiting, as always, for the next presence. */
static void offline_end(struct offline *o, bool is_forgotten)
{
    struct router *r = o->router;
    struct session *s = o->session;
    offline_free(o);
    if (!s)
        return;
    s->offline = NULL;
    s->account->is_given_offline = false;
    if (is_forgotten && s->account->has_offline && session_takes(s))
        router_offline_give(r, s);
}

static void offline_forget(struct offline *o, struct span jid)
{
    if (!o->forgettable || !offline_submit(o, jid))
        offline_end(o, false);
}

static bool is_sent(const struct session *s)
{
    const struct conn *c = &s->stream->conn;
    return !conn_has_output(c) && !c->out.bytes;
}

/* The connection that they were given to is there: a session that stream management came to behind them may
 * have lost it, and goes on without what was queued there; one whose last words are waited for has lost it. */
static bool has_its_stream(const struct offline *o, const struct session *s)
{
    return s->stream == o->stream && !stream_is_parked(s->stream) && !s->stream->conn.is_ended;
}

static void offline_look(struct timer *t)
{
    struct offline *o = container_of(t, struct offline, timer);
    if (!has_its_stream(o, o->session)) {
        o->is_looking = false;
        o->session->account->has_offline = true;
        offline_end(o, false);
        return;
    }
    if (!is_sent(o->session)) {
        loop_timer_start(o->router->loop, t, OFFLINE_LOOK_MS);
        return;
    }
    o->is_looking = false;
    o->forgettable = o->given;
    offline_forget(o, entity_text(o->session->account->entity));
}

/* No more is read: what was given is forgotten, now or when it is sent. */
static void offline_rest(struct offline *o, struct account *a)
{
    o->account = NULL;
    if (!o->session)
        a->is_given_offline = false;
    if (!o->session || o->forgettable == o->given) {
        offline_forget(o, entity_text(a->entity));
        return;
    }
    o->is_looking = true;
    loop_timer_start(o->router->loop, &o->timer, OFFLINE_LOOK_MS);
}

static void offline_handle(struct message *m, void *context)
{
    (void)context;
    struct offline *o = container_of(m, struct offline, message);
    struct router *r = o->router;
    struct account *a = o->account;
    r->operations--;
    if (!a) {
        offline_end(o, o->request.result == 0);
        return;
    }
    bool is_taken = o->request.result == 0 && page_give(o);
    if (is_taken && o->page.is_last)
        a->has_offline = false;
    if (is_taken && !o->page.is_last && offline_submit(o, entity_text(a->entity)))
        return;
    offline_rest(o, a);
    account_walk_ends(a);
    router_account_settle(r, a);
}

/* The client ends its stream, and nothing is on its way to it but what was queued for that; of this turn,
 * nothing has left yet. */
static bool is_over_in_order(const struct offline *o, const struct session *s)
{
    const struct stream *stream = s->stream;
    return has_its_stream(o, s) && !stream->is_lost && !stream->conn.send_bytes &&
           o->given_ms != loop_now_ms(o->router->loop);
}

void router_offline_session_ends(struct session *s)
{
    struct offline *o = s->offline;
    if (!o)
        return;
    s->offline = NULL;
    if (o->is_looking) {
        struct account *a = s->account;
        loop_timer_stop(o->router->loop, &o->timer);
        if (is_over_in_order(o, s))
            o->forgettable = o->given;
        else
            a->has_offline = true;
        o->session = NULL;
        a->is_given_offline = false;
        offline_forget(o, entity_text(a->entity));
        return;
    }
    o->session = NULL;
    if (!o->account) /* they are being forgotten: what is asked of the store next comes behind that */
        s->account->is_given_offline = false;
}

static void offline_done(struct store_request *request)
{
    struct offline *o = container_of(request, struct offline, request);
    o->message.handle = offline_handle;
    loop_post(o->router->loop, NULL, &o->message);
}

/* False: no memory. */
static bool offline_submit(struct offline *o, struct span jid)
{
    struct store_request *request = &o->request;
    arena_reset(&request->arena);
    request->jid = arena_copy(&request->arena, jid);
    if (!request->jid.ptr)
        return false;
    request->operation = STORE_CALL;
    request->call = page_turn;
    request->done = offline_done;
    o->router->operations++;
    router_mailbox_flush(o->router);
    store_submit(o->router->store, request);
    return true;
}

void router_offline_give(struct router *r, struct session *s)
{
    struct account *a = s->account;
    struct offline *o = a->has_offline && !a->is_given_offline ? calloc(1, sizeof *o) : NULL;
    if (!o)
        return; /* nothing waits, or it goes on waiting */
    arena_init(&o->request.arena);
    o->router = r;
    o->account = a;
    o->session = s;
    timer_init(&o->timer, offline_look);
    if (!offline_submit(o, entity_text(a->entity))) {
        offline_free(o);
        return;
    }
    s->offline = o;
    a->is_given_offline = true;
    account_walk_begins(a);
}
