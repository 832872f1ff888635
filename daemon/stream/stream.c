/* SPDX-License-Identifier: Apache-2.0 */
/* The stream's course: bytes to items, items to whoever answers them in this state, and its end. */
#include "stream/stream.h"

#include <stdlib.h>

#include "base/log.h"
#include "stream/internal.h"
#include "xml/write.h"

/* The peer may keep its end open this long after ours (RFC 6120 s. 4.4 leaves it to us). */
#define CLOSE_TIMEOUT_MS 5000
/* What a waiting stream takes in before its peer is held back: a burst of typical stanzas. */
#define WAITING_BYTES_MAX 65536

static const char *const state_names[] = {"header",        "features", "securing", "authenticating", "moving",
                                          "authenticated", "binding",  "bound",    "closing"};

void stream_enter(struct stream *s, enum stream_state state)
{
    log_debug("stream", "conn=%d state=%s->%s", s->conn.fd, state_names[s->state], state_names[state]);
    s->state = (uint8_t)state;
}

void stream_say(struct stream *s, struct span bytes)
{
    struct frame *f = frame_new(bytes, FRAME_NO_HEAD, 0);
    if (f)
        stream_send(s, f);
    else
        conn_abort(&s->conn);
}

/* Everything that ends a stream comes through here, once. */
static void stream_is_over(struct stream *s)
{
    bool was_known = s->jid != NULL && s->state != STREAM_MOVING;
    stream_auth_detach(s);
    stream_enter(s, STREAM_CLOSING);
    stream_reader_ends(s);
    s->is_discarding = true;
    if (s->conn.net)
        loop_timer_start(s->conn.net->loop, &s->timer, CLOSE_TIMEOUT_MS);
    conn_close(&s->conn);
    if (was_known)
        s->worker->events->ended(s);
}

void stream_end(struct stream *s)
{
    if (s->state == STREAM_CLOSING)
        return;
    if (s->is_header_sent)
        stream_say(s, SPAN("</stream:stream>"));
    stream_is_over(s);
}

void stream_fail(struct stream *s, enum stream_error e, const char *text)
{
    if (s->state == STREAM_CLOSING)
        return;
    s->worker->counters.stream_errors++;
    log_debug("stream-error", "conn=%d condition=%s", s->conn.fd, stream_error_name(e));
    if (!s->is_header_sent)
        stream_header_send(s);
    struct buffer out = {0};
    buffer_printf(&out, "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>", stream_error_name(e));
    if (text)
        buffer_printf(&out, "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>%s</text>", text);
    buffer_literal(&out, "</stream:error></stream:stream>");
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
    stream_is_over(s);
}

static void stream_bound_item(struct stream *s, const struct xml_item *item, bool *ret_kept)
{
    struct stream_worker *w = s->worker;
    struct stanza *stanza = &w->stanza;
    int outcome = stanza_read(item, XMLNS_CLIENT, &w->arena, stanza);
    if (outcome == STANZA_NOT) {
        if (!stream_csi_item(s, item))
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
            !(span_equal(jid_full(&from), stream_jid(s)) || span_equal(jid_full(&from), stream_bare_jid(s)))) {
            stream_fail(s, STREAM_INVALID_FROM, NULL);
            return;
        }
    }
    w->counters.stanzas++;
    if (outcome == STANZA_BAD_TO) {
        struct frame *f = stanza_error_may_answer(stanza)
                              ? stanza_error_frame(stanza, STANZA_JID_MALFORMED, stream_bare_jid(s), stream_jid(s), NULL)
                              : NULL;
        if (f)
            stream_send(s, f);
        return;
    }
    /* Its own presence divides what it is told: what came before `unavailable` belongs before it, for from then on the client
     * hears of nobody (RFC 6121 s. 4.5.2), and its next one begins anew. */
    if (stanza->kind == STANZA_PRESENCE && !stanza->has_to)
        stream_held_flush(s);
    *ret_kept = !w->events->stanza(s, stanza);
}

/* Features are out, the peer chooses: TLS or SASL. */
static void stream_negotiate_item(struct stream *s, const struct xml_item *item)
{
    if (s->state == STREAM_FEATURES && span_is(item->name, "starttls") && span_equal(item->xmlns, XMLNS_TLS)) {
        if (s->tls != STREAM_TLS_STARTTLS || conn_is_secure(&s->conn)) {
            stream_say(s, SPAN("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
            stream_end(s); /* RFC 6120 s. 5.4.2.2: failure, then the stream's end */
            return;
        }
        stream_say(s, SPAN("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
        s->is_discarding = true; /* RFC 6120 s. 5.4.3.3: nothing said in the clear may count after TLS */
        stream_enter(s, STREAM_SECURING);
        if (conn_start_tls(&s->conn, s->worker->settings->tls, false) < 0)
            stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    if (span_equal(item->xmlns, XMLNS_SASL)) {
        stream_auth_item(s, item);
        return;
    }
    /* RFC 6120 s. 4.9.3.12: a stanza before authentication. */
    stream_fail(s, STREAM_NOT_AUTHORIZED, NULL);
}

static void stream_item(struct stream *s, const struct xml_item *item, bool *ret_kept)
{
    if (item->kind == XML_KEEPALIVE) {
        s->worker->counters.keepalives++;
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

static enum stream_error stream_error_of_xml(enum xml_error e)
{
    switch (e) {
    case XML_RESTRICTED:
        return STREAM_RESTRICTED_XML;
    case XML_BAD_NAMESPACE_PREFIX:
        return STREAM_BAD_NAMESPACE_PREFIX;
    case XML_UNSUPPORTED_ENCODING:
        return STREAM_UNSUPPORTED_ENCODING;
    case XML_BAD_FORMAT:
        return STREAM_BAD_FORMAT;
    case XML_POLICY_VIOLATION:
        return STREAM_POLICY_VIOLATION;
    default:
        return STREAM_NOT_WELL_FORMED;
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
    if (s->state == STREAM_CLOSING)
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
        int outcome = xml_scan_next(scan, is_header ? XML_AT_HEADER : XML_AT_CONTENT, SPAN("stream:stream"), span_skip(in, done),
                                    &item, &used, &error);
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
    if (s->state == STREAM_CLOSING)
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
    if (!buffer_ok(&s->in))
        stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
    else if (s->is_throttled || (s->is_waiting && s->in.len > WAITING_BYTES_MAX))
        conn_pause(&s->conn);
}

void stream_continue(struct stream *s)
{
    if (s->is_throttled)
        return;
    s->is_waiting = false;
    stream_pull(s);
}

static void stream_secured(struct conn *c)
{
    struct stream *s = container_of(c, struct stream, conn);
    if (s->state != STREAM_SECURING)
        return;
    s->is_header_sent = false;
    stream_enter(s, STREAM_HEADER);
}

static void stream_conn_ended(struct conn *c, const char *reason, bool is_our_limit)
{
    struct stream *s = container_of(c, struct stream, conn);
    log_debug("stream-lost", "conn=%d reason=%s", c->fd, reason);
    if (s->state == STREAM_CLOSING)
        return;
    s->is_lost = true;
    if (is_our_limit)
        stream_fail(s, STREAM_RESET, "this connection's keys cannot be changed; connect again");
    else if (s->state == STREAM_SECURING)
        stream_is_over(s); /* nothing may be said: neither in clear nor under keys */
    else
        stream_end(s); /* the peer may have closed its direction only, and still read */
}

static void stream_conn_closed(struct conn *c)
{
    struct stream *s = container_of(c, struct stream, conn);
    loop_timer_stop(s->worker->net->loop, &s->timer);
    stream_throttle_ends(s);
    if (s->state != STREAM_CLOSING) { /* aborted under us: a slow reader */
        s->is_lost = true;
        bool was_known = s->jid != NULL && s->state != STREAM_MOVING;
        stream_auth_detach(s);
        stream_enter(s, STREAM_CLOSING);
        stream_reader_ends(s);
        if (was_known)
            s->worker->events->ended(s);
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
    if (s->state == STREAM_CLOSING)
        conn_abort(&s->conn);
    else if (s->state == STREAM_BOUND)
        stream_behind_expired(s);
    else
        stream_fail(s, STREAM_CONNECTION_TIMEOUT, "not logged in within the time allowed");
}

void stream_open(struct stream *s, struct stream_worker *w, int fd, enum stream_tls tls, bool is_kernel_wanted)
{
    s->worker = w;
    s->tls = (uint8_t)tls;
    list_init(&s->throttled);
    timer_init(&s->timer, stream_timer_expired);
    loop_timer_start(w->net->loop, &s->timer, w->settings->login_timeout_ms);
    conn_open(&s->conn, w->net, fd, &stream_conn_events);
    s->conn.is_kernel_wanted = is_kernel_wanted;
    w->counters.opened++;
    if (tls != STREAM_TLS_DIRECT)
        return;
    stream_enter(s, STREAM_SECURING);
    if (conn_start_tls(&s->conn, w->settings->tls, true) < 0)
        conn_abort(&s->conn);
}

void stream_fini(struct stream *s)
{
    xml_scan_free(s->scan);
    s->scan = NULL;
    buffer_fini(&s->in);
    free(s->jid);
    free(s->lang);
    free(s->bind_id);
    s->jid = s->lang = s->bind_id = NULL;
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
    stream_enter(s, STREAM_AUTHENTICATED);
    stream_continue(s);
}

int stream_worker_init(struct stream_worker *w, const struct stream_settings *settings, const struct stream_events *events,
                       struct net *net)
{
    *w = (struct stream_worker){.settings = settings, .events = events, .net = net, .limits = xml_limits_default};
    w->limits.stanza_bytes = settings->stanza_bytes_max;
    net->hold_bytes = settings->conflate_bytes ? settings->conflate_bytes : UINT64_MAX;
    arena_init(&w->arena);
    stream_throttle_init(w);
    return 0;
}

void stream_worker_fini(struct stream_worker *w)
{
    stream_throttle_fini(w);
    w->spare_scan = xml_scan_free(w->spare_scan);
    arena_fini(&w->arena);
}
