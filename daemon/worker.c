/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/privileges.h"
#include "broker.h"
#include "federation.h"
#include "offload/steer.h"
#include "route/cost.h"
#include "worker_login.h"

static struct client *client_of(struct stream *s)
{
    return container_of(s, struct client, stream);
}

static struct worker *worker_of(struct stream *s)
{
    return client_of(s)->worker;
}

/* ---- moving to the account's home ---- */

struct arrival {
    struct message message;
    struct client *client;
};

static void arrival_handle(struct message *m, void *context)
{
    struct worker *w = context;
    struct arrival *arrival = container_of(m, struct arrival, message);
    struct client *c = arrival->client;
    free(arrival);
    slab_adopt(&w->clients);
    c->worker = w;
    list_append(&w->client_list, &c->link);
    stream_attach(&c->stream, &w->streams);
    if (w->is_stopping)
        stream_fail(&c->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
    else
        stream_settle(&c->stream);
}

static void on_detached(struct stream *s)
{
    struct client *c = client_of(s);
    struct worker *w = c->worker;
    struct arrival *arrival = malloc(sizeof *arrival);
    if (!arrival) { /* it stays, and ends here */
        stream_attach(s, &w->streams);
        stream_fail(s, STREAM_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    arrival->message.handle = arrival_handle;
    arrival->client = c;
    list_remove(&c->link);
    slab_disown(&w->clients);
    uint32_t home = router_home(&w->router, stream_bare_jid(s));
    loop_post(w->broker->workers[home].loop, w->loop, &arrival->message);
}

static void on_authenticated(struct stream *s, struct span jid)
{
    struct worker *w = worker_of(s);
    guesses_forget(&w->broker->guesses, GUESS_ACCOUNT, jid);
    if (router_home(&w->router, jid) == w->index)
        stream_settle(s);
    else
        stream_detach(s);
}

/* ---- the other events ---- */

static void on_bind(struct stream *s, struct span jid, const struct stream_bind *request)
{
    router_bind(&worker_of(s)->router, s, jid, request);
}

static bool on_stanza(struct stream *s, const struct stanza *stanza)
{
    return router_stanza(&worker_of(s)->router, s, stanza);
}

static struct stream *on_resumable(struct stream *s, struct span id)
{
    return router_resumable(&worker_of(s)->router, s, id);
}

static void on_resumed(struct stream *s, struct stream *old)
{
    router_resumed(s, old);
}

static void on_parked(struct stream *s)
{
    struct client *c = client_of(s);
    address_give(&c->worker->broker->addresses, c->address);
    c->address = NULL;
    router_stream_parked(&c->worker->router, s);
}

static void on_ended(struct stream *s)
{
    router_stream_ended(&worker_of(s)->router, s);
}

static void on_closed(struct stream *s)
{
    struct client *c = client_of(s);
    struct worker *w = c->worker;
    list_remove(&c->link);
    address_give(&w->broker->addresses, c->address);
    stream_fini(s);
    slab_give(&w->clients, c);
    atomic_fetch_sub(&w->broker->clients, 1);
}

static const struct stream_events worker_stream_events = {
    .credentials = worker_credentials,
    .tokens = worker_tokens,
    .refused = worker_refused,
    .registration = worker_registration,
    .authenticated = on_authenticated,
    .bind = on_bind,
    .stanza = on_stanza,
    .resumable = on_resumable,
    .resumed = on_resumed,
    .parked = on_parked,
    .ended = on_ended,
    .closed = on_closed,
    .detached = on_detached,
};

static void on_accepted(struct listener *l, int fd)
{
    struct worker_listener *listener = container_of(l, struct worker_listener, listener);
    struct worker *w = listener->worker;
    struct address_count *address = NULL;
    w->arrivals++;
    int outcome = address_take(&w->broker->addresses, fd, loop_now_ms(w->loop), &address);
    struct client *c = outcome == 0 ? slab_take(&w->clients) : NULL;
    if (!c) {
        /* Without a word: a stream error would cost what the limit is there to save. */
        w->net.counters.refused++;
        w->net.counters.refused_fast += outcome == ADDRESS_FAST;
        address_give(&w->broker->addresses, address);
        close(fd);
        return;
    }
    c->address = address;
    c->worker = w;
    list_init(&c->link);
    list_append(&w->client_list, &c->link);
    atomic_fetch_add(&w->broker->clients, 1);
    stream_open(&c->stream, &w->streams, fd, listener->tls, listener->is_kernel_wanted);
    c->stream.is_loopback = listener->is_loopback;
}

/* ---- life ---- */

/* What new connections are steered by. Streams with other servers count as log-ins: they stay, and are at work all the time. */
static uint32_t worker_load(const struct worker *w)
{
    int64_t sessions = w->router.sessions.live;
    int64_t logins = w->clients.live - sessions + (int64_t)federation_streams(w);
    return STEER_LOGIN_WEIGHT * (uint32_t)(logins > 0 ? logins : 0) + (uint32_t)(sessions > 0 ? sessions : 0);
}

static void worker_turn_ends(void *context)
{
    struct worker *w = context;
    net_turn_ends(&w->net);
    cost_turn_ends(w->router.cost);
    if (w->slot)
        steer_slot_write(w->slot, worker_load(w), w->arrivals);
    w->arrivals = 0;
}

static int worker_open(struct worker *w, char *message, size_t message_bytes)
{
    struct broker *b = w->broker;
    const struct loop_owner owner = {worker_turn_ends, w, b->looping.program, w->index};
    list_init(&w->client_list);
    list_init(&w->delayed);
    slab_init(&w->clients, "client", sizeof(struct client));
    int error = loop_new(&owner, &w->loop, message, message_bytes);
    if (error)
        return error;
    w->stream_settings = b->stream_settings;
    w->router_settings = b->router_settings;
    snprintf(message, message_bytes, "out of memory");
    error = net_init(&w->net, w->loop, b->jobs, b->config->limits.queue_bytes, &b->kernel_abilities);
    w->net.verdict = b->sifting.verdict;
    if (!error)
        error = stream_worker_init(&w->streams, &w->stream_settings, &worker_stream_events, &w->net);
    if (!error)
        error = router_init(&w->router, &w->router_settings, w->loop, b->store, b->routers, w->index,
                            b->worker_count);
    if (!error)
        federation_worker_open(w);
    return error;
}

bool worker_wants_kernel_records(const struct broker *b, const struct config_listener *l)
{
    if (l->tls == CONFIG_TLS_NONE || l->records == CONFIG_RECORDS_USER || !b->kernel_abilities.tls13_suites)
        return false;
    return l->records == CONFIG_RECORDS_KERNEL || b->config->offload.tls != CONFIG_OFFLOAD_OFF;
}

void worker_listen(struct worker *w)
{
    static const enum stream_tls tls_of[] = {[CONFIG_TLS_STARTTLS] = STREAM_TLS_STARTTLS,
                                             [CONFIG_TLS_DIRECT] = STREAM_TLS_DIRECT,
                                             [CONFIG_TLS_NONE] = STREAM_TLS_NONE};
    const struct config *config = w->broker->config;
    for (uint32_t i = 0; i < w->listener_count; i++) {
        struct worker_listener *l = &w->listeners[i];
        int *fd = &w->broker->listener_fds[w->index * w->listener_count + i];
        l->worker = w;
        l->tls = tls_of[config->listeners[i].tls];
        /* Beyond loopback the configuration refuses it without this (config/check.c). */
        l->is_loopback = l->tls == STREAM_TLS_NONE && !config->listeners[i].allow_plaintext;
        l->is_kernel_wanted = worker_wants_kernel_records(w->broker, &config->listeners[i]);
        listener_open(&l->listener, w->loop, *fd, on_accepted);
    }
    federation_listen(w);
}

void *worker_thread(void *argument)
{
    struct worker *w = argument;
    char message[256] = "";
    int error = worker_open(w, message, sizeof message);
    /* Not before: some kernels count a ring as locked memory of who makes it without CAP_IPC_LOCK. */
    privileges_drop(); /* as main.c does, which says what became of it */
    broker_worker_started(w->broker, error, message);
    if (error)
        return NULL;
    loop_run(w->loop);
    return NULL;
}

void worker_stop(struct worker *w)
{
    w->is_stopping = true;
    if (w->slot)
        steer_slot_drain(w->slot);
    for (uint32_t i = 0; i < w->listener_count; i++)
        if (w->listeners[i].worker) /* a start that failed may not have come to listening */
            listener_close(&w->listeners[i].listener);
    worker_logins_stop(w);
    list_each(node, &w->client_list)
        stream_fail(&container_of(node, struct client, link)->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
    router_stop(&w->router);
    federation_stop(w);
}

void worker_abort(struct worker *w)
{
    list_each(node, &w->client_list) conn_abort(&container_of(node, struct client, link)->stream.conn);
    federation_abort(w);
}

bool worker_is_idle(const struct worker *w)
{
    for (uint32_t i = 0; i < w->listener_count; i++)
        if (w->listeners[i].worker && !listener_is_closed(&w->listeners[i].listener))
            return false;
    const struct edge *edge = w->router.settings->e2e.edge;
    return w->lookups == 0 && w->streams.jobs == 0 && w->router.operations == 0 &&
           (!edge || edge_is_idle(edge)) && federation_is_idle(w);
}
