/* SPDX-License-Identifier: Apache-2.0 */
/* Presence first: completions that can wait, each connection's in their order. Only a program in the kernel can say what
 * they are before they are read; without it nothing waits here. Within ring/ only. */
#ifndef MUSTER_RING_ORDER_H
#define MUSTER_RING_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "muster/loop.h"

/* Half of the receive buffers: as many are left for what comes meanwhile. */
#define RING_ORDER_MAX (MUSTER_LOOP_BUFFERS / 2)

struct ring_completion {
    uint64_t user_data;
    int32_t result;
    uint32_t flags;
};

struct ring_order {
    struct ring_completion waiting[RING_ORDER_MAX];
    unsigned first, count;
};

static inline uint32_t ring_completion_slot(const struct ring_completion *c)
{
    return (uint32_t)(c->user_data >> MUSTER_LOOP_SLOT_SHIFT);
}

/* Has it to wait: by its class (MUSTER_LOOP_NO_CLASS: not for that), or because something of the same connection does? */
bool ring_order_must_wait(const struct ring_completion *c, const struct muster_loop_slot *slots,
                          unsigned class);
/* Only where there is room. */
void ring_order_put(struct ring_order *o, const struct ring_completion *c, struct muster_loop_slot *slots);
/* The one that has waited longest; there is one. */
struct ring_completion ring_order_take(struct ring_order *o, struct muster_loop_slot *slots);

#endif
