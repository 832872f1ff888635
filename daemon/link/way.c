/* SPDX-License-Identifier: Apache-2.0 */
/* A stream that the peer has opened, and on which it takes stanzas, too (XEP-0288). The stream is with the
 * worker that accepted it; what is for its domain waits with the remote, on the domain's own worker. That one
 * is told of the stream, lends some of what waits, and gets back what has not left: one batch at a time, so
 * that what the connection has not taken keeps its order and its bound, whatever becomes of the stream. */
#include <stdlib.h>

#include "link/internal.h"

/* About an incoming stream, to the worker of its domain. */
enum sighting_kind {
    SIGHTING_SERVER, /* it is established: the domain's server is here */
    SIGHTING_WAY,    /* the same, and it takes stanzas */
    SIGHTING_END,    /* it takes no more */
};
struct sighting {
    struct message message;
    struct links *from, *to;
    uint64_t number; /* of the stream */
    enum sighting_kind kind;
    struct span local; /* one of the settings' domains */
    uint16_t domain_len;
    char domain[];
};

/* To a stream's worker: another stream has taken its place. */
struct replacement {
    struct message message;
    struct way way;
};

static void post(struct links *from, struct links *to, struct message *m)
{
    atomic_fetch_add(&to->deliveries, 1);
    loop_post(to->net->loop, from->net->loop, m);
}

/* ---- batches ---- */

static void batch_returns(struct message *m, void *context)
{
    (void)context;
    struct batch *b = container_of(m, struct batch, message);
    struct remote *r = container_of(b, struct remote, batch);
    atomic_fetch_sub(&r->links->deliveries, 1);
    b->is_out = false;
    if (b->is_broken) {
        if (way_is(&r->way, b->way.at, b->way.number))
            r->way = (struct way){0};
        queue_drop_begun(&b->queue);
    }
    r->links->counters.queued -= b->stanzas - b->queue.stanzas;
    queue_move(&r->queue, &b->queue);
    remote_resume(r);
}

static void batch_return(struct links *l, struct batch *b, bool is_broken)
{
    b->is_broken = is_broken;
    b->message.handle = batch_returns;
    post(l, container_of(b, struct remote, batch)->links, &b->message);
}

void way_refill(struct link *l)
{
    struct batch *b = l->batch;
    if (!b)
        return;
    queue_write(&b->queue, l);
    if (b->queue.first)
        return;
    l->batch = NULL;
    batch_return(l->links, b, false);
}

static void batch_arrives(struct message *m, void *context)
{
    (void)context;
    struct batch *b = container_of(m, struct batch, message);
    struct links *links = b->way.at;
    struct link *l = links_find(links, b->way.number);
    atomic_fetch_sub(&links->deliveries, 1);
    if (!l || !l->farewell) {
        batch_return(links, b, true);
        return;
    }
    l->batch = b;
    way_refill(l);
}

void way_hand(struct remote *r)
{
    struct batch *b = &r->batch;
    if (b->is_out || !r->queue.first || r->links->has_left)
        return;
    queue_lend(&b->queue, &r->queue);
    b->is_out = true;
    b->way = r->way;
    b->stanzas = b->queue.stanzas;
    b->bytes = b->queue.bytes;
    b->message.handle = batch_arrives;
    post(r->links, r->way.at, &b->message);
}

/* ---- sightings ---- */

static void replacement_arrives(struct message *m, void *context)
{
    (void)context;
    struct replacement *replacement = container_of(m, struct replacement, message);
    struct links *links = replacement->way.at;
    struct link *l = links_find(links, replacement->way.number);
    atomic_fetch_sub(&links->deliveries, 1);
    if (l && l->farewell)
        link_retire(l, "replaced");
    free(replacement);
}

/* The peer has opened another stream for the same: the older one may be dead, and hold a batch until the kernel notices. */
static void way_replace(struct remote *r, struct way way)
{
    struct replacement *replacement = r->way.number ? malloc(sizeof *replacement) : NULL;
    if (replacement) { /* else it ends by itself, later */
        *replacement = (struct replacement){{.handle = replacement_arrives}, r->way};
        post(r->links, r->way.at, &replacement->message);
    }
    r->way = way;
}

static void sighting_arrives(struct message *m, void *context)
{
    (void)context;
    struct sighting *s = container_of(m, struct sighting, message);
    struct links *l = s->to;
    struct span domain = span_make(s->domain, s->domain_len);
    struct remote *r =
        s->kind == SIGHTING_WAY ? remote_take(l, s->local, domain) : remote_find(l, s->local, domain);
    atomic_fetch_sub(&l->deliveries, 1);
    if (r && s->kind == SIGHTING_WAY)
        way_replace(r, (struct way){s->from, s->number});
    if (r && s->kind != SIGHTING_END)
        r->retry_at_ms = 0;
    else if (r && way_is(&r->way, s->from, s->number))
        r->way = (struct way){0};
    free(s);
    if (r)
        remote_resume(r);
}

static struct sighting *sighting_new(const struct link *l, enum sighting_kind kind)
{
    struct links *links = l->links;
    struct span domain = link_domain(l);
    struct sighting *s = malloc(sizeof *s + domain.len);
    if (!s)
        return NULL;
    *s = (struct sighting){{.handle = sighting_arrives},
                           links,
                           links->peers[remote_owner(links, domain)],
                           l->number,
                           kind,
                           l->local,
                           (uint16_t)domain.len};
    memcpy(s->domain, domain.ptr, domain.len);
    return s;
}

void way_begin(struct link *l)
{
    /* Its end must not be left untold for want of memory. */
    struct sighting *farewell = l->is_bidirectional ? sighting_new(l, SIGHTING_END) : NULL;
    struct sighting *s = sighting_new(l, farewell ? SIGHTING_WAY : SIGHTING_SERVER);
    l->is_bidirectional = farewell && s;
    if (!s) {
        free(farewell);
        return; /* it only is not known to be there */
    }
    l->farewell = farewell;
    post(l->links, s->to, &s->message);
}

void way_end(struct link *l)
{
    struct sighting *farewell = l->farewell;
    if (!farewell)
        return;
    l->farewell = NULL;
    post(l->links, farewell->to, &farewell->message);
    if (l->batch)
        batch_return(l->links, l->batch, true);
    l->batch = NULL;
}
