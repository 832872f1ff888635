/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that clients make for themselves before they log in (XEP-0077 s. 3.1): the question for the fields
 * and the request are answered here; the keys are made on a job thread, the account by the owner. A
 * registration that is under way outlives its stream if it must. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/address_rate.h"
#include "stream/internal.h"
#include "xml/tree.h"

#define XMLNS_REGISTER SPAN("jabber:iq:register")

/* A person picks another name once or twice; what asks more often tries out names (s. 3.1.1). */
#define ATTEMPTS_MAX 4
/* With questions for the fields, which cost an answer each: a client asks once before each attempt. */
#define QUERIES_MAX 10

struct stream_registration {
    struct stream *stream; /* NULL: it is gone; whoever holds this frees it */
    struct stream_worker *worker;
    struct job job;
    int error;
    uint32_t iterations;
    struct sasl_credentials credentials;
    struct buffer id, jid; /* of the query, as written; of the account */
    size_t password_len;
    char password[SASL_PASSWORD_BYTES_MAX];
};

static void registration_free(struct stream_registration *r)
{
    buffer_fini(&r->id);
    buffer_fini(&r->jid);
    explicit_bzero(r, sizeof *r);
    free(r);
}

void stream_register_detach(struct stream *s)
{
    struct stream_registration *r = s->login ? s->login->registering.out : NULL;
    if (!r)
        return;
    r->stream = NULL;
    s->login->registering.out = NULL;
}

bool stream_may_register(const struct stream *s)
{
    return s->worker->settings->allow_registration && !s->jid && stream_is_private(s);
}

/* ---- answering ---- */

static struct span domain_of(const struct stream *s)
{
    return s->worker->settings->domains[s->domain];
}

static void answer_send(struct stream *s, struct frame *f)
{
    if (f)
        stream_send(s, f);
    else
        stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
}

static void result(struct stream *s, const struct stanza *query, struct span payload)
{
    answer_send(s, stanza_result_frame(query, domain_of(s), (struct span){0}, payload));
}

static void refuse(struct stream *s, const struct stanza *query, enum stanza_error e, const char *text)
{
    answer_send(s, stanza_error_frame(query, e, domain_of(s), (struct span){0}, text));
}

/* ---- making the account ---- */

void stream_registered(struct stream_registration *r, enum stream_registration_outcome outcome)
{
    struct stream *s = r->stream;
    const struct stanza query = {.kind = STANZA_IQ, .type.iq = IQ_SET, .id = buffer_span(&r->id)};
    r->worker->counters.registered += outcome == STREAM_REGISTRATION_DONE;
    if (!s) {
        registration_free(r);
        return;
    }
    s->login->registering.out = NULL;
    if (outcome == STREAM_REGISTRATION_DONE) {
        char peer[64];
        conn_peer_name(&s->conn, peer, sizeof peer);
        log_info("registered", "peer=%s jid=%.*s", peer, (int)r->jid.len, r->jid.ptr);
        s->login->registering.is_done = true;
        result(s, &query, (struct span){0});
    } else {
        refuse(s, &query,
               outcome == STREAM_REGISTRATION_EXISTS ? STANZA_CONFLICT : STANZA_INTERNAL_SERVER_ERROR, NULL);
    }
    registration_free(r);
    stream_continue(s);
}

static void keys_run(struct job *j)
{
    struct stream_registration *r = container_of(j, struct stream_registration, job);
    r->error = sasl_credentials_make(span_make(r->password, r->password_len), r->iterations, &r->credentials);
    explicit_bzero(r->password, sizeof r->password);
}

static void keys_done(struct job *j)
{
    struct stream_registration *r = container_of(j, struct stream_registration, job);
    r->worker->jobs--;
    if (!r->stream || r->error) /* who has left does not get an account */
        stream_registered(r, STREAM_REGISTRATION_FAILED);
    else
        r->worker->events->registration(r->stream, buffer_span(&r->jid), &r->credentials, r);
}

static void begin(struct stream *s, const struct stanza *query, struct span local, struct span password)
{
    struct net *net = s->worker->net;
    struct stream_registration *r = calloc(1, sizeof *r);
    if (r) {
        buffer_append(&r->id, query->id);
        buffer_append(&r->jid, local);
        buffer_literal(&r->jid, "@");
        buffer_append(&r->jid, domain_of(s));
    }
    if (!r || !buffer_ok(&r->id) || !buffer_ok(&r->jid)) {
        if (r)
            registration_free(r);
        refuse(s, query, STANZA_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    r->stream = s;
    r->worker = s->worker;
    r->iterations = s->worker->settings->sasl_iterations;
    r->password_len = password.len;
    memcpy(r->password, password.ptr, password.len);
    r->job = (struct job){.home = net->loop, .run = keys_run, .done = keys_done};
    s->login->registering.out = r;
    s->is_waiting = true;
    s->worker->jobs++;
    jobs_submit(net->jobs, &r->job);
}

/* ---- being asked ---- */

static void register_set(struct stream *s, const struct stanza *query, const struct xml_node *payload)
{
    struct registering *g = &s->login->registering;
    const struct xml_node *username = xml_node_child(payload, SPAN("username"), XMLNS_REGISTER);
    const struct xml_node *password = xml_node_child(payload, SPAN("password"), XMLNS_REGISTER);
    char local_storage[JID_PART_BYTES_MAX], password_storage[SASL_PASSWORD_BYTES_MAX];
    struct span local, prepared;
    if (xml_node_child(payload, SPAN("remove"), XMLNS_REGISTER))
        refuse(s, query, STANZA_UNEXPECTED_REQUEST, NULL); /* s. 3.2 */
    else if (g->is_done || g->attempts >= ATTEMPTS_MAX)
        refuse(s, query, STANZA_NOT_ACCEPTABLE,
               g->is_done ? "one account for one connection" : "too many attempts");
    else if (g->attempts++, !username || !username->text.len || !password)
        refuse(s, query, STANZA_NOT_ACCEPTABLE, NULL); /* also a data form: none was offered */
    else if (jid_prepare_local(username->text, local_storage, &local) != 0)
        refuse(s, query, STANZA_JID_MALFORMED, NULL);
    else if (jid_prepare_password(password->text, password_storage, sizeof password_storage, &prepared) != 0)
        refuse(s, query, STANZA_NOT_ACCEPTABLE, "a password of this kind cannot be used");
    else if (sasl_password_is_short(prepared, s->worker->settings->password_chars_min))
        refuse(s, query, STANZA_NOT_ACCEPTABLE, "the password is too short");
    else if (address_rate_take(s->worker->settings->registrations, s->conn.fd, clock_now_ms()) != 0)
        refuse(s, query, STANZA_RESOURCE_CONSTRAINT, "too many accounts were asked for from this address");
    else
        begin(s, query, local, prepared);
    explicit_bzero(password_storage, sizeof password_storage);
}

static bool is_for_us(const struct stream *s, const struct stanza *query)
{
    return query->kind == STANZA_IQ && (query->type.iq == IQ_GET || query->type.iq == IQ_SET) &&
           query->id.len && (!query->has_to || span_equal(jid_full(&query->to), domain_of(s))) &&
           span_equal(query->child_xmlns, XMLNS_REGISTER);
}

bool stream_register_item(struct stream *s, const struct xml_item *item)
{
    struct stanza *query = &s->worker->stanza;
    struct xml_node *iq;
    if (s->state != STREAM_FEATURES || !stream_may_register(s) ||
        stanza_read(item, XMLNS_CLIENT, &s->worker->arena, query) != 0 || !is_for_us(s, query) ||
        xml_tree_build(&s->worker->arena, item->raw, XMLNS_CLIENT, &iq) != 0)
        return false;
    const struct xml_node *payload = xml_node_child(iq, SPAN("query"), XMLNS_REGISTER);
    struct stream_login *l = payload ? stream_login_take(s) : NULL;
    if (!l)
        return false;
    if (l->registering.queries++ >= QUERIES_MAX)
        stream_fail(s, STREAM_POLICY_VIOLATION, "too many queries before authentication");
    else if (query->type.iq == IQ_GET)
        result(
            s, query,
            SPAN(
                "<query xmlns='jabber:iq:register'><instructions>Choose a name and a password.</instructions>"
                "<username/><password/></query>"));
    else
        register_set(s, query, payload);
    return true;
}
