/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "keys.h"

/* Linux gives out some 28,000 ports (ip_local_port_range); stay well below for each source address. */
#define SESSIONS_PER_SOURCE 20000
/* Source addresses begin at 127.0.0.2. */
#define SOURCE_HOST_FIRST 2
/* Descriptors for anything but sessions: files, epoll, standard streams. */
#define DESCRIPTORS_SPARE 32
/* How long the others' deliveries are awaited after a session was lost. */
#define LOST_PATIENCE_MS 3000
/* How long sessions get to end properly. */
#define LOGOUT_MS_MAX 5000

static void crowd_online(struct session *s);
static void crowd_stanza(struct session *s, const struct element *stanza);
static void crowd_ended(struct session *s, const char *reason);

static const struct session_hooks crowd_hooks = {crowd_online, crowd_stanza, crowd_ended};

static int complain(const char *what, const char *detail)
{
    fprintf(stderr, "muster-bench: %s: %s\n", what, detail);
    return 1;
}

static int target_resolve(struct transport_target *target, const struct options *o, uint64_t given_port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char port[8];
    uint64_t by_mode = o->tls_mode == TLS_MODE_DIRECT ? 5223 : 5222;
    snprintf(port, sizeof port, "%u", (unsigned)(given_port != 0 ? given_port : by_mode));
    int error = getaddrinfo(o->host, port, &hints, &found);
    if (error != 0)
        return complain(o->host, gai_strerror(error));
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static const char *domain_of(const struct account *account)
{
    return strchr(account->jid, '@') + 1;
}

/* The accounts of a second domain have a stream of their own domain, and perhaps a server of their own. */
static int second_fill(struct crowd *c, const struct options *o)
{
    c->second = c->settings;
    for (uint32_t i = 0; i < c->accounts.count && o->domain == NULL; i++) {
        if (strcmp(domain_of(&c->accounts.list[i]), c->settings.domain) != 0) {
            c->second.domain = c->second.target.tls_name = domain_of(&c->accounts.list[i]);
            break;
        }
    }
    return o->second_port != 0 ? target_resolve(&c->second.target, o, o->second_port) : 0;
}

static int settings_fill(struct crowd *c, const struct options *o)
{
    struct session_settings *s = &c->settings;
    s->domain = o->domain != NULL ? o->domain : domain_of(&c->accounts.list[0]);
    s->tls_mode = (enum tls_mode)o->tls_mode;
    s->mechanism = o->mechanism;
    s->resource = o->resource;
    s->wants_roster = true;
    s->target.tls_name = s->domain;
    if (s->tls_mode != TLS_MODE_PLAIN && transport_tls_context(&s->target, o->ca, o->insecure, o->suite) < 0)
        return complain(o->ca ? o->ca : "the system's certificate authorities, or --suite", "cannot be used");
    int outcome = target_resolve(&s->target, o, o->port);
    return outcome != 0 ? outcome : second_fill(c, o);
}

int crowd_open(struct crowd *c, const struct options *o, const struct session_hooks *hooks, void *owner)
{
    *c = (struct crowd){.options = o, .hooks = hooks, .owner = owner};
    signal(SIGPIPE, SIG_IGN);
    if (o->accounts == NULL)
        return complain("--accounts FILE", "is needed (muster-bench prepare writes one)");
    if (accounts_load(&c->accounts, o->accounts) < 0 ||
        (o->rosters != NULL && accounts_load_rosters(&c->accounts, o->rosters) < 0) ||
        (o->keys != NULL && keys_load(&c->accounts, o->keys) < 0))
        return 1;
    if (o->users > c->accounts.count)
        return complain(o->accounts, "has fewer accounts than --users");
    if (settings_fill(c, o) != 0)
        return 1;
    int outcome = loop_init(&c->loop);
    if (outcome < 0)
        return complain("epoll", strerror(-outcome));
    uint32_t count = c->accounts.count;
    c->sessions = calloc(count, sizeof *c->sessions);
    c->members = calloc(count, sizeof *c->members);
    if (c->sessions == NULL || c->members == NULL)
        return complain("sessions", strerror(ENOMEM));
    for (uint32_t i = 0; i < count; i++) {
        bool is_second =
            o->domain == NULL && strcmp(domain_of(&c->accounts.list[i]), c->settings.domain) != 0;
        session_init(&c->sessions[i], &c->loop, is_second ? &c->second : &c->settings, &crowd_hooks,
                     &c->accounts.list[i]);
        c->sessions[i].owner = c;
        c->sessions[i].index = i;
        c->members[i] = i;
    }
    c->member_count = o->users != 0 ? (uint32_t)o->users : count;
    crowd_moved(c);
    return 0;
}

void crowd_fini(struct crowd *c)
{
    if (c->options->keys != NULL && c->accounts.count > 0)
        keys_save(&c->accounts, c->options->keys);
    if (c->sessions != NULL) {
        for (uint32_t i = 0; i < c->accounts.count; i++)
            session_fini(&c->sessions[i]);
        loop_fini(&c->loop);
    }
    free(c->sessions);
    free(c->members);
    if (c->settings.target.tls != NULL)
        SSL_CTX_free(c->settings.target.tls);
    accounts_fini(&c->accounts);
}

int crowd_check_descriptors(struct crowd *c)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= c->member_count + DESCRIPTORS_SPARE)
        return 0;
    fprintf(
        stderr,
        "muster-bench: %u sessions need %u descriptors, but the hard limit is %llu: raise it (ulimit -Hn), "
        "or use --users %llu or fewer\n",
        c->member_count, c->member_count + DESCRIPTORS_SPARE, (unsigned long long)limit.rlim_cur,
        (unsigned long long)limit.rlim_cur - DESCRIPTORS_SPARE);
    return 1;
}

static bool is_loopback(const struct crowd *c)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&c->settings.target.address;
    return in->sin_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

void crowd_start(struct crowd *c, struct session *s)
{
    unsigned source_host = 0;
    if (c->member_count >= SESSIONS_PER_SOURCE && is_loopback(c))
        source_host = SOURCE_HOST_FIRST + s->index / SESSIONS_PER_SOURCE;
    c->under_way++;
    session_start(s, source_host);
}

static void crowd_online(struct session *s)
{
    struct crowd *c = s->owner;
    c->under_way--;
    c->online++;
    crowd_moved(c);
    c->hooks->online(s);
}

static void crowd_stanza(struct session *s, const struct element *stanza)
{
    struct crowd *c = s->owner;
    c->hooks->stanza(s, stanza);
}

static void crowd_ended(struct session *s, const char *reason)
{
    struct crowd *c = s->owner;
    if (s->was_online)
        c->online--;
    else
        c->under_way--;
    if (reason != NULL && !s->is_exempt && c->failed++ == 0)
        snprintf(c->first_failure, sizeof c->first_failure, "%s: %s", s->account->jid, reason);
    crowd_moved(c);
    c->hooks->ended(s, reason);
}

int crowd_turn(struct crowd *c, int timeout_ms)
{
    if (c->background != NULL) {
        int until_ms = c->background(c->background_context);
        timeout_ms = until_ms < timeout_ms ? until_ms : timeout_ms;
    }
    int outcome = loop_turn(&c->loop, timeout_ms);
    return outcome < 0 ? complain("epoll", strerror(-outcome)) : 0;
}

void crowd_rest(struct crowd *c, uint64_t rest_ms)
{
    uint64_t end = clock_now_ms() + rest_ms;
    for (uint64_t now = clock_now_ms(); now < end; now = clock_now_ms())
        if (crowd_turn(c, (int)(end - now)) != 0)
            return;
    crowd_moved(c);
}

void crowd_moved(struct crowd *c)
{
    c->moved_ms = clock_now_ms();
}

bool crowd_is_stalled(const struct crowd *c)
{
    /* Once a session is lost it cannot become complete any more. */
    uint64_t patience_ms = c->options->timeout_s * 1000;
    if (c->failed > 0 && patience_ms > LOST_PATIENCE_MS)
        patience_ms = LOST_PATIENCE_MS;
    return clock_now_ms() - c->moved_ms > patience_ms;
}

int crowd_login_some(struct crowd *c, const uint32_t *sessions, uint32_t count)
{
    uint32_t started = 0, online = c->online;
    crowd_moved(c);
    while (started < count || c->under_way > 0) {
        while (started < count && c->under_way < c->options->concurrency && c->failed == 0)
            crowd_start(c, &c->sessions[sessions[started++]]);
        if (c->failed > 0)
            return complain("log-in failed", c->first_failure);
        if (crowd_turn(c, 100) != 0)
            return 1;
        if (crowd_is_stalled(c)) {
            fprintf(stderr, "muster-bench: log-in stalled: %u of %u online\n", c->online - online, count);
            return 1;
        }
        progress_show("logging in", c->online - online, count);
    }
    return c->failed > 0 ? complain("log-in failed", c->first_failure) : 0;
}

int crowd_login(struct crowd *c)
{
    return crowd_check_descriptors(c) != 0 ? 1 : crowd_login_some(c, c->members, c->member_count);
}

void crowd_logout(struct crowd *c)
{
    for (uint32_t i = 0; i < c->accounts.count; i++)
        session_close(&c->sessions[i]);
    uint64_t end = clock_now_ms() + LOGOUT_MS_MAX;
    while (c->online + c->under_way > 0 && clock_now_ms() < end)
        if (crowd_turn(c, 50) != 0)
            return;
}

bool crowd_server_stat(const struct crowd *c, bool with_memory, struct procstat *ret_stat)
{
    pid_t pid = (pid_t)c->options->server_pid;
    if (pid == 0)
        return false;
    if (procstat_read(pid, c->options->children, with_memory, ret_stat) < 0) {
        fprintf(stderr, "muster-bench: --server-pid %d: no such process\n", (int)pid);
        return false;
    }
    return true;
}
