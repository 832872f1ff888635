/* SPDX-License-Identifier: Apache-2.0 */
/* SASL on a stream (RFC 6120 s. 6). What waits for the store or for a job thread is a `stream_auth`, which outlives the stream if
 * it must: the stream may end meanwhile, the answer may not come to a freed one. */
#include <stdlib.h>

#include "base/log.h"
#include "stream/internal.h"
#include "xml/write.h"

/* RFC 6120 s. 6.4.5: at least 2 retries, no more than 5. */
#define AUTH_FAILURES_MAX 3

struct stream_auth {
    struct stream *stream; /* NULL: it is gone; whoever holds this frees it */
    struct sasl_exchange *exchange;
    bool is_out; /* with the store or a job thread */
    enum sasl_outcome outcome;
    bool has_credentials;
    struct sasl_credentials credentials;
    struct job job;
    struct stream_worker *worker; /* while the job is out */
};

static void auth_free(struct stream_auth *a)
{
    sasl_exchange_free(a->exchange);
    explicit_bzero(&a->credentials, sizeof a->credentials);
    free(a);
}

void stream_auth_detach(struct stream *s)
{
    struct stream_auth *a = s->auth;
    if (!a)
        return;
    s->auth = NULL;
    a->stream = NULL;
    if (!a->is_out)
        auth_free(a);
}

static void auth_say(struct stream *s, const char *element, struct span message, bool is_empty_equals)
{
    struct buffer out = {0};
    buffer_printf(&out, "<%s xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>", element);
    if (message.len)
        sasl_base64_encode(message, &out);
    else if (is_empty_equals)
        buffer_literal(&out, "=");
    buffer_printf(&out, "</%s>", element);
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
}

static void auth_jid(const struct stream *s, struct buffer *out)
{
    buffer_append(out, sasl_exchange_username(s->auth->exchange));
    buffer_literal(out, "@");
    buffer_append(out, s->worker->settings->domains[s->domain]);
}

/* The owner counts wrong passwords. */
static void auth_tell_refused(struct stream *s, enum sasl_error error)
{
    if (!s->auth || error != SASL_NOT_AUTHORIZED)
        return;
    struct buffer jid = {0};
    auth_jid(s, &jid);
    if (buffer_ok(&jid))
        s->worker->events->refused(s, buffer_span(&jid));
    buffer_fini(&jid);
}

static void auth_fail(struct stream *s, enum sasl_error error)
{
    auth_tell_refused(s, error);
    s->worker->counters.authentication_failures++;
    stream_auth_detach(s);
    stream_enter(s, STREAM_FEATURES);
    struct buffer out = {0};
    buffer_printf(&out, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><%s/></failure>", sasl_error_name(error));
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
    char peer[64];
    conn_peer_name(&s->conn, peer, sizeof peer);
    log_info("auth-failed", "peer=%s condition=%s", peer, sasl_error_name(error));
    if (++s->auth_failures >= AUTH_FAILURES_MAX)
        stream_fail(s, STREAM_POLICY_VIOLATION, "too many failed attempts");
}

static void auth_succeed(struct stream *s)
{
    struct span username = sasl_exchange_username(s->auth->exchange);
    struct span domain = s->worker->settings->domains[s->domain];
    size_t len = username.len + 1 + domain.len;
    char *jid = malloc(len + 1);
    if (!jid) {
        auth_fail(s, SASL_TEMPORARY_AUTH_FAILURE);
        return;
    }
    memcpy(jid, username.ptr, username.len);
    jid[username.len] = '@';
    memcpy(jid + username.len + 1, domain.ptr, domain.len);
    jid[len] = 0;
    auth_say(s, "success", sasl_exchange_out(s->auth->exchange), false);
    stream_auth_detach(s);
    conn_bindings_forget(&s->conn);
    s->jid = jid;
    s->jid_len = s->bare_len = (uint16_t)len;
    s->is_header_sent = false;
    s->worker->counters.authenticated++;
    /* The owner may take the stream to another worker: nothing is pulled until it says so. */
    stream_enter(s, STREAM_MOVING);
    s->is_waiting = true;
    s->worker->events->authenticated(s, stream_bare_jid(s));
}

static void auth_wait_for_keys(struct stream *s)
{
    struct stream_auth *a = s->auth;
    struct buffer jid = {0};
    auth_jid(s, &jid);
    a->is_out = true;
    s->is_waiting = true;
    s->worker->events->credentials(s, buffer_span(&jid), a);
    buffer_fini(&jid);
}

static void auth_outcome(struct stream *s, enum sasl_outcome outcome)
{
    switch (outcome) {
    case SASL_CHALLENGE:
        stream_enter(s, STREAM_AUTHENTICATING);
        auth_say(s, "challenge", sasl_exchange_out(s->auth->exchange), true);
        return;
    case SASL_WANT_KEYS:
    case SASL_WANT_PASSWORD_CHECK:
        s->auth->outcome = outcome;
        stream_enter(s, STREAM_AUTHENTICATING);
        auth_wait_for_keys(s);
        return;
    case SASL_SUCCESS:
        auth_succeed(s);
        return;
    case SASL_FAILURE:
        auth_fail(s, sasl_exchange_error(s->auth->exchange));
        return;
    }
    auth_fail(s, SASL_TEMPORARY_AUTH_FAILURE); /* a negative errno: no memory */
}

static void auth_answer(struct stream_auth *a, enum sasl_outcome outcome)
{
    a->is_out = false;
    struct stream *s = a->stream;
    if (!s) {
        auth_free(a);
        return;
    }
    s->is_waiting = false;
    auth_outcome(s, outcome);
    if (!s->is_waiting)
        stream_continue(s);
}

static void auth_job_run(struct job *j)
{
    struct stream_auth *a = container_of(j, struct stream_auth, job);
    a->outcome = sasl_provide(a->exchange, a->has_credentials ? &a->credentials : NULL);
}

static void auth_job_done(struct job *j)
{
    struct stream_auth *a = container_of(j, struct stream_auth, job);
    a->worker->jobs--;
    auth_answer(a, a->outcome);
}

void stream_auth_provide(struct stream_auth *a, const struct sasl_credentials *credentials, bool is_failed)
{
    if (!a->stream) {
        auth_free(a);
        return;
    }
    if (is_failed) {
        a->is_out = false;
        a->stream->is_waiting = false;
        struct stream *s = a->stream;
        auth_fail(s, SASL_TEMPORARY_AUTH_FAILURE);
        stream_continue(s);
        return;
    }
    if (a->outcome != SASL_WANT_PASSWORD_CHECK) {
        auth_answer(a, sasl_provide(a->exchange, credentials));
        return;
    }
    a->has_credentials = credentials != NULL;
    if (credentials)
        a->credentials = *credentials;
    struct net *net = a->stream->worker->net;
    a->job = (struct job){.home = net->loop, .run = auth_job_run, .done = auth_job_done};
    a->worker = a->stream->worker;
    a->worker->jobs++;
    jobs_submit(net->jobs, &a->job);
}

static void auth_start(struct stream *s, const struct xml_item *item)
{
    struct span name = xml_item_attribute(item, SPAN("mechanism"));
    uint32_t offered = stream_mechanisms(s);
    int mechanism = 0;
    while (mechanism < SASL_MECHANISM_COUNT &&
           !((offered & 1u << mechanism) && span_equal(name, span_of(sasl_mechanism_names[mechanism]))))
        mechanism++;
    if (mechanism == SASL_MECHANISM_COUNT) {
        bool is_early = s->tls != STREAM_TLS_NONE && !conn_is_secure(&s->conn);
        auth_fail(s, is_early ? SASL_ENCRYPTION_REQUIRED : SASL_INVALID_MECHANISM);
        return;
    }
    struct stream_auth *a = calloc(1, sizeof *a);
    struct sasl_bindings bindings;
    stream_bindings(s, &bindings);
    if (a)
        a->exchange = sasl_exchange_new((enum sasl_mechanism)mechanism, offered, s->worker->settings->domains[s->domain],
                                        &bindings, s->worker->settings->secret, s->worker->settings->sasl_iterations);
    if (!a || !a->exchange) {
        free(a);
        auth_fail(s, SASL_TEMPORARY_AUTH_FAILURE);
        return;
    }
    a->stream = s;
    s->auth = a;
    stream_enter(s, STREAM_AUTHENTICATING);
    if (item->content.len == 0) {
        /* No initial response: ask for one with an empty challenge (RFC 6120 s. 6.4.2). */
        auth_say(s, "challenge", (struct span){0}, false);
        return;
    }
    struct buffer message = {0};
    if (sasl_base64_decode(item->content, &message) != 0)
        auth_fail(s, SASL_INCORRECT_ENCODING);
    else
        auth_outcome(s, sasl_respond(a->exchange, buffer_span(&message)));
    if (message.ptr)
        explicit_bzero(message.ptr, message.len);
    buffer_fini(&message);
}

void stream_auth_item(struct stream *s, const struct xml_item *item)
{
    if (span_is(item->name, "auth")) {
        stream_auth_detach(s); /* a new attempt ends the one before */
        auth_start(s, item);
        return;
    }
    if (span_is(item->name, "abort")) {
        auth_fail(s, SASL_ABORTED);
        return;
    }
    if (!span_is(item->name, "response") || !s->auth) {
        auth_fail(s, SASL_MALFORMED_REQUEST);
        return;
    }
    struct buffer message = {0};
    if (sasl_base64_decode(item->content, &message) != 0)
        auth_fail(s, SASL_INCORRECT_ENCODING);
    else
        auth_outcome(s, sasl_respond(s->auth->exchange, buffer_span(&message)));
    if (message.ptr)
        explicit_bzero(message.ptr, message.len);
    buffer_fini(&message);
}
