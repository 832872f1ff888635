/* SPDX-License-Identifier: Apache-2.0 */
/* Stream management's dialogue (XEP-0198): enable, acknowledge, ask, resume; and the time in between, in
 * which a session has no connection. A stream whose connection is lost is *parked*: it keeps the session,
 * gives back what a connection needs, and keeps what is sent to it. The stream that resumes takes session and
 * counts over; the parked one is gone then. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "stream/held.h"
#include "stream/internal.h"
#include "stream/management.h"

/* How much may be out before the peer is asked what has arrived. A storm at 250 bytes a stanza fills 64 KiB
 * with 250 of them: one question and one answer for a full send. */
#define ASK_STANZAS 250
#define ASK_BYTES 65536
/* After a burst the last of it is asked for. Soon for a message: who logs out has most often acknowledged
 * what it read, so nobody is told that it was not delivered. For the rest only memory depends on it, and
 * every question wakes a radio. */
#define ASK_MESSAGE_MS 1000
#define ASK_OTHER_MS 10000

/* Sessions that have ended, by id, so that their clients learn what was handled. As many as end in some
 * minutes on a busy worker; 200 KiB, once there is one. */
#define PAST_MAX 4096

struct past_session {
    uint64_t account; /* hash of the bare JID */
    uint32_t handled;
    char id[MANAGEMENT_ID_LEN + 1];
};

static uint32_t now_s(const struct stream *s)
{
    return (uint32_t)(loop_now_ms(s->worker->net->loop) / 1000);
}

/* ---- asking ---- */

static void stream_ask(struct stream *s)
{
    struct management *m = s->management;
    m->is_asked = true;
    m->is_urgent = false;
    m->asked_at = m->acked + m->stanzas;
    m->asked_bytes = 0;
    loop_timer_stop(s->worker->net->loop, &m->timer);
    s->worker->counters.sm_requests++;
    stream_put(s, frame_ref(s->worker->ack_request));
}

static void ask_later(struct stream *s)
{
    struct management *m = s->management;
    loop_timer_start(s->worker->net->loop, &m->timer, m->is_urgent ? ASK_MESSAGE_MS : ASK_OTHER_MS);
}

static bool is_over_limit(const struct stream *s)
{
    const struct stream_settings *settings = s->worker->settings;
    uint64_t stanzas = s->management->stanzas, bytes = s->management->bytes;
    if (s->state == STREAM_PARKED && s->held) {
        stanzas += held_length(s->held);
        bytes += s->held->bytes;
    }
    return stanzas > settings->unacked_stanzas_max || bytes > settings->unacked_bytes_max;
}

void stream_sent(struct stream *s, struct frame *f)
{
    struct management *m = s->management;
    bool is_due = m->acked + m->stanzas - m->asked_at >= ASK_STANZAS || m->asked_bytes >= ASK_BYTES;
    /* Ahead of a new stanza: behind this frame its own may go on. */
    if (is_due && !m->is_asked && f->kind != FRAME_PART)
        stream_ask(s);
    if (management_sent(m, f, now_s(s)) < 0) {
        stream_cut(s, "out-of-memory");
        return;
    }
    m->asked_bytes += f->len;
    bool is_sooner = f->kind == FRAME_MESSAGE && !m->is_urgent;
    m->is_urgent |= is_sooner;
    if (!m->is_asked && (is_sooner || !timer_is_running(&m->timer)))
        ask_later(s);
    if (is_over_limit(s)) {
        s->worker->counters.sm_overflows++;
        stream_cut(s, "unacknowledged");
    }
}

static void answer_to_request(struct stream *s)
{
    struct buffer out = {0};
    buffer_printf(&out, "<a xmlns='" XMLNS_SM_TEXT "' h='%u'/>", s->management->handled);
    stream_say_aside(s, buffer_span(&out));
    buffer_fini(&out);
    /* Its radio is awake: ask along. */
    if (s->management->stanzas && !s->management->is_asked)
        stream_ask(s);
}

static void fail_too_high(struct stream *s, const struct management *m, uint32_t h)
{
    struct buffer extra = {0};
    buffer_printf(&extra, "<handled-count-too-high xmlns='" XMLNS_SM_TEXT "' h='%u' send-count='%u'/>", h,
                  m->acked + m->stanzas);
    stream_fail_with(s, STREAM_UNDEFINED_CONDITION, "more stanzas were acknowledged than were sent",
                     buffer_span(&extra));
    buffer_fini(&extra);
}

static void ack_item(struct stream *s, const struct xml_item *item)
{
    struct management *m = s->management;
    uint32_t h;
    if (!management_count_read(xml_item_attribute(item, SPAN("h")), &h)) {
        stream_fail(s, STREAM_BAD_FORMAT, "an acknowledgement without a count");
        return;
    }
    if (management_ack(m, h) != 0) {
        fail_too_high(s, m, h);
        return;
    }
    m->is_asked = false;
    if (m->stanzas)
        ask_later(s);
    else
        loop_timer_stop(s->worker->net->loop, &m->timer);
}

/* ---- enable ---- */

static void failed_write(struct buffer *out, enum stanza_error e)
{
    buffer_printf(
        out, "<failed xmlns='" XMLNS_SM_TEXT "'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
        stanza_error_name(e));
}

static void management_expired(struct timer *t)
{
    struct stream *s = container_of(t, struct management, timer)->stream;
    if (s->state == STREAM_PARKED)
        stream_expire(s);
    else if (s->state == STREAM_BOUND)
        stream_ask(s);
}

void stream_enable(struct stream *s, struct span resume, struct span max, struct buffer *out)
{
    uint64_t resume_ms = s->worker->settings->resume_ms;
    uint32_t max_s;
    if (s->state != STREAM_BOUND || s->management) {
        failed_write(out, STANZA_UNEXPECTED_REQUEST);
        return;
    }
    if (!span_is(resume, "true") && !span_is(resume, "1"))
        resume_ms = 0;
    else if (management_count_read(max, &max_s) && max_s * UINT64_C(1000) < resume_ms)
        resume_ms = max_s * UINT64_C(1000);
    s->management = management_new(s, (uint32_t)resume_ms, management_expired);
    if (!s->management) {
        failed_write(out, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    s->conn.is_managed = true;
    s->worker->counters.sm_enabled++;
    buffer_literal(out, "<enabled xmlns='" XMLNS_SM_TEXT "'");
    if (resume_ms)
        buffer_printf(out, " id='%s' resume='true' max='%u'", s->management->id,
                      (uint32_t)(resume_ms / 1000));
    buffer_literal(out, "/>");
}

/* ---- sessions that are over ---- */

static void past_remember(struct stream *s)
{
    struct stream_worker *w = s->worker;
    if (!w->past)
        w->past = calloc(PAST_MAX, sizeof *w->past);
    if (!w->past)
        return; /* the client learns less */
    struct past_session *p = &w->past[w->past_next++ % PAST_MAX];
    p->account = hash_bytes(stream_bare_jid(s));
    p->handled = s->management->handled;
    memcpy(p->id, s->management->id, sizeof p->id);
}

static const struct past_session *past_find(const struct stream *s, struct span id)
{
    uint64_t account = hash_bytes(stream_bare_jid(s));
    for (uint32_t i = 0; s->worker->past && i < PAST_MAX; i++)
        if (s->worker->past[i].account == account && span_equal(span_of(s->worker->past[i].id), id))
            return &s->worker->past[i];
    return NULL;
}

void stream_management_ends(struct stream *s)
{
    struct management *m = s->management;
    if (!m)
        return;
    if (m->resume_ms)
        past_remember(s);
    loop_timer_stop(s->worker->net->loop, &m->timer);
    s->management = management_free(m);
    s->conn.is_managed = false;
}

struct frame *stream_undelivered_take(struct stream *s, uint32_t *ret_age_s)
{
    uint32_t sent_s = 0;
    if (!s->management)
        return NULL;
    struct frame *f = management_take(s->management, &sent_s);
    if (!f && s->held)
        f = held_take(s->held, &sent_s);
    *ret_age_s = now_s(s) - sent_s;
    return f;
}

/* ---- resume ---- */

bool stream_is_resumable(const struct stream *s, struct span id)
{
    const struct management *m = s->management;
    return m && m->is_resumable && (s->state == STREAM_PARKED || s->state == STREAM_BOUND) &&
           span_equal(span_of(m->id), id);
}

static void refuse_resume(struct stream *s, struct span previd, struct buffer *out)
{
    const struct past_session *past = past_find(s, previd);
    s->worker->counters.sm_refused++;
    if (!past) {
        failed_write(out, STANZA_ITEM_NOT_FOUND);
        return;
    }
    buffer_printf(out,
                  "<failed xmlns='" XMLNS_SM_TEXT
                  "' h='%u'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
                  past->handled);
}

/* Session, counts and name go over; `old` is left with the account's. */
static void take_over(struct stream *s, struct stream *old)
{
    struct management *m = old->management;
    char *jid = s->jid;
    uint16_t jid_len = s->jid_len;
    loop_timer_stop(s->worker->net->loop, &s->timer);
    loop_timer_stop(s->worker->net->loop, &m->timer);
    s->jid = old->jid;
    s->jid_len = old->jid_len;
    old->jid = jid;
    old->jid_len = jid_len;
    s->management = m;
    s->held = old->held;
    s->conn.is_managed = true;
    s->conn.is_holding = s->held != NULL;
    m->stream = s;
    m->is_asked = m->is_urgent = false;
    old->management = NULL;
    old->held = NULL;
    old->conn.is_managed = old->conn.is_holding = false;
    s->worker->events->resumed(s, old);
    stream_enter(s, STREAM_BOUND);
}

int stream_resume(struct stream *s, struct span previd, struct span h_text, struct buffer *out)
{
    uint32_t h;
    if (s->state != STREAM_BINDING || s->is_waiting) {
        failed_write(out, STANZA_UNEXPECTED_REQUEST);
        return STREAM_RESUME_FAILED;
    }
    if (!previd.len || !management_count_read(h_text, &h)) {
        failed_write(out, STANZA_BAD_REQUEST);
        return STREAM_RESUME_FAILED;
    }
    struct stream *old = s->worker->events->resumable(s, previd);
    if (!old) {
        refuse_resume(s, previd, out);
        return STREAM_RESUME_FAILED;
    }
    if (management_ack(old->management, h) != 0) {
        fail_too_high(s, old->management, h);
        return STREAM_RESUME_ENDED;
    }
    take_over(s, old);
    stream_fail(old, STREAM_CONFLICT, "resumed by another connection");
    s->worker->counters.sm_resumed++;
    log_debug("stream-resumed", "conn=%d jid=%.*s unacknowledged=%u", s->conn.fd, (int)s->jid_len, s->jid,
              s->management->stanzas);
    buffer_printf(out, "<resumed xmlns='" XMLNS_SM_TEXT "' previd='%s' h='%u'/>", s->management->id,
                  s->management->handled);
    return 0;
}

void stream_resume_rest(struct stream *s)
{
    const struct management *m = s->management;
    /* What it was sent already has its number: not through stream_sent. The queue may end the stream, not the
     * loop. */
    for (uint32_t i = 0; i < m->count; i++)
        stream_put(s, frame_ref(management_at(m, i)->frame));
    s->worker->counters.sm_resent += m->stanzas;
    stream_held_flush(s);
    if (m->stanzas && !m->is_asked)
        stream_ask(s);
}

/* ---- without a connection ---- */

bool stream_may_park(const struct stream *s)
{
    return s->state == STREAM_BOUND && s->management && s->management->is_resumable;
}

void stream_park(struct stream *s)
{
    struct loop *loop = s->worker->net->loop;
    stream_say_aside(s, SPAN("</stream:stream>")); /* it may still read */
    stream_enter(s, STREAM_PARKED);
    stream_activate(s);
    s->conn.is_holding = false;
    stream_throttle_ends(s);
    s->is_waiting = false;
    s->is_discarding = true;
    s->behind_kib = 0;
    s->worker->counters.sm_parked++;
    s->worker->counters.sessions_detached++;
    loop_timer_start(loop, &s->timer, CLOSE_TIMEOUT_MS);
    loop_timer_start(loop, &s->management->timer, s->management->resume_ms);
    conn_close(&s->conn);
    s->worker->events->parked(s);
}

void stream_parked_rest(struct stream *s)
{
    loop_timer_stop(s->worker->net->loop, &s->timer);
    buffer_fini(&s->in);
    s->scan = xml_scan_free(s->scan);
    free(s->lang);
    s->lang = NULL;
}

void stream_keep(struct stream *s, struct frame *f)
{
    struct stream_worker *w = s->worker;
    struct span publisher = presence_frame_publisher(f);
    if (!s->held)
        s->held = held_new();
    int outcome = !s->held        ? -ENOMEM
                  : publisher.len ? held_put(s->held, f, publisher)
                                  : held_append(s->held, f, now_s(s));
    if (outcome < 0)
        frame_unref(f);
    w->counters.presences_held += publisher.len && outcome >= 0;
    w->counters.presences_conflated += outcome == HELD_REPLACED;
    if (outcome >= 0 && !is_over_limit(s))
        return;
    /* Not now: whoever sends this is walking over sessions. */
    w->counters.sm_overflows += s->management->is_resumable;
    s->management->is_resumable = false;
    loop_timer_start(w->net->loop, &s->management->timer, 0);
}

void stream_expire(struct stream *s)
{
    s->worker->counters.sm_expired++;
    log_debug("session-expired", "jid=%.*s", (int)s->jid_len, s->jid);
    s->is_lost = false; /* it has had its time */
    stream_over(s);
}

uint64_t stream_parked_until(const struct stream *s)
{
    return s->management->timer.due_tick;
}

/* ---- items ---- */

static void enable_item(struct stream *s, const struct xml_item *item)
{
    struct buffer out = {0};
    stream_enable(s, xml_item_attribute(item, SPAN("resume")), xml_item_attribute(item, SPAN("max")), &out);
    stream_say_aside(s, buffer_span(&out));
    buffer_fini(&out);
}

static void resume_item(struct stream *s, const struct xml_item *item)
{
    struct buffer out = {0};
    int outcome =
        stream_resume(s, xml_item_attribute(item, SPAN("previd")), xml_item_attribute(item, SPAN("h")), &out);
    if (outcome != STREAM_RESUME_ENDED)
        stream_say_aside(s, buffer_span(&out));
    buffer_fini(&out);
    if (outcome == 0) {
        stream_certificate_watch(s);
        stream_resume_rest(s);
    }
}

bool stream_management_item(struct stream *s, const struct xml_item *item)
{
    if (!span_equal(item->xmlns, XMLNS_SM))
        return false;
    bool is_ack = span_is(item->name, "a"), is_request = span_is(item->name, "r");
    if (span_is(item->name, "enable")) {
        enable_item(s, item);
    } else if (span_is(item->name, "resume")) {
        resume_item(s, item);
    } else if ((is_ack || is_request) && s->management) {
        if (is_ack)
            ack_item(s, item);
        else
            answer_to_request(s);
    } else if (is_ack || is_request) {
        struct buffer out = {0};
        failed_write(&out, STANZA_UNEXPECTED_REQUEST);
        stream_say_aside(s, buffer_span(&out));
        buffer_fini(&out);
    } else {
        return false;
    }
    return true;
}
