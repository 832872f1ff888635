/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the peer, by how it reads. To one who keeps up: at once. To one who is behind, or who has said
 * that nobody looks (XEP-0352), presence broadcasts are held back and only the last of each resource is kept;
 * what waits so long is out of date anyway. Whatever else is sent goes behind what is held (RFC 6120 s. 10.1
 * asks that of stanzas of one sender; of all it is simpler, and to an inactive client everything else is
 * worth waking for). A reader who stays over its limit all the same is cut. */
#include <stdlib.h>

#include "base/log.h"
#include "stream/held.h"
#include "stream/internal.h"
#include "stream/management.h"

/* How long a reader's queue may stay over its limit, and how many times the limit it may reach meanwhile. */
#define BEHIND_MS_MAX 10000
#define BEHIND_FACTOR_MAX 16
/* What a reader who was behind is given at a time of what was held: what one send carries. The rest may still
 * be replaced. */
#define REFILL_BYTES 65536

void stream_cut(struct stream *s, const char *reason)
{
    if (s->conn.is_aborted)
        return;
    if (s->management)
        s->management->is_resumable = false;
    log_info("stream-cut", "jid=%.*s reason=%s queued_bytes=%llu", (int)s->jid_len, s->jid ? s->jid : "",
             reason, (unsigned long long)s->conn.out.bytes);
    conn_abort(&s->conn);
}

/* Never 0, and small: the limits keep a queue within 16 GiB. */
static uint32_t kib_queued(const struct stream *s)
{
    return (uint32_t)(s->conn.out.bytes / 1024) + 1;
}

/* Over the limit: a large roster, or the presence of ten thousand contacts at once, fills any queue for a
 * moment. Slow is who has not brought it down after a while; too slow is who has let it grow many times
 * over. */
static void stream_is_over_limit(struct stream *s)
{
    if (s->conn.out.bytes > s->conn.net->queue_bytes_max * BEHIND_FACTOR_MAX) {
        s->conn.net->counters.slow_readers++;
        stream_cut(s, "slow-reader");
    } else if (!s->behind_kib && !s->conn.is_ended) { /* else the timer is that of its last words */
        s->behind_kib = kib_queued(s);
        loop_timer_start(s->conn.net->loop, &s->timer, BEHIND_MS_MAX);
    }
}

void stream_behind_expired(struct stream *s)
{
    uint32_t before = s->behind_kib;
    s->behind_kib = 0;
    if (s->conn.out.bytes <= s->conn.net->queue_bytes_max)
        return;
    if (kib_queued(s) < before) { /* it comes down */
        stream_is_over_limit(s);
        return;
    }
    s->conn.net->counters.slow_readers++;
    stream_cut(s, "slow-reader");
}

void stream_put(struct stream *s, struct frame *f)
{
    int outcome = conn_send(&s->conn, f);
    if (outcome == CONN_SLOW && s->state == STREAM_BOUND)
        stream_is_over_limit(s);
    else if (outcome < 0)
        stream_cut(s, "out-of-memory");
}

static void stream_queue(struct stream *s, struct frame *f)
{
    if (s->conn.is_managed)
        stream_sent(s, f);
    stream_put(s, f);
}

void stream_held_flush(struct stream *s)
{
    struct held *h = s->held;
    if (!h)
        return;
    s->held = NULL;
    s->conn.is_holding = s->is_inactive;
    for (struct frame *f; (f = held_take(h, &(uint32_t){0}));)
        stream_queue(s, f);
    held_free(h);
}

/* Nothing is on its way to the peer: one who was behind gets more of what was held. */
void stream_refill(struct conn *c)
{
    struct stream *s = container_of(c, struct stream, conn);
    if (s->is_inactive || !s->held)
        return;
    struct frame *f;
    while (c->out.bytes < REFILL_BYTES && (f = held_take(s->held, &(uint32_t){0})))
        stream_queue(s, f);
    if (held_count(s->held))
        return;
    s->held = held_free(s->held);
    c->is_holding = false;
}

/* Whether presence must not go to the peer now. */
static bool stream_is_holding(const struct stream *s)
{
    if (s->state != STREAM_BOUND)
        return false;
    return s->is_inactive || s->held || s->conn.send_bytes;
}

/* Returns whether the frame was taken; if not, it may be queued now. */
static bool stream_hold(struct stream *s, struct frame *f)
{
    struct stream_worker *w = s->worker;
    struct span publisher = presence_frame_publisher(f);
    if (!publisher.len || !stream_is_holding(s)) {
        stream_held_flush(s);
        return false;
    }
    if (!s->held)
        s->held = held_new();
    int outcome = s->held ? held_put(s->held, f, publisher) : -1;
    if (outcome < 0) {
        stream_held_flush(s);
        return false;
    }
    s->conn.is_holding = true;
    w->counters.presences_held++;
    w->counters.presences_conflated += outcome == HELD_REPLACED;
    if (held_count(s->held) > w->settings->held_max || s->held->bytes > s->conn.net->queue_bytes_max) {
        w->counters.held_overflows++;
        stream_held_flush(s);
    }
    return true;
}

static void stream_send_attended(struct stream *s, struct frame *f)
{
    if (s->state == STREAM_PARKED)
        stream_keep(s, f);
    else if (s->state == STREAM_CLOSING)
        frame_unref(f);
    else if (!(s->conn.is_holding || s->conn.out.bytes > s->conn.net->hold_bytes) || !stream_hold(s, f))
        stream_queue(s, f);
}

void stream_send(struct stream *s, struct frame *f)
{
    /* Nothing of the stream beyond what conn_send reads anyway: a fan-out comes here for every reader. A
     * queue beyond `hold_bytes` while a send is on its way is that of a reader who is behind. */
    if (s->conn.is_holding || s->conn.is_managed ||
        (s->conn.net && s->conn.out.bytes > s->conn.net->hold_bytes))
        stream_send_attended(s, f);
    else
        stream_put(s, f);
}

bool stream_csi_item(struct stream *s, const struct xml_item *item)
{
    bool is_inactive = span_is(item->name, "inactive");
    if (!s->worker->settings->has_csi || !span_equal(item->xmlns, XMLNS_CSI) ||
        !(is_inactive || span_is(item->name, "active")))
        return false;
    stream_inactive_set(s, is_inactive);
    return true;
}

void stream_inactive_set(struct stream *s, bool is_inactive)
{
    if (is_inactive == s->is_inactive)
        return;
    s->is_inactive = is_inactive;
    s->worker->counters.sessions_inactive += is_inactive ? 1 : -1ull;
    s->conn.is_holding = is_inactive || s->held;
    if (!is_inactive)
        stream_held_flush(s);
}

void stream_activate(struct stream *s)
{
    if (s->is_inactive)
        s->worker->counters.sessions_inactive--;
    s->is_inactive = false;
}

void stream_reader_ends(struct stream *s)
{
    stream_activate(s);
    s->held = held_free(s->held);
    s->conn.is_holding = false;
}
