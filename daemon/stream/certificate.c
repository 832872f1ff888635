/* SPDX-License-Identifier: Apache-2.0 */
/* A client's certificate: whom it names, when its time is over, and whether it was revoked (RFC 6120
 * s. 13.7.2.3). */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "stream/internal.h"
#include "tls/client.h"
#include "tls/context.h"

/* Clocks are set and timers are not: the time is looked at so often at least. Only sessions of certificates
 * have such a timer. */
#define LOOK_MS_MAX 3600000
/* The same where revocation is looked at: so soon does a list that was changed end a session. Most looks find
 * nothing new, and cost no more than to find that. */
#define CHECK_MS 10000
/* A session whose certificate nobody speaks for any more, where that is asked for, goes on for so long:
 * responders are restarted. */
#define UNKNOWN_MS_MAX 600000

struct stream_certificate {
    struct timer timer;
    struct stream *stream;
    struct tls_client *client;
    struct tls_client_look look;     /* what the last check rests on */
    struct certificate_check *check; /* the one that is out; NULL: none */
    uint64_t unknown_ms; /* of clock_now_ms: since then nobody has said that it is good; 0: somebody has */
};

/* Out with a job thread; it may outlive the stream. */
struct certificate_check {
    struct job job;
    struct stream_worker *worker;
    struct stream_certificate *certificate; /* NULL: the stream is gone, or has another */
    struct tls_context *context;
    struct tls_client *client;
    struct tls_client_look look;
    int status;
    void (*done)(void *owner, int status);
    void *owner;
};

bool stream_certified(const struct stream *s, struct sasl_exchange *x)
{
    const struct tls_bindings *b = conn_bindings(&s->conn);
    struct span domain = s->worker->settings->domains[s->domain], local;
    char storage[JID_BYTES_MAX];
    bool is_certified = false;
    for (uint32_t i = 0; b && b->client && i < b->client->count; i++) {
        if (!sasl_address_is_account(b->client->addresses[i], domain, storage, &local))
            continue;
        is_certified = true;
        if (x)
            sasl_exchange_certify(x, b->client->addresses[i]);
    }
    return is_certified;
}

/* ---- revocation ---- */

static void check_run(struct job *j)
{
    struct certificate_check *k = container_of(j, struct certificate_check, job);
    k->status = tls_client_check(k->context, k->client, &k->look);
}

static void check_done(struct job *j)
{
    struct certificate_check *k = container_of(j, struct certificate_check, job);
    k->worker->jobs--;
    if (k->certificate) {
        k->certificate->look = k->look;
        k->certificate->check = NULL;
    }
    k->done(k->owner, k->status);
    tls_context_unref(k->context);
    tls_client_unref(k->client);
    free(k);
}

bool stream_certificate_check(struct stream *s, void (*done)(void *owner, int status), void *owner)
{
    const struct stream_settings *settings = s->worker->settings;
    struct stream_certificate *c = s->certificate;
    if (!settings->client_checks || c->check)
        return false;
    struct certificate_check *k = calloc(1, sizeof *k);
    if (!k) {
        done(owner, -ENOMEM);
        return true;
    }
    *k = (struct certificate_check){
        .job = {.home = s->worker->net->loop, .run = check_run, .done = check_done},
        .worker = s->worker,
        .certificate = c,
        .context = tls_context_ref(settings->tls),
        .client = tls_client_ref(c->client),
        .look = c->look,
        .done = done,
        .owner = owner};
    c->check = k;
    s->worker->jobs++;
    jobs_submit(settings->client_checks, &k->job);
    return true;
}

/* ---- while the session lasts ---- */

static uint64_t left_ms(const struct stream_certificate *c)
{
    uint64_t now_s = (uint64_t)time(NULL);
    return c->client->expires_s > now_s ? (c->client->expires_s - now_s) * 1000 : 0;
}

static void certificate_checked(void *stream, int status)
{
    struct stream *s = stream;
    if (!s || s->state != STREAM_BOUND)
        return;
    struct stream_certificate *c = s->certificate;
    if (status == TLS_CLIENT_GOOD)
        c->unknown_ms = 0;
    else if (status == TLS_CLIENT_REVOKED) {
        s->worker->counters.certificates_revoked++;
        stream_fail(s, STREAM_RESET, "the certificate was revoked");
    } else if (!c->unknown_ms)
        c->unknown_ms = clock_now_ms();
    else if (clock_now_ms() >= c->unknown_ms + UNKNOWN_MS_MAX)
        stream_fail(s, STREAM_RESET, "whether the certificate was revoked cannot be told");
}

static void certificate_look(struct stream_certificate *c)
{
    struct stream *s = c->stream;
    uint64_t ms = left_ms(c), at_most_ms = s->worker->settings->client_checks ? CHECK_MS : LOOK_MS_MAX;
    if (s->state != STREAM_BOUND)
        return; /* it is ending, or its connection is gone */
    if (ms == 0) {
        s->worker->counters.certificates_expired++;
        stream_fail(s, STREAM_RESET, "the certificate has expired");
        return;
    }
    loop_timer_start(s->worker->net->loop, &c->timer, ms < at_most_ms ? ms : at_most_ms);
    stream_certificate_check(s, certificate_checked, s);
}

static void certificate_due(struct timer *t)
{
    certificate_look(container_of(t, struct stream_certificate, timer));
}

int stream_certificate_keep(struct stream *s)
{
    struct stream_certificate *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->stream = s;
    c->client = tls_client_ref(conn_bindings(&s->conn)->client);
    timer_init(&c->timer, certificate_due);
    s->certificate = c;
    return 0;
}

void stream_certificate_watch(struct stream *s)
{
    if (s->certificate)
        certificate_look(s->certificate);
}

void stream_certificate_free(struct stream *s)
{
    struct stream_certificate *c = s->certificate;
    if (!c)
        return;
    loop_timer_stop(s->worker->net->loop, &c->timer);
    if (c->check) {
        c->check->certificate = NULL;
        if (c->check->owner == s)
            c->check->owner = NULL;
    }
    tls_client_unref(c->client);
    free(c);
    s->certificate = NULL;
}
