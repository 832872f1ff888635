/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on the database that clients cause (XEP-0077): they change groups and end sessions as the
 * administrator's do, so a thread must wait for the workers in between, and it cannot be a worker. It sleeps
 * most of the time. */
#include <errno.h>
#include <stdlib.h>

#include "base/privileges.h"
#include "broker.h"

struct registrar {
    struct broker *broker;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct store_request *first, **last;
    bool is_closed;
};

static void request_run(struct broker *b, struct store_request *r)
{
    struct buffer reply = {0};
    pthread_mutex_lock(&b->commands);
    broker_database_command(b, r->command, r->body, &reply, r);
    pthread_mutex_unlock(&b->commands);
    buffer_fini(&reply);
}

static void *registrar_thread(void *argument)
{
    struct registrar *g = argument;
    privileges_drop(); /* as main.c does, which says what became of it */
    pthread_mutex_lock(&g->lock);
    for (;;) {
        struct store_request *r = g->first;
        if (r) {
            g->first = r->next;
            if (!g->first)
                g->last = &g->first;
            pthread_mutex_unlock(&g->lock);
            request_run(g->broker, r);
            pthread_mutex_lock(&g->lock);
        } else if (g->is_closed) {
            break;
        } else {
            pthread_cond_wait(&g->wake, &g->lock);
        }
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

int registrar_open(struct broker *b, struct registrar **ret, struct buffer *ret_message)
{
    struct registrar *g = calloc(1, sizeof *g);
    if (!g)
        return -ENOMEM;
    g->broker = b;
    g->last = &g->first;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->wake, NULL);
    int error = -pthread_create(&g->thread, NULL, registrar_thread, g);
    if (error) {
        buffer_printf(ret_message, "cannot start the registrar's thread: %s", strerror(-error));
        registrar_free(g);
        return error;
    }
    *ret = g;
    return 0;
}

void registrar_close(struct registrar *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&g->lock);
    g->is_closed = true;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->lock);
    pthread_join(g->thread, NULL);
}

struct registrar *registrar_free(struct registrar *g)
{
    if (!g)
        return NULL;
    pthread_cond_destroy(&g->wake);
    pthread_mutex_destroy(&g->lock);
    free(g);
    return NULL;
}

void broker_command_submit(void *broker, struct store_request *r)
{
    struct registrar *g = ((struct broker *)broker)->registrar;
    pthread_mutex_lock(&g->lock);
    bool is_closed = g->is_closed;
    if (!is_closed) {
        r->next = NULL;
        *g->last = r;
        g->last = &r->next;
        pthread_cond_signal(&g->wake);
    }
    pthread_mutex_unlock(&g->lock);
    if (is_closed) {
        r->result = -ECANCELED;
        r->done(r);
    }
}
