/* SPDX-License-Identifier: Apache-2.0 */
#include "musterctl_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "admin/control.h"
#include "base/clock.h"
#include "store/command.h"

/* A daemon that starts or stops holds the database while its socket does not answer yet, or no longer. */
#define BETWEEN_WAIT_MS 5000
#define BETWEEN_RETRY_MS 100

/* On the database itself. Result as of store_command_run; -EBUSY while the daemon has it. */
static int offline_run(const struct config *c, struct span command, struct span body, struct buffer *reply)
{
    struct store_db *db;
    struct buffer affected;
    int result = store_db_open(c->state, &db, reply);
    if (result)
        return result;
    struct span *domains = calloc(c->domain_count, sizeof *domains);
    if (!domains) {
        store_db_close(db);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < c->domain_count; i++)
        domains[i] = span_of(c->domains[i]);
    buffer_init(&affected);
    result = store_command_run(db, domains, c->domain_count, command, body, reply, &affected);
    buffer_fini(&affected);
    free(domains);
    store_db_close(db);
    return result;
}

static bool is_daemon_gone(int result)
{
    return result == -ENOENT || result == -ECONNREFUSED;
}

int command_ask(const struct config *c, struct span command, struct span body, struct buffer *reply)
{
    struct timespec pause = {.tv_nsec = BETWEEN_RETRY_MS * 1000000L};
    uint64_t deadline = clock_now_ms() + BETWEEN_WAIT_MS;
    for (;;) {
        buffer_clear(reply);
        int result = control_call(c->admin.socket, command, body, reply);
        if (!is_daemon_gone(result))
            return result;
        if (!store_command_known(command)) {
            buffer_printf(reply, "%s: the daemon is not running", c->admin.socket);
            return result;
        }
        result = offline_run(c, command, body, reply);
        if (result != -EBUSY || clock_now_ms() >= deadline)
            return result;
        nanosleep(&pause, NULL);
    }
}
