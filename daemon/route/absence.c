/* SPDX-License-Identifier: Apache-2.0 */
/* When an account was last available, and what it said then: kept for who may see its presence (RFC 6121
 * s. 4.3.2.3, XEP-0012). The memory changes at once; the row follows, and nobody waits for it. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "route/internal.h"
#include "xml/write.h"

/* What is longer is no status but a text, and is not kept. */
#define STATUS_BYTES_MAX 1024

struct absence_write {
    struct message message;
    struct store_request request;
    struct store_absence absence;
    struct router *router;
};

static void write_free(struct absence_write *w)
{
    arena_fini(&w->request.arena);
    free(w);
}

static void write_handle(struct message *m, void *context)
{
    (void)context;
    struct absence_write *w = container_of(m, struct absence_write, message);
    w->router->operations--;
    write_free(w);
}

static void write_done(struct store_request *request)
{
    struct absence_write *w = container_of(request, struct absence_write, request);
    w->message.handle = write_handle;
    loop_post(w->router->loop, NULL, &w->message);
}

static int write_call(struct store_db *db, struct store_request *request)
{
    struct absence_write *w = container_of(request, struct absence_write, request);
    return store_absence_put(db, request->jid, &w->absence);
}

static struct span status_of(const struct frame *frame)
{
    struct span status = frame ? presence_status(span_make(frame->bytes, frame->len)) : (struct span){0};
    return status.len <= STATUS_BYTES_MAX ? status : (struct span){0};
}

void router_absence_begins(struct router *r, struct account *a, const struct frame *frame)
{
    if (!r->settings->keeps_absence)
        return;
    struct span status = status_of(frame);
    account_absent(a, clock_wall_us() / 1000000, status);
    struct absence_write *w = calloc(1, sizeof *w);
    if (!w)
        return;
    arena_init(&w->request.arena);
    w->request.jid = arena_copy(&w->request.arena, entity_text(a->entity));
    w->absence.since_s = a->absent_since_s;
    w->absence.status = arena_copy(&w->request.arena, status);
    if (!w->request.jid.ptr || !w->absence.status.ptr) {
        write_free(w);
        return;
    }
    w->router = r;
    w->request.operation = STORE_CALL;
    w->request.call = write_call;
    w->request.done = write_done;
    r->operations++;
    store_submit(r->store, &w->request);
}

struct frame *router_absence_frame(const struct account *a, struct span to, struct span id)
{
    struct span from = entity_text(a->entity);
    if (!a->absent_since_s)
        return stanza_presence_frame(PRESENCE_UNAVAILABLE, from, to, id);
    struct jid jid = entity_jid(a->entity);
    struct buffer out = {0};
    struct tm utc;
    char stamp[32];
    time_t since = (time_t)a->absent_since_s;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&since, &utc));
    if (a->absent_status)
        buffer_printf(&out, "<status>%s</status>", a->absent_status);
    buffer_literal(&out, "<delay xmlns='urn:xmpp:delay'");
    xml_write_attribute(&out, "from", jid_domain(&jid));
    buffer_printf(&out, " stamp='%s'/>", stamp);
    struct frame *f = buffer_ok(&out)
                          ? stanza_presence_frame_with(PRESENCE_UNAVAILABLE, from, to, id, buffer_span(&out))
                          : NULL;
    buffer_fini(&out);
    return f;
}
