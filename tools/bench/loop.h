/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for sockets with epoll and calls whoever owns the one that is ready. One thread. */
#ifndef MUSTER_BENCH_LOOP_H
#define MUSTER_BENCH_LOOP_H

#include <stddef.h>
#include <stdint.h>

/* One read takes at most a few TLS records. */
#define LOOP_READ_BYTES (64u << 10)

/* Embedded in the owner of a socket. */
struct loop_source {
    void (*ready)(struct loop_source *source, uint32_t epoll_events);
};

struct loop {
    int epoll_fd;
    char *read_buffer; /* LOOP_READ_BYTES, shared by all: its contents last until the callback returns */
};

/* 0 or -errno. */
int loop_init(struct loop *l);
void loop_fini(struct loop *l);

int loop_add(struct loop *l, int fd, struct loop_source *source, uint32_t epoll_events);
int loop_change(struct loop *l, int fd, struct loop_source *source, uint32_t epoll_events);

/* Wait at most `timeout_ms` and serve what is ready. 0 or -errno. */
int loop_turn(struct loop *l, int timeout_ms);

#endif
