/* SPDX-License-Identifier: Apache-2.0 */
#include "partner.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int partner_start(struct partner *p, int (*serve)(struct partner *first, const void *context),
                  const void *context)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0 || (p->pid = fork()) < 0) {
        perror("muster-bench: second process");
        return 1;
    }
    if (p->pid == 0) {
        close(to[1]);
        close(from[0]);
        p->to = from[1];
        p->from = to[0];
        _exit(serve(p, context));
    }
    close(to[0]);
    close(from[1]);
    p->to = to[1];
    p->from = from[0];
    return 0;
}

bool partner_say(const struct partner *p, char what)
{
    return write(p->to, &what, 1) == 1;
}

bool partner_hear(const struct partner *p, char *ret_what)
{
    return read(p->from, ret_what, 1) == 1;
}

bool partner_is_ready(const struct partner *p)
{
    struct pollfd poller = {.fd = p->from, .events = POLLIN};
    return poll(&poller, 1, 0) > 0;
}

void partner_step_back(void)
{
    sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
}

bool partner_report(const struct partner *p, const void *result, size_t size)
{
    const char *at = result;
    while (size > 0) {
        ssize_t len = write(p->to, at, size);
        if (len <= 0)
            return false;
        at += len;
        size -= (size_t)len;
    }
    return true;
}

bool partner_end(struct partner *p, void *ret_result, size_t size)
{
    int status = 0;
    char *at = ret_result;
    if (p->pid == 0)
        return p->ended_well;
    close(p->to);
    while (size > 0) {
        ssize_t len = read(p->from, at, size);
        if (len <= 0)
            break;
        at += len;
        size -= (size_t)len;
    }
    close(p->from);
    p->ended_well =
        waitpid(p->pid, &status, 0) == p->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 && size == 0;
    p->pid = 0;
    return p->ended_well;
}
