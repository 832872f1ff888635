/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's life: open, send, close, move; what it receives is receive.c's. Every operation in flight is counted; a connection is closed or
 * handed over only at zero. Zero comes: a receive ends by cancellation or by the peer, a send by completion or,
 * after shutdown(2), by error; a job ends by itself. */
#include "net/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/handshake.h"
#include "net/receive.h"
#include "net/turn.h"
#include "net/watch.h"
#include "tls/client.h"

/* One send carries at most this much: four full records. More would only sit in the socket's buffer, and a slow peer should
 * fill its own queue, where it is counted. */
#define SEND_BYTES_MAX (4 * RECORD_PLAIN_MAX)

/* Connections that a turn seals and sends for: two milliseconds. The others' turn is the next; what is queued for them meanwhile goes
 * along. */
#define TURN_CONNS_MAX 512
/* A burst of fan-outs has breaks; the memory for its key schedules outlives those. */
#define RECORD_REST_MS 10000

static void record_rest_expired(struct timer *t)
{
    struct net *n = container_of(t, struct net, record_rest);
    record_worker_rest(n->record_worker, loop_now_ms(n->loop));
}

/* The turn that it asked for has come. */
static void rest_step(struct lane_work *w, uint32_t *budget)
{
    (void)budget;
    lane_work_stop(w);
}

int net_init(struct net *n, struct loop *loop, struct jobs *jobs, uint64_t queue_bytes_max,
             const struct record_kernel_abilities *kernel)
{
    *n = (struct net){.loop = loop, .jobs = jobs, .queue_bytes_max = queue_bytes_max, .kernel = kernel};
    list_init(&n->dirty);
    list_init(&n->dying);
    timer_init(&n->record_rest, record_rest_expired);
    lane_work_init(&n->rest, rest_step);
    n->turn_conns = TURN_CONNS_MAX;
    n->record_worker = record_worker_new();
    return n->record_worker ? 0 : -ENOMEM;
}

void net_fini(struct net *n)
{
    if (!n->record_worker)
        return; /* never opened */
    loop_timer_stop(n->loop, &n->record_rest);
    lane_work_stop(&n->rest);
    n->record_worker = record_worker_free(n->record_worker);
}

static void conn_unlink(struct conn *c)
{
    list_remove(&c->link);
    c->is_dirty = c->is_dying = false;
}

/* Seal what outqueue_take gives into c->send_bytes, one record after the other. 0 or negative errno. */
static int conn_seal_queue(struct conn *c, size_t ready, size_t space_bytes)
{
    struct span head = c->head ? span_make(c->head->bytes, c->head->len) : (struct span){0};
    if (!c->record) {
        c->send_len += (uint32_t)outqueue_take(&c->out, head, c->send_bytes + c->send_len, ready);
        return 0;
    }
    size_t head_bytes = record_head_bytes(c->record);
    while (ready) {
        size_t part = ready < RECORD_PLAIN_MAX ? ready : RECORD_PLAIN_MAX;
        char *space = c->send_bytes + c->send_len;
        part = outqueue_take(&c->out, head, space + head_bytes, part);
        ready -= part;
        size_t sealed = 0;
        struct buffer before = {0};
        int error = record_seal(c->record, c->net->record_worker, space, part, &sealed, &before);
        if (error)
            return error;
        if (before.len && c->send_len + sealed + before.len <= space_bytes) {
            memmove(space + before.len, space,
                    sealed); /* our own KeyUpdate goes ahead; once in 2^24 records */
            memcpy(space, before.ptr, before.len);
            sealed += before.len;
        }
        buffer_fini(&before);
        c->send_len += (uint32_t)sealed;
    }
    return 0;
}

static int conn_fill(struct conn *c)
{
    struct span head = c->head ? span_make(c->head->bytes, c->head->len) : (struct span){0};
    size_t ready = c->handshake || c->is_switching ? 0 : outqueue_ready(&c->out, head, SEND_BYTES_MAX);
    if (!ready && !c->raw_out.len)
        return 0;
    /* A second record's worth of room for a KeyUpdate of our own. */
    size_t space =
        c->raw_out.len + (c->record ? record_sealed_bytes(c->record, ready) + RECORD_OVERHEAD_MAX : ready);
    c->send_bytes = malloc(space);
    if (!c->send_bytes)
        return -ENOMEM;
    c->send_len = c->raw_out.len;
    c->send_done = 0;
    if (c->raw_out.len)
        memcpy(c->send_bytes, c->raw_out.ptr, c->raw_out.len);
    buffer_fini(&c->raw_out);
    return ready ? conn_seal_queue(c, ready, space) : 0;
}

static void conn_send_start(struct conn *c)
{
    c->in_flight++;
    c->net->counters.sends++;
    loop_send(c->net->loop, &c->send, c->fd, c->send_bytes + c->send_done, c->send_len - c->send_done,
              c->slot);
}

static void conn_send_done(struct op *op, int result, unsigned flags, char *bytes)
{
    (void)flags;
    (void)bytes;
    struct conn *c = container_of(op, struct conn, send);
    c->in_flight--;
    conn_touch(c);
    if (result > 0) {
        c->net->counters.bytes_sent += (uint64_t)result;
        c->send_done += (uint32_t)result;
    }
    if (c->send_done < c->send_len && !c->is_aborted && !c->is_detaching &&
        (result > 0 || result == -EINTR || result == -EAGAIN)) {
        conn_send_start(c); /* the rest of a short send */
        return;
    }
    if (c->is_detaching && c->send_done < c->send_len && result > 0)
        return; /* the next worker sends the rest */
    free(c->send_bytes);
    c->send_bytes = NULL;
    if (result < 0 && !c->is_aborted) {
        bool is_news = !c->is_ended && !c->is_closing;
        c->is_ended = true;
        c->is_broken = true;
        if (is_news)
            c->events->ended(c, strerror(-result), false);
        else if (c->is_closing) /* else the owner knows, and has not done with what came before */
            conn_abort(c);
        outqueue_fini(&c->out);
        buffer_fini(&c->raw_out);
    }
}

/* Nothing more to send on a closing connection: say so to the peer. */
static void conn_finish(struct conn *c)
{
    if (!c->is_shut) {
        c->is_shut = true;
        if (c->record)
            record_alert(c->record, c->net->record_worker, TLS_ALERT_CLOSE_NOTIFY, &c->raw_out);
        if (c->raw_out.len) {
            conn_touch(c);
            return;
        }
    }
    shutdown(c->fd, SHUT_WR);
    if (c->is_ended && !c->is_refused)
        conn_abort(c);
}

/* Hand the records over to the kernel: only where nothing is half received and nothing sealed is unsent. So the
 * connection comes to rest first; what it received meanwhile is opened here. */
static void conn_switch(struct conn *c)
{
    if (!c->is_switching) {
        if (c->sealed_in.len || c->is_ended || conn_is_ending(c))
            return;
        c->is_switching = true;
        conn_receive_stop(c);
    }
    if (c->in_flight || c->send_bytes || c->raw_out.len)
        return;
    c->is_switching = false;
    if (c->sealed_in.len)
        return; /* the rest of a record first: at the next boundary then */
    c->is_kernel_due = false;
    size_t user_bytes = record_bytes(c->record);
    int error = record_kernel_new(c->record, c->fd, c->net->kernel->can_rekey, &c->record);
    if (!error) {
        c->net->counters.kernel_records++;
        c->net->record_bytes += record_bytes(c->record) - user_bytes;
        return;
    }
    log_warn("kernel-records", "state=off error=%s", strerror(-error));
    if (error == -EPIPE)
        conn_abort(c);
}

static void conn_settle(struct conn *c)
{
    if (c->is_kernel_due && !c->is_aborted)
        conn_switch(c);
    if (!c->send_bytes && !c->is_aborted && !c->is_detaching) {
        if (c->is_holding)
            c->events->refill(c);
        int error = conn_fill(c);
        if (error) {
            log_warn("connection-dropped", "error=%s", strerror(-error));
            conn_abort(c);
        } else if (c->send_bytes) {
            conn_send_start(c);
        } else if (c->is_closing && !c->is_switching && (!c->handshake || c->is_ended)) {
            conn_finish(c);
        }
    }
    if (c->watch_tries)
        watch_begin(c);
    conn_receive_arm(c);
    bool is_leaving = c->is_aborted || (c->is_detaching && !c->is_switching);
    if (c->in_flight == 0 && is_leaving && !c->is_dirty) {
        c->is_dying = true;
        list_append(&c->net->dying, &c->link);
    }
}

static void conn_fini(struct conn *c)
{
    watch_end(c);
    watch_slot_give(c);
    close(c->fd);
    c->fd = -1;
    free(c->send_bytes);
    c->send_bytes = NULL;
    conn_handshake_free(c);
    conn_bindings_forget(c);
    c->net->record_bytes -= record_bytes(c->record);
    c->record = record_free(c->record);
    c->head = frame_unref(c->head);
    outqueue_fini(&c->out);
    buffer_fini(&c->sealed_in);
    buffer_fini(&c->raw_out);
    c->net->counters.closed++;
    c->net->conns--;
}

static void conn_leave(struct conn *c)
{
    struct net *n = c->net;
    c->is_dying = false;
    if (c->is_aborted) {
        conn_fini(c);
        c->events->closed(c);
    } else if (!c->is_detaching) {
        conn_touch(c); /* its owner has changed its mind: it ends here */
    } else {
        watch_slot_give(c);
        n->conns--;
        n->record_bytes -= record_bytes(c->record);
        c->is_detaching = false;
        c->net = NULL;
        c->events->detached(c);
    }
}

/* In turn the one that has waited longest and the newest: while thousands are being told of something, whoever is told something
 * else is near one end of the list. */
static struct list *dirty_take(struct net *n, bool is_newest)
{
    if (is_newest && !list_empty(&n->dirty)) {
        struct list *node = n->dirty.prev;
        list_remove(node);
        return node;
    }
    return list_take(&n->dirty);
}

void net_turn_ends(struct net *n)
{
    if (record_worker_is_large(n->record_worker) && !timer_is_running(&n->record_rest))
        loop_timer_start(n->loop, &n->record_rest, RECORD_REST_MS);
    for (uint32_t left = n->turn_conns; left && !(list_empty(&n->dirty) && list_empty(&n->dying));) {
        for (struct list *node; left && (node = dirty_take(n, left % 2)); left--) {
            struct conn *c = container_of(node, struct conn, link);
            c->is_dirty = false;
            conn_settle(c);
        }
        for (struct list *node; (node = list_take(&n->dying));)
            conn_leave(container_of(node, struct conn, link));
    }
    if (!list_empty(&n->dirty))
        loop_work_start(n->loop, &n->rest, LANE_PRESENCE);
}

void conn_open(struct conn *c, struct net *net, int fd, const struct conn_events *events)
{
    *c = (struct conn){.fd = fd, .events = events};
    list_init(&c->link);
    outqueue_init(&c->out);
    c->receive.done = conn_receive_done;
    c->send.done = conn_send_done;
    net->counters.accepted++;
    conn_attach(c, net);
}

void conn_let_watch(struct conn *c, bool is_plain)
{
    c->is_watchable = true;
    c->is_plain = is_plain;
    if (is_plain && c->net->verdict)
        c->watch_tries = WATCH_TRIES_MAX;
}

void conn_attach(struct conn *c, struct net *net)
{
    c->net = net;
    net->conns++;
    net->record_bytes += record_bytes(c->record);
    if (c->send_bytes)
        conn_send_start(c);
    conn_touch(c);
}

int conn_send(struct conn *c, struct frame *f)
{
    if (conn_is_ending(c) || c->is_refused || c->is_broken) {
        frame_unref(f);
        return 0;
    }
    int error = outqueue_put(&c->out, f);
    if (error)
        return error;
    conn_touch(c);
    return c->net && c->out.bytes > c->net->queue_bytes_max ? CONN_SLOW : 0;
}

int conn_send_bytes(struct conn *c, struct span bytes)
{
    struct frame *f = frame_new(bytes, FRAME_NO_HEAD, 0);
    return f ? conn_send(c, f) : -ENOMEM;
}

const struct tls_bindings *conn_bindings(const struct conn *c)
{
    return c->bindings;
}

void conn_bindings_forget(struct conn *c)
{
    if (c->bindings) {
        tls_client_unref(c->bindings->client);
        free(c->bindings->server);
    }
    free(c->bindings);
    c->bindings = NULL;
}

void conn_pause(struct conn *c)
{
    if (c->is_paused)
        return;
    c->is_paused = true;
    conn_receive_stop(c);
}

void conn_resume(struct conn *c)
{
    if (!c->is_paused)
        return;
    c->is_paused = false;
    conn_touch(c);
}

void conn_close(struct conn *c)
{
    if (conn_is_ending(c))
        return;
    c->is_closing = true;
    c->is_detaching = false;
    conn_touch(c);
}

void conn_abort(struct conn *c)
{
    if (c->is_aborted)
        return;
    c->is_aborted = true;
    c->is_detaching = false;
    conn_receive_stop(c);
    shutdown(c->fd, SHUT_RDWR); /* ends a send that waits for a peer that does not read */
    if (c->is_dying)
        conn_unlink(c);
    conn_touch(c);
}

void conn_detach(struct conn *c)
{
    if (conn_is_ending(c))
        return;
    c->is_detaching = true;
    conn_receive_stop(c);
    conn_touch(c);
}

void conn_peer_name(const struct conn *c, char *text, size_t text_bytes)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {0};
    socklen_t len = sizeof peer;
    char address[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;
    if (getpeername(c->fd, &peer.any, &len) == 0 && peer.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &peer.v4.sin_addr, address, sizeof address);
        port = ntohs(peer.v4.sin_port);
    } else if (peer.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &peer.v6.sin6_addr, address, sizeof address);
        port = ntohs(peer.v6.sin6_port);
    }
    snprintf(text, text_bytes, "%s:%u", address, port);
}
