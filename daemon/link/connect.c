/* SPDX-License-Identifier: Apache-2.0 */
/* From a domain to a connected socket: its addresses, one after the other (RFC 6120 s. 3.2). */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "link/internal.h"
#include "link/resolve.h"
#include "net/socket.h"

struct attempt {
    struct job job;
    struct links *links;
    struct remote *remote; /* NULL: nobody waits for it any more */
    struct op connect;
    struct timer timer;
    int fd;
    bool is_resolving;       /* not waited for when the daemon stops: a dead name server takes its time */
    atomic_bool is_given_up; /* told to the resolver's thread, for which it waits */
    uint32_t next;
    struct resolution resolution;
};

static void attempt_free(struct attempt *a)
{
    loop_timer_stop(a->links->net->loop, &a->timer);
    if (a->fd >= 0)
        close(a->fd);
    a->links->operations -= !a->is_resolving;
    free(a);
}

static void attempt_fail(struct attempt *a, enum stanza_error e, const char *reason)
{
    struct remote *r = a->remote;
    attempt_free(a);
    if (!r)
        return;
    r->attempt = NULL;
    remote_fail(r, e, reason);
}

static void attempt_next(struct attempt *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
    while (a->remote && a->next < a->resolution.count) {
        const struct target *t = &a->resolution.targets[a->next++];
        a->fd = socket(t->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (a->fd < 0)
            continue;
        socket_options(a->fd);
        loop_connect(a->links->net->loop, &a->connect, a->fd, &t->address.any, t->address_len);
        loop_timer_start(a->links->net->loop, &a->timer, a->links->settings->connect_timeout_ms);
        return;
    }
    attempt_fail(a, STANZA_REMOTE_SERVER_TIMEOUT, "no-address-answers");
}

static void connect_done(struct op *op, int result, unsigned flags, char *bytes)
{
    (void)flags;
    (void)bytes;
    struct attempt *a = container_of(op, struct attempt, connect);
    struct remote *r = a->remote;
    loop_timer_stop(a->links->net->loop, &a->timer);
    if (result != 0 || !r) {
        log_debug("link-connect", "domain=%.*s error=%s", r ? (int)r->domain_len : 0, r ? r->domain : "",
                  strerror(-result));
        attempt_next(a);
        return;
    }
    int fd = a->fd;
    bool is_direct = a->resolution.targets[a->next - 1].is_direct;
    a->fd = -1;
    attempt_free(a);
    r->attempt = NULL;
    outgoing_open(r, fd, is_direct);
}

static void attempt_give_up(struct attempt *a)
{
    loop_timer_stop(a->links->net->loop, &a->timer);
    atomic_store(&a->is_given_up, true);
    a->remote = NULL;
}

static void attempt_expired(struct timer *t)
{
    struct attempt *a = container_of(t, struct attempt, timer);
    struct remote *r = a->remote;
    if (!a->is_resolving) {
        loop_cancel(a->links->net->loop, &a->connect, LOOP_NO_SLOT);
        return;
    }
    attempt_give_up(a); /* resolve_done frees it */
    r->attempt = NULL;
    remote_fail(r, STANZA_REMOTE_SERVER_TIMEOUT, "no-answer-from-dns");
}

/* On a resolver's thread. */
static void resolve_run(struct job *j)
{
    struct attempt *a = container_of(j, struct attempt, job);
    if (!atomic_load(&a->is_given_up))
        resolve_domain(&a->resolution);
}

static void resolve_done(struct job *j)
{
    struct attempt *a = container_of(j, struct attempt, job);
    a->is_resolving = false;
    a->links->operations++;
    if (a->resolution.count == 0 && a->resolution.is_timeout)
        attempt_fail(a, STANZA_REMOTE_SERVER_TIMEOUT, "no-answer-from-dns");
    else if (a->resolution.count == 0)
        attempt_fail(a, STANZA_REMOTE_SERVER_NOT_FOUND, "no-address");
    else
        attempt_next(a);
}

/* Where it is without asking DNS: an address that the server has redirected to, or by the configuration. */
static bool attempt_knows_place(struct attempt *a)
{
    const struct link_settings *settings = a->links->settings;
    for (uint32_t i = 0; i < settings->host_count && a->resolution.count == 0; i++)
        resolve_host(span_of(settings->hosts[i]), span_of(a->resolution.domain), &a->resolution);
    return a->resolution.count > 0;
}

int attempt_begin(struct remote *r)
{
    struct links *l = r->links;
    struct attempt *a = calloc(1, sizeof *a);
    if (!a)
        return -ENOMEM;
    a->links = l;
    a->remote = r;
    a->fd = -1;
    a->connect.done = connect_done;
    timer_init(&a->timer, attempt_expired);
    a->job = (struct job){.home = l->net->loop, .run = resolve_run, .done = resolve_done};
    r->is_redirected = r->place && resolve_place(span_of(r->place), &a->resolution);
    if (!r->is_redirected)
        memcpy(a->resolution.domain, r->domain, r->domain_len);
    free(r->place); /* once: the next attempt begins at the domain again */
    r->place = NULL;
    r->attempt = a;
    l->operations++; /* until it turns out to be one for the resolvers */
    if (attempt_knows_place(a)) {
        attempt_next(a);
        return 0;
    }
    l->operations--;
    a->is_resolving = true;
    loop_timer_start(l->net->loop, &a->timer, l->settings->connect_timeout_ms);
    jobs_submit(l->settings->resolvers, &a->job);
    return 0;
}

void attempt_cancel(struct attempt *a)
{
    attempt_give_up(a);
    if (a->fd >= 0)
        loop_cancel(a->links->net->loop, &a->connect, LOOP_NO_SLOT);
}
