/* SPDX-License-Identifier: Apache-2.0 */
/* floor: what a fan-out costs when the server does nothing but seal and send. The clients here read, split
 * and check as those of `fanout` do, so that both figures of time contain the same work. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "checker.h"
#include "cost.h"
#include "element.h"
#include "floor_server.h"
#include "options.h"
#include "scenarios.h"
#include "splitter.h"
#include "transport.h"

#define WATCHERS_DEFAULT 1000
/* Handshakes under way: the server takes one at a time, the others wait in its backlog. */
#define CONNECTING_MAX 64
#define DESCRIPTORS_SPARE 32

struct floor_run;

struct floor_client {
    struct loop_source source;
    struct transport transport;
    struct splitter splitter;
    struct floor_run *run;
    uint32_t index;
    enum { CLIENT_CONNECTING, CLIENT_SHAKING, CLIENT_READY } state;
};

struct floor_run {
    const struct options *options;
    struct floor_plan plan;
    struct loop loop;
    struct transport_target target;
    struct floor_client *clients; /* [0] triggers */
    struct checker *checker;      /* all watch client 0 */
    uint32_t ready;
    uint64_t changed_ns, last_ns, moved_ms;
    const char *failure;
    struct histogram last, delivery;
    pid_t server;
};

static void client_fail(struct floor_client *c, const char *why)
{
    if (c->run->failure == NULL)
        c->run->failure = why;
}

/* Content and length are checked of each; the checker sees to number, order and completeness. */
static void message_take(struct floor_client *c, struct span raw)
{
    struct floor_run *run = c->run;
    struct element message, status;
    uint32_t number = 0;
    bool right = raw.len == run->plan.message_bytes && element_parse(raw, &message) == 0 &&
                 element_child(&message, "status", &status) && status.body.len > FLOOR_NUMBER_DIGITS;
    for (size_t i = 0; right && i < FLOOR_NUMBER_DIGITS; i++) {
        right = status.body.ptr[i] >= '0' && status.body.ptr[i] <= '9';
        number = number * 10 + (uint32_t)(status.body.ptr[i] - '0');
    }
    if (!right) {
        checker_violation(run->checker, (struct violation){VIOLATION_GARBLED, c->index, 0, UINT32_MAX});
    } else if (checker_deliver(run->checker, c->index, 0, number)) {
        run->last_ns = clock_now_ns();
        run->moved_ms = run->last_ns / 1000000;
        histogram_add(&run->delivery, run->last_ns - run->changed_ns);
    }
}

static void bytes_take(struct floor_client *c, struct span bytes)
{
    enum splitter_kind kind;
    struct span item;
    int outcome = splitter_feed(&c->splitter, bytes);
    while (outcome == 0 && (outcome = splitter_next(&c->splitter, &kind, &item)) == 0)
        if (kind == SPLITTER_STANZA)
            message_take(c, item);
    if (outcome != SPLITTER_MORE)
        client_fail(c, "what arrives is not XML");
}

static void client_read(struct floor_client *c)
{
    for (;;) {
        ssize_t len = transport_read(&c->transport, c->run->loop.read_buffer, LOOP_READ_BYTES);
        if (len == -EAGAIN)
            return;
        if (len <= 0) {
            client_fail(c, "a connection ended");
            return;
        }
        bytes_take(c, span_make(c->run->loop.read_buffer, (size_t)len));
    }
}

static void client_is_ready(struct floor_client *c)
{
    c->state = CLIENT_READY;
    c->run->ready++;
    c->run->moved_ms = clock_now_ms();
    bytes_take(c, SPAN("<stream>")); /* the splitter looks for stanzas within a stream */
}

static void client_shake(struct floor_client *c)
{
    char reason[200];
    int outcome = transport_tls_go_on(&c->transport, reason, sizeof reason);
    if (outcome < 0)
        client_fail(c, "TLS handshake");
    else if (outcome == 0)
        client_is_ready(c);
}

static void client_ready(struct loop_source *source, uint32_t events)
{
    struct floor_client *c = (struct floor_client *)((char *)source - offsetof(struct floor_client, source));
    switch (c->state) {
    case CLIENT_CONNECTING:
        if (transport_connected(&c->transport) < 0) {
            client_fail(c, "connecting");
        } else if (!c->run->plan.is_sealed) {
            client_is_ready(c);
        } else if (transport_tls_start(&c->transport, &c->run->target, false) < 0) {
            client_fail(c, "TLS");
        } else {
            c->state = CLIENT_SHAKING;
            client_shake(c);
        }
        return;
    case CLIENT_SHAKING:
        client_shake(c);
        return;
    case CLIENT_READY:
        if (events & EPOLLOUT)
            transport_flush(&c->transport);
        client_read(c);
    }
}

static bool run_is_stalled(const struct floor_run *run)
{
    return run->failure != NULL || clock_now_ms() - run->moved_ms > run->options->timeout_s * 1000;
}

/* Serve the sockets for that long. */
static void run_rest(struct floor_run *run, uint64_t rest_ms)
{
    uint64_t end = clock_now_ms() + rest_ms;
    for (uint64_t now = clock_now_ms(); now < end && run->failure == NULL; now = clock_now_ms())
        loop_turn(&run->loop, (int)(end - now));
    run->moved_ms = clock_now_ms();
}

/* The first alone: the server takes connection 0 for the trigger's. */
static bool clients_connect(struct floor_run *run)
{
    uint32_t started = 0;
    run->moved_ms = clock_now_ms();
    while (run->ready < run->plan.connections) {
        uint32_t most = run->ready == 0 ? 1 : run->ready + CONNECTING_MAX;
        for (; started < most && started < run->plan.connections && run->failure == NULL; started++) {
            struct floor_client *c = &run->clients[started];
            *c = (struct floor_client){.source.ready = client_ready, .run = run, .index = started};
            transport_init(&c->transport, &run->loop, &c->source);
            splitter_init(&c->splitter);
            if (transport_connect(&c->transport, &run->target, 0) < 0)
                client_fail(c, "connecting");
        }
        if (run_is_stalled(run) || loop_turn(&run->loop, 100) < 0)
            return false;
        progress_show("connecting", run->ready, run->plan.connections);
    }
    return true;
}

/* One trigger, and everything that must come of it. */
static bool change_make(struct floor_run *run)
{
    char *trigger = malloc(run->plan.message_bytes);
    if (trigger == NULL)
        return false;
    uint32_t number = checker_publish(run->checker, 0);
    for (uint32_t i = 1; i < run->plan.messages_per_send; i++)
        checker_publish(run->checker, 0);
    floor_message_write(trigger, run->plan.message_bytes, number);
    run->changed_ns = clock_now_ns();
    int outcome = transport_write(&run->clients[0].transport, span_make(trigger, run->plan.message_bytes));
    free(trigger);
    while (outcome == 0 && !checker_is_complete(run->checker))
        if (run_is_stalled(run) || loop_turn(&run->loop, 50) < 0)
            return false;
    if (outcome < 0)
        return false;
    histogram_add(&run->last, run->last_ns - run->changed_ns);
    run_rest(run, run->options->interval_ms);
    return true;
}

static bool changes_make(struct floor_run *run, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!change_make(run))
            return false;
        progress_show("changes", i + 1, count);
    }
    return true;
}

static int complain(const char *what, int error)
{
    fprintf(stderr, "muster-bench: floor: %s: %s\n", what, strerror(error));
    return 1;
}

static int server_start(struct floor_run *run)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&run->target.address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    run->target.address_len = sizeof *in;
    if (listener < 0 || bind(listener, (struct sockaddr *)in, sizeof *in) < 0 ||
        listen(listener, SOMAXCONN) < 0 ||
        getsockname(listener, (struct sockaddr *)in, &run->target.address_len) < 0)
        return complain("listening", errno);
    run->server = fork();
    if (run->server < 0)
        return complain("fork", errno);
    if (run->server == 0)
        _exit(floor_server_run(listener, &run->plan));
    close(listener);
    return 0;
}

static int plan_make(struct floor_run *run)
{
    const struct options *o = run->options;
    struct rlimit limit;
    run->plan =
        (struct floor_plan){.connections = (uint32_t)(o->watchers ? o->watchers : WATCHERS_DEFAULT) + 1,
                            .message_bytes = (uint32_t)o->stanza_bytes,
                            .messages_per_send = (uint32_t)o->coalesce,
                            .is_sealed = o->floor_mode == FLOOR_SEALED};
    if (run->plan.message_bytes == 0)
        run->plan.message_bytes = 250;
    if (run->plan.message_bytes < FLOOR_MESSAGE_BYTES_MIN ||
        (uint64_t)run->plan.message_bytes * run->plan.messages_per_send > FLOOR_SEND_BYTES_MAX) {
        fprintf(stderr, "muster-bench: --stanza-bytes: at least %d, and times --coalesce at most %d\n",
                FLOOR_MESSAGE_BYTES_MIN, FLOOR_SEND_BYTES_MAX);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < run->plan.connections + DESCRIPTORS_SPARE)
            return complain("descriptors for the watchers (ulimit -Hn)", EMFILE);
    }
    return 0;
}

static struct checker *checker_make(const struct floor_run *run)
{
    struct checker_edge *edges = calloc(run->plan.connections, sizeof *edges);
    uint64_t changes = run->options->warm_up + run->options->rounds;
    if (edges == NULL)
        return NULL;
    for (uint32_t i = 0; i < run->plan.connections; i++)
        edges[i] = (struct checker_edge){.watcher = i, .publisher = 0};
    struct checker *c = checker_new(run->plan.connections, edges, run->plan.connections,
                                    (uint32_t)(changes * run->plan.messages_per_send));
    free(edges);
    return c;
}

static bool run_open(struct floor_run *run)
{
    run->target.tls_name = "floor";
    run->checker = checker_make(run);
    run->clients = calloc(run->plan.connections, sizeof *run->clients);
    return run->checker != NULL && run->clients != NULL && loop_init(&run->loop) == 0 &&
           (!run->plan.is_sealed || transport_tls_context(&run->target, NULL, true, NULL) == 0);
}

static void run_close(struct floor_run *run)
{
    int status;
    for (uint32_t i = 0; run->clients != NULL && i < run->plan.connections; i++) {
        if (run->clients[i].run == NULL)
            continue;
        transport_close(&run->clients[i].transport, i != 0);
        splitter_fini(&run->clients[i].splitter);
    }
    if (run->loop.read_buffer != NULL)
        loop_fini(&run->loop);
    free(run->clients);
    checker_free(run->checker);
    SSL_CTX_free(run->target.tls);
    waitpid(run->server, &status, 0);
}

static bool run_measure(struct floor_run *run)
{
    const struct options *o = run->options;
    struct procstat stat[2];
    if (!clients_connect(run) || !changes_make(run, o->warm_up))
        return false;
    run->last = run->delivery = (struct histogram){0};
    uint64_t before = run->checker->arrived;
    bool complete = procstat_read(run->server, false, false, &stat[0]) == 0 && changes_make(run, o->rounds) &&
                    procstat_read(run->server, false, false, &stat[1]) == 0;
    uint64_t deliveries = run->checker->arrived - before;
    run_rest(run, o->settle_ms);
    checker_finish(run->checker);
    complete = complete && checker_violations(run->checker) == 0 && run->failure == NULL;

    struct report r;
    report_init(&r, o->as_json, "floor");
    report_text(&r, "mode", run->plan.is_sealed ? "sealed" : "plain");
    report_count(&r, "watchers", run->plan.connections - 1);
    report_count(&r, "changes", o->rounds * run->plan.messages_per_send);
    report_count(&r, "stanzas_per_send", run->plan.messages_per_send);
    report_number(&r, "delivered_bytes", run->plan.message_bytes);
    report_times(&r, "last_watcher", &run->last);
    report_times(&r, "delivery", &run->delivery);
    if (complete)
        cost_report(&r, stat, deliveries);
    report_count(&r, "violations", checker_violations(run->checker));
    report_text(&r, "result", complete ? "ok" : "FAILED");
    report_finish(&r);
    return complete;
}

int scenario_floor(const struct options *o)
{
    static struct floor_run run; /* its histograms are large for a stack */
    run.options = o;
    signal(SIGPIPE, SIG_IGN);
    int code = plan_make(&run);
    if (code == 0)
        code = server_start(&run);
    if (code != 0)
        return code;
    code = run_open(&run) && run_measure(&run) ? 0 : 1;
    if (code != 0)
        fprintf(stderr, "muster-bench: floor: %s\n",
                run.failure != NULL ? run.failure : "something is missing");
    run_close(&run);
    return code;
}
