/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way to the disk. One batch at a time is with the store while the next one gathers, so
 * that a flood of messages is some transactions, and a single one does not wait. Nobody waits for it but who
 * asks the store for messages: that flushes first, and the store keeps the order. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "route/internal.h"
#include "store/archive.h"
#include "store/offline.h"

struct kept {
    struct kept *next;
    struct frame *frame; /* a reference; constant, so the store reads it as it is */
    uint64_t us, id;
    bool is_outgoing, is_archived, is_offline, is_refusable;
    int outcome;
    uint16_t from_len, to_len;
    char jids[]; /* from, to */
};

struct mailbox_batch {
    struct message message;
    struct store_request request;
    struct router *router;
    struct kept *first, **last;
};

static struct span kept_to(const struct kept *k)
{
    return span_make(k->jids + k->from_len, k->to_len);
}

static struct span kept_from(const struct kept *k)
{
    return span_make(k->jids, k->from_len);
}

static int kept_write(struct store_db *db, const struct router_settings *settings, const struct kept *k)
{
    const struct store_offline_limits limits = {settings->offline_messages_max, settings->offline_bytes_max};
    struct jid from = jid_of_prepared(kept_from(k)), to = jid_of_prepared(kept_to(k));
    struct span stanza = span_make(k->frame->bytes, k->frame->len);
    struct span owner = jid_bare(k->is_outgoing ? &from : &to);
    const struct jid *peer = k->is_outgoing ? &to : &from;
    const struct store_archive_entry entry = {
        .id = k->id, .us = k->us, .peer = jid_bare(peer), .resource = jid_resource(peer), .stanza = stanza};
    int outcome = k->is_offline ? store_offline_add(db, owner, k->us, stanza, &limits) : 0;
    if (outcome == 0 && k->is_archived)
        outcome = store_archive_add(db, owner, &entry, settings->archive_messages_max);
    return outcome;
}

/* On the store thread. */
static int batch_write(struct store_db *db, struct store_request *request)
{
    struct mailbox_batch *b = container_of(request, struct mailbox_batch, request);
    for (struct kept *k = b->first; k; k = k->next) {
        k->outcome = kept_write(db, b->router->settings, k);
        if (k->outcome < 0)
            return k->outcome;
    }
    return 0;
}

/* ---- back on the worker ---- */

static void kept_refuse(struct router *r, const struct kept *k, enum stanza_error e)
{
    struct jid from = jid_of_prepared(kept_from(k)), to = jid_of_prepared(kept_to(k));
    if (k->is_refusable && router_frame_read(r, k->frame, &r->stanza) == 0)
        router_bounce(r, &r->stanza, e, &to, &from);
    arena_reset(&r->arena);
}

static void batch_end(struct mailbox_batch *b)
{
    struct router *r = b->router;
    for (struct kept *k = b->first, *next; k; k = next) {
        next = k->next;
        if (b->request.result < 0)
            kept_refuse(r, k, STANZA_INTERNAL_SERVER_ERROR);
        else if (k->outcome == STORE_FULL)
            kept_refuse(r, k, STANZA_SERVICE_UNAVAILABLE);
        else if (k->outcome == 0) {
            r->counters.messages_kept += k->is_offline;
            r->counters.messages_archived += k->is_archived;
        }
        frame_unref(k->frame);
        free(k);
    }
    arena_fini(&b->request.arena);
    free(b);
    r->operations--;
}

static void batch_handle(struct message *m, void *context)
{
    (void)context;
    struct mailbox_batch *b = container_of(m, struct mailbox_batch, message);
    struct router *r = b->router;
    batch_end(b);
    if (--r->mailbox_writes == 0)
        router_mailbox_flush(r);
}

static void batch_done(struct store_request *request)
{
    struct mailbox_batch *b = container_of(request, struct mailbox_batch, request);
    b->message.handle = batch_handle;
    loop_post(b->router->loop, NULL, &b->message);
}

/* ---- on the way ---- */

void router_mailbox_flush(struct router *r)
{
    struct mailbox_batch *b = r->mailbox;
    if (!b)
        return;
    r->mailbox = NULL;
    r->mailbox_writes++;
    store_submit(r->store, &b->request);
}

static struct mailbox_batch *batch_new(struct router *r)
{
    struct mailbox_batch *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    arena_init(&b->request.arena);
    b->router = r;
    b->last = &b->first;
    b->request.operation = STORE_CALL;
    b->request.call = batch_write;
    b->request.done = batch_done;
    r->operations++;
    return b;
}

bool router_mailbox_put(struct router *r, const struct mail *mail)
{
    struct span from = jid_full(mail->from), to = jid_full(mail->to);
    struct kept *k = malloc(sizeof *k + from.len + to.len);
    if (k && !r->mailbox)
        r->mailbox = batch_new(r);
    if (!k || !r->mailbox) {
        log_error("message-lost", "reason=out-of-memory");
        free(k);
        return false;
    }
    *k = (struct kept){.frame = frame_ref(mail->frame),
                       .us = clock_wall_us(),
                       .id = mail->id,
                       .is_outgoing = mail->is_outgoing,
                       .is_archived = mail->is_archived,
                       .is_offline = mail->is_offline,
                       .is_refusable = mail->is_refusable,
                       .from_len = (uint16_t)from.len,
                       .to_len = (uint16_t)to.len};
    memcpy(k->jids, from.ptr, from.len);
    memcpy(k->jids + from.len, to.ptr, to.len);
    *r->mailbox->last = k;
    r->mailbox->last = &k->next;
    if (!r->mailbox_writes)
        router_mailbox_flush(r);
    return true;
}
