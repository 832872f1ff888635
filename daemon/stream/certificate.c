/* SPDX-License-Identifier: Apache-2.0 */
/* A client's certificate: whom it names, and when its time is over (RFC 6120 s. 13.7.2.3). */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "stream/internal.h"
#include "tls/client.h"

/* Clocks are set and timers are not: the time is looked at so often at least. Only sessions of certificates have such a timer. */
#define LOOK_MS_MAX 3600000

struct stream_certificate {
    struct timer timer;
    struct stream *stream;
    uint64_t expires_s;
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

static uint64_t left_ms(const struct stream_certificate *c)
{
    uint64_t now_s = (uint64_t)time(NULL);
    return c->expires_s > now_s ? (c->expires_s - now_s) * 1000 : 0;
}

static void certificate_look(struct stream_certificate *c)
{
    uint64_t ms = left_ms(c);
    if (c->stream->state != STREAM_BOUND)
        return; /* it is ending, or its connection is gone */
    if (ms == 0)
        stream_fail(c->stream, STREAM_RESET, "the certificate has expired");
    else
        loop_timer_start(c->stream->worker->net->loop, &c->timer, ms < LOOK_MS_MAX ? ms : LOOK_MS_MAX);
}

static void certificate_expired(struct timer *t)
{
    certificate_look(container_of(t, struct stream_certificate, timer));
}

int stream_certificate_keep(struct stream *s)
{
    struct stream_certificate *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->stream = s;
    c->expires_s = conn_bindings(&s->conn)->client->expires_s;
    timer_init(&c->timer, certificate_expired);
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
    if (!s->certificate)
        return;
    loop_timer_stop(s->worker->net->loop, &s->certificate->timer);
    free(s->certificate);
    s->certificate = NULL;
}
