/* SPDX-License-Identifier: Apache-2.0 */
/* From a completion to the owner: records are opened in place, by us or before us by the kernel, and the end is told once, however it
 * comes. */
#include "net/receive.h"

#include <errno.h>
#include <string.h>

#include "net/handshake.h"
#include "net/turn.h"

/* Answers to KeyUpdates that a peer asks for and does not read: beyond this it is playing. */
#define REPLY_BYTES_MAX 65536

/* The peer broke the rules of TLS. A fatal alert is the last that is said (RFC 8446 s. 6.2): neither what is queued nor
 * close_notify follow it. Closing at once with bytes of the peer unread would reset the connection and could take the alert with it: the
 * owner's timer closes, a few seconds later. */
static void conn_refuse(struct conn *c, uint8_t alert)
{
    record_alert(c->record, c->net->record_worker, alert, &c->raw_out);
    c->is_ended = true;
    c->is_shut = true;
    c->is_refused = true;
    c->events->ended(c, "bad-record", false);
    outqueue_fini(&c->out);
}

/* Open the records of `bytes`, in place, as far as they are whole. Returns the bytes used. */
static size_t conn_open_records(struct conn *c, char *bytes, size_t len)
{
    size_t done = 0;
    while (done < len && !c->is_ended && !conn_is_ending(c)) {
        struct span plain = {0};
        size_t used = 0;
        uint32_t reply_before = c->raw_out.len;
        int outcome = record_open(c->record, c->net->record_worker, bytes + done, len - done, &plain, &used,
                                  &c->raw_out);
        if (outcome == RECORD_MORE)
            break;
        done += used;
        if (c->raw_out.len != reply_before)
            conn_touch(c);
        if (c->raw_out.len > REPLY_BYTES_MAX) {
            conn_abort(c);
            break;
        }
        if (outcome == RECORD_CLOSED) {
            c->is_ended = true;
            c->events->ended(c, "close-notify", false);
        } else if (outcome == RECORD_BAD || outcome < 0) {
            conn_refuse(c, record_bad_alert(c->record));
        } else if (plain.len) {
            c->events->received(c, plain);
        }
    }
    return done;
}

void conn_bytes_in(struct conn *c, char *bytes, size_t len)
{
    if (c->handshake) {
        conn_handshake_feed(c, span_make(bytes, len));
        return;
    }
    if (!c->record) {
        c->events->received(c, span_make(bytes, len));
        return;
    }
    if (c->sealed_in.len == 0) {
        size_t used = conn_open_records(c, bytes, len);
        if (used < len && !c->is_ended && !conn_is_ending(c))
            buffer_append(&c->sealed_in, span_make(bytes + used, len - used));
    } else {
        buffer_append(&c->sealed_in, span_make(bytes, len));
        buffer_consume(&c->sealed_in, conn_open_records(c, c->sealed_in.ptr, c->sealed_in.len));
        if (c->sealed_in.len == 0)
            buffer_fini(&c->sealed_in);
    }
    if (!buffer_ok(&c->sealed_in)) {
        c->is_ended = true;
        c->events->ended(c, "out-of-memory", false);
    }
}

/* A record that is not application data stands first in the kernel's queue. */
static void conn_control(struct conn *c)
{
    uint8_t kept = loop_slot_kept(c->net->loop, c->slot);
    if (kept != c->kept) /* data has come before it, though nobody woke for that */
        record_kernel_data_came(c->record);
    c->kept = kept;
    int outcome = record_kernel_control(c->record);
    if (c->is_ended || conn_is_ending(c) || outcome == 0 || outcome == -EAGAIN)
        return;
    if (outcome != RECORD_CLOSED && outcome != RECORD_UNRENEWABLE) {
        conn_refuse(c, record_bad_alert(c->record));
        return;
    }
    c->is_ended = true;
    c->events->ended(c, outcome == RECORD_CLOSED ? "close-notify" : "key-update",
                     outcome == RECORD_UNRENEWABLE);
}

void conn_receive_done(struct op *op, int result, unsigned flags, char *bytes)
{
    struct conn *c = container_of(op, struct conn, receive);
    c->is_receive_new = false;
    if (!(flags & LOOP_MORE)) {
        c->is_receiving = false;
        c->in_flight--;
    }
    conn_touch(c); /* at the turn's end: arm again, or come to rest */
    if (result > 0) {
        c->net->counters.receives++;
        c->net->counters.bytes_received += (uint64_t)result;
        if (!c->is_ended && !conn_is_ending(c))
            conn_bytes_in(c, bytes, (size_t)result);
        watch_read(c, (size_t)result);
        return;
    }
    if (result == -EIO && record_is_kernel(c->record)) {
        conn_control(c);
        return;
    }
    /* No buffer was free, or we cancelled, or a signal came: not the peer's doing. */
    if (result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN)
        return;
    bool is_news = !c->is_ended && !conn_is_ending(c);
    if (is_news && record_is_kernel(c->record) && record_kernel_alert_of(result) != TLS_ALERT_NONE) {
        conn_refuse(c, record_kernel_alert_of(result));
        return;
    }
    c->is_ended = true;
    if (is_news)
        c->events->ended(c, result == 0 ? "end-of-stream" : strerror(-result), false);
}
