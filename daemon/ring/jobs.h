/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for work that would hold up a loop: TLS handshakes, password checks. */
#ifndef MUSTER_RING_JOBS_H
#define MUSTER_RING_JOBS_H

#include "ring/loop.h"

struct jobs;

struct job {
    struct message message;      /* the pool's */
    struct job *next;            /* the pool's */
    struct loop *home;           /* where `done` runs */
    void (*run)(struct job *j);  /* on a job thread */
    void (*done)(struct job *j); /* back home; the job is the owner's again */
};

/* `is_blocking`: jobs wait for others most of the time, so that none is held up behind another. NULL with errno set
 * when no thread could be started. */
struct jobs *jobs_new(unsigned threads, bool is_blocking);
/* Runs what is queued, then ends. Takes NULL, returns NULL. */
struct jobs *jobs_free(struct jobs *p);
/* Any thread. First in, first out. */
void jobs_submit(struct jobs *p, struct job *j);

#endif
