/* SPDX-License-Identifier: Apache-2.0 */
/* The stream's course: bytes to items, items to whoever answers them in this state, and its end. */
#include "stream/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "stream/internal.h"
#include "stream/management.h"
#include "xml/write.h"

/* What a waiting stream takes in before its peer is held back: a burst of typical stanzas. */
#define WAITING_BYTES_MAX 65536

/* How long a peer that has ended may be waited for with what it said before: the store's answer, a throttle of some bursts, and a verdict as late
 * as smime.timeout_ms allows. Meanwhile it is shown as there, and is not. */
#define LAST_WORDS_MS 60000

static const char *const state_names[] = {"header", "features",      "securing", "authenticating",
                                          "moving", "authenticated", "binding",  "bound",
                                          "parked", "closing"};

void stream_enter(struct stream *s, enum stream_state state)
{
    log_debug("stream", "conn=%d state=%s->%s", s->conn.fd, state_names[s->state], state_names[state]);
    s->state = (uint8_t)state;
}

void stream_say(struct stream *s, struct span bytes)
{
    stream_held_flush(s);
    stream_say_aside(s, bytes);
}

void stream_say_aside(struct stream *s, struct span bytes)
{
    struct frame *f = frame_new(bytes, FRAME_NO_HEAD, 0);
    if (f)
        stream_put(s, f);
    else
        conn_abort(&s->conn);
}

/* Every end of a session comes through here, once. */
static void stream_ends(struct stream *s)
{
    bool was_known = s->jid != NULL && s->state != STREAM_MOVING;
    stream_auth_detach(s);
    stream_register_detach(s);
    s->worker->counters.sessions_detached -= s->state == STREAM_PARKED;
    stream_enter(s, STREAM_CLOSING);
    stream_activate(s);
    s->is_discarding = true;
    if (was_known)
        s->worker->events->ended(s);
    stream_management_ends(s);
    stream_reader_ends(s);
}

void stream_over(struct stream *s)
{
    bool is_gone = s->state == STREAM_PARKED && s->conn.fd < 0;
    /* Who calls may be walking over the streams: one that has no connection any more is gone a moment later, as one that has. */
    if (s->conn.net)
        loop_timer_start(s->conn.net->loop, &s->timer, is_gone ? 0 : CLOSE_TIMEOUT_MS);
    if (!is_gone)
        conn_close(&s->conn);
    stream_ends(s);
}

void stream_end(struct stream *s)
{
    if (s->state == STREAM_CLOSING)
        return;
    if (s->is_header_sent)
        stream_say(s, SPAN("</stream:stream>"));
    stream_over(s);
}

static void stream_error_say(struct stream *s, enum stream_error e, const char *text, struct span extra)
{
    s->worker->counters.stream_errors++;
    log_debug("stream-error", "conn=%d condition=%s", s->conn.fd, stream_error_name(e));
    if (!s->is_header_sent)
        stream_header_send(s, STREAM_VERSION, (struct span){0});
    struct buffer out = {0};
    stream_error_write(&out, e, text, extra);
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
}

void stream_fail_with(struct stream *s, enum stream_error e, const char *text, struct span extra)
{
    if (s->state == STREAM_CLOSING)
        return;
    if (s->state != STREAM_PARKED)
        stream_error_say(s, e, text, extra);
    stream_over(s);
}

void stream_fail(struct stream *s, enum stream_error e, const char *text)
{
    stream_fail_with(s, e, text, (struct span){0});
}

/* Give a stanza of the peer's its way. False: it must wait. */
static bool stream_pass(struct stream *s, const struct stanza *stanza, bool is_addressed)
{
    if (!is_addressed) {
        struct frame *f =
            stanza_error_may_answer(stanza)
                ? stanza_error_frame(stanza, STANZA_JID_MALFORMED, stream_bare_jid(s), stream_jid(s), NULL)
                : NULL;
        if (f)
            stream_send(s, f);
        return true;
    }
    /* Its own presence divides what it is told: what came before `unavailable` belongs before it, for from then on the client
     * hears of nobody (RFC 6121 s. 4.5.2), and its next one begins anew. */
    if (stanza->kind == STANZA_PRESENCE && !stanza->has_to)
        stream_held_flush(s);
    return s->worker->events->stanza(s, stanza);
}

static void stream_bound_item(struct stream *s, const struct xml_item *item, bool *ret_kept)
{
    struct stream_worker *w = s->worker;
    struct stanza *stanza = &w->stanza;
    int outcome = stanza_read(item, XMLNS_CLIENT, &w->arena, stanza);
    if (outcome == STANZA_NOT) {
        if (span_is(item->xmlns, "jabber:server")) /* content of another kind of stream (RFC 6120 s. 4.8.3) */
            stream_fail(s, STREAM_INVALID_NAMESPACE, NULL);
        else if (!stream_csi_item(s, item) && !stream_management_item(s, item))
            stream_fail(s, STREAM_UNSUPPORTED_STANZA_TYPE, NULL);
        return;
    }
    if (outcome < 0) {
        stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    if (stanza->has_from) {
        /* RFC 6120 s. 8.1.2.1: if given, it must be the full JID or the account's bare one. */
        char storage[JID_BYTES_MAX];
        struct jid from;
        struct span text = xml_unescape(&w->arena, stanza->from);
        if (!text.ptr || jid_parse(text, storage, &from) != 0 ||
            !(span_equal(jid_full(&from), stream_jid(s)) ||
              span_equal(jid_full(&from), stream_bare_jid(s)))) {
            stream_fail(s, STREAM_INVALID_FROM, NULL);
            return;
        }
    }
    w->counters.stanzas++;
    *ret_kept = !stream_pass(s, stanza, outcome != STANZA_BAD_TO);
    if (!*ret_kept && s->management)
        s->management->handled++; /* from now on it is ours */
}

/* Features are out, the peer chooses: TLS or SASL. */
static void stream_negotiate_item(struct stream *s, const struct xml_item *item)
{
    if (s->state == STREAM_FEATURES && span_is(item->name, "starttls") &&
        span_equal(item->xmlns, XMLNS_TLS)) {
        if (s->tls != STREAM_TLS_STARTTLS || conn_is_secure(&s->conn)) {
            stream_say(s, SPAN("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
            stream_end(s); /* RFC 6120 s. 5.4.2.2: failure, then the stream's end */
            return;
        }
        stream_say(s, SPAN("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
        s->is_discarding = true; /* RFC 6120 s. 5.4.3.3: nothing said in the clear may count after TLS */
        stream_enter(s, STREAM_SECURING);
        if (conn_start_tls(&s->conn, s->worker->settings->tls, false,
                           s->worker->settings->domains[s->domain]) < 0)
            stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    if (span_equal(item->xmlns, XMLNS_SASL2)) {
        stream_sasl2_item(s, item);
        return;
    }
    if (span_equal(item->xmlns, XMLNS_SASL) && !stream_sasl2_is_exclusive(s)) {
        stream_sasl_item(s, item);
        return;
    }
    /* RFC 6120 s. 4.9.3.12: a stanza before authentication. */
    if (!stream_management_item(s, item) && !stream_register_item(s, item))
        stream_fail(s, STREAM_NOT_AUTHORIZED, NULL);
}

static void stream_item(struct stream *s, const struct xml_item *item, bool *ret_kept)
{
    if (item->kind == XML_KEEPALIVE) {
        s->worker->counters.keepalives++;
        if (stream_sasl2_is_exclusive(s))
            stream_fail(s, STREAM_POLICY_VIOLATION, "nothing but responses during authentication");
        return;
    }
    if (item->kind == XML_STREAM_CLOSE) {
        stream_end(s);
        return;
    }
    if (item->kind == XML_STREAM_OPEN) {
        stream_header_item(s, item);
        return;
    }
    if (span_is(item->name, "stream:error")) {
        stream_end(s); /* the peer gives up; an error is not answered with one */
        return;
    }
    switch ((enum stream_state)s->state) {
    case STREAM_FEATURES:
    case STREAM_AUTHENTICATING:
        stream_negotiate_item(s, item);
        return;
    case STREAM_BINDING:
        stream_bind_item(s, item);
        return;
    case STREAM_BOUND:
        stream_bound_item(s, item, ret_kept);
        return;
    default:
        stream_fail(s, STREAM_NOT_AUTHORIZED, NULL);
    }
}

static bool stream_is_unauthenticated(const struct stream *s)
{
    return s->jid == NULL;
}

static struct xml_scan *stream_scan_take(struct stream *s)
{
    struct xml_scan *scan = s->scan ? s->scan : s->worker->spare_scan;
    if (s->scan)
        s->scan = NULL;
    else
        s->worker->spare_scan = NULL;
    return scan ? scan : xml_scan_new(&s->worker->limits);
}

/* At a boundary the scan goes back to the worker; within an item it stays with the stream. */
static void stream_scan_give(struct stream *s, struct xml_scan *scan)
{
    if (xml_scan_is_partial(scan) && !s->is_discarding) {
        s->scan = scan;
        return;
    }
    xml_scan_reset(scan);
    if (s->worker->spare_scan)
        xml_scan_free(scan);
    else
        s->worker->spare_scan = scan;
}

/* Handle the items at the beginning of `in`; returns the bytes used up. */
static size_t stream_consume(struct stream *s, struct span in)
{
    struct stream_worker *w = s->worker;
    size_t done = 0;
    if (s->state == STREAM_CLOSING || s->state == STREAM_PARKED)
        return in.len;
    s->is_discarding = false;
    while (done < in.len && !s->is_waiting && !s->is_discarding) {
        struct xml_scan *scan = stream_scan_take(s);
        if (!scan) {
            stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
            break;
        }
        bool is_header = s->state == STREAM_HEADER || s->state == STREAM_AUTHENTICATED;
        struct xml_item item;
        enum xml_error error = XML_ERROR_NONE;
        size_t used = 0, left = in.len - done;
        bool is_kept = false;
        int outcome = xml_scan_next(scan, is_header ? XML_AT_HEADER : XML_AT_CONTENT, SPAN("stream:stream"),
                                    span_skip(in, done), &item, &used, &error);
        size_t item_bytes = outcome == 0 ? used : left;
        if (outcome == XML_BAD)
            stream_fail(s, stream_error_of_xml(error), NULL);
        else if (stream_is_unauthenticated(s) && item_bytes > w->settings->unauthenticated_bytes_max)
            stream_fail(s, STREAM_POLICY_VIOLATION, "stanza too large before authentication");
        else if (outcome == 0)
            stream_item(s, &item, &is_kept);
        arena_reset(&w->arena);
        stream_scan_give(s, scan);
        if (is_kept) {
            s->is_waiting = true;
        } else if (outcome == 0) {
            done += used;
            stream_throttle_charge(s, used);
        }
        if (outcome != 0)
            break;
    }
    return s->is_discarding ? in.len : done;
}

static void stream_pull(struct stream *s)
{
    if (s->is_waiting || s->is_pulling)
        return;
    s->is_pulling = true;
    buffer_consume(&s->in, stream_consume(s, buffer_span(&s->in)));
    s->is_pulling = false;
    if (s->in.len == 0)
        buffer_fini(&s->in);
    /* An unfinished stanza may be longer than what a waiting stream takes in: its own limit bounds it. */
    if (!s->is_waiting || s->in.len < WAITING_BYTES_MAX)
        conn_resume(&s->conn);
}

static void stream_received(struct conn *c, struct span bytes)
{
    struct stream *s = container_of(c, struct stream, conn);
    if (s->state == STREAM_CLOSING || s->state == STREAM_PARKED)
        return;
    if (s->in.len == 0 && !s->is_waiting) {
        s->is_pulling = true;
        size_t used = stream_consume(s, bytes);
        s->is_pulling = false;
        buffer_append(&s->in, span_skip(bytes, used));
    } else {
        buffer_append(&s->in, bytes);
        stream_pull(s);
    }
    c->is_between = s->state == STREAM_BOUND && !s->in.len && !s->scan && !s->is_waiting;
    if (!buffer_ok(&s->in))
        stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
    else if (s->is_throttled || (s->is_waiting && s->in.len > WAITING_BYTES_MAX))
        conn_pause(&s->conn);
}

/* Does something that the peer has said wait? Not so where it only must not say more for a while. */
static bool stream_holds_back(const struct stream *s)
{
    return s->is_waiting && s->in.len;
}

/* The peer has ended and all that it said has had its way. */
static void stream_lost(struct stream *s)
{
    s->is_lost = true;
    if (stream_may_park(s))
        stream_park(s);
    else
        stream_end(s); /* the peer may have closed its direction only, and still read */
}

void stream_continue(struct stream *s)
{
    if (s->is_throttled)
        return;
    s->is_waiting = false;
    stream_pull(s);
    if (s->conn.is_ended && s->state == STREAM_BOUND && !stream_holds_back(s) && !s->is_pulling)
        stream_lost(s);
}

static void stream_secured(struct conn *c)
{
    struct stream *s = container_of(c, struct stream, conn);
    if (s->state != STREAM_SECURING)
        return;
    s->is_header_sent = false;
    stream_enter(s, STREAM_HEADER);
}

/* Are there last words to wait for? A session that may be resumed needs none, for what was not counted comes again; unless the peer has
 * closed its stream, as everybody writes it, and will not be back. */
static bool stream_has_more(const struct stream *s)
{
    struct span end = SPAN("</stream:stream>");
    if (s->state != STREAM_BOUND || !stream_holds_back(s))
        return false;
    return !stream_may_park(s) ||
           (s->in.len >= end.len && memcmp(s->in.ptr + s->in.len - end.len, end.ptr, end.len) == 0);
}

static void stream_conn_ended(struct conn *c, const char *reason, bool is_our_limit)
{
    struct stream *s = container_of(c, struct stream, conn);
    log_debug("stream-lost", "conn=%d reason=%s", c->fd, reason);
    if (s->state == STREAM_CLOSING || s->state == STREAM_PARKED)
        return;
    if (s->state == STREAM_SECURING) {
        s->is_lost = true;
        stream_over(s); /* nothing may be said: neither in clear nor under keys */
    } else if (is_our_limit) {
        s->is_lost = true;
        stream_fail(s, STREAM_RESET, "this connection's keys cannot be changed; connect again");
    } else if (stream_has_more(s)) {
        loop_timer_start(s->worker->net->loop, &s->timer, LAST_WORDS_MS);
    } else {
        stream_lost(s);
    }
}

static void stream_conn_closed(struct conn *c)
{
    struct stream *s = container_of(c, struct stream, conn);
    if (s->state == STREAM_PARKED) {
        stream_parked_rest(s);
        return;
    }
    loop_timer_stop(s->worker->net->loop, &s->timer);
    stream_throttle_ends(s);
    if (s->state != STREAM_CLOSING) { /* aborted under us: a slow reader */
        s->is_lost = true;
        stream_ends(s);
    }
    s->worker->events->closed(s);
}

static void stream_conn_detached(struct conn *c)
{
    struct stream *s = container_of(c, struct stream, conn);
    s->worker->events->detached(s);
}

static const struct conn_events stream_conn_events = {
    .received = stream_received,
    .secured = stream_secured,
    .ended = stream_conn_ended,
    .refill = stream_refill,
    .detached = stream_conn_detached,
    .closed = stream_conn_closed,
};

static void stream_timer_expired(struct timer *t)
{
    struct stream *s = container_of(t, struct stream, timer);
    if (s->conn.fd < 0)
        s->worker->events->closed(s); /* it was parked */
    else if (s->state == STREAM_CLOSING || s->state == STREAM_PARKED)
        conn_abort(&s->conn);
    else if (s->state == STREAM_BOUND && s->conn.is_ended)
        stream_lost(s);
    else if (s->state == STREAM_BOUND)
        stream_behind_expired(s);
    else
        stream_fail(s, STREAM_CONNECTION_TIMEOUT, "not logged in within the time allowed");
}

void stream_open(struct stream *s, struct stream_worker *w, int fd, enum stream_tls tls,
                 bool is_kernel_wanted)
{
    s->worker = w;
    s->tls = (uint8_t)tls;
    list_init(&s->throttled);
    timer_init(&s->timer, stream_timer_expired);
    loop_timer_start(w->net->loop, &s->timer, w->settings->login_timeout_ms);
    conn_open(&s->conn, w->net, fd, &stream_conn_events);
    s->conn.is_kernel_wanted = is_kernel_wanted;
    w->counters.opened++;
    conn_let_watch(&s->conn, tls == STREAM_TLS_NONE);
    if (tls != STREAM_TLS_DIRECT)
        return;
    stream_enter(s, STREAM_SECURING);
    if (conn_start_tls(&s->conn, w->settings->tls, true, (struct span){0}) < 0)
        conn_abort(&s->conn);
}

void stream_fini(struct stream *s)
{
    xml_scan_free(s->scan);
    s->scan = NULL;
    buffer_fini(&s->in);
    free(s->jid);
    free(s->lang);
    stream_login_free(s);
    stream_certificate_free(s);
    s->jid = s->lang = NULL;
}

void stream_detach(struct stream *s)
{
    loop_timer_stop(s->worker->net->loop, &s->timer);
    conn_detach(&s->conn);
}

void stream_attach(struct stream *s, struct stream_worker *w)
{
    s->worker = w;
    loop_timer_start(w->net->loop, &s->timer, w->settings->login_timeout_ms);
    conn_attach(&s->conn, w->net);
}

void stream_settle(struct stream *s)
{
    if (s->state != STREAM_MOVING)
        return;
    if (s->login && s->login->is_sasl2) {
        s->is_waiting = false;
        stream_sasl2_settle(s);
        return;
    }
    stream_enter(s, STREAM_AUTHENTICATED);
    stream_continue(s);
}

int stream_worker_init(struct stream_worker *w, const struct stream_settings *settings,
                       const struct stream_events *events, struct net *net)
{
    *w = (struct stream_worker){
        .settings = settings, .events = events, .net = net, .limits = xml_limits_default};
    w->limits.stanza_bytes = settings->stanza_bytes_max;
    net->hold_bytes = settings->conflate_bytes ? settings->conflate_bytes : UINT64_MAX;
    arena_init(&w->arena);
    stream_throttle_init(w);
    w->ack_request = frame_new(SPAN("<r xmlns='" XMLNS_SM_TEXT "'/>"), FRAME_NO_HEAD, 0);
    return w->ack_request ? 0 : -ENOMEM;
}

void stream_worker_fini(struct stream_worker *w)
{
    stream_throttle_fini(w);
    w->spare_scan = xml_scan_free(w->spare_scan);
    w->ack_request = frame_unref(w->ack_request);
    free(w->past);
    w->past = NULL;
    arena_fini(&w->arena);
}
