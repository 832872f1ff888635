/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what an account publishes goes the way of its presence, one message to each worker that holds
 * anybody who watches it, and there only to those sessions that want to hear of the node. A worker where none
 * does is done with it at once. */
#include "base/clock.h"
#include "presence/watch.h"
#include "route/cost.h"
#include "route/internal.h"

struct event_message {
    struct route_message base;
    struct frame *frame;
    uint64_t told_ns;
    struct group_audience *audience; /* NULL: nobody of a group hears it */
    uint32_t incarnation;
    size_t publisher_len, node_len;
    char names[];
};

static void event_fini(struct route_message *base)
{
    frame_unref(((struct event_message *)base)->frame);
    audience_unref(((struct event_message *)base)->audience);
}

static void event_run(struct router *r, struct route_message *base)
{
    struct event_message *m = (struct event_message *)base;
    struct caps_node *node = caps_node_find(&r->caps, span_make(m->names + m->publisher_len, m->node_len));
    if (!node)
        return;
    struct jid jid = jid_of_prepared(span_make(m->names, m->publisher_len));
    struct entity *publisher = entity_find(&r->entities, &jid);
    struct watch_cost cost = {.told_ns = m->told_ns};
    caps_node_ref(node);
    if (m->audience)
        router_audience_hears(r, base->from, m->audience, publisher, m->frame, node, &cost);
    const struct watch *w = publisher ? publisher->watch : NULL;
    if (w && w->incarnation == m->incarnation) {
        entity_ref(publisher);
        router_fanout(r, publisher, &(struct watch_change){.frame = m->frame, .node = node, .cost = cost});
        entity_give(&r->entities, publisher);
    } else if (cost.watchers) {
        cost_change_ends(r, jid_full(&jid), m->frame, &cost);
    }
    caps_node_unref(node);
}

static struct event_message *event_new(const struct account *a, struct span node, struct frame *frame,
                                       struct group_audience *audience)
{
    struct span publisher = entity_text(a->entity);
    struct event_message *m = route_message_new(sizeof *m + publisher.len + node.len, event_run, event_fini);
    if (!m)
        return NULL;
    m->frame = frame_ref(frame);
    m->told_ns = clock_now_ns();
    m->audience = audience_ref(audience);
    m->incarnation = a->incarnation;
    m->publisher_len = publisher.len;
    m->node_len = node.len;
    memcpy(m->names, publisher.ptr, publisher.len);
    memcpy(m->names + publisher.len, node.ptr, node.len);
    return m;
}

static void own_resources_tell(struct router *r, struct account *a, struct span name, struct frame *frame)
{
    const struct caps_node *node = caps_node_find(&r->caps, name);
    if (!node)
        return;
    account_each_session(s, a)
    {
        if (!router_is_for(s, node))
            continue;
        r->counters.events_delivered++;
        stream_send(s->stream, frame_ref(frame));
    }
}

void router_event(struct router *r, struct span publisher, struct span node, struct frame *frame,
                  bool is_for_contacts)
{
    struct account *a = router_account_find(r, publisher);
    r->counters.events_published++;
    if (!a)
        return;
    own_resources_tell(r, a, node, frame);
    if (!is_for_contacts || !a->available_count)
        return;
    struct group_audience *audience = router_audience(a, false);
    for (uint32_t to = 0; to < r->count; to++) {
        if (!a->interests[to].grants && !router_audience_is_at(r, audience, to))
            continue;
        struct event_message *m = event_new(a, node, frame, audience);
        if (m)
            route_message_post(r, to, &m->base);
    }
    audience_unref(audience);
}
