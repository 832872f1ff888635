/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket of one worker (SO_REUSEPORT: the kernel spreads new connections over the workers). */
#ifndef MUSTER_NET_LISTENER_H
#define MUSTER_NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timer.h"
#include "ring/loop.h"

/* A login storm arrives in one burst: let the kernel keep as many as it will (net.core.somaxconn). */
#define LISTENER_BACKLOG 4096

struct listener {
    struct op accept;
    struct loop *loop;
    int fd;
    bool is_armed, is_closing;
    struct timer retry;                           /* after running out of descriptors */
    void (*accepted)(struct listener *l, int fd); /* takes the fd over */
};

/* Make the socket: any thread. Returns the fd, or negative errno (-EADDRINUSE ...). */
int listener_socket(const char *address, uint16_t port);
/* Does another process listen there? 0: the place is free; else negative errno. */
int listener_probe(const char *address, uint16_t port);
/* Is `address` (numeric) of the loopback? */
bool listener_address_is_loopback(const char *address);

/* Start to accept on the loop's own thread; takes `fd` over. */
void listener_open(struct listener *l, struct loop *loop, int fd,
                   void (*accepted)(struct listener *l, int fd));
/* Stop; at rest when listener_is_closed. */
void listener_close(struct listener *l);
bool listener_is_closed(const struct listener *l);

#endif
