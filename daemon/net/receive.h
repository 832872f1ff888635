/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection receives: one operation for as long as it is wanted, and the records that its bytes are opened as. Within net/ only. */
#ifndef MUSTER_NET_RECEIVE_H
#define MUSTER_NET_RECEIVE_H

#include "net/conn.h"
#include "net/watch.h"

/* A turn's end: receive, if it does not and is to. */
static inline void conn_receive_arm(struct conn *c)
{
    bool is_wanted = !c->is_ended && !c->is_aborted && !c->is_detaching && !c->is_switching &&
                     (!c->is_paused || c->is_closing);
    if (c->is_receiving || !is_wanted)
        return;
    c->is_receiving = true;
    c->is_receive_new = true;
    c->in_flight++;
    watch_slot_take(c);
    loop_receive(c->net->loop, &c->receive, c->fd, c->slot);
}

static inline void conn_receive_stop(struct conn *c)
{
    if (c->is_receiving)
        loop_cancel(c->net->loop, &c->receive, c->slot);
}

/* The done of c->receive. */
void conn_receive_done(struct op *op, int result, unsigned flags, char *bytes);
/* As if these bytes had been received: what is left of a handshake's. They are changed in place. */
void conn_bytes_in(struct conn *c, char *bytes, size_t len);

#endif
