/* SPDX-License-Identifier: Apache-2.0 */
/* The shared groups between the database and the workers: made to agree with the configuration file and read at the start, and
 * changed by commands. One thread at a time. */
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

/* Run a command on the database; end `w` with ask_fini. Returns the result as of store_command_run. */
static int ask(struct broker *b, struct span command, struct span body, struct wait *w)
{
    *w = (struct wait){.broker = b};
    w->request.operation = STORE_COMMAND;
    w->request.command = command;
    w->request.body = body;
    w->request.done = on_read;
    arena_init(&w->request.arena);
    store_submit(b->store, &w->request);
    wait_for(w);
    return w->request.result;
}

static void ask_fini(struct wait *w)
{
    buffer_fini(&w->request.reply);
    buffer_fini(&w->request.affected);
    arena_fini(&w->request.arena);
}

/* As `group sync` has it (store/command.h). */
static void group_write(const struct config_group *group, struct buffer *out)
{
    static const char *const modes[] = {"everybody", "hidden", "visible-to"}; /* by enum config_visibility */
    buffer_printf(out, "group\t%s\t%s\t%s", group->name, group->title, modes[group->visibility]);
    for (uint32_t i = 0; i < group->viewers.count; i++)
        buffer_printf(out, "\t%s", group->viewers.at[i]);
    buffer_append_char(out, '\n');
    for (uint32_t i = 0; i < group->members.count; i++)
        buffer_printf(out, "member\t%s\n", group->members.at[i]);
}

/* What the configuration file says, to the database. */
static int groups_sync(struct broker *b, struct buffer *ret_message)
{
    struct buffer body = {0};
    struct wait w;
    for (uint32_t i = 0; i < b->config->group_count; i++)
        group_write(&b->config->groups[i], &body);
    if (!buffer_ok(&body)) {
        buffer_fini(&body);
        return -ENOMEM;
    }
    int error = ask(b, SPAN("group\tsync"), buffer_span(&body), &w);
    struct span said = buffer_span(&w.request.reply);
    if (error)
        buffer_append(ret_message, said);
    else if (said.len)
        log_warn("groups-incomplete", "reason=\"%.*s\" effect=\"each joins when the account is made\"",
                 (int)said.len - 1, said.ptr);
    ask_fini(&w);
    buffer_fini(&body);
    return error > 0 ? -EINVAL : error;
}

int broker_groups_open(struct broker *b, struct buffer *ret_message)
{
    struct wait w;
    group_book_init(&b->groups, b->worker_count);
    int error = groups_sync(b, ret_message);
    if (error)
        return error;
    error = ask(b, SPAN("group\tdump"), (struct span){0}, &w) ? -EIO : 0;
    if (!error && w.request.reply.len)
        error = broker_groups_change(b, buffer_span(&w.request.reply));
    if (error)
        buffer_printf(ret_message, "cannot read the shared groups: %s", strerror(-error));
    ask_fini(&w);
    return error;
}
