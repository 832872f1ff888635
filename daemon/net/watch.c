/* SPDX-License-Identifier: Apache-2.0 */
#include "net/watch.h"

#include <stdlib.h>

#include "net/conn.h"
#include "offload/verdict.h"

struct conn_watch {
    uint32_t flow;
    uint64_t octets;  /* read since it is watched: the program counts from there as well */
    uint32_t in_slot; /* how far the slot's count is in these */
};

/* The loop's program reads as well: what it has kept to itself had passed the other one. */
static void octets_count(struct conn *c, size_t octets)
{
    uint32_t in_slot = loop_slot_octets(c->net->loop, c->slot);
    c->watch->octets += c->slot ? in_slot - c->watch->in_slot : octets;
    c->watch->in_slot = in_slot;
}

void watch_begin(struct conn *c)
{
    /* One of the two is enough, and the loop's looks at all that comes in any case. Tried again when that one is off. */
    if (loop_slot_is_watched(c->net->loop, c->slot))
        return;
    /* All that a receive has completed is heard by now, unless it was armed in this very turn (that may be submitted already), or
     * waits behind what is more urgent. */
    if (!c->is_between || !c->is_receiving || c->is_receive_new || c->is_ended || c->is_aborted ||
        c->is_closing || c->is_detaching || loop_slot_is_behind(c->net->loop, c->slot))
        return;
    struct conn_watch *watch = malloc(sizeof *watch);
    c->watch_tries--;
    if (!watch)
        return;
    *watch = (struct conn_watch){.flow = verdict_watch(c->net->verdict, c->fd),
                                 .in_slot = loop_slot_octets(c->net->loop, c->slot)};
    if (watch->flow == VERDICT_NO_FLOW) {
        free(watch);
        return;
    }
    c->watch = watch;
    c->watch_tries = 0;
    verdict_boundary(c->net->verdict, watch->flow, 0);
}

void watch_read(struct conn *c, size_t octets)
{
    loop_slot_read(c->net->loop, c->slot, octets, c->is_between);
    if (!c->watch)
        return;
    octets_count(c, octets);
    if (c->is_between)
        verdict_boundary(c->net->verdict, c->watch->flow,
                         loop_slot_is_watched(c->net->loop, c->slot) ? VERDICT_NO_BOUNDARY
                                                                     : c->watch->octets);
}

void watch_end(struct conn *c)
{
    if (c->watch)
        verdict_unwatch(c->net->verdict, c->watch->flow);
    free(c->watch);
    c->watch = NULL;
}

void watch_slot_take(struct conn *c)
{
    bool is_readable = c->record ? record_is_kernel(c->record) : c->is_plain;
    if (c->slot || !c->is_watchable || !is_readable)
        return;
    /* All that has come is read: nothing is armed. */
    c->slot = (uint16_t)loop_slot_take(c->net->loop, c->is_slotless);
    c->is_slotless = !c->slot;
    if (c->watch)
        c->watch->in_slot = 0;
    loop_slot_read(c->net->loop, c->slot, 0, c->is_between);
}

void watch_slot_give(struct conn *c)
{
    if (c->watch)
        octets_count(c, 0);
    loop_slot_give(c->net->loop, c->slot);
    c->slot = LOOP_NO_SLOT;
    c->is_slotless = false;
}
