/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that we open: TLS, then our domain is proved by our certificate (SASL EXTERNAL) or else by dialback
 * (XEP-0220 s. 2.1.1), then stanzas. To verify a key that somebody has shown us (s. 2.2.1) TLS is enough. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "link/internal.h"
#include "link/resolve.h"
#include "xml/tree.h"
#include "xml/write.h"

#define XMLNS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define XMLNS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define XMLNS_STREAM_ERRORS "urn:ietf:params:xml:ns:xmpp-streams"

/* RFC 6120 s. 4.9.3.19: "at least 2 but no more than 5" in a row. */
#define REDIRECTS_MAX 3

void outgoing_open(struct remote *r, int fd, bool is_direct)
{
    struct links *links = r->links;
    struct span domain = remote_domain(r);
    char *copy = strndup(domain.ptr, domain.len);
    struct link *l = copy ? link_new(links, fd, true) : NULL;
    if (!l) {
        free(copy);
        close(fd);
        remote_fail(r, STANZA_RESOURCE_CONSTRAINT, "out-of-memory");
        return;
    }
    links->counters.opened++;
    l->domain = copy;
    l->local = r->local;
    l->remote = r;
    l->is_redirected = r->is_redirected;
    r->link = l;
    if (is_direct)
        link_secure(l);
    else
        link_header_send(l);
}

void outgoing_header(struct link *l, const struct xml_item *item)
{
    if (!stream_version_is_supported(xml_item_attribute(item, SPAN("version")))) {
        link_fail(l, STREAM_UNSUPPORTED_VERSION, "the server has no stream features");
        return;
    }
    struct span id = item->id.len ? xml_unescape(&l->links->arena, item->id) : (struct span){0};
    free(l->id);
    l->id = id.len && id.len < UINT16_MAX ? strndup(id.ptr, id.len) : NULL;
    link_enter(l, LINK_FEATURES);
}

/* ---- proving our domain ---- */

/* Who has shown its certificate may speak on this stream, too (XEP-0288 s. 2.2); of others we know only where
 * we have found them. */
static void bidi_ask(struct link *l)
{
    if (!l->has_bidi || l->is_bidirectional || !link_is_certified(l, link_domain(l)))
        return;
    l->is_bidirectional = true;
    link_say(l, SPAN("<bidi xmlns='urn:xmpp:bidi'/>"));
}

static void external_begin(struct link *l)
{
    struct buffer out = {0};
    buffer_literal(&out, "<auth xmlns='" XMLNS_SASL "' mechanism='EXTERNAL'>");
    sasl_base64_encode(l->local, &out);
    buffer_literal(&out, "</auth>");
    l->has_external = false; /* once */
    link_enter(l, LINK_PROVING);
    link_say(l, buffer_span(&out));
    buffer_fini(&out);
}

static void dialback_begin(struct link *l)
{
    char key[DIALBACK_KEY_BYTES + 1];
    if (!l->id ||
        dialback_key(l->links->settings->dialback, link_domain(l), l->local, span_of(l->id), key) != 0) {
        link_end(l, "no-dialback-key");
        return;
    }
    struct buffer out = {0};
    link_db_open(&out, "result", l->local, link_domain(l), (struct span){0});
    buffer_printf(&out, ">%s</db:result>", key);
    l->is_dialling = true;
    link_enter(l, LINK_PROVING);
    link_say(l, buffer_span(&out));
    buffer_fini(&out);
}

static void verifies_say(struct link *l, struct remote *r)
{
    /* Who does not answer is not asked for ever: link_timer_expired. */
    if (!list_empty(&r->verifies))
        link_deadline(l, l->links->settings->login_timeout_ms);
    for (struct list *node; (node = list_take(&r->verifies));) {
        struct verify *v = container_of(node, struct verify, node);
        struct buffer out = {0};
        link_db_open(&out, "verify", verify_local(v), verify_domain(v), verify_id(v));
        buffer_literal(&out, ">");
        xml_escape(&out, verify_key(v));
        buffer_literal(&out, "</db:verify>");
        list_append(&r->asked, &v->node);
        link_say(l, buffer_span(&out));
        buffer_fini(&out);
    }
}

void outgoing_advance(struct link *l)
{
    const struct link_settings *settings = l->links->settings;
    struct remote *r = l->remote;
    /* Who verifies our key may first want its own to be: asking must not wait for its answer. */
    bool may_ask = l->state == LINK_CHOOSING || l->state == LINK_ESTABLISHED ||
                   (l->state == LINK_PROVING && l->is_dialling);
    if (!r || !may_ask)
        return;
    verifies_say(l, r);
    if (l->state == LINK_PROVING)
        return;
    if (l->state == LINK_ESTABLISHED) {
        remote_flush(r);
        return;
    }
    if (!list_empty(&r->asked))
        return; /* one thing after the other: not every server expects both at a time */
    bool has_due = remote_has_due(r);
    link_deadline(l, has_due ? settings->login_timeout_ms : settings->idle_timeout_ms);
    if (!has_due)
        return;
    bidi_ask(l);
    if (l->has_external)
        external_begin(l);
    else if (settings->has_dialback && l->has_db)
        dialback_begin(l);
    else
        link_end(l, "nothing-to-prove-our-domain-by");
}

/* ---- what the peer says ---- */

static void outgoing_features(struct link *l, const struct xml_item *item)
{
    struct xml_node *features;
    if (xml_tree_build(&l->links->arena, item->raw, SPAN("jabber:server"), &features) != 0) {
        link_fail(l, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    if (!conn_is_secure(&l->conn)) {
        if (xml_node_child(features, SPAN("starttls"), SPAN(XMLNS_TLS)))
            link_say(l, SPAN("<starttls xmlns='" XMLNS_TLS "'/>"));
        else
            link_end(l, "no-tls"); /* never in the clear */
        return;
    }
    if (l->is_proved) {
        link_established(l, "external");
    } else {
        const struct xml_node *list = xml_node_child(features, SPAN("mechanisms"), SPAN(XMLNS_SASL));
        for (const struct xml_node *m = list ? list->children : NULL; m; m = m->next)
            l->has_external |= span_is(m->name, "mechanism") && span_is(m->text, "EXTERNAL");
        l->has_bidi = l->links->settings->has_bidi &&
                      xml_node_child(features, SPAN("bidi"), SPAN("urn:xmpp:features:bidi"));
        link_enter(l, LINK_CHOOSING);
    }
    outgoing_advance(l);
}

/* Dialback's questions by the one whom we have connected to. */
static bool takes_requests(const struct link *l)
{
    return l->links->settings->has_dialback && l->is_bidirectional && l->state == LINK_ESTABLISHED;
}

static void outgoing_result(struct link *l, const struct xml_item *item)
{
    char from[JID_PART_BYTES_MAX], to[JID_PART_BYTES_MAX];
    if (!item->type.len) {
        /* It wants to prove a domain: another one has a stream of its own, and its own is proved, by the
         * certificate that bidi_ask saw. */
        if (takes_requests(l))
            incoming_result(l, item);
        return;
    }
    if (l->state != LINK_PROVING || !l->is_dialling ||
        !span_equal(link_domain_read(l->links, item->from, from), link_domain(l)) ||
        !span_equal(link_domain_read(l->links, item->to, to), l->local))
        return; /* of another pair of domains, or unasked */
    if (span_is(item->type, "valid")) {
        l->is_proved = true;
        link_established(l, "dialback");
        outgoing_advance(l);
        return;
    }
    log_info("link-refused", "domain=%s by=dialback type=%s", l->domain,
             span_is(item->type, "invalid") ? "invalid" : "error");
    link_end(l, "dialback-refused");
}

static void outgoing_verified(struct link *l, const struct xml_item *item)
{
    struct span id = item->id.len ? xml_unescape(&l->links->arena, item->id) : (struct span){0};
    if (!item->type.len) {
        if (takes_requests(l))
            incoming_verify(l, item);
        return;
    }
    if (!l->remote)
        return;
    list_each(node, &l->remote->asked)
    {
        struct verify *v = container_of(node, struct verify, node);
        if (!span_equal(verify_id(v), id))
            continue;
        l->remote->redirects = 0;
        verify_answer(v, span_is(item->type, "valid")     ? VERIFY_VALID
                         : span_is(item->type, "invalid") ? VERIFY_INVALID
                                                          : VERIFY_FAILED);
        break;
    }
    outgoing_advance(l);
}

/* The answers to external_begin. */
static void outgoing_sasl(struct link *l, const struct xml_item *item)
{
    if (l->state != LINK_PROVING) {
        link_fail(l, STREAM_NOT_AUTHORIZED, NULL);
    } else if (span_is(item->name, "success")) {
        l->is_proved = true;
        l->is_header_sent = false;
        link_enter(l, LINK_HEADER);
        link_header_send(l);
    } else if (span_is(item->name, "challenge")) { /* the identity was in the first message: nothing to add */
        link_say(l, SPAN("<response xmlns='" XMLNS_SASL "'>=</response>"));
    } else { /* XEP-0178 s. 3: dialback may follow */
        log_info("link-refused", "domain=%s by=external condition=%.*s", l->domain, (int)item->child_name.len,
                 item->child_name.len ? item->child_name.ptr : "");
        link_enter(l, LINK_CHOOSING);
        remote_advance(
            l->remote); /* by what is offered besides, or the peer's stream, which may be there by now */
    }
}

/* "domainpart:port" of the domain itself is where we are, but for the port. The new place, to be freed; NULL
 * without memory. */
static char *place_of(const struct link *l, struct span place, const struct resolution *there)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    char address[INET6_ADDRSTRLEN], *copy = NULL;
    bool is_here =
        there->port && span_equal(span_of(there->domain), link_domain(l)) &&
        getpeername(l->conn.fd, (struct sockaddr *)&peer, &len) == 0 &&
        getnameinfo((struct sockaddr *)&peer, len, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0;
    if (!is_here)
        return strndup(place.ptr, place.len);
    bool is_v6 = peer.ss_family == AF_INET6;
    return asprintf(&copy, is_v6 ? "[%s]:%u" : "%s:%u", address, there->port) < 0 ? NULL : copy;
}

/* Followed when the peer has shown by its certificate that it speaks for the domain; others could send us
 * anywhere, again and again. Who is there must show the same domain's certificate (s. 4.9.3.19). */
void outgoing_error(struct link *l, const struct xml_item *item)
{
    struct remote *r = l->remote;
    struct xml_node *error;
    struct resolution there;
    if (!r || l->was_established || !link_is_certified(l, link_domain(l)) ||
        xml_tree_build(&l->links->arena, item->raw, SPAN("jabber:server"), &error) != 0)
        return;
    const struct xml_node *other = xml_node_child(error, SPAN("see-other-host"), SPAN(XMLNS_STREAM_ERRORS));
    struct span place = other ? link_trimmed(other->text) : (struct span){0};
    if (!other || r->redirects == REDIRECTS_MAX || !resolve_place(place, &there))
        return;
    free(r->place);
    r->place = place_of(l, place, &there);
    r->redirects++;
    log_info("link-redirected", "domain=%s to=%s", l->domain, r->place ? r->place : "?");
}

void outgoing_item(struct link *l, const struct xml_item *item)
{
    bool is_secure = conn_is_secure(&l->conn);
    if (l->state == LINK_FEATURES && span_is(item->name, "stream:features"))
        outgoing_features(l, item);
    else if (l->state == LINK_FEATURES && !is_secure && span_is(item->xmlns, XMLNS_TLS) &&
             span_is(item->name, "proceed"))
        link_secure(l);
    else if (is_secure && span_is(item->xmlns, XMLNS_SASL))
        outgoing_sasl(l, item);
    else if (is_secure && link_is_db(l, item, "result"))
        outgoing_result(l, item);
    else if (is_secure && link_is_db(l, item, "verify"))
        outgoing_verified(l, item);
    else if (span_is(item->name, "stream:features"))
        return; /* again, and nothing that matters now */
    else if (l->state == LINK_ESTABLISHED && l->is_bidirectional)
        incoming_stanza(l, item);
    else
        /* Stanzas go the other way only; <failure/> to starttls comes here, too. */
        link_fail(l, is_secure ? STREAM_NOT_AUTHORIZED : STREAM_POLICY_VIOLATION,
                  is_secure ? NULL : "TLS is required");
}
