/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/jobs.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/privileges.h"
#include "ring/bells.h"

/* After a log-in storm the allocator keeps what the handshakes had used, tens of KiB each. Once the pool has
 * been idle for a while after many jobs, that memory goes back to the system; in steady traffic it is left
 * alone. */
#define TRIM_AFTER_IDLE_S 5
#define TRIM_AFTER_JOBS 256

/* Jobs that a thread does before it says so, when there are enough for all: half a millisecond's worth of
 * handshakes. A worker that is woken for each takes the processor from the next. */
#define BATCH_MAX 3

/* A tenth of a worker's share where both want the same processor. */
#define JOB_NICENESS 10

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, **last;
    unsigned waiting;
    bool is_ending;
    unsigned jobs_since_trim;
    unsigned thread_count;
    unsigned share_among; /* as many threads as were asked for; UINT_MAX: each takes one job at a time */
    pthread_t threads[];
};

static void job_deliver(struct message *m, void *context)
{
    (void)context;
    struct job *j = container_of(m, struct job, message);
    j->done(j);
}

static void jobs_wait(struct jobs *p)
{
    if (p->jobs_since_trim < TRIM_AFTER_JOBS) {
        pthread_cond_wait(&p->wake, &p->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TRIM_AFTER_IDLE_S;
    if (pthread_cond_timedwait(&p->wake, &p->lock, &until) != ETIMEDOUT ||
        p->jobs_since_trim < TRIM_AFTER_JOBS)
        return;
    p->jobs_since_trim = 0;
    pthread_mutex_unlock(&p->lock);
    malloc_trim(0);
    pthread_mutex_lock(&p->lock);
}

/* A log-in storm must not delay presence: a worker that wakes goes ahead of the jobs. No lower than this, for
 * a job thread may hold a lock (the queue's, the allocator's) that a worker waits for. Failing costs latency
 * only. */
static void job_thread_step_back(void)
{
    const struct sched_param none = {0};
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
    setpriority(PRIO_PROCESS, (id_t)gettid(), JOB_NICENESS);
}

/* Under the lock. This thread's share of what waits, in order; NULL: nothing does. */
static struct job *batch_take(struct jobs *p)
{
    struct job *first = p->first, **end = &p->first;
    unsigned share = p->waiting / p->share_among, count = 0;
    for (; *end && (count == 0 || (count < share && count < BATCH_MAX)); end = &(*end)->next)
        count++;
    if (!count)
        return NULL;
    p->first = *end;
    if (!p->first)
        p->last = &p->first;
    *end = NULL;
    p->waiting -= count;
    p->jobs_since_trim += count;
    return first;
}

static void batch_run(struct job *first)
{
    for (struct job *j = first; j; j = j->next)
        j->run(j);
    bells_hold();
    for (struct job *j = first, *next; j; j = next) {
        next = j->next; /* its owner's again behind this */
        loop_post(j->home, NULL, &j->message);
    }
    bells_release();
}

static void *job_thread(void *argument)
{
    struct jobs *p = argument;
    privileges_drop(); /* as main.c does, which says what became of it */
    job_thread_step_back();
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->first && !p->is_ending)
            jobs_wait(p);
        struct job *first = batch_take(p);
        if (!first)
            break;
        pthread_mutex_unlock(&p->lock);
        batch_run(first);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct jobs *jobs_new(unsigned threads, bool is_blocking)
{
    struct jobs *p = calloc(1, sizeof *p + threads * sizeof p->threads[0]);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->last = &p->first;
    p->share_among = is_blocking ? UINT_MAX : threads;
    for (unsigned i = 0; i < threads; i++) {
        int error = pthread_create(&p->threads[i], NULL, job_thread, p);
        if (error && i == 0) {
            jobs_free(p);
            errno = error;
            return NULL;
        }
        if (error)
            break; /* fewer threads do the same work, later */
        p->thread_count++;
    }
    return p;
}

struct jobs *jobs_free(struct jobs *p)
{
    if (!p)
        return NULL;
    pthread_mutex_lock(&p->lock);
    p->is_ending = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

void jobs_submit(struct jobs *p, struct job *j)
{
    j->next = NULL;
    j->message.handle = job_deliver;
    pthread_mutex_lock(&p->lock);
    *p->last = j;
    p->last = &j->next;
    p->waiting++;
    pthread_mutex_unlock(&p->lock);
    pthread_cond_signal(&p->wake); /* behind the lock, which it would only wait for */
}
