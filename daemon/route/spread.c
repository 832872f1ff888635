/* SPDX-License-Identifier: Apache-2.0 */
#include "route/spread.h"

/* A slice of a fan-out. What is left over goes back in one operation, too. */
#define REFERENCES_AT_ONCE 256

static struct frame *spread_reference(struct spread *p)
{
    if (!p->references) {
        p->references = REFERENCES_AT_ONCE;
        frame_ref_many(p->frame, p->references);
    }
    p->references--;
    return p->frame;
}

void spread_end(struct spread *p, struct watch_cost *cost)
{
    cost->watchers += p->watchers;
    cost->deliveries += p->sends + p->queued;
    if (p->references)
        frame_unref_many(p->frame, p->references);
}

/* Is there a session that takes the event? */
static bool is_anybodys(const struct spread *p, const struct account *a)
{
    account_each_session(s, a) if (router_is_for(s, p->node)) return true;
    return false;
}

void spread_to(struct spread *p, struct account *a)
{
    struct router *r = p->router;
    if (p->node && !is_anybodys(p, a))
        return;
    /* Only one of the publisher's resources is blocked, and the watch stands for all of them; or the walk that gives up
     * the watches of those who are blocked since has yet to come to this one. */
    if (a->blocks && (a->blocks->has_resources || a->walks) && router_frame_is_blocked(a, p->frame))
        return;
    p->watchers++;
    if (router_must_wait(a)) {
        router_deliver_later(r, a, p->frame, p->node, 0);
        p->queued++;
        return;
    }
    account_each_session(s, a)
    {
        if (!router_is_for(s, p->node))
            continue;
        if (conn_has_output(&s->stream->conn))
            p->queued++;
        else
            p->sends++;
        if (p->node)
            r->counters.events_delivered++;
        else
            r->counters.presence_deliveries++;
        stream_send(s->stream, spread_reference(p));
    }
}
