/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "federation.h"
#include "ring/bells.h"
#include "settings.h"

/* Presence wants at least two, so that what crosses workers is never the untried case. */
#define WORKERS_MIN 2
/* More than the cores of any machine this runs on; the configuration refuses more. */
#define WORKERS_MAX 256
/* Streams get this long to take their leave, then they are cut. */
#define STOP_TIMEOUT_MS 3000
#define STOP_POLL_MS 20
/* Questions to authorities' responders that may be under way at a time: each holds a thread, which does nothing but wait. */
#define ASKING_THREADS 4

static uint32_t core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (uint32_t)cores : 1;
}

uint32_t broker_worker_count(const struct config *c)
{
    uint32_t cores = core_count();
    uint32_t count = c && c->workers ? c->workers : cores < WORKERS_MIN ? WORKERS_MIN : cores;
    return count > WORKERS_MAX ? WORKERS_MAX : count;
}

uint32_t broker_job_count(const struct config *c)
{
    return c && c->jobs ? c->jobs : core_count();
}

static void descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int settings_make(struct broker *b)
{
    const struct config *c = b->config;
    b->domains = settings_domains(c);
    if (!b->domains)
        return -ENOMEM;
    b->service_settings = settings_of_services(c);
    b->router_settings = settings_of_router(c, b->domains, &b->service_settings);
    b->stream_settings = settings_of_stream(c, b->domains);
    b->stream_settings.registrations = &b->registrations;
    b->router_settings.command = broker_command_submit;
    b->router_settings.command_context = b;
    return 0;
}

/* Can it be as the configuration says? */
static int kernel_records_choose(struct broker *b, struct buffer *ret_message)
{
    const struct config *config = b->config;
    struct record_kernel_abilities *k = &b->kernel_abilities;
    bool is_forced = config->offload.tls == CONFIG_OFFLOAD_ON,
         is_wanted = config->offload.tls != CONFIG_OFFLOAD_OFF;
    const char *key = "offload.tls: on", *instead = "offload.tls: auto";
    uint32_t users = 0, kernels = 0;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        if (config->listeners[i].records != CONFIG_RECORDS_KERNEL)
            continue;
        is_forced = is_wanted = true;
        key = "listen[].records: kernel";
        instead = "records: auto";
    }
    if (is_wanted)
        record_kernel_probe(k);
    if (is_forced && !k->tls13_suites) {
        buffer_printf(ret_message,
                      "%s, but the kernel's TLS does not work: %s; load the modules tls and gcm, or set %s",
                      key, strerror(-k->error), instead);
        return k->error;
    }
    for (uint32_t i = 0; i < config->listener_count; i++)
        *(worker_wants_kernel_records(b, &config->listeners[i]) ? &kernels : &users) +=
            config->listeners[i].tls != CONFIG_TLS_NONE;
    log_info("tls-records", "by=%s rekey=%s",
             !kernels ? "user"
             : users  ? "kernel-and-user"
                      : "kernel",
             k->can_rekey ? "yes" : "no");
    return 0;
}

static int tls_open(struct broker *b, struct buffer *ret_message)
{
    if (!settings_want_tls(b->config))
        return 0;
    struct tls_settings settings = settings_of_tls(b->config, b->domains);
    int error = tls_context_new(&settings, &b->tls, ret_message);
    b->stream_settings.tls = b->tls;
    return error ? error : kernel_records_choose(b, ret_message);
}

static int listeners_open(struct broker *b, struct buffer *ret_message)
{
    uint32_t per_worker = b->config->listener_count, total = b->worker_count * per_worker;
    b->listener_fds = malloc((total + 1) * sizeof *b->listener_fds);
    if (!b->listener_fds)
        return -ENOMEM;
    for (uint32_t i = 0; i < total; i++)
        b->listener_fds[i] = -1;
    for (uint32_t i = 0; i < total; i++) {
        const struct config_listener *l = &b->config->listeners[i % per_worker];
        /* Workers share a port with SO_REUSEPORT, which would also let a second daemon share it: ask first. */
        int fd = i < per_worker ? listener_probe(l->address, l->port) : 0;
        if (fd == 0)
            fd = listener_socket(l->address, l->port);
        if (fd < 0) {
            buffer_printf(ret_message, "cannot listen on %s port %u: %s", l->address, l->port, strerror(-fd));
            return fd;
        }
        b->listener_fds[i] = fd;
    }
    return 0;
}

void broker_worker_started(struct broker *b, int error, const char *message)
{
    pthread_mutex_lock(&b->lock);
    b->workers_ready++;
    if (error && !b->worker_error) {
        b->worker_error = error;
        strncpy(b->worker_message, message, sizeof b->worker_message - 1);
    }
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

static int workers_start(struct broker *b, struct buffer *ret_message)
{
    b->workers = calloc(b->worker_count, sizeof *b->workers);
    b->routers = calloc(b->worker_count, sizeof(struct router *));
    if (!b->workers || !b->routers)
        return -ENOMEM;
    uint32_t started = 0;
    int error = 0;
    for (uint32_t i = 0; i < b->worker_count; i++) {
        struct worker *w = &b->workers[i];
        w->broker = b;
        w->index = i;
        w->listener_count = b->config->listener_count;
        w->listeners = calloc(w->listener_count + 1, sizeof *w->listeners);
        b->routers[i] = &w->router;
        if (!w->listeners)
            return -ENOMEM;
    }
    pthread_mutex_lock(&b->lock);
    while (started < b->worker_count && !error) {
        error = -pthread_create(&b->workers[started].thread, NULL, worker_thread, &b->workers[started]);
        started += error == 0;
    }
    while (b->workers_ready < started)
        pthread_cond_wait(&b->wake, &b->lock);
    if (!error && b->worker_error) {
        error = b->worker_error;
        buffer_printf(ret_message, "%s", b->worker_message);
    } else if (error) {
        buffer_printf(ret_message, "cannot start a worker thread: %s", strerror(-error));
    }
    pthread_mutex_unlock(&b->lock);
    if (error)
        _exit(
            1); /* some workers run, some do not: there is nothing to save yet, and nothing to stop in order */
    b->is_running = true;
    return 0;
}

/* ---- asking the workers ---- */

struct question {
    struct message message;
    struct worker *worker;
    void (*ask)(struct worker *w, void *context);
    void *context;
    uint32_t *answers_due; /* under the broker's lock */
};

static void question_handle(struct message *m, void *context)
{
    struct question *q = container_of(m, struct question, message);
    struct worker *w = context;
    q->ask(w, q->context);
    pthread_mutex_lock(&w->broker->lock);
    --*q->answers_due;
    pthread_cond_broadcast(&w->broker->wake);
    pthread_mutex_unlock(&w->broker->lock);
}

void broker_ask(struct broker *b, void (*ask)(struct worker *w, void *context), void *context)
{
    struct question questions[WORKERS_MAX];
    uint32_t answers_due = b->worker_count;
    for (uint32_t i = 0; i < b->worker_count; i++) {
        questions[i] =
            (struct question){{.handle = question_handle}, &b->workers[i], ask, context, &answers_due};
        loop_post(b->workers[i].loop, NULL, &questions[i].message);
    }
    pthread_mutex_lock(&b->lock);
    while (answers_due)
        pthread_cond_wait(&b->wake, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

static void ask_listen(struct worker *w, void *context)
{
    (void)context;
    worker_listen(w);
}

/* ---- starting ---- */

int broker_start(struct broker *b, const char *config_path, const struct config *config,
                 struct buffer *ret_message)
{
    *b = (struct broker){.config = config, .reload = {.path = config_path}};
    pthread_mutex_init(&b->lock, NULL);
    pthread_mutex_init(&b->commands, NULL);
    pthread_cond_init(&b->wake, NULL);
    address_limit_init(&b->addresses, config->limits.connections_per_address, config->limits.connection_rate,
                       config->limits.connection_burst);
    guesses_init(&b->guesses, config->limits.wrong_passwords, config->limits.login_delay_ms);
    address_rate_init(&b->registrations, config->registration.per_hour);
    descriptors_raise();
    b->worker_count = broker_worker_count(config);
    int error = settings_make(b);
    if (!error)
        error = tls_open(b, ret_message);
    if (!error)
        error = sifting_open(b, ret_message);
    if (!error)
        error = looping_open(b, ret_message);
    if (!error)
        error = store_open(config->state, b->domains, config->domain_count, &b->store, ret_message);
    if (error)
        return error;
    store_bracket_answers(b->store, bells_hold, bells_release);
    b->stream_settings.secret = store_secret(b->store);
    error = listeners_open(b, ret_message);
    if (error)
        return error;
    b->jobs = jobs_new(broker_job_count(config), false);
    if (!b->jobs) {
        buffer_printf(ret_message, "cannot start the job threads: %s", strerror(errno));
        return -errno;
    }
    if (b->tls && tls_context_asks(b->tls))
        b->asking = jobs_new(ASKING_THREADS, true);
    if (b->tls && tls_context_asks(b->tls) && !b->asking) {
        buffer_printf(ret_message, "cannot start the threads that ask responders: %s", strerror(errno));
        return -errno;
    }
    if (b->tls && tls_context_checks_clients(b->tls))
        b->stream_settings.client_checks = b->asking ? b->asking : b->jobs;
    error = signatures_open(b, ret_message);
    if (!error)
        error = federation_open(b, ret_message);
    if (error)
        return error;
    b->service_settings.jobs = b->jobs;
    b->service_settings.run = broker_command;
    b->service_settings.run_context = b;
    error = workers_start(b, ret_message);
    if (error)
        return error;
    error = broker_groups_open(b, ret_message);
    if (!error && (config->registration.allow || config->registration.allow_removal))
        error = registrar_open(b, &b->registrar, ret_message);
    if (!error)
        error = looping_start(b, ret_message);
    if (!error)
        error = steering_open(b, ret_message);
    if (error)
        return error;
    broker_ask(b, ask_listen, NULL);
    return control_open(config->admin.socket, broker_command, b, &b->control, ret_message);
}

/* ---- stopping ---- */

static void ask_stop(struct worker *w, void *context)
{
    (void)context;
    worker_stop(w);
}

static void ask_abort(struct worker *w, void *context)
{
    (void)context;
    worker_abort(w);
}

static void ask_end(struct worker *w, void *context)
{
    (void)context;
    loop_stop(w->loop);
}

/* What is still under way; messages between routers are counted, for one may be between two workers just now. */
struct activity {
    _Atomic uint64_t sent, received;
    _Atomic uint32_t busy;
};

static void ask_activity(struct worker *w, void *context)
{
    struct activity *a = context;
    for (uint32_t i = 0; i < w->router.count; i++) {
        atomic_fetch_add(&a->sent, w->router.sent[i]);
        atomic_fetch_add(&a->received, w->router.received[i]);
    }
    if (!worker_is_idle(w))
        atomic_fetch_add(&a->busy, 1);
}

static bool is_quiet(struct broker *b)
{
    struct activity first = {0}, second = {0};
    broker_ask(b, ask_activity, &first);
    broker_ask(b, ask_activity, &second);
    return atomic_load(&b->clients) == 0 && !first.busy && !second.busy && first.sent == first.received &&
           first.sent == second.sent && second.sent == second.received;
}

static bool wait_until_quiet(struct broker *b)
{
    const struct timespec pause = {.tv_nsec = STOP_POLL_MS * 1000000L};
    for (uint64_t until_ms = clock_now_ms() + STOP_TIMEOUT_MS; !is_quiet(b);) {
        if (clock_now_ms() >= until_ms)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static void workers_stop(struct broker *b)
{
    if (b->tls)
        tls_context_stop_asking(b->tls);
    signatures_stop(b);
    broker_ask(b, ask_stop, NULL);
    if (!wait_until_quiet(b)) {
        broker_ask(b, ask_abort, NULL);
        if (!wait_until_quiet(b)) {
            /* A disk that does not answer, most likely. What was acknowledged is on it; the rest cannot be waited for. */
            log_error("stop-incomplete", "clients=%d exit=1", atomic_load(&b->clients));
            _exit(1);
        }
    }
    broker_ask(b, ask_end, NULL);
    for (uint32_t i = 0; i < b->worker_count; i++)
        pthread_join(b->workers[i].thread, NULL);
}

static void worker_close(struct worker *w)
{
    if (w->clients.live || w->router.sessions.live || w->router.accounts.live)
        log_warn("objects-left", "worker=%u clients=%lld sessions=%lld accounts=%lld", w->index,
                 (long long)w->clients.live, (long long)w->router.sessions.live,
                 (long long)w->router.accounts.live);
    federation_worker_close(w);
    stream_worker_fini(&w->streams);
    net_fini(&w->net);
    loop_free(w->loop);
    router_fini(&w->router);
}

void broker_stop(struct broker *b)
{
    b->control = control_close(b->control);
    registrar_close(b->registrar); /* as the control thread, it waits for workers that run */
    if (b->is_running)
        workers_stop(b);
    b->registrar = registrar_free(b->registrar);
    b->jobs = jobs_free(b->jobs);
    b->asking = jobs_free(b->asking);
    signatures_end(b);
    federation_end(b->federation);
    b->store = store_close(b->store);
    int64_t clients = 0;
    for (uint32_t i = 0; b->is_running && i < b->worker_count; i++)
        clients += b->workers[i].clients.live;
    if (clients == 0) /* clients migrate between workers: only the sum says anything */
        for (uint32_t i = 0; b->is_running && i < b->worker_count; i++)
            b->workers[i].clients.live = 0;
    for (uint32_t i = 0; b->is_running && i < b->worker_count; i++)
        worker_close(&b->workers[i]);
    for (uint32_t i = 0; b->is_running && i < b->worker_count; i++)
        slab_fini(&b->workers[i].clients);
    looping_close(b);
    steering_close(b);
    for (uint32_t i = 0; b->workers && i < b->worker_count; i++)
        free(b->workers[i].listeners);
    for (uint32_t i = 0; b->listener_fds && i < b->worker_count * b->config->listener_count; i++)
        if (b->listener_fds[i] >= 0)
            close(b->listener_fds[i]);
    free(b->listener_fds);
    b->federation = federation_free(b->federation);
    group_book_fini(&b->groups);
    free(b->workers);
    free(b->routers);
    free(b->domains);
    b->tls = tls_context_unref(b->tls);
    sifting_close(b);
    signatures_close(b);
    reload_close(b);
    address_limit_fini(&b->addresses);
    guesses_fini(&b->guesses);
    address_rate_fini(&b->registrations);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    pthread_mutex_destroy(&b->commands);
}
