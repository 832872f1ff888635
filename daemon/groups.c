/* SPDX-License-Identifier: Apache-2.0 */
/* The shared groups between the database and the workers: read at the start, and changed by commands. One
 * thread at a time. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "broker.h"

struct wait {
    struct store_request request;
    struct broker *broker;
    bool is_done; /* under the broker's lock */
};

static void wait_end(struct wait *w)
{
    struct broker *b = w->broker;
    pthread_mutex_lock(&b->lock);
    w->is_done = true;
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

static void wait_for(struct wait *w)
{
    struct broker *b = w->broker;
    pthread_mutex_lock(&b->lock);
    while (!w->is_done)
        pthread_cond_wait(&b->wake, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

static void on_changed(void *context)
{
    wait_end(context);
}

int broker_groups_change(struct broker *b, struct span lines)
{
    struct group_change *change = NULL;
    struct wait w = {.broker = b};
    int error = group_book_apply(&b->groups, lines, &change);
    if (!error)
        error = router_groups_change(b->routers, b->worker_count, change, on_changed, &w);
    if (!error)
        wait_for(&w);
    else
        log_error("groups-not-changed",
                  "error=\"%s\" effect=\"the workers keep the groups as they were until the next start\"",
                  strerror(-error));
    return error;
}

static void on_read(struct store_request *r)
{
    wait_end(container_of(r, struct wait, request));
}

int broker_groups_open(struct broker *b, struct buffer *ret_message)
{
    struct wait w = {.broker = b};
    w.request.operation = STORE_COMMAND;
    w.request.command = SPAN("group\tdump");
    w.request.done = on_read;
    group_book_init(&b->groups, b->worker_count);
    arena_init(&w.request.arena);
    store_submit(b->store, &w.request);
    wait_for(&w);
    int error = w.request.result ? -EIO : 0;
    if (!error && w.request.reply.len)
        error = broker_groups_change(b, buffer_span(&w.request.reply));
    if (error)
        buffer_printf(ret_message, "cannot read the shared groups: %s", strerror(-error));
    buffer_fini(&w.request.reply);
    buffer_fini(&w.request.affected);
    arena_fini(&w.request.arena);
    return error;
}
