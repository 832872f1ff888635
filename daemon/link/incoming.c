/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that other servers open: who they are (SASL EXTERNAL by their certificate, XEP-0178; dialback as
 * the receiving server, XEP-0220 s. 2.1.2), what they say, and as the authoritative server (s. 2.2.2) whether
 * a key is ours. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "link/internal.h"
#include "xml/tree.h"
#include "xml/write.h"

#define XMLNS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define XMLNS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"

/* Another server's dialback key, escaped: those in use are hashes, none longer than some hundred octets. */
#define FOREIGN_KEY_BYTES_MAX 1024

void links_accept(struct links *links, int fd, bool is_direct)
{
    struct address_count *address = NULL;
    int outcome = address_take(links->settings->addresses, fd, loop_now_ms(links->net->loop), &address);
    bool has_room = links->stream_count < links->settings->streams_max && !links->is_stopping;
    struct link *l = outcome == 0 && has_room ? link_new(links, fd, false) : NULL;
    if (!l) { /* without a word, which would cost what the limit is there to save */
        links->counters.refused++;
        address_give(links->settings->addresses, address);
        close(fd);
        return;
    }
    links->counters.accepted++;
    l->address = address;
    if (is_direct)
        link_secure(l);
}

/* ---- header and features ---- */

static void incoming_features(struct link *l)
{
    const struct link_settings *settings = l->links->settings;
    struct buffer out = {0};
    buffer_literal(&out, "<stream:features>");
    if (!conn_is_secure(&l->conn)) {
        buffer_literal(&out, "<starttls xmlns='" XMLNS_TLS "'><required/></starttls>");
    } else if (!l->is_proved) {
        if (link_is_certified(l, link_domain(l)))
            buffer_literal(&out,
                           "<mechanisms xmlns='" XMLNS_SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>");
        if (settings->has_dialback)
            buffer_literal(&out, "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>");
        if (settings
                ->has_bidi) /* not in the clear, where it would be asked for too early (XEP-0288 s. 2.1) */
            buffer_literal(&out, "<bidi xmlns='urn:xmpp:features:bidi'/>");
    }
    buffer_printf(
        &out,
        "<limits "
        "xmlns='urn:xmpp:stream-limits:0'><max-bytes>%u</max-bytes><idle-seconds>%u</idle-seconds></limits>",
        l->is_proved ? settings->stanza_bytes_max : settings->unauthenticated_bytes_max,
        settings->idle_timeout_ms / 1000);
    buffer_literal(&out, "</stream:features>");
    link_say(l, buffer_span(&out));
    buffer_fini(&out);
}

/* Whom the peer's header names. STREAM_ERROR_COUNT: nothing is wrong. */
static enum stream_error header_domains(struct link *l, const struct xml_item *item)
{
    char storage[JID_PART_BYTES_MAX];
    struct span from = link_domain_read(l->links, item->from, storage);
    if (item->from.ptr && !from.len)
        return STREAM_INVALID_FROM;
    if (from.len && link_local(l->links, from).len) /* one of ours, says somebody else */
        return STREAM_INVALID_FROM;
    if (l->is_proved) {
        if (from.len && !span_equal(from, link_domain(l)))
            return STREAM_INVALID_FROM;
    } else { /* what was said in the clear does not count */
        free(l->domain);
        l->domain = from.len ? strndup(from.ptr, from.len) : NULL;
    }
    if (!item->to.ptr)
        return STREAM_HOST_UNKNOWN;
    l->local = link_local(l->links, link_domain_read(l->links, item->to, storage));
    return l->local.len ? STREAM_ERROR_COUNT : STREAM_HOST_UNKNOWN;
}

void incoming_header(struct link *l, const struct xml_item *item)
{
    enum stream_error error = header_domains(l, item);
    link_header_send(l);
    if (error != STREAM_ERROR_COUNT) {
        link_fail(l, error, NULL);
        return;
    }
    if (!stream_version_is_supported(xml_item_attribute(item, SPAN("version")))) {
        /* The time before features had no TLS, and nothing is said in the clear here. */
        link_fail(l, STREAM_UNSUPPORTED_VERSION, "version 1.0 is required");
        return;
    }
    link_enter(l, conn_is_secure(&l->conn) ? LINK_CHOOSING : LINK_FEATURES);
    incoming_features(l);
    if (l->is_proved)
        link_established(l, "external");
}

/* ---- EXTERNAL ---- */

static void sasl_fail(struct link *l, const char *condition)
{
    struct buffer out = {0};
    log_info("link-refused", "domain=%s by=external condition=%s", l->domain ? l->domain : "?", condition);
    buffer_printf(&out, "<failure xmlns='" XMLNS_SASL "'><%s/></failure>", condition);
    link_say(l, buffer_span(&out));
    buffer_fini(&out);
}

/* The authorisation identity, if one is given, is the domain of the header (XEP-0178 s. 3, step 9 and 10). */
static bool authzid_is_right(struct link *l, const struct xml_node *auth)
{
    char storage[JID_PART_BYTES_MAX];
    struct buffer text = {0};
    struct span domain;
    bool is_right = auth->text.len == 0 || sasl_base64_decode(auth->text, &text) == 0;
    if (is_right && text.len)
        is_right = jid_prepare_domain(buffer_span(&text), storage, &domain) == 0 &&
                   span_equal(domain, link_domain(l));
    buffer_fini(&text);
    return is_right;
}

static void incoming_auth(struct link *l, const struct xml_item *item)
{
    struct xml_node *auth;
    if (xml_tree_build(&l->links->arena, item->raw, SPAN("jabber:server"), &auth) != 0) {
        link_fail(l, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    if (!span_is(auth->name, "auth"))
        sasl_fail(l, "malformed-request");
    else if (!span_is(xml_node_attribute(auth, SPAN("mechanism")), "EXTERNAL"))
        sasl_fail(l, "invalid-mechanism");
    else if (!link_is_certified(l, link_domain(l)))
        sasl_fail(l, "not-authorized");
    else if (!authzid_is_right(l, auth))
        sasl_fail(l, "invalid-authzid");
    else {
        link_say(l, SPAN("<success xmlns='" XMLNS_SASL "'/>"));
        l->is_proved = true;
        l->is_header_sent = false;
        link_enter(l, LINK_HEADER);
    }
}

/* ---- dialback ---- */

static void result_say(struct link *l, struct span local, struct span domain, const char *type,
                       const char *condition)
{
    struct buffer out = {0};
    link_db_open(&out, "result", local, domain, (struct span){0});
    buffer_printf(&out, " type='%s'", type);
    if (condition)
        buffer_printf(
            &out,
            "><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
            condition);
    else
        buffer_literal(&out, "/>");
    link_say(l, buffer_span(&out));
    buffer_fini(&out);
}

/* A key that is to prove the peer's domain: any text, which only its authoritative server understands
 * (XEP-0220 s. 2.1.1). Empty: it cannot be one. */
static struct span key_read(struct links *links, struct span content)
{
    struct span key = link_trimmed(content);
    if (!key.len || key.len > FOREIGN_KEY_BYTES_MAX || memchr(key.ptr, '<', key.len))
        return (struct span){0};
    return xml_unescape(&links->arena, key);
}

/* The key's domain is to be proved. One domain a stream: another one is refused, and opens its own. */
void incoming_result(struct link *l, const struct xml_item *item)
{
    char from_storage[JID_PART_BYTES_MAX], to_storage[JID_PART_BYTES_MAX];
    struct span from = link_domain_read(l->links, item->from, from_storage);
    struct span to = link_domain_read(l->links, item->to, to_storage), local = link_local(l->links, to);
    struct span key = key_read(l->links, item->content);
    if (item->type.len) {
        return; /* an answer, which nobody has asked for */
    } else if (!from.len || !to.len) {
        link_fail(l, STREAM_IMPROPER_ADDRESSING, NULL);
    } else if (!local.len) {
        link_fail(l, STREAM_HOST_UNKNOWN, NULL);
    } else if (link_local(l->links, from).len ||
               (l->domain && !l->is_proved && !span_equal(from, link_domain(l)))) {
        link_fail(l, STREAM_INVALID_FROM, NULL);
    } else if (l->is_proved || l->state == LINK_PROVING || !key.len) {
        bool is_again = l->is_proved && span_equal(from, link_domain(l)) && span_equal(local, l->local);
        result_say(l, to, from, is_again ? "valid" : "error", is_again ? NULL : "not-allowed");
    } else if (l->links->settings->wants_certificates && !link_is_certified(l, from)) {
        link_fail(l, STREAM_POLICY_VIOLATION, "a certificate for your domain is required");
    } else {
        if (!l->domain)
            l->domain = strndup(from.ptr, from.len);
        l->local = local;
        link_enter(l, LINK_PROVING);
        if (!l->domain || verify_ask(l, local, from, key) != 0)
            link_fail(l, STREAM_INTERNAL_SERVER_ERROR, NULL);
    }
}

void incoming_verified(struct link *l, const struct verify *v)
{
    if (l->state != LINK_PROVING)
        return;
    struct span domain = verify_domain(v), local = verify_local(v);
    log_debug("link-verified", "domain=%s outcome=%d", l->domain, (int)v->outcome);
    switch (v->outcome) {
    case VERIFY_VALID:
        result_say(l, local, domain, "valid", NULL);
        l->is_proved = true;
        link_established(l, "dialback");
        return;
    case VERIFY_INVALID: /* XEP-0220 s. 2.1.2: then the stream ends */
        result_say(l, local, domain, "invalid", NULL);
        link_end(l, "invalid-dialback-key");
        return;
    case VERIFY_FAILED: /* this one not now; the stream may be good for another */
        result_say(l, local, domain, "error", "remote-server-timeout");
        link_enter(l, LINK_CHOOSING);
    }
}

/* Somebody asks whether a key that it was shown is ours. */
void incoming_verify(struct link *l, const struct xml_item *item)
{
    char from_storage[JID_PART_BYTES_MAX], to_storage[JID_PART_BYTES_MAX];
    struct span from = link_domain_read(l->links, item->from, from_storage);
    struct span local = link_local(l->links, link_domain_read(l->links, item->to, to_storage));
    struct span id = item->id.len ? xml_unescape(&l->links->arena, item->id) : (struct span){0};
    if (item->type.len)
        return; /* as above */
    if (!from.len || !item->to.ptr || !id.len) {
        link_fail(l, STREAM_IMPROPER_ADDRESSING, NULL);
        return;
    }
    if (!local.len) {
        link_fail(l, STREAM_HOST_UNKNOWN, NULL);
        return;
    }
    bool is_ours =
        dialback_key_is(l->links->settings->dialback, from, local, id, link_trimmed(item->content));
    struct buffer out = {0};
    link_db_open(&out, "verify", local, from, id);
    buffer_printf(&out, " type='%s'/>", is_ours ? "valid" : "invalid");
    link_say(l, buffer_span(&out));
    buffer_fini(&out);
}

/* ---- stanzas ---- */

/* RFC 6120 s. 8.1.1.2, 8.1.2.2: both are there; `from` of the domain that was proved, `to` of one of ours. */
void incoming_stanza(struct link *l, const struct xml_item *item)
{
    struct links *links = l->links;
    struct stanza *stanza = &links->stanza;
    char storage[JID_BYTES_MAX];
    struct jid from;
    int outcome = stanza_read(item, SPAN("jabber:server"), &links->arena, stanza);
    if (outcome == STANZA_NOT) {
        link_fail(l,
                  span_is(item->xmlns, "jabber:client") ? STREAM_INVALID_NAMESPACE
                                                        : STREAM_UNSUPPORTED_STANZA_TYPE,
                  NULL);
        return;
    }
    if (outcome < 0) {
        link_fail(l, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    struct span text = stanza->has_from ? xml_unescape(&links->arena, stanza->from) : (struct span){0};
    if (!text.len || outcome == STANZA_BAD_TO || !stanza->has_to || jid_parse(text, storage, &from) != 0) {
        link_fail(l, STREAM_IMPROPER_ADDRESSING, NULL);
        return;
    }
    if (!span_equal(jid_domain(&from), link_domain(l))) {
        link_fail(l, STREAM_INVALID_FROM, NULL);
        return;
    }
    struct span local = link_local(links, jid_domain(&stanza->to));
    if (!local.len || (l->is_outgoing && !span_equal(local, l->local))) {
        link_fail(l, STREAM_HOST_UNKNOWN, NULL);
        return;
    }
    l->used_ms = loop_now_ms(links->net->loop);
    l->stanzas++;
    links->counters.stanzas_received++;
    router_remote_stanza(links->router, stanza, &from, span_of(l->lang));
}

void incoming_item(struct link *l, const struct xml_item *item)
{
    bool has_dialback = l->links->settings->has_dialback && conn_is_secure(&l->conn);
    if (l->state == LINK_FEATURES) {
        if (span_is(item->name, "starttls") && span_is(item->xmlns, XMLNS_TLS)) {
            link_say(l, SPAN("<proceed xmlns='" XMLNS_TLS "'/>"));
            link_secure(l);
        } else { /* dialback in the clear among them */
            link_fail(l, STREAM_POLICY_VIOLATION, "TLS is required");
        }
    } else if (has_dialback && link_is_db(l, item, "result")) {
        incoming_result(l, item);
    } else if (has_dialback && link_is_db(l, item, "verify")) {
        incoming_verify(l, item);
    } else if (span_starts(item->name, SPAN("db:")) && !l->has_db) {
        link_fail(l, STREAM_BAD_NAMESPACE_PREFIX, NULL);
    } else if (l->state == LINK_CHOOSING && l->links->settings->has_bidi && span_is(item->name, "bidi") &&
               span_is(item->xmlns, "urn:xmpp:bidi")) {
        l->is_bidirectional = true; /* as soon as it is proved */
    } else if (l->state == LINK_ESTABLISHED) {
        incoming_stanza(l, item);
    } else if (l->state == LINK_CHOOSING && span_is(item->xmlns, XMLNS_SASL)) {
        incoming_auth(l, item);
    } else {
        link_fail(l, STREAM_NOT_AUTHORIZED, NULL);
    }
}
