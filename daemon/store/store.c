/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in, answers out, one thread, one connection. Everything that is waiting when the thread comes
 * round becomes one transaction: while one commit waits for the disk the next group gathers by itself. */
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/privileges.h"
#include "store/command.h"

/* So that the first of a long queue does not wait for the last: a commit costs about as much as some hundred
 * rows. */
#define STORE_GROUP_MAX 512
/* musterctl may hold the state for a moment (an import of some seconds) while the daemon starts. */
#define STORE_LOCK_WAIT_MS 5000
#define STORE_LOCK_RETRY_MS 50
/* A full disk fails every change: one line in a while says so, with the number of the others. */
#define STORE_FAILURE_LOG_MS 10000

struct store {
    struct store_db *db;
    struct store_epochs epochs;
    struct buffer domain_text; /* what `domains` points into */
    struct span *domains;
    unsigned domain_count;
    pthread_t thread;

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t wake;
    struct store_request *first, **tail;
    bool is_stopping;
    struct store_counters counters;

    /* before the first request */
    void (*answers_begin)(void), (*answers_end)(void);

    /* the thread's own */
    int failure; /* the last failure that was logged; 0: none since a change succeeded */
    uint64_t failure_logged_ms, failures_unlogged;
};

static const char *const operation_names[] = {"credentials", "roster",  "change",
                                              "removals",    "command", "call"};

/* Log a failure at most every STORE_FAILURE_LOG_MS for the same errno. */
static void failure_log(struct store *s, const struct store_request *r)
{
    uint64_t now = clock_now_ms();
    if (s->failure == r->result && now - s->failure_logged_ms < STORE_FAILURE_LOG_MS) {
        s->failures_unlogged++;
        return;
    }
    log_error("store.failed", "operation=%s jid=%.*s error=\"%s\" unlogged=%llu",
              operation_names[r->operation], (int)r->jid.len, r->jid.len ? r->jid.ptr : "",
              strerror(-r->result), (unsigned long long)s->failures_unlogged);
    s->failure = r->result;
    s->failure_logged_ms = now;
    s->failures_unlogged = 0;
}

static int changes_run(struct store *s, const struct store_request *r)
{
    int error = 0;
    for (uint32_t i = 0; !error && i < r->change_count; i++) {
        const struct store_change *change = &r->changes[i];
        if (change->is_removal)
            error = store_item_remove(s->db, r->jid, change->item.contact, change->item.version);
        else
            error = store_item_put(s->db, r->jid, &change->item);
        if (!error && change->is_delisting)
            error = store_removal_log(s->db, r->jid, change->item.contact, change->item.version);
    }
    return error;
}

/* Within a transaction. 0, STORE_NOT_FOUND or negative errno. */
static int request_run(struct store *s, struct store_request *r)
{
    switch (r->operation) {
    case STORE_CREDENTIALS:
        return store_account_get(s->db, r->jid, &r->credentials);
    case STORE_ROSTER:
        return store_roster_load(s->db, r->jid, &r->arena, &r->roster);
    case STORE_CHANGE:
        return changes_run(s, r);
    case STORE_REMOVALS:
        return store_removals_load(s->db, r->jid, r->since, &r->arena, &r->removals);
    case STORE_CALL:
        return r->call(s->db, r);
    case STORE_COMMAND:
        break; /* has a transaction of its own: command_run */
    }
    return -EINVAL;
}

static void count_transaction(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->counters.transactions++;
    pthread_mutex_unlock(&s->lock);
}

/* `count` requests from `first` as one transaction. 0, or negative errno: then nothing of it happened. */
static int group_try(struct store *s, struct store_request *first, unsigned count)
{
    struct store_request *r = first;
    int error = store_db_begin(s->db);
    if (error)
        return error;
    for (unsigned i = 0; !error && i < count; i++, r = r->next) {
        r->result = request_run(s, r);
        if (r->result < 0)
            error = r->result;
    }
    if (error)
        store_db_rollback(s->db);
    else
        error = store_db_commit(s->db);
    count_transaction(s);
    return error;
}

/* A group that fails is run again one by one, so that one bad request costs no other its answer. */
static void group_run(struct store *s, struct store_request *first, unsigned count)
{
    int error = group_try(s, first, count);
    if (!error)
        return;
    if (count == 1) {
        first->result = error;
        return;
    }
    for (struct store_request *r = first; count; count--, r = r->next) {
        error = group_try(s, r, 1);
        if (error)
            r->result = error;
    }
}

static void command_run(struct store *s, struct store_request *r)
{
    r->result =
        store_command_run(s->db, s->domains, s->domain_count, r->command, r->body, &r->reply, &r->affected);
    count_transaction(s);
}

/* Count, log, and give each back; `done` may let another thread free it at once. */
static void answers_give(struct store *s, struct store_request *first, unsigned count)
{
    unsigned failed = 0;
    bool is_changed = false;
    if (s->answers_begin)
        s->answers_begin();
    for (struct store_request *r = first, *next; count; count--, r = next) {
        next = r->next;
        if (r->result < 0) {
            failed++;
            failure_log(s, r);
        } else if (r->operation == STORE_CHANGE || r->operation == STORE_COMMAND) {
            is_changed = true;
        }
        pthread_mutex_lock(&s->lock);
        s->counters.requests++;
        s->counters.failed += r->result < 0;
        pthread_mutex_unlock(&s->lock);
        r->done(r);
    }
    if (s->answers_end)
        s->answers_end();
    if (is_changed && !failed && s->failure) {
        log_info("store.recovered", "unlogged=%llu", (unsigned long long)s->failures_unlogged);
        s->failure = 0;
        s->failures_unlogged = 0;
    }
}

/* All that was taken off the queue, in order, cut into groups at commands and at STORE_GROUP_MAX. */
static void batch_run(struct store *s, struct store_request *first)
{
    while (first) {
        struct store_request *end = first;
        unsigned count = 0;
        if (first->operation == STORE_COMMAND) {
            end = first->next;
            count = 1;
            command_run(s, first);
        } else {
            for (; end && end->operation != STORE_COMMAND && count < STORE_GROUP_MAX; end = end->next)
                count++;
            group_run(s, first, count);
        }
        answers_give(s, first, count);
        first = end;
    }
}

static void *store_main(void *context)
{
    struct store *s = context;
    pthread_setname_np(pthread_self(), "store");
    privileges_drop(); /* as main.c does, which says what became of it */
    /* Not at once when a worker asks, but when it has asked all that it has to ask. Failing costs switches only. */
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &(struct sched_param){0});
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (!s->first && !s->is_stopping)
            pthread_cond_wait(&s->wake, &s->lock);
        struct store_request *first = s->first;
        s->first = NULL;
        s->tail = &s->first;
        pthread_mutex_unlock(&s->lock);
        if (!first)
            return NULL; /* stopping, and nothing is left */
        batch_run(s, first);
    }
}

/* The spans are made after the last append: the text may move while it grows. */
static int domains_copy(struct store *s, const struct span *domains, unsigned count)
{
    size_t at = 0;
    s->domains = calloc(count ? count : 1, sizeof *s->domains);
    if (!s->domains)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++)
        buffer_append(&s->domain_text, domains[i]);
    if (!buffer_ok(&s->domain_text))
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        s->domains[i] = span_make(s->domain_text.ptr + at, domains[i].len);
        at += domains[i].len;
    }
    s->domain_count = count;
    return 0;
}

static int db_open_waiting(const char *state_path, struct store_db **ret_db, struct buffer *ret_message)
{
    struct timespec pause = {.tv_nsec = STORE_LOCK_RETRY_MS * 1000000L};
    uint64_t deadline = clock_now_ms() + STORE_LOCK_WAIT_MS;
    for (;;) {
        uint32_t said = ret_message->len;
        int error = store_db_open(state_path, ret_db, ret_message);
        if (error != -EBUSY || clock_now_ms() >= deadline)
            return error;
        ret_message->len = said;
        nanosleep(&pause, NULL);
    }
}

/* Without its thread, half-built as well. */
static struct store *store_free(struct store *s)
{
    store_db_close(s->db);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    buffer_fini(&s->domain_text);
    free(s->domains);
    free(s);
    return NULL;
}

int store_open(const char *state_path, const struct span *domains, unsigned domain_count,
               struct store **ret_store, struct buffer *ret_message)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->tail = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    int error = domains_copy(s, domains, domain_count);
    if (!error)
        error = db_open_waiting(state_path, &s->db, ret_message);
    if (error)
        goto fail;
    uint32_t token = 0;
    error = getrandom(&token, sizeof token, 0) == (ssize_t)sizeof token ? 0 : -EIO;
    if (!error)
        error = store_epoch_begin(s->db, token, &s->epochs);
    if (error) {
        buffer_printf(ret_message, "%s: cannot write to the state: %s", state_path, strerror(-error));
        goto fail;
    }
    error = -pthread_create(&s->thread, NULL, store_main, s);
    if (error) {
        buffer_printf(ret_message, "cannot start the store thread: %s", strerror(-error));
        goto fail;
    }
    *ret_store = s;
    return 0;
fail:
    store_free(s);
    return error;
}

struct store *store_close(struct store *s)
{
    if (!s)
        return NULL;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    return store_free(s);
}

const uint8_t *store_secret(const struct store *s)
{
    return store_db_secret(s->db);
}

const struct store_epochs *store_epochs(const struct store *s)
{
    return &s->epochs;
}

void store_bracket_answers(struct store *s, void (*begin)(void), void (*end)(void))
{
    s->answers_begin = begin;
    s->answers_end = end;
}

void store_submit(struct store *s, struct store_request *r)
{
    r->next = NULL;
    pthread_mutex_lock(&s->lock);
    bool was_empty = !s->first;
    *s->tail = r;
    s->tail = &r->next;
    pthread_mutex_unlock(&s->lock);
    if (was_empty)
        pthread_cond_signal(&s->wake); /* behind the lock, which it would only wait for */
}

struct store_counters store_counters_read(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    struct store_counters counters = s->counters;
    pthread_mutex_unlock(&s->lock);
    return counters;
}
