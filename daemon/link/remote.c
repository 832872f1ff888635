/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for another domain, and the stream that it waits for: made when there is something to send or to
 * verify, not tried again for a while after a failure. All that waits either leaves by the stream or is given
 * back. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"
#include "link/internal.h"

struct delivery {
    struct message message;
    struct links *to;
    struct remote_stanza *stanza;
};

static uint64_t pair_hash(struct span local, struct span domain)
{
    return hash_bytes(domain) ^ hash_bytes(local) << 1;
}

uint32_t remote_owner(const struct links *l, struct span domain)
{
    return (uint32_t)(hash_bytes(domain) % l->count);
}

static void remote_forget(struct remote *r);

static void remote_timer_expired(struct timer *t)
{
    remote_forget(container_of(t, struct remote, timer));
}

struct remote *remote_find(const struct links *l, struct span local, struct span domain)
{
    for (struct hash_node *n = hash_table_first(&l->remotes, pair_hash(local, domain)); n;
         n = hash_node_next(n)) {
        struct remote *r = container_of(n, struct remote, node);
        if (span_equal(remote_domain(r), domain) && span_equal(r->local, local))
            return r;
    }
    return NULL;
}

struct remote *remote_take(struct links *l, struct span local, struct span domain)
{
    struct remote *r = remote_find(l, local, domain);
    if (r)
        return r;
    if (l->remotes.count < l->settings->streams_max && !l->is_stopping)
        r = calloc(1, sizeof *r + domain.len);
    if (!r || hash_table_insert(&l->remotes, &r->node, pair_hash(local, domain)) != 0) {
        free(r);
        return NULL;
    }
    r->links = l;
    r->local = link_local(l, local);
    queue_init(&r->queue);
    r->domain_len = (uint16_t)domain.len;
    memcpy(r->domain, domain.ptr, domain.len);
    list_init(&r->verifies);
    list_init(&r->asked);
    timer_init(&r->timer, remote_timer_expired);
    return r;
}

static void remote_place_drop(struct remote *r)
{
    free(r->place);
    r->place = NULL;
}

/* Unless something is under way. */
static void remote_forget(struct remote *r)
{
    struct links *l = r->links;
    if (r->link || r->attempt || r->queue.first || r->batch.is_out || r->way.number ||
        timer_is_running(&r->timer))
        return;
    hash_table_remove(&l->remotes, &r->node);
    free(r->place);
    free(r);
}

/* ---- what waits ---- */

static void give_back(struct links *l, struct remote_stanza *s, enum stanza_error e)
{
    l->counters.stanzas_failed++;
    router_remote_failed(l->router, s, e);
}

/* Is there room for so many bytes more? One stanza alone is always taken: a presence for all contacts of
 * somebody who has very many there. */
static bool remote_has_room(const struct remote *r, size_t bytes)
{
    const struct link_settings *settings = r->links->settings;
    const struct batch *b = &r->batch;
    uint32_t stanzas = r->queue.stanzas + (b->is_out ? b->stanzas : 0);
    size_t waiting = r->queue.bytes + (b->is_out ? b->bytes : 0);
    return stanzas == 0 ||
           (stanzas < settings->queue_stanzas_max && waiting + bytes <= settings->queue_bytes_max);
}

static void delivery_arrives(struct message *m, void *context)
{
    (void)context;
    struct delivery *d = container_of(m, struct delivery, message);
    struct links *l = d->to;
    struct remote_stanza *s = d->stanza;
    struct jid from = jid_of_prepared(remote_stanza_from(s));
    free(d);
    atomic_fetch_sub(&l->deliveries, 1);
    struct span local = link_local(l, jid_domain(&from));
    struct remote *r = local.len ? remote_take(l, local, remote_stanza_domain(s)) : NULL;
    if (!r) {
        give_back(l, s, STANZA_RESOURCE_CONSTRAINT);
    } else if (!r->link && !r->way.number && r->retry_at_ms > loop_now_ms(l->net->loop)) {
        give_back(l, s, r->failure);
    } else if (!remote_has_room(r, remote_stanza_bytes(s))) {
        give_back(l, s, STANZA_RESOURCE_CONSTRAINT);
    } else {
        queue_append(&r->queue, s);
        l->counters.queued++;
        remote_advance(r);
    }
}

/* Also to ourselves by a message: the router may be within a walk that must not be told of a failure. */
static void remote_send(void *context, struct remote_stanza *stanza)
{
    struct links *l = context, *owner = l->peers[remote_owner(l, remote_stanza_domain(stanza))];
    struct delivery *d = malloc(sizeof *d);
    if (!d) {
        log_error("stanza-lost", "reason=out-of-memory");
        remote_stanza_free(stanza);
        return;
    }
    *d = (struct delivery){{.handle = delivery_arrives}, owner, stanza};
    atomic_fetch_add(&owner->deliveries, 1);
    loop_post(owner->net->loop, l->net->loop, &d->message);
}

const struct remote_link links_remote = {.send = remote_send};

/* By the peer's stream? Not while ours proves itself for stanzas, or has: one way at a time. */
static bool remote_goes_back(const struct remote *r)
{
    return r->way.number && !(r->link && (r->link->state == LINK_PROVING || r->link->is_proved));
}

bool remote_has_due(const struct remote *r)
{
    return r->queue.first && !r->batch.is_out && !remote_goes_back(r);
}

void remote_flush(struct remote *r)
{
    if (r->link && r->link->state == LINK_ESTABLISHED && !r->batch.is_out)
        r->links->counters.queued -= queue_write(&r->queue, r->link);
}

void remote_advance(struct remote *r)
{
    if (remote_goes_back(r))
        way_hand(r);
    bool is_needed = remote_has_due(r) || !list_empty(&r->verifies);
    if (r->link && is_needed)
        outgoing_advance(r->link);
    if (r->link || r->attempt)
        return;
    if (!is_needed) {
        remote_forget(r);
        return;
    }
    if (r->links->stream_count >= r->links->settings->streams_max || r->links->is_stopping ||
        attempt_begin(r) != 0)
        remote_fail(r, STANZA_RESOURCE_CONSTRAINT, "too-many-streams");
}

/* ---- failing ---- */

static void verifies_fail(struct list *verifies)
{
    while (!list_empty(verifies))
        verify_answer(container_of(verifies->next, struct verify, node), VERIFY_FAILED);
}

static void remote_give_back(struct remote *r, enum stanza_error e)
{
    for (; r->queue.first; r->links->counters.queued--)
        give_back(r->links, queue_shift(&r->queue), e);
    verifies_fail(&r->verifies);
    verifies_fail(&r->asked);
}

void remote_fail(struct remote *r, enum stanza_error e, const char *reason)
{
    struct links *l = r->links;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) < 0)
        random = 0; /* the full delay would do, too */
    r->failures++;
    r->redirects = 0;
    remote_place_drop(r);
    r->failure = e;
    uint32_t delay_ms =
        retry_delay_ms(r->failures, l->settings->retry_first_ms, l->settings->retry_max_ms, random);
    r->retry_at_ms = loop_now_ms(l->net->loop) + delay_ms;
    log_info("link-failed", "domain=%.*s local=%.*s condition=%s reason=%s failures=%u retry_ms=%u",
             r->domain_len, r->domain, (int)r->local.len, r->local.ptr, stanza_error_name(e), reason,
             r->failures, delay_ms);
    /* The count of failures outlives the delay by as much: who is asked for now and then is still known. */
    if (!l->is_stopping)
        loop_timer_start(l->net->loop, &r->timer, 2ull * delay_ms);
    if (!remote_goes_back(r)) {
        remote_give_back(r, e);
        return;
    }
    verifies_fail(&r->verifies);
    verifies_fail(&r->asked);
    remote_advance(r);
}

void remote_resume(struct remote *r)
{
    if (r->links->has_left)
        remote_give_back(r, STANZA_REMOTE_SERVER_TIMEOUT);
    remote_advance(r);
}

void remote_unlink(struct remote *r, struct link *l, const char *reason)
{
    r->link = NULL;
    bool is_needed = remote_has_due(r) || !list_empty(&r->verifies) || !list_empty(&r->asked);
    if (!l->was_established && is_needed && !r->place) {
        remote_fail(r, STANZA_REMOTE_SERVER_TIMEOUT, reason);
        return;
    }
    if (!l->was_established) {
        if (!is_needed) {
            remote_place_drop(r);
            r->redirects = 0;
        }
        list_splice(&r->verifies, &r->asked); /* redirected: whoever waits goes on waiting */
        remote_advance(r);
        return;
    }
    r->failures = r->redirects = 0;
    verifies_fail(&r->asked);
    /* What was not handed to the connection yet goes by the next one, the first stanza from its beginning
     * unless part of it has left: recipients would hear it twice. */
    r->links->counters.queued -= queue_drop_begun(&r->queue);
    remote_advance(r);
}

void remotes_stop(struct links *l)
{
    struct hash_node *n = hash_table_next(&l->remotes, NULL);
    while (n) {
        struct remote *r = container_of(n, struct remote, node);
        n = hash_table_next(&l->remotes, n);
        loop_timer_stop(l->net->loop, &r->timer);
        if (r->attempt)
            attempt_cancel(r->attempt);
        r->attempt = NULL;
        remote_give_back(r, STANZA_REMOTE_SERVER_TIMEOUT);
        remote_forget(r);
    }
}
