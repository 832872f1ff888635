/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/edge.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "edge/directory.h"
#include "stanza/e2e.h"
#include "tls/ocsp.h"

/* So many responders are told apart; those whose numbers fall together have one share of threads and places. */
#define RESPONDERS 64
/* Of one responder: half of the threads, and a quarter of the places and one more, so that one that is slow leaves others theirs. */
#define RESPONDER_THREADS_MAX (EDGE_ASKING_THREADS / 2)
#define RESPONDER_PLACES_SHARE 4

struct responder {
    struct list waiting; /* checks, the oldest first: until a thread of its share is free */
    uint32_t running, places;
};

struct edge {
    struct edge_settings settings;
    struct directory *directory;
    struct ocsp *ocsp; /* NULL: nobody is asked */
    struct smime_revocation_hook hook;
    struct smime_cache *cache;
    struct jobs *jobs, *asking;
    pthread_mutex_t lock; /* of `freshness` */
    struct freshness *freshness;
    pthread_mutex_t asking_lock; /* of `responders`, and of all checks' `link` */
    struct responder responders[RESPONDERS];
    _Atomic uint32_t under_way; /* checks that a job thread has, or will have */
    _Atomic uint64_t refused, late;
};

/* What nobody has answered, and is let pass, is asked again after so long. */
#define SOFTENED_S 60

struct edge_check {
    struct job job;
    struct timer timer; /* until it counts as busy */
    struct edge *edge;
    void (*done)(void *context); /* NULL: the asker is gone */
    void *context;
    bool is_out;                         /* its job is under way */
    bool is_told;                        /* `shown` counts */
    atomic_bool is_unwanted;             /* nobody waits for the verdict any more */
    bool must_ask, may_ask;              /* a responder must be asked; it is on a thread that may */
    uint32_t responder;                  /* of must_ask: its place in edge->responders */
    struct list link;                    /* in its `waiting` */
    int error;                           /* of the job */
    struct smime_verdict verdict, shown; /* the job's; the asker's */
    struct smime_claim claim;
    uint32_t from_len, to_len, object_len;
    char bytes[]; /* from, to, object */
};

/* ---- checks ---- */

/* What this thread verifies: a chain's hook is told of certificates only. */
static _Thread_local struct edge_check *running;

static void check_run(struct job *job)
{
    struct edge_check *c = container_of(job, struct edge_check, job);
    struct edge *e = c->edge;
    if (atomic_load(&c->is_unwanted))
        return;
    struct buffer text = {0};
    struct span object = span_make(c->bytes + c->from_len + c->to_len, c->object_len);
    int outcome = e2e_text(object, &text);
    c->verdict = (struct smime_verdict){.reason = SMIME_BAD_MIME}; /* elements where there must be text */
    if (outcome == 0) {
        struct smime_trust *trust = directory_take(e->directory);
        running = c;
        outcome = smime_verify(trust, e->cache, &c->claim, buffer_span(&text), &c->verdict);
        running = NULL;
        smime_trust_unref(trust);
    }
    c->error = outcome < 0 ? outcome : 0;
    buffer_fini(&text);
}

/* ---- checks that must ask ---- */

/* To a thread that may wait for its responder, now or when its turn comes. False: too many of that responder's are there. */
static bool asking_begin(struct edge_check *c)
{
    struct edge *e = c->edge;
    struct responder *r = &e->responders[c->responder];
    pthread_mutex_lock(&e->asking_lock);
    bool has_place = r->places <= e->settings.queue_max / RESPONDER_PLACES_SHARE;
    bool has_thread = has_place && r->running < RESPONDER_THREADS_MAX;
    c->may_ask = has_place;
    r->places += has_place;
    r->running += has_thread;
    if (has_place && !has_thread)
        list_append(&r->waiting, &c->link);
    pthread_mutex_unlock(&e->asking_lock);
    if (has_thread)
        jobs_submit(e->asking, &c->job);
    return has_place;
}

/* It has asked: the next of the same responder's may. */
static void asking_end(struct edge_check *c)
{
    struct edge *e = c->edge;
    struct responder *r = &e->responders[c->responder];
    pthread_mutex_lock(&e->asking_lock);
    struct list *next = list_take(&r->waiting);
    r->places--;
    r->running -= !next;
    pthread_mutex_unlock(&e->asking_lock);
    if (next)
        jobs_submit(e->asking, &container_of(next, struct edge_check, link)->job);
}

/* Nobody waits for it any more. What a thread has comes back by itself; what waits for one gives its place to others now. */
static void check_abandon(struct edge_check *c)
{
    struct edge *e = c->edge;
    atomic_store(&c->is_unwanted, true);
    if (!c->may_ask)
        return;
    pthread_mutex_lock(&e->asking_lock);
    bool was_waiting = !list_empty(&c->link);
    list_remove(&c->link);
    e->responders[c->responder].places -= was_waiting;
    pthread_mutex_unlock(&e->asking_lock);
    if (was_waiting) {
        c->is_out = false;
        atomic_fetch_sub(&e->under_way, 1);
    }
}

/* ---- what becomes of checks ---- */

static void check_tell(struct edge_check *c, const struct smime_verdict *verdict)
{
    c->shown = *verdict;
    c->is_told = true;
    loop_timer_stop(c->job.home, &c->timer);
    c->done(c->context); /* may free it */
}

static void check_done(struct job *job)
{
    struct edge_check *c = container_of(job, struct edge_check, job);
    const struct smime_verdict busy = {.reason = SMIME_BUSY};
    if (c->may_ask)
        asking_end(c);
    else if (c->must_ask && !atomic_load(&c->is_unwanted)) {
        if (asking_begin(c))
            return;
        atomic_fetch_add(&c->edge->refused, 1);
    }
    c->is_out = false;
    atomic_fetch_sub(&c->edge->under_way, 1);
    if (!c->done)
        free(c);
    else if (!c->is_told)
        check_tell(c, c->error ? &busy : &c->verdict);
}

static void check_expired(struct timer *t)
{
    struct edge_check *c = container_of(t, struct edge_check, timer);
    const struct smime_verdict busy = {.reason = SMIME_BUSY};
    atomic_fetch_add(&c->edge->late, 1);
    check_abandon(c);
    check_tell(c, &busy);
}

/* So many at a time; a quarter of the places is for our own clients, whatever other servers send. */
static bool place_take(struct edge *e, bool is_client)
{
    uint32_t max = e->settings.queue_max;
    if (atomic_fetch_add(&e->under_way, 1) < (is_client ? max : max - max / 4))
        return true;
    atomic_fetch_sub(&e->under_way, 1);
    atomic_fetch_add(&e->refused, 1);
    return false;
}

static void claim_copy(struct edge_check *c, const struct smime_claim *claim, struct span object)
{
    struct span from = jid_full(&claim->from), to = jid_full(&claim->to);
    c->claim = *claim;
    c->from_len = (uint32_t)from.len;
    c->to_len = (uint32_t)to.len;
    c->object_len = (uint32_t)object.len;
    memcpy(c->bytes, from.ptr, from.len);
    memcpy(c->bytes + from.len, to.ptr, to.len);
    if (object.len)
        memcpy(c->bytes + from.len + to.len, object.ptr, object.len);
    c->claim.from.text = c->bytes;
    c->claim.to.text = c->bytes + from.len;
}

struct edge_check *edge_verify(struct edge *e, struct loop *home, const struct smime_claim *claim,
                               bool is_client, struct span object, void (*done)(void *context), void *context)
{
    size_t bytes = jid_full(&claim->from).len + jid_full(&claim->to).len + object.len;
    if (!place_take(e, is_client))
        return NULL;
    struct edge_check *c = malloc(sizeof *c + bytes);
    if (!c) {
        atomic_fetch_sub(&e->under_way, 1);
        return NULL;
    }
    *c = (struct edge_check){.job = {.home = home, .run = check_run, .done = check_done},
                             .edge = e,
                             .done = done,
                             .context = context,
                             .is_out = true};
    list_init(&c->link);
    claim_copy(c, claim, object);
    timer_init(&c->timer, check_expired);
    loop_timer_start(home, &c->timer, e->settings.timeout_ms);
    jobs_submit(e->jobs, &c->job);
    return c;
}

const struct smime_verdict *edge_check_verdict(const struct edge_check *c)
{
    return c->is_told ? &c->shown : NULL;
}

struct edge_check *edge_check_free(struct edge_check *c)
{
    if (!c)
        return NULL;
    loop_timer_stop(c->job.home, &c->timer);
    check_abandon(c);
    c->done = NULL;
    if (!c->is_out) /* else when it is back */
        free(c);
    return NULL;
}

enum smime_reason edge_freshness(struct edge *e, const struct freshness_item *item, struct moment now,
                                 bool is_strict)
{
    pthread_mutex_lock(&e->lock);
    enum smime_reason reason = freshness_check(e->freshness, item, now, is_strict);
    pthread_mutex_unlock(&e->lock);
    return reason;
}

/* ---- responders ---- */

static enum smime_revocation on_ask(void *context, X509 *certificate, X509 *issuer, X509_STORE *authorities,
                                    uint64_t *ret_until_s)
{
    struct edge *e = context;
    enum tls_client_status status;
    uint64_t responder;
    if (running->may_ask) {
        status = ocsp_ask(e->ocsp, certificate, issuer, authorities, ret_until_s);
    } else if (!ocsp_look(e->ocsp, certificate, issuer, &status, ret_until_s, &responder)) {
        running->must_ask = true;
        running->responder = (uint32_t)(responder % RESPONDERS);
        return SMIME_REVOCATION_LATER;
    }
    switch (status) {
    case TLS_CLIENT_GOOD:
        return SMIME_REVOCATION_GOOD;
    case TLS_CLIENT_REVOKED:
        return SMIME_REVOCATION_REVOKED;
    case TLS_CLIENT_UNKNOWN:
        break;
    }
    if (e->settings.ocsp == EDGE_OCSP_HARD)
        return SMIME_REVOCATION_UNKNOWN;
    *ret_until_s = (uint64_t)time(NULL) + SOFTENED_S;
    return SMIME_REVOCATION_GOOD;
}

static int responders_open(struct edge *e, struct buffer *ret_message)
{
    if (e->settings.ocsp == EDGE_OCSP_OFF)
        return 0;
    e->hook = (struct smime_revocation_hook){on_ask, e};
    return ocsp_open(e->settings.responder, &e->ocsp, ret_message);
}

/* ---- beginning and end ---- */

static void on_changed(void *context)
{
    struct edge *e = context;
    smime_cache_forget(e->cache);
}

int edge_new(const struct edge_settings *settings, struct jobs *jobs, struct jobs *asking,
             struct edge **ret_edge, struct buffer *ret_message)
{
    struct edge *e = calloc(1, sizeof *e);
    if (!e)
        return -ENOMEM;
    e->settings = *settings;
    e->jobs = jobs;
    e->asking = asking;
    pthread_mutex_init(&e->lock, NULL);
    pthread_mutex_init(&e->asking_lock, NULL);
    for (int i = 0; i < RESPONDERS; i++)
        list_init(&e->responders[i].waiting);
    int error = smime_library_begin();
    if (error)
        buffer_literal(ret_message, "OpenSSL does not take the key purpose of instant messaging");
    e->cache = smime_cache_new(settings->cache_max);
    e->freshness = freshness_new(settings->replay_max);
    if (!error && (!e->cache || !e->freshness))
        error = -ENOMEM;
    if (!error)
        error = responders_open(e, ret_message);
    const struct directory_settings files = {.trust = settings->trust,
                                             .anchors = settings->anchors,
                                             .intermediates = settings->intermediates,
                                             .lists = settings->lists,
                                             .changed = on_changed,
                                             .context = e,
                                             .hook = e->ocsp ? &e->hook : NULL};
    if (!error)
        error = directory_open(&files, &e->directory, ret_message);
    if (error) {
        edge_free(e);
        return error;
    }
    if (smime_library_warning())
        log_warn("smime-library", "reason=\"%s\"", smime_library_warning());
    *ret_edge = e;
    return 0;
}

struct edge *edge_free(struct edge *e)
{
    if (!e)
        return NULL;
    directory_free(e->directory);
    ocsp_free(e->ocsp);
    smime_cache_free(e->cache);
    freshness_free(e->freshness);
    pthread_mutex_destroy(&e->lock);
    pthread_mutex_destroy(&e->asking_lock);
    free(e);
    return NULL;
}

void edge_stop(struct edge *e)
{
    if (e->ocsp)
        ocsp_stop(e->ocsp);
}

bool edge_is_idle(const struct edge *e)
{
    return atomic_load(&e->under_way) == 0;
}

struct edge_counters edge_counters_read(struct edge *e)
{
    struct directory_facts facts = directory_facts_read(e->directory);
    pthread_mutex_lock(&e->lock);
    struct freshness_counters freshness = freshness_counters_read(e->freshness);
    pthread_mutex_unlock(&e->lock);
    struct ocsp_counters ocsp = e->ocsp ? ocsp_counters_read(e->ocsp) : (struct ocsp_counters){0};
    return (struct edge_counters){
        .under_way = atomic_load(&e->under_way),
        .refused = atomic_load(&e->refused),
        .late = atomic_load(&e->late),
        .trust_read = facts.read,
        .trust_failed = facts.failed,
        .anchors_expire_s = facts.anchors_expire_s,
        .between_expire_s = facts.between_expire_s,
        .lists_stale_s = facts.lists_stale_s,
        .ocsp_asked = ocsp.asked,
        .ocsp_failed = ocsp.failed,
        .cache = smime_cache_counters_read(e->cache),
        .freshness = freshness,
    };
}
