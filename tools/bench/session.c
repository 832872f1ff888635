/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection and stream; what happens between header and bind is in login.c. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"

static void source_ready(struct loop_source *source, uint32_t epoll_events);

void session_init(struct session *s, struct loop *loop, const struct session_settings *settings,
                  const struct session_hooks *hooks, struct account *account)
{
    *s = (struct session){
        .source.ready = source_ready, .settings = settings, .hooks = hooks, .account = account};
    transport_init(&s->transport, loop, &s->source);
    splitter_init(&s->splitter);
}

void session_fini(struct session *s)
{
    login_forget(s);
    transport_close(&s->transport, true);
    splitter_fini(&s->splitter);
    free(s->full_jid);
    s->full_jid = NULL;
    s->state = SESSION_OFF;
}

/* Back to SESSION_OFF, ready to start again. */
static void session_end(struct session *s, bool reset, const char *reason)
{
    if (s->state == SESSION_OFF)
        return;
    login_forget(s);
    transport_close(&s->transport, reset);
    splitter_reset(&s->splitter);
    s->is_encrypted = s->is_authenticated = false;
    s->state = SESSION_OFF;
    s->hooks->ended(s, reason);
}

void session_fail(struct session *s, const char *reason)
{
    session_end(s, true, reason);
}

static void session_fail_errno(struct session *s, const char *what, int error)
{
    char reason[160];
    snprintf(reason, sizeof reason, "%s: %s", what, strerror(-error));
    session_fail(s, reason);
}

void session_send(struct session *s, struct span stanzas)
{
    if (s->state == SESSION_OFF)
        return;
    int outcome = transport_write(&s->transport, stanzas);
    if (outcome < 0)
        session_fail_errno(s, "sending", outcome);
}

void session_open_stream(struct session *s)
{
    char header[512];
    splitter_reset(&s->splitter);
    s->state = SESSION_FEATURES;
    int len = snprintf(header, sizeof header,
                       "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:client' "
                       "xmlns:stream='http://etherx.jabber.org/streams'>",
                       s->settings->domain);
    session_send(s, span_make(header, (size_t)len));
}

void session_start(struct session *s, unsigned source_host)
{
    s->started_ns = clock_now_ns();
    s->state = SESSION_CONNECTING;
    s->was_online = false;
    s->roster_items = 0;
    int outcome = transport_connect(&s->transport, &s->settings->target, source_host);
    if (outcome < 0)
        session_fail_errno(s, "connecting", outcome);
}

void session_close(struct session *s)
{
    if (s->state == SESSION_OFF || s->state == SESSION_CLOSING)
        return;
    s->state = SESSION_CLOSING;
    session_send(s, SPAN("</stream:stream>"));
}

void session_cut(struct session *s)
{
    session_end(s, true, NULL);
}

/* TLS goes on; when it is up, the stream begins. */
static void shake(struct session *s)
{
    char reason[200];
    int outcome = transport_tls_go_on(&s->transport, reason, sizeof reason);
    if (outcome == TRANSPORT_WAIT)
        return;
    if (outcome < 0) {
        session_fail(s, reason);
    } else {
        s->is_encrypted = true;
        session_open_stream(s);
    }
}

void session_start_tls(struct session *s, bool direct)
{
    s->state = SESSION_SHAKING;
    int outcome = transport_tls_start(&s->transport, &s->settings->target, direct);
    if (outcome < 0)
        session_fail_errno(s, "starting TLS", outcome);
    else
        shake(s); /* a server on another core may even let it end here */
}

static void connected(struct session *s)
{
    int outcome = transport_connected(&s->transport);
    if (outcome < 0) {
        session_fail_errno(s, "connecting", outcome);
    } else if (s->settings->tls_mode == TLS_MODE_DIRECT) {
        session_start_tls(s, true);
    } else {
        session_open_stream(s);
    }
}

/* Every request deserves an answer (RFC 6120 section 8.2.3), or the server may think us dead. */
static void iq_answer(struct session *s, const struct element *iq)
{
    struct span type = element_attribute_or_empty(iq, "type");
    struct span id = element_attribute_or_empty(iq, "id");
    struct span from = element_attribute_or_empty(iq, "from");
    struct element payload;
    if (!span_is(type, "get") && !span_is(type, "set"))
        return;
    bool known = element_child(iq, "ping", &payload) || element_child(iq, "query", &payload);
    bool roster = known && span_is(element_attribute_or_empty(&payload, "xmlns"), "jabber:iq:roster");
    bool done = roster || (known && span_is(payload.name, "ping"));
    struct buffer answer;
    buffer_init(&answer);
    buffer_printf(&answer, "<iq type='%s' id=\"%.*s\"", done ? "result" : "error", (int)id.len, id.ptr);
    if (from.len > 0)
        buffer_printf(&answer, " to=\"%.*s\"", (int)from.len, from.ptr);
    if (done)
        buffer_literal(&answer, "/>");
    else
        buffer_literal(&answer, "><error type='cancel'><service-unavailable "
                                "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
    session_send(s, buffer_span(&answer));
    buffer_fini(&answer);
}

static void stream_error(struct session *s, const struct element *error)
{
    char reason[200];
    struct element condition, text;
    size_t cursor = 0;
    struct span name = SPAN("no condition"), detail = SPAN("");
    if (element_next_child(error, &cursor, &condition))
        name = condition.name;
    if (element_child(error, "text", &text))
        detail = text.body;
    snprintf(reason, sizeof reason, "stream error %.*s %.*s", (int)name.len, name.ptr, (int)detail.len,
             detail.ptr);
    session_fail(s, reason);
}

static void handle_stanza(struct session *s, struct span raw)
{
    struct element stanza;
    if (element_parse(raw, &stanza) != 0) {
        session_fail(s, "the server sent what is not an element");
    } else if (span_is(stanza.name, "error")) {
        stream_error(s, &stanza);
    } else if (s->state == SESSION_ONLINE) {
        s->hooks->stanza(s, &stanza);
        if (span_is(stanza.name, "iq"))
            iq_answer(s, &stanza);
    } else if (s->state != SESSION_CLOSING) {
        login_stanza(s, &stanza);
    }
}

/* Handle all that is whole in `bytes`; whatever a handler does to the session is noticed by its state. */
static void handle_bytes(struct session *s, struct span bytes)
{
    enum splitter_kind kind;
    struct span item;
    int outcome = splitter_feed(&s->splitter, bytes);
    while (outcome == 0 && s->state != SESSION_OFF) {
        outcome = splitter_next(&s->splitter, &kind, &item);
        if (outcome != 0)
            break;
        if (kind == SPLITTER_STANZA)
            handle_stanza(s, item);
        else if (kind == SPLITTER_CLOSE)
            session_end(s, false, s->state == SESSION_CLOSING ? NULL : "the server ended the stream");
    }
    if (s->state == SESSION_OFF)
        return;
    if (outcome == SPLITTER_BAD)
        session_fail(s, "the server sent what is not XML");
    else if (outcome < 0)
        session_fail_errno(s, "receiving", outcome);
}

/* Read until nothing is left: OpenSSL may hold records that epoll knows nothing of. */
static void read_all(struct session *s)
{
    char *buffer = s->transport.loop->read_buffer;
    while (s->state > SESSION_SHAKING) {
        ssize_t len = transport_read(&s->transport, buffer, LOOP_READ_BYTES);
        if (len == -EAGAIN)
            return;
        if (len > 0)
            handle_bytes(s, span_make(buffer, (size_t)len));
        else if (s->state == SESSION_CLOSING)
            session_end(s, false, NULL);
        else if (len == 0)
            session_fail(s, "the server closed the connection");
        else
            session_fail_errno(s, "receiving", (int)len);
    }
}

static void source_ready(struct loop_source *source, uint32_t epoll_events)
{
    struct session *s = container_of(source, struct session, source);
    if (s->state == SESSION_CONNECTING) {
        if (epoll_events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            connected(s);
        return;
    }
    if (s->state == SESSION_SHAKING) {
        shake(s);
        if (s->state == SESSION_SHAKING)
            return;
    }
    if (s->state != SESSION_OFF && (epoll_events & EPOLLOUT)) {
        int outcome = transport_flush(&s->transport);
        if (outcome < 0) {
            session_fail_errno(s, "sending", outcome);
            return;
        }
    }
    if (s->state != SESSION_OFF)
        read_all(s);
}
