/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that lose their connection and are back at once. For a grace nobody is told that the resource is
 * gone: to contacts it is available as before, also to those who ask, and the account stays online, watched
 * and watching. It has no session: a message to it is treated as one to a resource that is not there (RFC
 * 6121 s. 8.5). When the same resource becomes available again, contacts hear what it says now, if that is
 * anything new; when it does not, they hear of its end. Only for streams that are lost: who says
 * `unavailable` or ends the stream is believed at once. */
#include <stdlib.h>

#include "route/internal.h"

static void lost_free(struct router *r, struct lost *l)
{
    loop_timer_stop(r->loop, &l->timer);
    hash_table_remove(&r->lost, &l->node);
    l->account->lost_count--;
    frame_unref(l->presence);
    free(l);
}

static void lost_tell(struct router *r, struct lost *l)
{
    struct account *a = l->account;
    struct frame *f = stanza_presence_frame(PRESENCE_UNAVAILABLE, span_make(l->jid, l->jid_len),
                                            (struct span){0}, (struct span){0});
    lost_free(r, l);
    router_resource_gone(r, a, f, NULL);
    frame_unref(f);
}

static void lost_expired(struct timer *t)
{
    struct lost *l = container_of(t, struct lost, timer);
    struct router *r = l->router;
    struct account *a = l->account;
    lost_tell(r, l);
    router_account_settle(r, a);
}

bool router_damping_lose(struct router *r, struct session *s)
{
    struct account *a = s->account;
    struct span jid = session_jid(s);
    /* While its roster is walked the contacts know of it in part only. And lost ones count as resources: nobody collects
     * them by coming under a new name each time. */
    if (!r->settings->flap_grace_ms || r->is_stopping || a->walk ||
        a->session_count + a->lost_count > r->settings->resources_max)
        return false;
    struct lost *l = malloc(sizeof *l + jid.len);
    if (!l)
        return false;
    *l = (struct lost){.router = r, .account = a, .jid_len = jid.len};
    memcpy(l->jid, jid.ptr, jid.len);
    if (hash_table_insert(&r->lost, &l->node, a->entity->node.hash) < 0) {
        free(l);
        return false;
    }
    a->lost_count++;
    l->presence = s->presence;
    s->presence = NULL;
    timer_init(&l->timer, lost_expired);
    loop_timer_start(r->loop, &l->timer, r->settings->flap_grace_ms);
    r->counters.flaps_held++;
    return true;
}

static struct lost *lost_of(const struct account *a, struct hash_node *n)
{
    while (n && container_of(n, struct lost, node)->account != a)
        n = hash_node_next(n);
    return n ? container_of(n, struct lost, node) : NULL;
}

static struct lost *lost_first(const struct router *r, const struct account *a)
{
    return a->lost_count ? lost_of(a, hash_table_first(&r->lost, a->entity->node.hash)) : NULL;
}

const struct lost *router_lost_next(const struct router *r, const struct account *a, const struct lost *after)
{
    return after ? lost_of(a, hash_node_next(&after->node)) : lost_first(r, a);
}

struct frame *router_damping_return(struct router *r, const struct session *s)
{
    struct lost *l = lost_first(r, s->account);
    while (l && !span_equal(span_make(l->jid, l->jid_len), session_jid(s)))
        l = lost_of(s->account, hash_node_next(&l->node));
    if (!l)
        return NULL;
    struct frame *shown = frame_ref(l->presence);
    lost_free(r, l);
    r->counters.flaps_damped++;
    return shown;
}

void router_damping_end(struct router *r, struct account *a)
{
    for (struct lost *l; (l = lost_first(r, a));)
        lost_tell(r, l);
}

void router_stop(struct router *r)
{
    r->is_stopping = true;
    router_archive_sweep_stop(r);
    for (struct hash_node *n; (n = hash_table_next(&r->lost, NULL));)
        lost_expired(&container_of(n, struct lost, node)->timer);
    router_absences_flush(r);
}
