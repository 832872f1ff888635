/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A fan-out to many sessions on one machine makes hundreds ready at a time. */
#define LOOP_EVENTS_MAX 512

int loop_init(struct loop *l)
{
    l->read_buffer = malloc(LOOP_READ_BYTES);
    if (l->read_buffer == NULL)
        return -ENOMEM;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        free(l->read_buffer);
        return -errno;
    }
    return 0;
}

void loop_fini(struct loop *l)
{
    close(l->epoll_fd);
    free(l->read_buffer);
}

static int control(struct loop *l, int operation, int fd, struct loop_source *source, uint32_t epoll_events)
{
    struct epoll_event event = {.events = epoll_events, .data.ptr = source};
    return epoll_ctl(l->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

int loop_add(struct loop *l, int fd, struct loop_source *source, uint32_t epoll_events)
{
    return control(l, EPOLL_CTL_ADD, fd, source, epoll_events);
}

int loop_change(struct loop *l, int fd, struct loop_source *source, uint32_t epoll_events)
{
    return control(l, EPOLL_CTL_MOD, fd, source, epoll_events);
}

int loop_turn(struct loop *l, int timeout_ms)
{
    struct epoll_event events[LOOP_EVENTS_MAX];
    int count = epoll_wait(l->epoll_fd, events, LOOP_EVENTS_MAX, timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        struct loop_source *source = events[i].data.ptr;
        source->ready(source, events[i].events);
    }
    return 0;
}
