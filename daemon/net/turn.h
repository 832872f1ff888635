/* SPDX-License-Identifier: Apache-2.0 */
/* A connection in its worker's turn. Within net/ only; inline, because every receive and every send asks. */
#ifndef MUSTER_NET_TURN_H
#define MUSTER_NET_TURN_H

#include "net/conn.h"

/* There is something to do for it when the turn ends. */
static inline void conn_touch(struct conn *c)
{
    if (c->is_dirty || c->is_dying || !c->net)
        return;
    c->is_dirty = true;
    list_append(&c->net->dirty, &c->link);
}

static inline bool conn_is_ending(const struct conn *c)
{
    return c->is_closing || c->is_aborted;
}

#endif
