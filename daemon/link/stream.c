/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a stream between servers, in either direction: bytes to items, items to whoever answers them,
 * its end. */
#include <stdlib.h>

#include "base/log.h"
#include "link/internal.h"
#include "tls/server.h"
#include "xml/tree.h"
#include "xml/write.h"

/* The peer may keep its end open this long after ours. */
#define CLOSE_TIMEOUT_MS 5000

static const char *const state_names[] = {"header",  "features",    "securing", "choosing",
                                          "proving", "established", "closing"};

void link_enter(struct link *l, enum link_state state)
{
    log_debug("link", "conn=%d state=%s->%s", l->conn.fd, state_names[l->state], state_names[state]);
    l->state = state;
}

void link_put(struct link *l, struct span bytes)
{
    if (!l->has_said_end && conn_send_bytes(&l->conn, bytes) < 0)
        conn_abort(&l->conn);
}

void link_say(struct link *l, struct span bytes)
{
    if (l->has_said_end)
        return;
    int outcome = conn_send_bytes(&l->conn, bytes);
    bool is_asked = !l->is_outgoing || l->is_bidirectional;
    /* Stanzas have a share of their own: what is put there until QUEUE_FLUSH_BYTES are, and as much again. */
    size_t stanzas = 2u * QUEUE_FLUSH_BYTES + l->links->settings->stanza_bytes_max;
    if (outcome < 0 || (is_asked && l->conn.out.bytes > l->links->net->queue_bytes_max + stanzas))
        conn_abort(&l->conn);
}

void link_deadline(struct link *l, uint32_t ms)
{
    loop_timer_start(l->links->net->loop, &l->timer, ms);
}

/* Every end comes through here, once. */
static void link_over(struct link *l, const char *reason)
{
    struct link_counters *counters = &l->links->counters;
    log_info("link-ended", "direction=%s domain=%s local=%.*s reason=%s", l->is_outgoing ? "out" : "in",
             l->domain ? l->domain : "?", (int)l->local.len, l->local.len ? l->local.ptr : "", reason);
    counters->failed += !l->was_established;
    link_enter(l, LINK_CLOSING);
    l->is_discarding = true;
    way_end(l);
    if (l->remote)
        remote_unlink(l->remote, l, reason);
    l->remote = NULL;
}

static void link_leave(struct link *l, const char *reason)
{
    link_over(l, reason);
    conn_close(&l->conn);
    link_deadline(l, CLOSE_TIMEOUT_MS);
}

void link_end(struct link *l, const char *reason)
{
    if (l->state == LINK_CLOSING)
        return;
    if (l->is_header_sent && l->state != LINK_SECURING)
        link_say(l, SPAN("</stream:stream>"));
    link_leave(l, reason);
}

void link_retire(struct link *l, const char *reason)
{
    struct remote *r = l->remote;
    if (l->is_outgoing && !l->is_bidirectional) {
        link_end(l, reason);
        return;
    }
    if (l->has_said_end) { /* it has had its time */
        link_over(l, reason);
        conn_abort(&l->conn);
        return;
    }
    way_end(l);
    link_say(l, SPAN("</stream:stream>"));
    l->has_said_end = true;
    l->conn.is_holding = false;
    l->remote = NULL;
    link_deadline(l, CLOSE_TIMEOUT_MS);
    if (r)
        remote_unlink(r, l, reason);
}

void link_fail(struct link *l, enum stream_error e, const char *text)
{
    if (l->state == LINK_CLOSING)
        return;
    l->links->counters.stream_errors++;
    if (!l->is_header_sent)
        link_header_send(l);
    struct buffer out = {0};
    stream_error_write(&out, e, text, (struct span){0});
    link_say(l, buffer_span(&out));
    buffer_fini(&out);
    link_leave(l, text ? text : stream_error_name(e));
}

void link_header_send(struct link *l)
{
    struct buffer out = {0}, id = {0};
    buffer_literal(
        &out, "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
              "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='en'");
    if (!l->is_outgoing) {
        stream_id_write(&id);
        xml_write_attribute(&out, "id", buffer_span(&id));
        free(l->id);
        l->id = id.len ? strndup(id.ptr, id.len) : NULL;
        buffer_fini(&id);
    }
    /* An error before we know for whom it is: one of our domains says so. */
    xml_write_attribute(&out, "from", l->local.len ? l->local : l->links->settings->domains[0]);
    if (l->domain)
        xml_write_attribute(&out, "to", link_domain(l));
    buffer_literal(&out, ">");
    link_say(l, buffer_span(&out));
    buffer_fini(&out);
    l->is_header_sent = true;
}

bool link_is_certified(const struct link *l, struct span domain)
{
    const struct tls_bindings *b = conn_bindings(&l->conn);
    return b && domain.len && tls_server_is_for(b->server, domain);
}

void link_secure(struct link *l)
{
    const struct link_settings *settings = l->links->settings;
    bool is_direct = l->state == LINK_HEADER;
    l->is_discarding = true; /* RFC 6120 s. 5.4.3.3: nothing said in the clear may count after TLS */
    link_enter(l, LINK_SECURING);
    int error = l->is_outgoing
                    ? conn_start_tls_to(&l->conn, settings->outgoing, is_direct, l->local, link_domain(l))
                    : conn_start_tls(&l->conn, settings->incoming, is_direct, l->local);
    if (error)
        conn_abort(&l->conn);
}

void link_established(struct link *l, const char *proof)
{
    struct link_counters *counters = &l->links->counters;
    l->proof = proof;
    l->was_established = true;
    l->since_ms = l->used_ms = loop_now_ms(l->links->net->loop);
    *(l->is_outgoing ? &counters->authenticated_outgoing : &counters->authenticated_incoming) += 1;
    link_enter(l, LINK_ESTABLISHED);
    link_deadline(l, l->links->settings->idle_timeout_ms);
    if (!l->is_outgoing)
        way_begin(l);
    counters->bidirectional += l->is_bidirectional;
    log_info("link-established", "direction=%s domain=%s local=%.*s by=%s%s", l->is_outgoing ? "out" : "in",
             l->domain, (int)l->local.len, l->local.ptr, proof,
             l->is_bidirectional ? " bidirectional=yes" : "");
}

struct span link_domain_read(struct links *links, struct span raw, char storage[static JID_PART_BYTES_MAX])
{
    struct span domain, text = raw.len ? xml_unescape(&links->arena, raw) : (struct span){0};
    return text.len && jid_prepare_domain(text, storage, &domain) == 0 ? domain : (struct span){0};
}

struct span link_trimmed(struct span text)
{
    while (text.len && (unsigned char)text.ptr[0] <= ' ')
        text = span_skip(text, 1);
    while (text.len && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    return text;
}

struct span link_local(const struct links *links, struct span domain)
{
    for (uint32_t i = 0; i < links->settings->domain_count; i++)
        if (span_equal(links->settings->domains[i], domain))
            return links->settings->domains[i];
    return (struct span){0};
}

void link_db_open(struct buffer *out, const char *name, struct span from, struct span to, struct span id)
{
    buffer_printf(out, "<db:%s", name);
    xml_write_attribute(out, "from", from);
    xml_write_attribute(out, "to", to);
    if (id.len)
        xml_write_attribute(out, "id", id);
}

bool link_is_db(const struct link *l, const struct xml_item *item, const char *name)
{
    struct span prefix = SPAN("db:");
    if (span_starts(item->name, prefix))
        return l->has_db && span_equal(span_skip(item->name, prefix.len), span_of(name));
    return span_is(item->xmlns, "jabber:server:dialback") && span_equal(item->name, span_of(name));
}

/* ---- bytes ---- */

static void link_item(struct link *l, const struct xml_item *item)
{
    struct span streams = xml_item_attribute(item, SPAN("xmlns:stream"));
    switch (item->kind) {
    case XML_KEEPALIVE:
        return;
    case XML_STREAM_CLOSE:
        link_end(l, "closed-by-peer");
        return;
    case XML_STREAM_OPEN:
        l->has_db = span_is(xml_item_attribute(item, SPAN("xmlns:db")), "jabber:server:dialback");
        free(l->lang);
        l->lang =
            item->lang.len && item->lang.len <= UINT8_MAX ? strndup(item->lang.ptr, item->lang.len) : NULL;
        if (!span_is(item->name, "stream:stream")) {
            link_fail(l, STREAM_BAD_NAMESPACE_PREFIX, "the stream element's prefix must be 'stream'");
        } else if (!span_is(streams, "http://etherx.jabber.org/streams") ||
                   !span_is(item->xmlns, "jabber:server")) {
            link_fail(l, STREAM_INVALID_NAMESPACE, NULL);
        } else {
            (l->is_outgoing ? outgoing_header : incoming_header)(l, item);
            if (item->is_self_closing)
                link_end(l, "closed-by-peer");
        }
        return;
    case XML_STANZA:
        if (span_is(item->name, "stream:error")) { /* its condition is the first child */
            log_info("link-error", "domain=%s condition=%.*s", l->domain ? l->domain : "?",
                     (int)item->child_name.len, item->child_name.len ? item->child_name.ptr : "");
            if (l->is_outgoing)
                outgoing_error(l, item);
            link_end(l, "stream-error");
        } else {
            (l->is_outgoing ? outgoing_item : incoming_item)(l, item);
        }
    }
}

/* Handle the items at the beginning of `in`; returns the bytes used up. */
static size_t link_consume(struct link *l, struct span in)
{
    const struct link_settings *settings = l->links->settings;
    size_t done = 0;
    l->is_discarding = l->state == LINK_CLOSING;
    while (done < in.len && !l->is_discarding && !l->is_throttled) {
        struct xml_item item;
        enum xml_error error = XML_ERROR_NONE;
        size_t used = 0, left = in.len - done;
        int outcome = xml_scan_next(l->scan, l->state == LINK_HEADER ? XML_AT_HEADER : XML_AT_CONTENT,
                                    SPAN("stream:stream"), span_skip(in, done), &item, &used, &error);
        if (outcome == XML_BAD)
            link_fail(l, stream_error_of_xml(error), NULL);
        else if (!l->was_established && (outcome == 0 ? used : left) > settings->unauthenticated_bytes_max)
            link_fail(l, STREAM_POLICY_VIOLATION, "stanza too large before authentication");
        else if (outcome == 0)
            link_item(l, &item);
        arena_reset(&l->links->arena);
        if (outcome != 0)
            break;
        done += used;
        link_throttle_charge(l, used);
    }
    if (l->is_discarding)
        xml_scan_reset(l->scan);
    return l->is_discarding ? in.len : done;
}

void link_pull(struct link *l)
{
    if (!l->is_throttled)
        buffer_consume(&l->in, link_consume(l, buffer_span(&l->in)));
    if (l->in.len == 0)
        buffer_fini(&l->in);
    if (l->is_throttled)
        conn_pause(&l->conn);
    else
        conn_resume(&l->conn);
}

static void link_received(struct conn *c, struct span bytes)
{
    struct link *l = container_of(c, struct link, conn);
    if (l->state == LINK_CLOSING)
        return;
    buffer_append(&l->in, bytes);
    if (!buffer_ok(&l->in)) {
        link_fail(l, STREAM_INTERNAL_SERVER_ERROR, "out of memory");
        return;
    }
    link_pull(l);
}

static void link_secured(struct conn *c)
{
    struct link *l = container_of(c, struct link, conn);
    if (l->state != LINK_SECURING)
        return;
    l->is_header_sent = false;
    link_enter(l, LINK_HEADER);
    if (!l->is_outgoing)
        return;
    bool wants_certificate = l->links->settings->wants_certificates || l->is_redirected;
    if (wants_certificate && !link_is_certified(l, link_domain(l))) {
        /* Not a word to who may be anybody: not even a stream error. */
        link_over(l, "wrong-certificate");
        conn_close(&l->conn);
        link_deadline(l, CLOSE_TIMEOUT_MS);
        return;
    }
    link_header_send(l);
}

static void link_conn_ended(struct conn *c, const char *reason, bool is_our_limit)
{
    (void)is_our_limit;
    struct link *l = container_of(c, struct link, conn);
    if (l->state == LINK_CLOSING)
        return;
    if (l->state == LINK_SECURING)
        link_leave(l, reason); /* nothing may be said: neither in clear nor under keys */
    else
        link_end(l, reason);
}

static void link_refill(struct conn *c)
{
    struct link *l = container_of(c, struct link, conn);
    if (l->remote)
        remote_flush(l->remote);
    way_refill(l);
}

static void link_closed(struct conn *c)
{
    struct link *l = container_of(c, struct link, conn);
    struct links *links = l->links;
    if (l->state != LINK_CLOSING)
        link_over(l, "aborted");
    loop_timer_stop(links->net->loop, &l->timer);
    loop_timer_stop(links->net->loop, &l->throttle);
    address_give(links->settings->addresses, l->address);
    list_remove(&l->node);
    hash_table_remove(&links->numbers, &l->by_number);
    links->stream_count--;
    *(l->is_outgoing ? &links->counters.outgoing : &links->counters.incoming) -= 1;
    xml_scan_free(l->scan);
    buffer_fini(&l->in);
    free(l->domain);
    free(l->id);
    free(l->lang);
    free(l);
}

static const struct conn_events link_conn_events = {
    .received = link_received,
    .secured = link_secured,
    .ended = link_conn_ended,
    .refill = link_refill,
    .closed = link_closed,
};

static void link_timer_expired(struct timer *t)
{
    struct link *l = container_of(t, struct link, timer);
    uint64_t now_ms = loop_now_ms(l->links->net->loop), idle_ms = l->links->settings->idle_timeout_ms;
    bool is_unanswered = l->remote && !list_empty(&l->remote->asked);
    if (l->state == LINK_CLOSING)
        conn_abort(&l->conn);
    else if (l->state == LINK_ESTABLISHED && is_unanswered)
        link_retire(l, "key-not-verified");
    else if (l->state == LINK_ESTABLISHED && !l->has_said_end && l->used_ms + idle_ms > now_ms)
        link_deadline(l, (uint32_t)(l->used_ms + idle_ms - now_ms));
    else if (l->state == LINK_ESTABLISHED)
        link_retire(l, "idle");
    else if (l->state == LINK_SECURING)
        link_leave(l, "timeout");
    else
        link_fail(l, STREAM_CONNECTION_TIMEOUT, "not authenticated within the time allowed");
}

struct link *link_new(struct links *links, int fd, bool is_outgoing)
{
    struct link *l = calloc(1, sizeof *l);
    struct xml_scan *scan = l ? xml_scan_new(&links->limits) : NULL;
    if (!scan || hash_table_insert(&links->numbers, &l->by_number, ++links->numbers_given) != 0) {
        if (scan)
            xml_scan_free(scan);
        free(l);
        return NULL;
    }
    l->links = links;
    l->scan = scan;
    l->number = links->numbers_given;
    l->is_outgoing = is_outgoing;
    list_init(&l->node);
    list_append(&links->streams, &l->node);
    links->stream_count++;
    *(is_outgoing ? &links->counters.outgoing : &links->counters.incoming) += 1;
    timer_init(&l->timer, link_timer_expired);
    link_throttle_init(l);
    link_deadline(l, links->settings->login_timeout_ms);
    conn_open(&l->conn, links->net, fd, &link_conn_events);
    return l;
}
