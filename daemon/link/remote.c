/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for another domain, and the stream that it waits for: made when there is something to send or to
 * verify, not tried again for a while after a failure. All that waits either leaves by the stream or is given
 * back. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"
#include "link/internal.h"

/* So much is handed to the connection at a time; the rest waits here, where it is counted and can be given
 * back. */
#define FLUSH_BYTES 65536

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

static struct remote_stanza *stanza_of(struct message *m)
{
    return container_of(m, struct remote_stanza, message);
}

static void remote_forget(struct remote *r);

static void remote_timer_expired(struct timer *t)
{
    remote_forget(container_of(t, struct remote, timer));
}

/* NULL: none. */
static struct remote *remote_find(const struct links *l, uint64_t hash, struct span local, struct span domain)
{
    for (struct hash_node *n = hash_table_first(&l->remotes, hash); n; n = hash_node_next(n)) {
        struct remote *r = container_of(n, struct remote, node);
        if (span_equal(remote_domain(r), domain) && span_equal(r->local, local))
            return r;
    }
    return NULL;
}

struct remote *remote_take(struct links *l, struct span local, struct span domain)
{
    uint64_t hash = pair_hash(local, domain);
    struct remote *r = remote_find(l, hash, local, domain);
    if (r)
        return r;
    if (l->remotes.count < l->settings->streams_max && !l->is_stopping)
        r = calloc(1, sizeof *r + domain.len);
    if (!r || hash_table_insert(&l->remotes, &r->node, hash) != 0) {
        free(r);
        return NULL;
    }
    r->links = l;
    r->local = link_local(l, local);
    r->last = &r->first;
    r->domain_len = (uint16_t)domain.len;
    memcpy(r->domain, domain.ptr, domain.len);
    list_init(&r->verifies);
    list_init(&r->asked);
    timer_init(&r->timer, remote_timer_expired);
    return r;
}

/* Unless something is under way. */
static void remote_forget(struct remote *r)
{
    struct links *l = r->links;
    if (r->link || r->attempt || r->first || timer_is_running(&r->timer))
        return;
    hash_table_remove(&l->remotes, &r->node);
    free(r->place);
    free(r);
}

/* ---- what waits ---- */

static struct remote_stanza *remote_shift(struct remote *r)
{
    struct remote_stanza *s = stanza_of(r->first);
    r->first = r->first->next;
    if (!r->first)
        r->last = &r->first;
    r->position = 0;
    r->stanzas--;
    r->bytes -= remote_stanza_bytes(s);
    r->links->counters.queued--;
    return s;
}

static void give_back(struct links *l, struct remote_stanza *s, enum stanza_error e)
{
    l->counters.stanzas_failed++;
    router_remote_failed(l->router, s, e);
}

static void delivery_arrives(struct message *m, void *context)
{
    (void)context;
    struct delivery *d = container_of(m, struct delivery, message);
    struct links *l = d->to;
    struct remote_stanza *s = d->stanza;
    const struct link_settings *settings = l->settings;
    struct jid from = jid_of_prepared(remote_stanza_from(s));
    free(d);
    atomic_fetch_sub(&l->deliveries, 1);
    struct span local = link_local(l, jid_domain(&from));
    struct remote *r = local.len ? remote_take(l, local, remote_stanza_domain(s)) : NULL;
    if (!r) {
        give_back(l, s, STANZA_RESOURCE_CONSTRAINT);
    } else if (!r->link && r->retry_at_ms > loop_now_ms(l->net->loop)) {
        give_back(l, s, r->failure);
    } else if (r->stanzas >= settings->queue_stanzas_max ||
               (r->stanzas && r->bytes + remote_stanza_bytes(s) > settings->queue_bytes_max)) {
        /* One alone is always taken: a presence for all contacts of somebody who has very many there. */
        give_back(l, s, STANZA_RESOURCE_CONSTRAINT);
    } else {
        s->message.next = NULL;
        *r->last = &s->message;
        r->last = &s->message.next;
        r->stanzas++;
        r->bytes += remote_stanza_bytes(s);
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

void remote_flush(struct remote *r)
{
    struct link *l = r->link;
    struct links *links = r->links;
    if (!l || l->state != LINK_ESTABLISHED)
        return;
    while (r->first && !l->conn.is_aborted && l->conn.out.bytes < FLUSH_BYTES) {
        struct buffer out = {0};
        struct remote_stanza *s = stanza_of(r->first);
        bool is_more = remote_stanza_write(s, &r->position, &out, FLUSH_BYTES);
        if (!buffer_ok(&out)) {
            buffer_fini(&out);
            conn_abort(&l->conn);
            return;
        }
        if (out.len)
            link_say(l, buffer_span(&out));
        buffer_fini(&out);
        if (is_more)
            continue;
        links->counters.stanzas_sent++;
        l->stanzas++;
        remote_stanza_free(remote_shift(r));
    }
    l->used_ms = loop_now_ms(links->net->loop);
    l->conn.is_holding = r->first != NULL;
}

void remote_advance(struct remote *r)
{
    if (r->link) {
        outgoing_advance(r->link);
        return;
    }
    if (r->attempt)
        return;
    if (!r->first && list_empty(&r->verifies)) {
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
    while (r->first)
        give_back(r->links, remote_shift(r), e);
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
    free(r->place);
    r->place = NULL;
    r->failure = e;
    uint32_t delay_ms =
        retry_delay_ms(r->failures, l->settings->retry_first_ms, l->settings->retry_max_ms, random);
    r->retry_at_ms = loop_now_ms(l->net->loop) + delay_ms;
    log_info("link-failed", "domain=%.*s local=%.*s condition=%s reason=%s failures=%u retry_ms=%u",
             r->domain_len, r->domain, (int)r->local.len, r->local.ptr, stanza_error_name(e), reason,
             r->failures, delay_ms);
    /* The count of failures outlives the delay by as much: who is asked for now and then is still known. */
    loop_timer_start(l->net->loop, &r->timer, 2ull * delay_ms);
    remote_give_back(r, e);
}

struct sighting {
    struct message message;
    struct links *to;
    struct span local; /* one of the settings' domains */
    uint16_t domain_len;
    char domain[];
};

static void sighting_arrives(struct message *m, void *context)
{
    (void)context;
    struct sighting *s = container_of(m, struct sighting, message);
    struct span domain = span_make(s->domain, s->domain_len);
    struct remote *r = remote_find(s->to, pair_hash(s->local, domain), s->local, domain);
    if (r)
        r->retry_at_ms = 0;
    atomic_fetch_sub(&s->to->deliveries, 1);
    free(s);
}

void remote_is_seen(const struct link *incoming)
{
    struct links *l = incoming->links;
    struct span domain = link_domain(incoming);
    struct sighting *s = malloc(sizeof *s + domain.len);
    if (!s)
        return; /* its time will come */
    *s = (struct sighting){{.handle = sighting_arrives},
                           l->peers[remote_owner(l, domain)],
                           incoming->local,
                           (uint16_t)domain.len};
    memcpy(s->domain, domain.ptr, domain.len);
    atomic_fetch_add(&s->to->deliveries, 1);
    loop_post(s->to->net->loop, l->net->loop, &s->message);
}

void remote_unlink(struct remote *r, struct link *l, const char *reason)
{
    r->link = NULL;
    if (r->place) { /* whoever waits goes on waiting */
        list_splice(&r->verifies, &r->asked);
        remote_advance(r);
        return;
    }
    if (!l->was_established) {
        bool is_needed = r->first || !list_empty(&r->verifies) || !list_empty(&r->asked);
        if (is_needed)
            remote_fail(r, STANZA_REMOTE_SERVER_TIMEOUT, reason);
        else
            remote_forget(r);
        return;
    }
    r->failures = r->redirects = 0;
    verifies_fail(&r->asked);
    /* What was not handed to the connection yet goes by the next one, the first stanza from its beginning
     * unless part of it has left: recipients would hear it twice. */
    if (r->first && r->position)
        remote_stanza_free(remote_shift(r));
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
