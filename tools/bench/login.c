/* SPDX-License-Identifier: Apache-2.0 */
/* From stream features to a bound session with its roster: one function per answer that is awaited. */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum sasl_mechanism { MECHANISM_NONE, MECHANISM_PLAIN, MECHANISM_SCRAM_SHA_1, MECHANISM_SCRAM_SHA_256 };

static const char *const mechanism_names[] = {
    [MECHANISM_NONE] = "",
    [MECHANISM_PLAIN] = "PLAIN",
    [MECHANISM_SCRAM_SHA_1] = "SCRAM-SHA-1",
    [MECHANISM_SCRAM_SHA_256] = "SCRAM-SHA-256",
};

void login_forget(struct session *s)
{
    if (s->scram != NULL) {
        scram_fini(s->scram);
        free(s->scram);
        s->scram = NULL;
    }
}

/* The best mechanism offered that we know, or the one asked for. */
static enum sasl_mechanism mechanism_choose(const struct session *s, const struct element *mechanisms)
{
    enum sasl_mechanism best = MECHANISM_NONE;
    struct element offer;
    size_t cursor = 0;
    while (element_next_child(mechanisms, &cursor, &offer)) {
        for (enum sasl_mechanism m = MECHANISM_PLAIN; m <= MECHANISM_SCRAM_SHA_256; m++) {
            const char *name = mechanism_names[m];
            if (!span_equal(offer.body, span_of(name)))
                continue;
            if (s->settings->mechanism != NULL ? strcmp(s->settings->mechanism, name) == 0 : m > best)
                best = m;
        }
    }
    return best;
}

static void send_buffer(struct session *s, struct buffer *b)
{
    if (buffer_ok(b))
        session_send(s, buffer_span(b));
    else
        session_fail(s, "out of memory");
    buffer_fini(b);
}

static void auth_start(struct session *s, const struct element *mechanisms)
{
    struct buffer first, out;
    buffer_init(&first);
    buffer_init(&out);
    s->mechanism = mechanism_choose(s, mechanisms);
    if (s->mechanism == MECHANISM_NONE) {
        session_fail(s, "the server offers no SASL mechanism that was asked for or is known");
        return;
    }
    int outcome = 0;
    if (s->mechanism == MECHANISM_PLAIN) {
        buffer_append_char(&first, '\0');
        buffer_append(&first, span_of(s->account->user));
        buffer_append_char(&first, '\0');
        buffer_append(&first, span_of(s->account->password));
    } else {
        enum scram_hash hash = s->mechanism == MECHANISM_SCRAM_SHA_1 ? SCRAM_SHA_1 : SCRAM_SHA_256;
        s->scram = malloc(sizeof *s->scram);
        outcome =
            s->scram == NULL ? -1 : scram_init(s->scram, hash, s->account->password, &s->account->keys, NULL);
        if (outcome == 0)
            outcome = scram_first(s->scram, s->account->user, &first);
    }
    s->state = SESSION_SASL;
    buffer_printf(&out, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>",
                  mechanism_names[s->mechanism]);
    base64_append(&out, buffer_span(&first));
    buffer_literal(&out, "</auth>");
    buffer_fini(&first);
    if (outcome != 0) {
        buffer_fini(&out);
        session_fail(s, "SASL could not begin");
        return;
    }
    send_buffer(s, &out);
}

static void bind_start(struct session *s)
{
    char resource[200] = "";
    char iq[400];
    if (s->settings->resource != NULL)
        snprintf(resource, sizeof resource, "<resource>%s</resource>", s->settings->resource);
    int len = snprintf(
        iq, sizeof iq,
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>%s</bind></iq>", resource);
    s->state = SESSION_BIND;
    session_send(s, span_make(iq, (size_t)len));
}

static void on_features(struct session *s, const struct element *features)
{
    struct element child;
    if (!span_is(features->name, "features")) {
        session_fail(s, "stream features expected");
    } else if (s->is_authenticated) {
        if (element_child(features, "bind", &child))
            bind_start(s);
        else
            session_fail(s, "the server offers no resource binding");
    } else if (s->settings->tls_mode == TLS_MODE_STARTTLS && !s->is_encrypted) {
        if (!element_child(features, "starttls", &child)) {
            session_fail(s, "the server offers no STARTTLS");
            return;
        }
        s->state = SESSION_STARTTLS;
        session_send(s, SPAN("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
    } else if (element_child(features, "mechanisms", &child)) {
        auth_start(s, &child);
    } else {
        session_fail(s, "the server offers no SASL");
    }
}

static void on_starttls(struct session *s, const struct element *answer)
{
    if (!span_is(answer->name, "proceed")) {
        session_fail(s, "STARTTLS refused");
        return;
    }
    /* Whatever came behind <proceed/> in clear is forgotten with the old stream. */
    splitter_reset(&s->splitter);
    session_start_tls(s, false);
}

/* Decode the SASL data of `answer` and give it to SCRAM: as its challenge, or as its success. 0 if it
 * agrees. */
static int scram_take(struct session *s, const struct element *answer, bool is_final, struct buffer *response)
{
    struct buffer data;
    buffer_init(&data);
    int outcome = base64_decode(&data, answer->body);
    if (outcome == 0)
        outcome = is_final ? scram_verify(s->scram, buffer_span(&data))
                           : scram_final(s->scram, buffer_span(&data), response);
    buffer_fini(&data);
    return outcome;
}

static void on_sasl(struct session *s, const struct element *answer)
{
    struct buffer response, out;
    buffer_init(&response);
    buffer_init(&out);
    if (span_is(answer->name, "challenge") && s->scram != NULL) {
        if (scram_take(s, answer, false, &response) != 0) {
            session_fail(s, "SCRAM: the server's challenge is not acceptable");
        } else {
            buffer_literal(&out, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>");
            base64_append(&out, buffer_span(&response));
            buffer_literal(&out, "</response>");
            send_buffer(s, &out);
        }
    } else if (span_is(answer->name, "success")) {
        if (s->scram != NULL && scram_take(s, answer, true, NULL) != 0) {
            session_fail(s, "SCRAM: the server does not prove that it knows the password");
        } else {
            login_forget(s);
            s->is_authenticated = true;
            session_open_stream(s);
        }
    } else {
        char reason[160];
        struct element condition;
        size_t cursor = 0;
        bool named = element_next_child(answer, &cursor, &condition);
        snprintf(reason, sizeof reason, "authentication of %s failed: %.*s", s->account->jid,
                 named ? (int)condition.name.len : 0, named ? condition.name.ptr : "");
        session_fail(s, reason);
    }
    buffer_fini(&response);
}

static void go_online(struct session *s)
{
    s->state = SESSION_ONLINE;
    s->was_online = true;
    s->online_ns = clock_now_ns();
    s->hooks->online(s);
}

static void on_bind(struct session *s, const struct element *iq)
{
    struct element bind, jid;
    if (!span_is(element_attribute_or_empty(iq, "id"), "bind"))
        return;
    if (!span_is(element_attribute_or_empty(iq, "type"), "result") || !element_child(iq, "bind", &bind) ||
        !element_child(&bind, "jid", &jid)) {
        session_fail(s, "resource binding refused");
        return;
    }
    free(s->full_jid);
    s->full_jid = strndup(jid.body.ptr, jid.body.len);
    if (!s->settings->wants_roster) {
        go_online(s);
        return;
    }
    s->state = SESSION_ROSTER;
    session_send(s, SPAN("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"));
}

static void on_roster(struct session *s, const struct element *iq)
{
    struct element query, item;
    size_t cursor = 0;
    if (!span_is(element_attribute_or_empty(iq, "id"), "roster"))
        return;
    if (!span_is(element_attribute_or_empty(iq, "type"), "result")) {
        session_fail(s, "roster refused");
        return;
    }
    if (element_child(iq, "query", &query))
        while (element_next_child(&query, &cursor, &item))
            s->roster_items++;
    /* The scenario sees the result as it sees a push. */
    s->state = SESSION_ONLINE;
    s->hooks->stanza(s, iq);
    if (s->state == SESSION_ONLINE)
        go_online(s);
}

void login_stanza(struct session *s, const struct element *stanza)
{
    switch ((enum session_state)s->state) {
    case SESSION_FEATURES:
        on_features(s, stanza);
        break;
    case SESSION_STARTTLS:
        on_starttls(s, stanza);
        break;
    case SESSION_SASL:
        on_sasl(s, stanza);
        break;
    case SESSION_BIND:
        on_bind(s, stanza);
        break;
    case SESSION_ROSTER:
        on_roster(s, stanza);
        break;
    default:
        break;
    }
}
