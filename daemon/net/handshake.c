/* SPDX-License-Identifier: Apache-2.0 */
/* A handshake's steps alternate between the worker, which collects the peer's bytes, and a job thread, which does the
 * cryptography. While a step is out, its buffers belong to the job thread. The last step of TLS 1.3, some hashes, costs
 * less than having another thread do it. */
#include "net/handshake.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/receive.h"
#include "net/turn.h"
#include "tls/client.h"
#include "tls/handshake.h"

/* A client's flights are a few KiB (a large certificate chain some tens); more unread bytes are an attack. */
#define HANDSHAKE_BYTES_MAX 131072

struct conn_handshake {
    struct job job;
    struct conn *conn;
    struct tls_handshake *tls;
    struct buffer in;      /* the worker's: waits for the next step */
    struct buffer working; /* the job's */
    struct buffer out;     /* the job's answer */
    size_t used;
    int outcome;
    bool is_running;
    struct tls_secrets secrets;
    struct tls_bindings bindings;
};

static void handshake_run(struct job *j)
{
    struct conn_handshake *h = container_of(j, struct conn_handshake, job);
    h->outcome = tls_handshake_step(h->tls, buffer_span(&h->working), &h->used, &h->out);
    if (h->outcome == 0)
        h->outcome = tls_handshake_finish(h->tls, &h->secrets, &h->bindings);
}

/* The handshake's answer leaves even when it is only an alert. */
static void handshake_fail(struct conn *c, const char *reason)
{
    c->net->counters.handshakes_failed++;
    log_info("tls-failed", "reason=%s", reason);
    conn_handshake_free(c);
    outqueue_fini(&c->out); /* what was meant for TLS does not leave in the clear */
    c->is_ended = true;
    c->events->ended(c, "tls-handshake", false);
}

static void handshake_succeed(struct conn *c)
{
    struct conn_handshake *h = c->handshake;
    c->record = record_user_new(&h->secrets);
    c->net->record_bytes += record_bytes(c->record);
    c->bindings = malloc(sizeof *c->bindings);
    if (!c->record || !c->bindings) {
        handshake_fail(c, "out-of-memory");
        return;
    }
    *c->bindings = h->bindings;
    h->bindings.client = NULL;
    h->bindings.server = NULL;
    struct buffer rest = h->working; /* what the peer sent behind its Finished */
    buffer_init(&h->working);
    conn_handshake_free(c);
    c->net->counters.handshakes++;
    c->is_kernel_due = c->is_kernel_wanted && c->net->kernel && record_kernel_fits(c->record, c->net->kernel);
    c->events->secured(c);
    if (rest.len && !c->is_closing && !c->is_aborted)
        conn_bytes_in(c, rest.ptr, rest.len);
    buffer_fini(&rest);
}

static void handshake_start(struct conn *c);

/* The step is over, and its buffers are the worker's again. */
static void handshake_go_on(struct conn *c)
{
    struct conn_handshake *h = c->handshake;
    buffer_append(&c->raw_out, buffer_span(&h->out));
    buffer_clear(&h->out);
    bool has_news = h->in.len > 0;
    buffer_consume(&h->working, h->used);
    buffer_append(&h->working, buffer_span(&h->in));
    buffer_clear(&h->in);
    if (!buffer_ok(&h->working) || !buffer_ok(&c->raw_out))
        handshake_fail(c, "out-of-memory");
    else if (h->outcome == 0)
        handshake_succeed(c);
    else if (h->outcome != TLS_MORE)
        handshake_fail(c, tls_handshake_reason(h->tls));
    else {
        struct buffer empty = h->in;
        h->in = h->working;
        h->working = empty;
        if (has_news)
            handshake_start(c);
    }
}

static void handshake_done(struct job *j)
{
    struct conn_handshake *h = container_of(j, struct conn_handshake, job);
    struct conn *c = h->conn;
    c->in_flight--;
    h->is_running = false;
    conn_touch(c);
    if (c->is_aborted)
        conn_handshake_free(c);
    else
        handshake_go_on(c);
}

static void handshake_start(struct conn *c)
{
    struct conn_handshake *h = c->handshake;
    struct buffer empty = h->working;
    h->working = h->in;
    h->in = empty;
    h->used = 0;
    if (tls_handshake_is_nearly_done(h->tls)) {
        handshake_run(&h->job);
        handshake_go_on(c);
        return;
    }
    h->is_running = true;
    h->job.home = c->net->loop;
    c->in_flight++;
    jobs_submit(c->net->jobs, &h->job);
}

int conn_start_tls(struct conn *c, struct tls_context *context, bool direct, struct span domain)
{
    struct conn_handshake *h = calloc(1, sizeof *h);
    if (!h)
        return -ENOMEM;
    h->tls = tls_handshake_new(context, direct);
    if (!h->tls) {
        free(h);
        return -ENOMEM;
    }
    tls_handshake_expect(h->tls, domain);
    h->conn = c;
    h->job.run = handshake_run;
    h->job.done = handshake_done;
    /* What the stream has said so far (<proceed/>) leaves in the clear, before the handshake's first flight. */
    size_t ready = outqueue_ready(&c->out, (struct span){0}, SIZE_MAX / 2);
    char *space = ready ? buffer_reserve(&c->raw_out, ready) : NULL;
    if (space)
        c->raw_out.len += (uint32_t)outqueue_take(&c->out, (struct span){0}, space, ready);
    c->handshake = h;
    conn_touch(c);
    return 0;
}

int conn_start_tls_to(struct conn *c, struct tls_context *context, bool direct, struct span ours,
                      struct span domain)
{
    int error = conn_start_tls(c, context, direct, ours);
    if (!error)
        error = tls_handshake_name(c->handshake->tls, domain);
    if (!error)
        handshake_start(c);
    return error;
}

void conn_handshake_feed(struct conn *c, struct span bytes)
{
    struct conn_handshake *h = c->handshake;
    if (h->in.len + bytes.len > HANDSHAKE_BYTES_MAX) {
        if (!h->is_running)
            handshake_fail(c, "too much data");
        else
            conn_abort(c);
        return;
    }
    buffer_append(&h->in, bytes);
    if (!buffer_ok(&h->in))
        conn_abort(c);
    else if (!h->is_running)
        handshake_start(c);
}

void conn_handshake_free(struct conn *c)
{
    struct conn_handshake *h = c->handshake;
    if (!h)
        return;
    tls_handshake_free(h->tls);
    buffer_fini(&h->in);
    buffer_fini(&h->working);
    buffer_fini(&h->out);
    tls_client_unref(h->bindings.client);
    free(h->bindings.server);
    explicit_bzero(&h->secrets, sizeof h->secrets);
    free(h);
    c->handshake = NULL;
}
