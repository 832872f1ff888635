/* SPDX-License-Identifier: Apache-2.0 */
/* One worker: a thread with its loop, its connections and streams, and the router of the accounts at home here. */
#ifndef MUSTER_WORKER_H
#define MUSTER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/listener.h"
#include "route/router.h"
#include "stream/stream.h"

struct broker;
struct config_listener;
struct steer_slot;

struct worker_listener {
    struct listener listener;
    struct worker *worker;
    enum stream_tls tls;
    bool is_kernel_wanted; /* records by the kernel */
    bool is_loopback;      /* no TLS, and nobody on the way who could listen */
};

struct worker {
    struct broker *broker;
    uint32_t index;
    pthread_t thread;
    struct loop *loop;
    struct net net;
    /* Its own, so that a reload changes them between two events, and nobody reads them under a lock. */
    struct stream_settings stream_settings;
    struct router_settings router_settings;
    struct stream_worker streams;
    struct router router;
    struct slab clients;
    struct list client_list;
    struct list delayed; /* credentials that are asked for later */
    uint32_t lookups;    /* credentials asked for and not yet answered */
    struct worker_listener *listeners;
    uint32_t listener_count;
    struct steer_slot *slot; /* where it says what it has to do; NULL: nobody asks */
    uint32_t arrivals;       /* connections accepted in this turn, of clients and servers */
    bool is_stopping;
};

/* A connection with its stream, as the worker keeps it. */
struct client {
    struct stream stream; /* first: events name the stream */
    struct list link;
    struct worker *worker;
    struct address_count *address; /* NULL: its address is not counted */
};

/* Make everything and serve until told to stop; the thread's function. Reports to the broker when it is ready or has failed. */
void *worker_thread(void *worker);
/* Do the connections of this listener hand their records to the kernel, where suite and kernel fit? By the configuration and by what
 * the kernel was seen to do. */
bool worker_wants_kernel_records(const struct broker *b, const struct config_listener *l);
/* On the worker: accept connections. Once all workers are ready, for the first stanza may concern any of them. */
void worker_listen(struct worker *w);
/* On the worker: refuse new connections and end every stream. */
void worker_stop(struct worker *w);
/* On the worker: end what has not ended by itself. */
void worker_abort(struct worker *w);
/* On the worker: nothing is under way here. */
bool worker_is_idle(const struct worker *w);

#endif
