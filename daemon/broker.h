/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as a whole: wires the rooms, starts and stops the workers, answers the administrator. */
#ifndef MUSTER_BROKER_H
#define MUSTER_BROKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "admin/control.h"
#include "config/config.h"
#include "net/address_rate.h"
#include "net/guesses.h"
#include "ring/jobs.h"
#include "service/services.h"
#include "looping.h"
#include "reload.h"
#include "sifting.h"
#include "signatures.h"
#include "steering.h"
#include "store/store.h"
#include "tls/context.h"
#include "worker.h"

struct registrar;
struct federation;

struct broker {
    const struct config *config; /* of the start */
    struct reload reload;        /* under `commands`, once it runs */
    struct span *domains;
    struct stream_settings stream_settings; /* what the workers' own begin with */
    struct service_settings service_settings;
    struct router_settings router_settings; /* likewise */
    struct store *store;
    struct tls_context *tls;       /* under `commands`, once it runs */
    struct federation *federation; /* NULL: no other server is spoken to */
    struct record_kernel_abilities kernel_abilities;
    struct sifting sifting;
    struct signatures signatures; /* under `commands`, once it runs */
    struct jobs *jobs;
    struct jobs *asking; /* threads that wait for authorities' responders; NULL: nobody is asked */
    struct control *control;
    struct registrar *registrar; /* NULL: clients neither make accounts nor remove them */
    struct group_book groups;    /* under `commands`, once it runs */
    struct worker *workers;
    struct router **routers;
    uint32_t worker_count;
    struct looping looping;   /* under `commands`, once it runs */
    struct steering steering; /* under `commands`, once it runs */
    int *listener_fds;        /* worker_count * config->listener_count */
    struct address_limit addresses;
    struct guesses guesses;
    struct address_rate registrations;
    _Atomic int32_t clients;  /* connections, also those between two workers */
    pthread_mutex_t commands; /* held while one runs */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint32_t workers_ready; /* under `lock` */
    int worker_error;       /* under `lock`: the first that could not start */
    char worker_message[256];
    bool is_stop_wanted; /* under `lock`: by musterctl */
    bool is_running;
};

/* How many threads the broker makes of a configuration; NULL: of the defaults. */
uint32_t broker_worker_count(const struct config *c);
uint32_t broker_job_count(const struct config *c);

/* Start everything, by `config`, which was read from `config_path`. 0, or negative errno with one line in ret_message; then broker_stop cleans
 * up. */
int broker_start(struct broker *b, const char *config_path, const struct config *config,
                 struct buffer *ret_message);
/* Stop everything in order: streams end with <system-shutdown/>, the store finishes, nothing is left. */
void broker_stop(struct broker *b);

/* Run `ask` on every worker, one call each, and wait for all. Any thread but a worker's. */
void broker_ask(struct broker *b, void (*ask)(struct worker *w, void *context), void *context);

/* A worker tells how its start went. */
void broker_worker_started(struct broker *b, int error, const char *message);

/* groups.c: bring the configuration file's shared groups to the database and read all of them, before anybody logs in; take over lines as store/command.h has them, and wait until every worker
 * has acted on them. 0 or negative errno. */
int broker_groups_open(struct broker *b, struct buffer *ret_message);
int broker_groups_change(struct broker *b, struct span lines);

/* commands.c, from the control thread: the roster of `bare` as the store has it, on `arena`. 0, STORE_NOT_FOUND, or negative
 * errno. */
int broker_roster_read(struct broker *b, struct span bare, struct arena *arena, struct store_roster *ret);
/* commands.c, with `commands` held: run a command on the database, then tell everybody whom it
 * concerns. Returns the result as of store_command_run. `asker` NULL, or who asked: its result is set and its done()
 * called, when all have been told; but for a removal before they are, for that ends the session that is answered. */
int broker_database_command(struct broker *b, struct span command, struct span body, struct buffer *reply,
                            struct store_request *asker);

/* registrar.c: its thread. 0 or negative errno with a line in ret_message. Close: what was submitted is done; later
 * requests are refused. Free: when nobody can submit any more; both take NULL. */
int registrar_open(struct broker *b, struct registrar **ret, struct buffer *ret_message);
void registrar_close(struct registrar *g);
struct registrar *registrar_free(struct registrar *g);
/* Any thread: have the command of `r` (command, body) run as if the administrator had given it. `r` is back with done(),
 * on another thread or at once. */
void broker_command_submit(void *broker, struct store_request *r);

/* commands.c: the control socket's handler. */
bool broker_command(void *broker, struct span command, struct span body, struct buffer *reply);

#endif
