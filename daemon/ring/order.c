/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/order.h"

/* What concerns presence, or is over at once. All else may be large, or begin something large, or is the rest of such. */
static const bool is_first[MUSTER_CLASS_COUNT] = {
    [MUSTER_CLASS_KEEPALIVE] = true, [MUSTER_CLASS_BROADCAST] = true,    [MUSTER_CLASS_DIRECTED] = true,
    [MUSTER_CLASS_PROBE] = true,     [MUSTER_CLASS_SUBSCRIPTION] = true, [MUSTER_CLASS_ACK] = true,
};

bool ring_order_must_wait(const struct ring_completion *c, const struct muster_loop_slot *slots,
                          unsigned class)
{
    uint32_t slot = ring_completion_slot(c);
    return slot && (slots[slot].held || (class < MUSTER_CLASS_COUNT && !is_first[class]));
}

void ring_order_put(struct ring_order *o, const struct ring_completion *c, struct muster_loop_slot *slots)
{
    o->waiting[(o->first + o->count++) % RING_ORDER_MAX] = *c;
    slots[ring_completion_slot(c)].held++;
}

struct ring_completion ring_order_take(struct ring_order *o, struct muster_loop_slot *slots)
{
    struct ring_completion c = o->waiting[o->first];
    o->first = (o->first + 1) % RING_ORDER_MAX;
    o->count--;
    slots[ring_completion_slot(&c)].held--;
    return c;
}
