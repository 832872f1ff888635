/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_edge.h"
#include "settings.h"

/* More turns than any dialogue needs: something goes in circles. */
#define SETTLE_ROUNDS_MAX 20000
/* Closing streams are cut after some seconds. */
#define FAREWELL_MS 8000

uint32_t world_at_once_max = ROUTER_AT_ONCE_MAX;

void world_fail(struct world *w, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail_msg("%s (%u workers): %s", w->where ? w->where : "?", w->broker.worker_count, text);
    abort();
}

/* broker.c's, as far as workers call it. */
void broker_worker_started(struct broker *b, int error, const char *message)
{
    (void)message;
    b->workers_ready += error == 0;
}

/* What musterctl would be told, without the daemon's threads to ask. */
static bool order_take(void *context, struct span command, struct span body, struct buffer *reply)
{
    struct world *w = context;
    buffer_append(&w->orders, command);
    buffer_append_char(&w->orders, ' ');
    buffer_append(&w->orders, body);
    buffer_append_char(&w->orders, '\n');
    for (uint32_t i = 0; i < w->orders.len; i++)
        if (w->orders.ptr[i] == '\t')
            w->orders.ptr[i] = ' ';
    if (span_is(command, "session\tlist"))
        buffer_literal(
            reply, "a@b/1\tavailable\t0\na@b/2\tunavailable\t0\nc@d/<\tavailable\t1\ne@f/x\tavailable\t1\n");
    else if (span_is(command, "stats"))
        buffer_literal(reply, "sessions\t3\n");
    else
        buffer_literal(reply, "so it is\n");
    return !memmem(command.ptr, command.len, "refuse", 6);
}

/* registrar.c's and commands.c's, without threads: groups are tried end to end. */
struct command {
    struct store_request request, *asker;
    struct broker *broker;
};

static void command_done(struct store_request *r)
{
    struct command *c = container_of(r, struct command, request);
    bool is_removal = span_starts(r->command, SPAN("user\tremove"));
    struct span affected = buffer_span(&r->affected);
    c->asker->result = r->result;
    if (is_removal)
        c->asker->done(c->asker);
    if (r->result == 0)
        router_account_changed(c->broker->routers, c->broker->worker_count, affected, is_removal);
    if (!is_removal)
        c->asker->done(c->asker);
    buffer_fini(&r->affected);
    free(c);
}

void broker_command_submit(void *broker, struct store_request *r)
{
    struct command *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->asker = r;
    c->broker = broker;
    c->request.operation = STORE_COMMAND;
    c->request.command = r->command;
    c->request.body = r->body;
    c->request.done = command_done;
    store_submit(c->broker->store, &c->request);
}

void world_settings(struct world *w)
{
    const struct config *c = &w->config;
    w->broker.service_settings = settings_of_services(c);
    w->broker.service_settings.run = order_take;
    w->broker.service_settings.run_context = w;
    w->broker.router_settings = settings_of_router(c, w->domains, &w->broker.service_settings);
    w->broker.router_settings.at_once_max = w->at_once_max;
    if (!w->at_once_max)
        w->broker.router_settings.pace = 1;
    struct signatures signatures; /* as by a reload */
    assert_int_equal(signatures_renew(&w->broker, c, &signatures, NULL), 0);
    signatures_swap(&w->broker, &signatures);
    signatures_drop(&w->broker, &signatures);
    w->broker.router_settings.e2e = w->broker.signatures.rules;
    w->broker.stream_settings = settings_of_stream(c, w->domains);
    w->broker.stream_settings.secret = store_secret(w->broker.store);
    w->broker.stream_settings.registrations = &w->broker.registrations;
    w->broker.registrations.per_hour = c->registration.per_hour;
    w->broker.router_settings.command = broker_command_submit;
    w->broker.router_settings.command_context = &w->broker;
    for (uint32_t i = 0; i < w->broker.worker_count; i++) {
        w->broker.workers[i].router_settings = w->broker.router_settings;
        w->broker.workers[i].stream_settings = w->broker.stream_settings;
        w->broker.workers[i].net.queue_bytes_max = c->limits.queue_bytes;
        w->broker.workers[i].net.hold_bytes =
            c->presence.conflate_bytes ? c->presence.conflate_bytes : UINT64_MAX;
        w->broker.workers[i].streams.limits.stanza_bytes = c->limits.stanza_bytes;
        w->broker.workers[i].router.caps.recent_max = c->limits.capabilities;
    }
}

static void config_fill(struct world *w)
{
    w->domain_texts[0] = (char *)"localhost";
    w->domains[0] = SPAN("localhost");
    w->listener = (struct config_listener){.address = (char *)"127.0.0.1", .port = 1, .tls = CONFIG_TLS_NONE};
    w->config = (struct config){
        .domains = w->domain_texts, .domain_count = 1, .listeners = &w->listener, .listener_count = 1};
    w->config.limits.stanza_bytes = 20000;
    w->config.limits.unauthenticated_stanza_bytes = 10000;
    w->config.limits.queue_bytes = 1000000;
    w->config.limits.login_attempts = 3;
    w->config.limits.bind_attempts = 6;
    w->config.limits.roster_items = 100;
    w->config.limits.resources = 4;
    w->config.limits.login_timeout_ms = 2000;
    w->config.limits.directed_presences = 8;
    w->config.limits.subscription_requests = 4;
    w->config.limits.blocked_jids = 4;
    w->config.limits.held_presences = 100;
    w->config.limits.private_item_bytes = 400;
    w->config.limits.private_bytes = 1000;
    w->config.limits.vcard_bytes = 2000;
    w->config.limits.resume_timeout_ms = 10000;
    w->config.limits.detached_sessions = 2;
    w->config.limits.unacked_stanzas = 1000;
    w->config.limits.unacked_bytes = 1000000;
    w->config.limits.offline_messages = 100;
    w->config.limits.offline_bytes = 100000;
    w->config.sasl.allow_password_change = true;
    w->config.sasl.iterations = SASL_ITERATIONS_MIN;
    w->config.limits.token_clients = 4;
    w->config.limits.capabilities = 4;
    w->config.pep.nodes = 4;
    w->config.pep.items = 5;
    w->config.pep.item_bytes = 100;
    w->config.pep.account_bytes = 300;
    w->config.archive.messages = 1000;
    w->config.limits.rate_burst_s = 1;
    w->config.limits.stranger_burst = 2;
    w->config.presence.csi = true;
    w->config.presence.burst = 1;
}

struct world *world_new(uint32_t workers, uint64_t seed, size_t receive_bytes_max)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fake_reset(seed);
    fake_receive_bytes_max = receive_bytes_max;
    config_fill(w);
    w->at_once_max = world_at_once_max;
    struct broker *b = &w->broker;
    b->config = &w->config;
    guesses_init(&b->guesses, 0, 0);
    address_rate_init(&b->registrations, 0);
    b->worker_count = workers;
    b->store = fake_store_new();
    b->workers = calloc(workers, sizeof *b->workers);
    b->routers = calloc(workers, sizeof(struct router *));
    b->listener_fds = calloc(workers, sizeof(int));
    for (uint32_t i = 0; i < workers; i++) {
        struct worker *worker = &b->workers[i];
        worker->broker = b;
        worker->index = i;
        worker->listener_count = 1;
        worker->listeners = calloc(1, sizeof *worker->listeners);
        b->routers[i] = &worker->router;
        b->listener_fds[i] = fake_listener();
    }
    for (uint32_t i = 0; i < workers; i++)
        worker_thread(&b->workers[i]); /* its loop_run returns at once */
    for (uint32_t i = 0; i < workers && seed % 3 == 0; i++)
        b->workers[i].net.turn_conns = 1;
    assert_int_equal(b->workers_ready, workers);
    world_settings(w);
    group_book_init(&b->groups, workers);
    for (uint32_t i = 0; i < workers; i++)
        worker_listen(&b->workers[i]);
    return w;
}

/* ---- running ---- */

static bool users_read(struct world *w)
{
    bool has_news = false;
    for (uint32_t i = 0; i < w->user_count; i++)
        has_news |= user_read(&w->users[i]);
    return has_news;
}

void world_settle(struct world *w)
{
    for (unsigned round = 0; round < SETTLE_ROUNDS_MAX; round++) {
        bool is_busy = users_read(w);
        is_busy |= others_step(w);
        for (uint32_t i = 0; i < w->broker.worker_count; i++) {
            struct loop *l = w->broker.workers[i].loop;
            if (!fake_loop_has_work(l))
                continue;
            fake_loop_turn(l, NULL);
            is_busy = true;
        }
        if (!w->is_store_held && fake_store_has_work(w->broker.store)) {
            fake_store_run_one(w->broker.store);
            is_busy = true;
        }
        if (fake_edge_has_work()) {
            fake_edge_run_one();
            is_busy = true;
        }
        if (fake_jobs_have_work()) {
            fake_jobs_run_one();
            is_busy = true;
        }
        if (!is_busy)
            return;
    }
    world_fail(w, "it never comes to rest");
}

static bool is_chosen(void)
{
    return fake_random(2) == 0;
}

bool world_step(struct world *w)
{
    bool has_store = !w->is_store_held && fake_store_has_work(w->broker.store);
    others_step(w);
    uint32_t candidates[WORLD_USERS_MAX], count = 0;
    users_read(w);
    for (uint32_t i = 0; i < w->broker.worker_count; i++)
        if (fake_loop_has_work(w->broker.workers[i].loop))
            candidates[count++] = i;
    if (has_store)
        candidates[count++] = UINT32_MAX;
    if (!count)
        return false;
    uint32_t one = candidates[fake_random(count)];
    if (one == UINT32_MAX)
        fake_store_run_one(w->broker.store);
    else
        fake_loop_turn(w->broker.workers[one].loop, is_chosen);
    users_read(w);
    return true;
}

void world_advance(struct world *w, uint64_t ms)
{
    for (uint64_t done = 0; done < ms; done += TIMER_TICK_MS) {
        fake_clock_advance(TIMER_TICK_MS);
        world_settle(w);
    }
}

/* ---- the end ---- */

static void users_cut(struct world *w)
{
    for (uint32_t i = 0; i < w->user_count; i++) {
        struct user *u = &w->users[i];
        u->is_deaf = false;
        if (u->peer) {
            u->peer->is_stalled = false;
            u->peer->is_ended = true;
        }
    }
}

static void worker_finish(struct world *w, struct worker *worker)
{
    struct router *r = &worker->router;
    if (!worker_is_idle(worker))
        world_fail(w, "worker %u is not idle", worker->index);
    if (r->sessions.live || r->accounts.live || r->entities.table.count || r->told_abroad.count)
        world_fail(w, "worker %u is left with %lld sessions, %lld accounts, %u entities", worker->index,
                   (long long)r->sessions.live, (long long)r->accounts.live, r->entities.table.count);
    assert_true(list_empty(&worker->client_list));
    assert_int_equal(worker->net.conns, 0);
    stream_worker_fini(&worker->streams);
    net_fini(&worker->net);
    loop_free(worker->loop);
    router_fini(r);
}

void world_free(struct world *w)
{
    struct broker *b = &w->broker;
    w->is_store_held = false;
    fake_edge_is_held = false;
    users_cut(w);
    world_settle(w);
    world_advance(w, FAREWELL_MS);
    world_check(w);
    for (uint32_t i = 0; i < b->worker_count; i++)
        worker_stop(&b->workers[i]);
    world_advance(w, 2 * TIMER_TICK_MS);
    int64_t live = 0;
    for (uint32_t i = 0; i < b->worker_count; i++)
        live += b->workers[i].clients.live;
    if (live || atomic_load(&b->clients))
        world_fail(w, "%lld clients are left, %d counted", (long long)live, (int)atomic_load(&b->clients));
    for (uint32_t i = 0; i < b->worker_count; i++)
        worker_finish(w, &b->workers[i]);
    for (uint32_t i = 0; i < b->worker_count; i++) {
        b->workers[i].clients.live = 0; /* clients migrate: only the sum says anything */
        slab_fini(&b->workers[i].clients);
        free(b->workers[i].listeners);
    }
    for (uint32_t i = 0; i < w->user_count; i++)
        user_fini(&w->users[i]);
    others_fini(w);
    fake_finish();
    fake_edge_reset();
    signatures_close(b);
    fake_store_free(b->store);
    group_book_fini(&b->groups);
    guesses_fini(&b->guesses);
    address_rate_fini(&b->registrations);
    for (uint32_t i = 0; i < w->group_count; i++)
        free(w->groups[i]);
    for (int i = 0; i < CONFIG_CONTACTS; i++)
        free(w->contacts[i]);
    free(w->admin);
    for (uint32_t i = 0; i < w->smime_count; i++)
        free(w->smime_texts[i]);
    buffer_fini(&w->orders);
    free(b->workers);
    free(b->routers);
    free(b->listener_fds);
    free(w);
}
