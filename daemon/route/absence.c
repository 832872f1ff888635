/* SPDX-License-Identifier: Apache-2.0 */
/* When an account was last available, and what it said then: kept for who may see its presence (RFC 6121
 * s. 4.3.2.3, XEP-0012). The memory changes at once; the row follows, with those of others who went at about
 * the same time, for a log-out of its own would cost a commit. Nobody waits for it but the account's own
 * coming. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "route/internal.h"
#include "xml/write.h"

/* What is longer is no status but a text, and is not kept. */
#define STATUS_BYTES_MAX 1024
/* What a crash may lose. */
#define GATHER_MS 500
/* A storm of log-outs is written as it goes: a commit costs about as much as some hundred rows. */
#define GATHER_MAX 256

struct absence {
    struct absence *next;
    struct entity *entity;
    struct store_absence stored;
    char status[];
};

struct absence_batch {
    struct message message;
    struct store_request request;
    struct timer timer;
    struct router *router;
    struct absence *first, **last;
    uint32_t count;
};

static void batch_handle(struct message *m, void *context)
{
    (void)context;
    struct absence_batch *b = container_of(m, struct absence_batch, message);
    struct router *r = b->router;
    for (struct absence *absence = b->first, *next; absence; absence = next) {
        next = absence->next;
        entity_give(&r->entities, absence->entity);
        free(absence);
    }
    arena_fini(&b->request.arena);
    free(b);
    r->operations--;
}

static void batch_done(struct store_request *request)
{
    struct absence_batch *b = container_of(request, struct absence_batch, request);
    b->message.handle = batch_handle;
    loop_post(b->router->loop, NULL, &b->message);
}

/* On the store thread. The entities are referenced, so their names stay. */
static int batch_write(struct store_db *db, struct store_request *request)
{
    const struct absence_batch *b = container_of(request, struct absence_batch, request);
    int error = 0;
    for (const struct absence *absence = b->first; absence && !error; absence = absence->next)
        error = store_absence_put(db, entity_text(absence->entity), &absence->stored);
    return error;
}

void router_absences_flush(struct router *r)
{
    struct absence_batch *b = r->absences;
    if (!b)
        return;
    r->absences = NULL;
    loop_timer_stop(r->loop, &b->timer);
    store_submit(r->store, &b->request);
}

static void batch_expired(struct timer *t)
{
    router_absences_flush(container_of(t, struct absence_batch, timer)->router);
}

static struct absence_batch *batch_new(struct router *r)
{
    struct absence_batch *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    arena_init(&b->request.arena);
    b->request.operation = STORE_CALL;
    b->request.call = batch_write;
    b->request.done = batch_done;
    b->router = r;
    b->last = &b->first;
    timer_init(&b->timer, batch_expired);
    loop_timer_start(r->loop, &b->timer, r->is_stopping ? 0 : GATHER_MS);
    r->operations++;
    return b;
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
    struct absence *absence = malloc(sizeof *absence + status.len);
    if (absence && !r->absences)
        r->absences = batch_new(r);
    if (!absence || !r->absences) {
        free(absence);
        return;
    }
    if (status.len)
        memcpy(absence->status, status.ptr, status.len);
    absence->next = NULL;
    absence->entity = entity_ref(a->entity);
    absence->stored = (struct store_absence){a->absent_since_s, span_make(absence->status, status.len)};
    *r->absences->last = absence;
    r->absences->last = &absence->next;
    if (++r->absences->count == GATHER_MAX)
        router_absences_flush(r);
}

void router_absence_flush(struct router *r, const struct account *a)
{
    const struct absence *absence = r->absences ? r->absences->first : NULL;
    while (absence && absence->entity != a->entity)
        absence = absence->next;
    if (absence)
        router_absences_flush(r);
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
