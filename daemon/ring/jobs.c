/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, **last;
    bool is_ending;
    unsigned thread_count;
    pthread_t threads[];
};

static void job_deliver(struct message *m, void *context)
{
    (void)context;
    struct job *j = container_of(m, struct job, message);
    j->done(j);
}

static void *job_thread(void *argument)
{
    struct jobs *p = argument;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->first && !p->is_ending)
            pthread_cond_wait(&p->wake, &p->lock);
        struct job *j = p->first;
        if (!j)
            break;
        p->first = j->next;
        if (!p->first)
            p->last = &p->first;
        pthread_mutex_unlock(&p->lock);
        j->run(j);
        loop_post(j->home, NULL, &j->message);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct jobs *jobs_new(unsigned threads)
{
    struct jobs *p = calloc(1, sizeof *p + threads * sizeof p->threads[0]);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->last = &p->first;
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
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}
