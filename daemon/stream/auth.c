/* SPDX-License-Identifier: Apache-2.0 */
/* A SASL exchange on a stream, whatever its messages look like (auth_sasl.c, auth_sasl2.c). What waits for
 * the store or for a job thread is a `stream_auth`, which outlives the stream if it must: the stream may end
 * meanwhile, the answer may not come to a freed one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "stream/internal.h"
#include "tls/client.h"

struct stream_auth {
    struct stream *stream; /* NULL: it is gone; whoever holds this frees it */
    const struct auth_wire *wire;
    struct sasl_exchange *exchange;
    bool is_out; /* with the store or a job thread */
    enum sasl_outcome outcome;
    bool has_credentials;
    struct sasl_credentials credentials;
    uint8_t salts[2][SASL_SALT_BYTES]; /* of the credentials that were given, whatever became of them */
    struct stream_tokens tokens;
    enum sasl_mechanism mechanism;
    struct job job;
    struct stream_worker *worker; /* while the job is out */
};

static void auth_free(struct stream_auth *a)
{
    sasl_exchange_free(a->exchange);
    explicit_bzero(&a->credentials, sizeof a->credentials);
    explicit_bzero(&a->tokens, sizeof a->tokens);
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

/* The account's JID, to be freed. */
static struct buffer auth_jid(const struct stream *s)
{
    struct buffer jid = {0};
    buffer_append(&jid, sasl_exchange_username(s->auth->exchange));
    buffer_literal(&jid, "@");
    buffer_append(&jid, s->worker->settings->domains[s->domain]);
    return jid;
}

/* The owner counts wrong passwords, tokens and certificates. */
static void auth_tell_refused(struct stream *s, enum sasl_error error)
{
    if (!s->auth || error != SASL_NOT_AUTHORIZED)
        return;
    struct buffer jid = auth_jid(s);
    if (buffer_ok(&jid))
        s->worker->events->refused(s, buffer_span(&jid));
    buffer_fini(&jid);
}

void stream_auth_fail(struct stream *s, const struct auth_wire *wire, enum sasl_error error)
{
    auth_tell_refused(s, error);
    s->worker->counters.authentication_failures++;
    stream_auth_detach(s);
    stream_certificate_free(s);
    stream_enter(s, STREAM_FEATURES);
    wire->failure(s, error);
    char peer[64];
    conn_peer_name(&s->conn, peer, sizeof peer);
    log_info("auth-failed", "peer=%s condition=%s", peer, sasl_error_name(error));
    if (++s->auth_failures >= s->worker->settings->login_attempts)
        stream_fail(s, STREAM_POLICY_VIOLATION, "too many failed attempts");
}

static void auth_fail(struct stream *s, enum sasl_error error)
{
    stream_auth_fail(s, s->auth->wire, error);
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
    /* XEP-0388 s. 2.3: what the stream's header says must agree. */
    if (s->login && s->login->from && sasl_exchange_has_authzid(s->auth->exchange) &&
        !span_equal(span_of(s->login->from), span_make(jid, len))) {
        free(jid);
        auth_fail(s, SASL_INVALID_AUTHZID);
        return;
    }
    s->auth->wire->success(s, sasl_exchange_out(s->auth->exchange));
    stream_auth_detach(s);
    conn_bindings_forget(&s->conn);
    s->jid = jid;
    s->jid_len = s->bare_len = (uint16_t)len;
    s->worker->counters.authenticated++;
    /* The owner may take the stream to another worker: nothing is pulled until it says so. */
    stream_enter(s, STREAM_MOVING);
    s->is_waiting = true;
    s->worker->events->authenticated(s, stream_bare_jid(s));
}

static void auth_wait_for_keys(struct stream *s)
{
    struct stream_auth *a = s->auth;
    struct buffer jid = auth_jid(s);
    a->is_out = true;
    s->is_waiting = true;
    s->worker->events->credentials(s, buffer_span(&jid), a);
    buffer_fini(&jid);
}

/* `is_shown`: the exchange goes on with the one that was shown. Else it has succeeded, and the client wants
 * one. */
static void auth_wait_for_tokens(struct stream *s, bool is_shown)
{
    struct stream_auth *a = s->auth;
    const struct stream_login *l = s->login;
    struct buffer jid = auth_jid(s);
    a->tokens = (struct stream_tokens){.wanted = l->fast.wanted};
    snprintf(a->tokens.client, sizeof a->tokens.client, "%s", l->agent);
    memcpy(a->tokens.salts, a->salts, sizeof a->salts);
    if (is_shown) {
        a->tokens.exchange = a->exchange;
        a->tokens.shown = sasl_mechanism_names[a->mechanism];
        a->tokens.count = l->fast.count;
        a->tokens.is_invalidated = l->fast.is_invalidated;
    }
    a->is_out = true;
    s->is_waiting = true;
    s->worker->events->tokens(s, buffer_span(&jid), &a->tokens, a);
    buffer_fini(&jid);
}

static void auth_certificate_checked(void *auth, int status);

/* Was its certificate revoked? */
static void auth_wait_for_certificate(struct stream *s)
{
    struct stream_auth *a = s->auth;
    if (stream_certificate_keep(s) < 0) {
        auth_fail(s, SASL_TEMPORARY_AUTH_FAILURE);
        return;
    }
    a->is_out = true;
    s->is_waiting = true;
    if (!stream_certificate_check(s, auth_certificate_checked, a)) {
        a->is_out = false;
        s->is_waiting = false;
        auth_succeed(s);
    }
}

static void auth_outcome(struct stream *s, enum sasl_outcome outcome)
{
    switch (outcome) {
    case SASL_CHALLENGE:
        stream_enter(s, STREAM_AUTHENTICATING);
        s->auth->wire->challenge(s, sasl_exchange_out(s->auth->exchange));
        return;
    case SASL_WANT_KEYS:
    case SASL_WANT_PASSWORD_CHECK:
        s->auth->outcome = outcome;
        stream_enter(s, STREAM_AUTHENTICATING);
        auth_wait_for_keys(s);
        return;
    case SASL_WANT_TOKEN:
        stream_enter(s, STREAM_AUTHENTICATING);
        auth_wait_for_tokens(s, true);
        return;
    case SASL_SUCCESS:
        if (s->auth->mechanism == SASL_EXTERNAL && !s->certificate) {
            auth_wait_for_certificate(s);
            return;
        }
        /* A certificate would live on in a token that is renewed again and again. */
        if (stream_sasl2_is_exclusive(s) && s->auth->mechanism != SASL_EXTERNAL && s->login->fast.wanted &&
            !s->auth->tokens.client[0])
            auth_wait_for_tokens(s, false);
        else
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

static void auth_certificate_checked(void *auth, int status)
{
    struct stream_auth *a = auth;
    if (!a->stream || status == TLS_CLIENT_GOOD) {
        auth_answer(a, SASL_SUCCESS);
        return;
    }
    struct stream *s = a->stream;
    a->is_out = false;
    s->is_waiting = false;
    auth_fail(s, status == TLS_CLIENT_REVOKED ? SASL_NOT_AUTHORIZED : SASL_TEMPORARY_AUTH_FAILURE);
    stream_continue(s);
}

void stream_auth_tokens(struct stream_auth *a, enum stream_tokens_outcome outcome)
{
    const struct stream_tokens *t = &a->tokens;
    if (!a->stream) {
        auth_free(a);
        return;
    }
    if (outcome == STREAM_TOKENS_DONE) {
        memcpy(a->stream->login->fast.made, t->made, sizeof t->made);
        a->stream->login->fast.made_expires_s = t->made_expires_s;
    }
    if (!t->exchange) /* without a new one the client is in all the same */
        auth_answer(a, SASL_SUCCESS);
    else if (outcome == STREAM_TOKENS_FAILED)
        auth_answer(a, (enum sasl_outcome) - EIO);
    else
        auth_answer(a, sasl_provide_token(a->exchange, span_of(t->token), outcome == STREAM_TOKENS_EXPIRED));
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
    if (credentials) {
        memcpy(a->salts[0], credentials->sha256.salt, sizeof a->salts[0]);
        memcpy(a->salts[1], credentials->sha1.salt, sizeof a->salts[1]);
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

/* Feed what the client sent, in base64. */
static void auth_feed(struct stream *s, struct span text)
{
    struct buffer message = {0};
    if (sasl_base64_decode(text, &message) != 0)
        auth_fail(s, SASL_INCORRECT_ENCODING);
    else
        auth_outcome(s, sasl_respond(s->auth->exchange, buffer_span(&message)));
    if (message.ptr)
        explicit_bzero(message.ptr, message.len);
    buffer_fini(&message);
}

void stream_auth_start(struct stream *s, const struct auth_wire *wire, uint32_t offered, struct span name,
                       const struct span *initial)
{
    int mechanism = 0;
    stream_auth_detach(s); /* a new attempt ends the one before */
    while (mechanism < SASL_MECHANISM_COUNT &&
           !((offered & 1u << mechanism) && span_equal(name, span_of(sasl_mechanism_names[mechanism]))))
        mechanism++;
    if (mechanism == SASL_MECHANISM_COUNT) {
        bool is_early = s->tls != STREAM_TLS_NONE && !conn_is_secure(&s->conn);
        stream_auth_fail(s, wire, is_early ? SASL_ENCRYPTION_REQUIRED : SASL_INVALID_MECHANISM);
        return;
    }
    struct stream_auth *a = calloc(1, sizeof *a);
    struct sasl_bindings bindings;
    stream_bindings(s, &bindings);
    if (a)
        a->exchange = sasl_exchange_new((enum sasl_mechanism)mechanism, offered,
                                        s->worker->settings->domains[s->domain], &bindings,
                                        s->worker->settings->secret, s->worker->settings->sasl_iterations);
    if (!a || !a->exchange) {
        free(a);
        stream_auth_fail(s, wire, SASL_TEMPORARY_AUTH_FAILURE);
        return;
    }
    if (mechanism == SASL_EXTERNAL)
        stream_certified(s, a->exchange);
    a->stream = s;
    a->wire = wire;
    a->mechanism = (enum sasl_mechanism)mechanism;
    s->auth = a;
    stream_enter(s, STREAM_AUTHENTICATING);
    if (initial)
        auth_feed(s, *initial);
    else
        wire->challenge(s, (struct span){0}); /* asks for one (RFC 6120 s. 6.4.2) */
}

bool stream_auth_respond(struct stream *s, const struct auth_wire *wire, struct span text)
{
    if (!s->auth || s->auth->wire != wire)
        return false;
    auth_feed(s, text);
    return true;
}

bool stream_auth_is_of(const struct stream *s, const struct auth_wire *wire)
{
    return s->auth && s->auth->wire == wire;
}
