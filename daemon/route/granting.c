/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher's side of watches. An account's home grants: in bulk when the account comes online, singly
 * when it approves a subscription, and in answer to a watcher that comes online and asks.
 *
 * Two accounts that come online at once could be told of each other twice: by the bulk grant and by the
 * answer. Messages between two workers keep their order, so a request says how far its sender had read when
 * its session became available. An account whose first grant to that worker is newer than that does not
 * answer, for the grants will find the watcher online; nor does one whose walk has yet to come to the watcher
 * (walking.c). Between the first and the last grant of a long walk it cannot know, and answers: of an
 * account's first session the watcher's home can tell (watching.c); a second one is, in that moment, told
 * twice. */
#include <stdlib.h>

#include "base/log.h"
#include "presence/watch.h"
#include "route/abroad.h"
#include "route/watching.h"
#include "xml/write.h"

void release_run(struct router *r, struct route_message *base)
{
    size_t position = 0;
    struct span publisher;
    uint32_t incarnation;
    while (route_list_next(&((struct list_message *)base)->list, &position, &publisher, &incarnation)) {
        struct account *a = router_account_find(r, publisher);
        if (a && a->incarnation == incarnation && a->interests[base->from].grants)
            a->interests[base->from].grants--;
    }
}

/* ---- grants ---- */

static bool shown_take(const struct router *r, const struct account *a, struct shown *ret)
{
    ret->frame_count = 0;
    ret->frames = malloc((a->available_count ? a->available_count : 1) * sizeof *ret->frames);
    if (!ret->frames)
        return false;
    account_each_session(s, a) if (session_is_available(s)) ret->frames[ret->frame_count++] =
        frame_ref(s->presence);
    for (const struct lost *l = NULL; (l = router_lost_next(r, a, l));)
        ret->frames[ret->frame_count++] = frame_ref(l->presence);
    return true;
}

static struct grant_message *grant_new(const struct account *a)
{
    struct span publisher = entity_text(a->entity);
    struct grant_message *m = route_message_new(sizeof *m + publisher.len, grant_run, grant_fini);
    if (!m)
        return NULL;
    m->incarnation = a->incarnation;
    m->len = publisher.len;
    memcpy(m->publisher, publisher.ptr, publisher.len);
    return m;
}

struct grant_message *grant_for(struct grant_message **grants, uint32_t to, const struct account *a,
                                struct frame *frame)
{
    if (grants[to])
        return grants[to];
    struct grant_message *m = grant_new(a);
    if (!m)
        return NULL;
    m->shown.frames = malloc(sizeof *m->shown.frames);
    if (m->shown.frames)
        m->shown.frames[m->shown.frame_count++] = frame_ref(frame);
    return grants[to] = m;
}

void grant_post(struct router *r, struct account *a, uint32_t to, struct grant_message *m)
{
    route_message_post(r, to, &m->lists.base);
    if (!a->interests[to].granted_sequence)
        a->interests[to].granted_sequence = r->sent[to];
}

void router_grant(struct router *r, struct account *a, struct entity *watcher)
{
    struct jid jid = entity_jid(watcher);
    if (!a->available_count || router_blocks(a, &jid))
        return;
    if (!router_is_local(r, jid_domain(&jid))) {
        outreach_grant(r, a, watcher);
        return;
    }
    struct grant_message *m = grant_new(a);
    if (!m)
        return;
    if (!shown_take(r, a, &m->shown)) {
        free(m);
        return;
    }
    uint32_t to = router_home(r, entity_text(watcher));
    route_list_put(&m->lists.list, entity_text(watcher), 0);
    a->interests[to].grants++;
    r->counters.grants++;
    route_message_post(r, to, &m->lists.base);
}

/* ---- answers: what the publishers here show to a watcher that asked ---- */

static struct answer_entry *answer_entry_new(const struct router *r, const struct account *publisher)
{
    struct span text = entity_text(publisher->entity);
    struct answer_entry *e = malloc(sizeof *e + text.len);
    if (!e || !shown_take(r, publisher, &e->shown)) {
        free(e);
        return NULL;
    }
    e->next = NULL;
    e->incarnation = publisher->incarnation;
    e->len = text.len;
    memcpy(e->publisher, text.ptr, text.len);
    return e;
}

/* The item with which `publisher` lets the watcher see it; NULL: it does not. */
static const struct roster_item *grants_to(const struct account *publisher, const struct entity *watcher)
{
    const struct roster_item *item = watcher ? roster_find(&publisher->roster, watcher) : NULL;
    return item && subscription_has_from(item->state) ? item : NULL;
}

void watch_request_run(struct router *r, struct route_message *base)
{
    struct watch_request *m = (struct watch_request *)base;
    struct span watcher = span_make(m->watcher, m->len), publisher_text;
    struct answer_message *answer = route_message_new(sizeof *answer + watcher.len, answer_run, answer_fini);
    if (!answer)
        return;
    answer->last = &answer->first;
    answer->session_number = m->session_number;
    answer->is_first = m->is_first;
    answer->is_silent = m->is_silent;
    answer->len = watcher.len;
    memcpy(answer->watcher, watcher.ptr, watcher.len);
    struct jid watcher_jid = jid_of_prepared(watcher);
    const struct entity *watcher_entity = entity_find(&r->entities, &watcher_jid);
    size_t position = 0;
    uint32_t number;
    while (route_list_next(&m->lists.list, &position, &publisher_text, &number)) {
        struct account *a = router_account_find(r, publisher_text);
        const struct roster_item *item = a ? grants_to(a, watcher_entity) : NULL;
        r->counters.probes++;
        if (a && router_blocks(a, &watcher_jid))
            continue; /* XEP-0191 s. 3.3: no answer at all */
        if (a && a->state == ACCOUNT_READY && !item && !group_view(a, watcher).is_from) {
            /* RFC 6121 s. 4.3.2.1: the two rosters disagree (a crash between their commits): the publisher's
             * counts. */
            router_send_stanza(
                r, stanza_presence_frame(PRESENCE_UNSUBSCRIBED, publisher_text, watcher, (struct span){0}),
                publisher_text, &watcher_jid);
            continue;
        }
        if (m->is_probe && (!item || !a->available_count))
            router_probe_say(r, watcher, publisher_text);
        if (!item || !a->available_count || walk_will_grant(a, item))
            continue;
        if (!m->is_retry && a->interests[base->from].granted_sequence > m->seen)
            continue; /* its grant is on the way and will find the watcher online */
        struct answer_entry *e = answer_entry_new(r, a);
        if (!e)
            continue;
        a->interests[base->from].grants++;
        *answer->last = e;
        answer->last = &e->next;
    }
    if (!answer->first) {
        free(answer);
        return;
    }
    route_message_post(r, base->from, &answer->base);
}

/* ---- the end of a grant, and probes ---- */

/* At once, ahead of what waits in the watcher's queue: after a cancellation not one presence more may leak. */
void router_revoke(struct router *r, struct account *a, const struct entity *watcher)
{
    struct span publisher = entity_text(a->entity), text = entity_text(watcher);
    struct jid jid = entity_jid(watcher);
    if (!router_is_local(r, jid_domain(&jid))) {
        outreach_remove(r, a, watcher);
        return;
    }
    struct revoke_message *m = route_message_new(sizeof *m + publisher.len + text.len, revoke_run, NULL);
    if (!m)
        return;
    m->publisher_len = publisher.len;
    m->watcher_len = text.len;
    memcpy(m->jids, publisher.ptr, publisher.len);
    memcpy(m->jids + publisher.len, text.ptr, text.len);
    route_message_post(r, router_home(r, text), &m->base);
}

/* What the resource `from` shows, to who asked. */
static void probe_show(struct router *r, const struct frame *presence, struct span from,
                       const struct jid *asker)
{
    struct buffer text = {0};
    buffer_append(&text, span_make(presence->bytes, presence->head_at));
    xml_write_attribute(&text, "to", jid_full(asker));
    buffer_append(&text, span_make(presence->bytes + presence->head_at, presence->len - presence->head_at));
    struct frame *f = buffer_ok(&text) ? frame_new(buffer_span(&text), FRAME_NO_HEAD, FRAME_PRESENCE) : NULL;
    router_send_stanza(r, f, from, asker);
    buffer_fini(&text);
}

void router_probe_say(struct router *r, struct span from, struct span to)
{
    struct jid jid = jid_of_prepared(to);
    router_send_stanza(r, stanza_presence_frame(PRESENCE_PROBE, from, to, (struct span){0}), from, &jid);
}

void router_probe_answer(struct router *r, struct account *a, struct span from, const struct stanza *probe)
{
    struct jid asker = jid_of_prepared(from);
    bool is_own = span_equal(jid_bare(&asker), entity_text(a->entity));
    struct jid bare = jid_of_prepared(jid_bare(&asker));
    if (!is_own && !router_may_see(r, a, jid_full(&bare))) {
        /* RFC 6121 s. 4.6.6: a partner of directed presence learns mere availability, of that resource
         * only. */
        struct session *s = probe->to.resource_len ? account_session(a, jid_resource(&probe->to)) : NULL;
        if (s && directed_has(s, from))
            router_send_stanza(r, stanza_presence_frame(PRESENCE_AVAILABLE, session_jid(s), from, probe->id),
                               session_jid(s), &asker);
        else /* s. 4.3.2.1 */
            router_send_stanza(r,
                               stanza_presence_frame(PRESENCE_UNSUBSCRIBED, entity_text(a->entity),
                                                     jid_bare(&asker), probe->id),
                               entity_text(a->entity), &asker);
        return;
    }
    if (!a->available_count) /* s. 4.3.2.3 */
        router_send_stanza(r, router_absence_frame(a, from, probe->id), entity_text(a->entity), &asker);
    account_each_session(s, a)
    {
        if (!session_is_available(s) ||
            (probe->to.resource_len && !span_equal(session_resource(s), jid_resource(&probe->to))))
            continue;
        probe_show(r, s->presence, session_jid(s), &asker);
    }
    for (const struct lost *l = NULL; (l = router_lost_next(r, a, l));) {
        struct jid jid = jid_of_prepared(span_make(l->jid, l->jid_len));
        if (!probe->to.resource_len || span_equal(jid_resource(&jid), jid_resource(&probe->to)))
            probe_show(r, l->presence, jid_full(&jid), &asker);
    }
}
