/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's streams with other servers: their beginning and end, and what the administrator sees of
 * them. */
#include "link/internal.h"

/* When the daemon stops, the ends of the clients' streams make presence for other domains, which is to go
 * out. */
#define LEAVE_MS 200

static void links_leave(struct timer *t)
{
    struct links *l = container_of(t, struct links, leaving);
    l->has_left = true;
    remotes_stop(l);
    list_each(node, &l->streams)
        link_fail(container_of(node, struct link, node), STREAM_SYSTEM_SHUTDOWN, NULL);
}

void links_init(struct links *l, const struct link_settings *settings, struct net *net, struct router *router,
                struct links **peers, uint32_t index, uint32_t count)
{
    *l = (struct links){.settings = settings,
                        .net = net,
                        .router = router,
                        .peers = peers,
                        .index = index,
                        .count = count,
                        .limits = xml_limits_default};
    l->limits.stanza_bytes = settings->stanza_bytes_max;
    l->limits.has_db = true;
    arena_init(&l->arena);
    list_init(&l->streams);
    hash_table_init(&l->numbers);
    hash_table_init(&l->remotes);
    timer_init(&l->leaving, links_leave);
}

void links_fini(struct links *l)
{
    if (!l->settings)
        return; /* never opened */
    hash_table_fini(&l->numbers);
    hash_table_fini(&l->remotes);
    arena_fini(&l->arena);
}

struct link *links_find(const struct links *l, uint64_t number)
{
    struct hash_node *n = hash_table_first(&l->numbers, number); /* each is there once */
    return n ? container_of(n, struct link, by_number) : NULL;
}

void links_stop(struct links *l)
{
    if (!l->settings)
        return;
    l->is_stopping = true;
    loop_timer_start(l->net->loop, &l->leaving, LEAVE_MS);
}

void links_abort(struct links *l)
{
    if (!l->settings)
        return;
    list_each(node, &l->streams) conn_abort(&container_of(node, struct link, node)->conn);
}

bool links_are_idle(const struct links *l)
{
    return !l->settings || (l->stream_count == 0 && l->operations == 0 && l->remotes.count == 0 &&
                            atomic_load(&l->deliveries) == 0 && !timer_is_running(&l->leaving));
}

static const char *link_direction(const struct link *l)
{
    return l->is_bidirectional && l->was_established ? "both" : l->is_outgoing ? "out" : "in";
}

/* Stanzas that wait for it. */
static uint32_t link_waiting(const struct link *l)
{
    return l->remote ? l->remote->queue.stanzas : l->batch ? l->batch->queue.stanzas : 0;
}

void links_write(struct links *l, struct buffer *out)
{
    uint64_t now_ms = loop_now_ms(l->net->loop);
    static const char *const names[] = {"connecting", "connecting",  "connecting", "connected",
                                        "proving",    "established", "closing"};
    list_each(node, &l->streams)
    {
        const struct link *link = container_of(node, struct link, node);
        char peer[80];
        conn_peer_name(&link->conn, peer, sizeof peer);
        buffer_printf(out, "%s\t%.*s\t%s\t%s\t%s\t%s\t%llu\t%u\n", link->domain ? link->domain : "?",
                      (int)link->local.len, link->local.len ? link->local.ptr : "", link_direction(link),
                      names[link->state], link->proof ? link->proof : "-", peer,
                      (unsigned long long)link->stanzas, link_waiting(link));
    }
    for (struct hash_node *n = hash_table_next(&l->remotes, NULL); n; n = hash_table_next(&l->remotes, n)) {
        const struct remote *r = container_of(n, struct remote, node);
        bool goes_back = r->way.number || r->batch.is_out;
        if (r->link || (goes_back && !r->attempt && !r->queue.first))
            continue;
        const char *state = r->attempt                ? "resolving"
                            : goes_back               ? "queued"
                            : r->retry_at_ms > now_ms ? "waiting"
                                                      : "failed";
        buffer_printf(out, "%.*s\t%.*s\tout\t%s\t-\t-\t0\t%u\n", r->domain_len, r->domain, (int)r->local.len,
                      r->local.ptr, state, r->queue.stanzas);
    }
}
