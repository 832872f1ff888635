/* SPDX-License-Identifier: Apache-2.0 */
#include "federation.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "broker.h"
#include "link/link.h"
#include "settings.h"

/* A look-up takes some milliseconds, or some seconds where a name server is dead: so many such domains at a
 * time do not hold up the others, and nothing but look-ups waits for them. */
#define RESOLVER_THREADS 16
/* STARTTLS and direct TLS. */
#define LISTENERS_MAX 2

struct place {
    struct listener listener;
    struct worker *worker;
    int fd;
    bool is_direct;
};

struct federation {
    struct broker *broker;
    struct link_settings
        settings; /* those of the workers' that a reload does not change, and the newest contexts */
    struct link_settings *own;    /* by worker: a reload changes them there, between two events */
    struct links *links, **peers; /* by worker */
    struct place *places;         /* listener_count of each worker */
    uint32_t listener_count, worker_count;
};

static int contexts_open(struct federation *f, const struct config *c, struct buffer *ret_message)
{
    struct tls_settings settings = settings_of_server_tls(c, f->broker->domains);
    int error = tls_context_new(&settings, &f->settings.incoming, ret_message);
    settings.role = TLS_SERVERS_OUTGOING;
    return error ? error : tls_context_new(&settings, &f->settings.outgoing, ret_message);
}

int federation_tls_renew(const struct federation *f, const struct config *c, struct federation_tls *ret_tls,
                         struct buffer *ret_message)
{
    *ret_tls = (struct federation_tls){0};
    struct tls_settings settings = settings_of_server_tls(c, f->broker->domains);
    settings.domain_count = f->settings.domain_count; /* those of the start */
    int error = tls_context_renew(f->settings.incoming, &settings, &ret_tls->incoming, ret_message);
    settings.role = TLS_SERVERS_OUTGOING;
    return error ? error
                 : tls_context_renew(f->settings.outgoing, &settings, &ret_tls->outgoing, ret_message);
}

void federation_tls_unref(struct federation_tls *tls)
{
    tls->incoming = tls_context_unref(tls->incoming);
    tls->outgoing = tls_context_unref(tls->outgoing);
}

void federation_tls_swap(struct federation *f, struct federation_tls *tls)
{
    const struct federation_tls old = {f->settings.incoming, f->settings.outgoing};
    f->settings.incoming = tls->incoming;
    f->settings.outgoing = tls->outgoing;
    *tls = old;
}

/* A secret for as long as the daemon runs (XEP-0185 s. 2). */
static int settings_make(struct federation *f, const struct config *c)
{
    char text[DIALBACK_SECRET_BYTES + 1];
    struct buffer random = {0};
    stream_id_write(&random);
    stream_id_write(&random);
    int error = dialback_secret(buffer_span(&random), text);
    buffer_fini(&random);
    if (error)
        return error;
    f->settings = (struct link_settings){
        .domains = f->broker->domains,
        .domain_count = c->domain_count,
        .hosts = (const char *const *)c->federation.hosts.texts,
        .host_count = c->federation.hosts.count,
        .has_bidi = c->federation.bidirectional,
        .has_dialback = c->federation.dialback,
        .wants_certificates = c->federation.certificates == CONFIG_CERTIFICATES_REQUIRED,
        .addresses = &f->broker->addresses,
        .stanza_bytes_max = c->limits.stanza_bytes,
        .unauthenticated_bytes_max = c->limits.unauthenticated_stanza_bytes,
        .streams_max = c->federation.streams,
        .queue_stanzas_max = c->federation.queue_stanzas,
        .queue_bytes_max = c->federation.queue_bytes,
        .connect_timeout_ms = c->federation.connect_timeout_ms,
        .login_timeout_ms = c->federation.login_timeout_ms,
        .idle_timeout_ms = c->federation.idle_timeout_ms,
        .retry_first_ms = c->federation.retry_first_ms,
        .retry_max_ms = c->federation.retry_max_ms,
        .stanza_rate = c->federation.stanza_rate,
        .byte_rate = c->federation.byte_rate,
        .rate_burst_s = c->limits.rate_burst_s,
    };
    memcpy(f->settings.dialback, text, DIALBACK_SECRET_BYTES + 1);
    return 0;
}

static int place_open(struct place *p, const char *address, uint16_t port, bool is_first,
                      struct buffer *ret_message)
{
    /* Workers share a port with SO_REUSEPORT, which would also let a second daemon share it: ask first. */
    int fd = is_first ? listener_probe(address, port) : 0;
    if (fd == 0)
        fd = listener_socket(address, port);
    if (fd < 0) {
        buffer_printf(ret_message, "cannot listen for servers on %s port %u: %s", address, port,
                      strerror(-fd));
        return fd;
    }
    p->fd = fd;
    return 0;
}

static int places_open(struct federation *f, const struct config *c, struct buffer *ret_message)
{
    const uint16_t ports[LISTENERS_MAX] = {c->federation.port, (uint16_t)c->federation.direct_port};
    f->listener_count = ports[1] ? 2 : 1;
    uint32_t total = f->worker_count * f->listener_count;
    f->places = calloc(total, sizeof *f->places);
    if (!f->places)
        return -ENOMEM;
    for (uint32_t i = 0; i < total; i++)
        f->places[i].fd = -1;
    int error = 0;
    for (uint32_t i = 0; i < total && !error; i++) {
        struct place *p = &f->places[i];
        p->is_direct = i % f->listener_count == 1;
        error = place_open(p, c->federation.address, ports[p->is_direct], i < f->listener_count, ret_message);
    }
    return error;
}

int federation_open(struct broker *b, struct buffer *ret_message)
{
    if (!b->config->federation.enabled)
        return 0;
    struct federation *f = b->federation = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    f->broker = b;
    f->worker_count = b->worker_count;
    f->links = calloc(b->worker_count, sizeof *f->links);
    f->peers = calloc(b->worker_count, sizeof(struct links *));
    f->own = calloc(b->worker_count, sizeof *f->own);
    int error = f->links && f->peers && f->own ? settings_make(f, b->config) : -ENOMEM;
    if (!error)
        error = contexts_open(f, b->config, ret_message);
    if (!error)
        error = places_open(f, b->config, ret_message);
    if (error)
        return error;
    for (uint32_t i = 0; i < b->worker_count; i++)
        f->peers[i] = &f->links[i];
    f->settings.resolvers = jobs_new(RESOLVER_THREADS, true);
    if (f->settings.resolvers)
        return 0;
    error = -errno;
    buffer_printf(ret_message, "cannot start the resolver threads: %s", strerror(-error));
    return error;
}

void federation_end(struct federation *f)
{
    if (f)
        f->settings.resolvers = jobs_free(f->settings.resolvers);
}

struct federation *federation_free(struct federation *f)
{
    if (!f)
        return NULL;
    federation_end(f);
    for (uint32_t i = 0; f->places && i < f->worker_count * f->listener_count; i++)
        if (f->places[i].fd >= 0)
            close(f->places[i].fd);
    tls_context_unref(f->settings.incoming);
    tls_context_unref(f->settings.outgoing);
    explicit_bzero(f->settings.dialback, sizeof f->settings.dialback);
    if (f->own)
        explicit_bzero(f->own, f->worker_count * sizeof *f->own);
    free(f->own);
    free(f->places);
    free(f->links);
    free(f->peers);
    free(f);
    return NULL;
}

uint32_t federation_listener_count(const struct broker *b)
{
    return b->federation ? b->federation->listener_count : 0;
}

int federation_listener_fd(const struct broker *b, uint32_t worker, uint32_t listener)
{
    const struct federation *f = b->federation;
    return f->places[worker * f->listener_count + listener].fd;
}

/* ---- on the workers ---- */

struct links *federation_links(const struct worker *w)
{
    struct federation *f = w->broker->federation;
    return f ? &f->links[w->index] : NULL;
}

uint64_t federation_streams(const struct worker *w)
{
    const struct links *links = federation_links(w);
    return links ? links->counters.incoming : 0;
}

void federation_worker_tls(struct worker *w, const struct federation_tls *tls)
{
    struct link_settings *own = &w->broker->federation->own[w->index];
    own->incoming = tls->incoming;
    own->outgoing = tls->outgoing;
}

static struct place *places_of(const struct worker *w)
{
    struct federation *f = w->broker->federation;
    return &f->places[w->index * f->listener_count];
}

void federation_worker_open(struct worker *w)
{
    struct federation *f = w->broker->federation;
    if (!f)
        return;
    f->own[w->index] = f->settings;
    links_init(&f->links[w->index], &f->own[w->index], &w->net, &w->router, f->peers, w->index,
               f->worker_count);
    router_remote_use(&w->router, &links_remote, &f->links[w->index]);
}

static void on_accepted(struct listener *l, int fd)
{
    struct place *p = container_of(l, struct place, listener);
    p->worker->arrivals++;
    links_accept(federation_links(p->worker), fd, p->is_direct);
}

void federation_listen(struct worker *w)
{
    struct federation *f = w->broker->federation;
    for (uint32_t i = 0; f && i < f->listener_count; i++) {
        struct place *p = &places_of(w)[i];
        p->worker = w;
        listener_open(&p->listener, w->loop, p->fd, on_accepted);
    }
}

void federation_stop(struct worker *w)
{
    struct federation *f = w->broker->federation;
    for (uint32_t i = 0; f && i < f->listener_count; i++)
        if (places_of(w)[i].worker)
            listener_close(&places_of(w)[i].listener);
    if (f)
        links_stop(federation_links(w));
}

void federation_abort(struct worker *w)
{
    if (federation_links(w))
        links_abort(federation_links(w));
}

bool federation_is_idle(const struct worker *w)
{
    struct federation *f = w->broker->federation;
    for (uint32_t i = 0; f && i < f->listener_count; i++)
        if (places_of(w)[i].worker && !listener_is_closed(&places_of(w)[i].listener))
            return false;
    return !f || links_are_idle(federation_links(w));
}

void federation_worker_close(struct worker *w)
{
    if (federation_links(w))
        links_fini(federation_links(w));
}
