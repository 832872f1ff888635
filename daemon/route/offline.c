/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that waited (XEP-0160): the first session that says it takes messages gets them, oldest first and
 * page by page. The account is BUSY meanwhile, so what comes newly comes behind them. A page is forgotten
 * when it has been handed to the session; when the session ends, what it was not given yet goes on waiting.
 */
#include <stdlib.h>

#include "base/buffer.h"
#include "route/internal.h"
#include "stanza/message.h"
#include "store/offline.h"

struct offline {
    struct message message;
    struct store_request request;
    struct store_offline_page page;
    struct router *router;
    struct account *account; /* NULL: only the last page is to be forgotten */
    uint64_t given;          /* up to this number they are with the session */
    uint32_t session_number;
};

/* On the store thread: forget what was given, read what comes next. */
static int page_turn(struct store_db *db, struct store_request *request)
{
    struct offline *o = container_of(request, struct offline, request);
    int error = o->given ? store_offline_remove(db, request->jid, o->given) : 0;
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
    if (!f)
        return;
    r->counters.messages_delivered++;
    r->counters.messages_given++;
    stream_send(s->stream, f);
}

static bool offline_submit(struct offline *o, struct span jid);

/* Hand the page to the session. False: there is nobody to take it. */
static bool page_give(struct offline *o)
{
    struct session *s = account_session_numbered(o->account, o->session_number);
    if (!s || !session_is_hearing(s) || s->priority < 0)
        return false;
    for (uint32_t i = 0; i < o->page.count; i++) {
        message_give(o->router, s, &o->page.messages[i]);
        o->given = o->page.messages[i].number;
    }
    return true;
}

static void offline_handle(struct message *m, void *context)
{
    (void)context;
    struct offline *o = container_of(m, struct offline, message);
    struct router *r = o->router;
    struct account *a = o->account;
    r->operations--;
    if (!a) {
        offline_free(o);
        return;
    }
    uint64_t given = o->given;
    bool is_read = o->request.result == 0;
    bool is_taken = is_read && page_give(o);
    bool is_over = !is_taken || o->page.is_last;
    if (is_taken && o->page.is_last)
        a->has_offline = false;
    if (is_over)
        o->account = NULL;
    /* The last page is forgotten without anybody waiting for it. */
    bool is_going_on = (!is_over || o->given != given) && offline_submit(o, entity_text(a->entity));
    if (!is_going_on)
        offline_free(o);
    if (is_over || !is_going_on) {
        a->is_given_offline = false;
        account_walk_ends(a);
        router_account_settle(r, a);
    }
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
    o->session_number = s->number;
    if (!offline_submit(o, entity_text(a->entity))) {
        offline_free(o);
        return;
    }
    a->is_given_offline = true;
    account_walk_begins(a);
}
