/* SPDX-License-Identifier: Apache-2.0 */
/* What a member that comes online, or joins, is told of the members of the groups that it sees. Its home asks
 * every worker, naming the groups; each answers with the presence of its next few members, in the order of
 * its lists' stamps, until it has told of all that were there when it was first asked. Meanwhile the member
 * hears of those that the answers have passed, and of those only: the others' presence is still to come, and
 * will be what it is then. So it is told of everybody once, in order, whatever happens meanwhile, and a wave
 * costs what a slice does.
 *
 * The same the other way round for who leaves a group: it hears on until it has been told that they go.
 *
 * An account's waves go one after the other, in the order of what made them. One that comes would otherwise
 * go on in groups that the member has left meanwhile, and tell of somebody of whose going another one has
 * told already; and one that goes would tell the end of somebody whom the member, back in the group, has been
 * shown again. */
#include "route/grouping.h"

#include <stdlib.h>

#include "presence/watch.h"

/* Presences in one answer, unless even less is done at once (settings). */
#define WAVE_FRAMES_MAX 128
/* Members looked at for one answer: most of those who are shown otherwise cost a look-up. */
#define WAVE_LOOKS_MAX 1024

#define PROGRESS_DONE UINT32_MAX

/* ---- requests, to where the members are at home ---- */

struct wave_request {
    struct route_message base;
    uint32_t wave;
    bool is_hide, is_closed;
    struct group_progress at;
    struct block_list *blocks; /* the watcher's: a reference */
    size_t len;
    const char *watcher; /* behind the numbers */
    uint32_t group_count, kept_count, own_count;
    uint32_t numbers[]; /* groups, kept, and those that the watcher is in */
};

struct wave_frame {
    struct frame *frame;
    uint64_t plain; /* hash of a publisher whose roster shows it to the watcher as well; 0: it does not */
};

struct wave_answer {
    struct route_message base;
    uint32_t wave;
    struct group_progress at;
    struct wave_frame *frames;
    uint32_t frame_count, frame_capacity;
    size_t len;
    char watcher[];
};

static void wave_request_run(struct router *r, struct route_message *base);

static void wave_request_fini(struct route_message *base)
{
    block_list_unref(((struct wave_request *)base)->blocks);
}

static void wave_ask(struct group_wave *w, uint32_t to)
{
    const struct account *a = w->account;
    struct span watcher = entity_text(a->entity);
    size_t numbers = w->group_count + w->kept_count + a->group_count;
    struct wave_request *m = route_message_new(sizeof *m + numbers * sizeof *m->numbers + watcher.len,
                                               wave_request_run, wave_request_fini);
    if (!m)
        return;
    m->wave = w->number;
    m->is_hide = w->is_hide;
    m->is_closed = w->is_closed;
    m->at = w->progress[to];
    m->blocks = block_list_ref(w->account->blocks);
    m->group_count = w->group_count;
    m->kept_count = w->kept_count;
    if (w->group_count)
        memcpy(m->numbers, w->groups, w->group_count * sizeof *m->numbers);
    if (w->kept_count)
        memcpy(m->numbers + w->group_count, w->kept, w->kept_count * sizeof *m->numbers);
    m->own_count = a->group_count;
    for (uint32_t i = 0; i < a->group_count; i++)
        m->numbers[w->group_count + w->kept_count + i] = a->groups[i].here->group->number;
    m->watcher = memcpy((char *)(m->numbers + numbers), watcher.ptr, watcher.len);
    m->len = watcher.len;
    w->progress[to].is_asked = true;
    route_message_post(w->router, to, &m->base);
}

/* ---- waves ---- */

static void wave_step(struct lane_work *work, uint32_t *budget)
{
    struct group_wave *w = container_of(work, struct group_wave, work);
    for (uint32_t i = 0; i < w->router->count; i++) {
        struct group_progress *p = &w->progress[i];
        if (p->group == PROGRESS_DONE || p->is_asked)
            continue;
        if (!*budget)
            return;
        wave_ask(w, i);
        *budget = *budget > WAVE_FRAMES_MAX ? *budget - WAVE_FRAMES_MAX : 0;
    }
    lane_work_stop(&w->work);
}

struct group_wave *wave_new(struct router *r, struct account *a, uint32_t session_number, bool is_hide,
                            uint32_t *groups, uint32_t group_count, uint32_t *kept, uint32_t kept_count)
{
    struct group_wave *w = groups && kept ? calloc(1, sizeof *w + r->count * sizeof *w->progress) : NULL;
    if (!w) {
        free(groups);
        free(kept);
        return NULL;
    }
    lane_work_init(&w->work, wave_step);
    w->router = r;
    w->account = a;
    w->number = ++r->waves;
    w->session_number = session_number;
    w->is_hide = is_hide;
    w->undone = r->count;
    w->groups = groups;
    w->group_count = group_count;
    w->kept = kept;
    w->kept_count = kept_count;
    list_append(&a->waves, &w->link);
    return w;
}

void wave_free(struct group_wave *w)
{
    lane_work_stop(&w->work);
    list_remove(&w->link);
    free(w->groups);
    free(w->kept);
    free(w);
}

/* The first slice is asked for at once: most groups are through with it. */
static void wave_begin(struct group_wave *w)
{
    w->is_begun = true;
    for (uint32_t i = 0; i < w->router->count; i++)
        wave_ask(w, i);
}

void waves_go_on(struct account *a)
{
    list_each(node, &a->waves)
    {
        struct group_wave *w = container_of(node, struct group_wave, link);
        if (!w->undone)
            continue; /* one that hides, and waits to be closed */
        if (!w->is_begun)
            wave_begin(w);
        return;
    }
}

bool wave_has_passed(const struct group_wave *w, uint32_t from, const struct group_audience *publisher)
{
    const struct group_progress *p = &w->progress[from];
    bool is_due = false; /* will it come to the publisher at all? */
    if (p->group == PROGRESS_DONE)
        return true;
    for (uint32_t i = 0; i < publisher->place_count; i++) {
        const struct group_place *place = &publisher->places[i];
        for (uint32_t n = 0; n < w->group_count; n++) {
            if (w->groups[n] != place->group || (p->started && place->stamp > p->started))
                continue;
            is_due = true;
            if (n < p->group || (n == p->group && place->stamp <= p->stamp))
                return true;
        }
    }
    return !is_due;
}

/* ---- answers ---- */

static void wave_answer_fini(struct route_message *base)
{
    struct wave_answer *m = (struct wave_answer *)base;
    for (uint32_t i = 0; i < m->frame_count; i++)
        frame_unref(m->frames[i].frame);
    free(m->frames);
}

/* The watch tells it: what made the slot came ahead of this answer. Not, however, when the subscription is
 * over and the slot waits to be revoked: then a session that has come since was told nothing by the watch. To
 * the others what is under way by it comes first, for what the answer says is newer. (An end the publisher
 * tells who watched it when it revokes.) */
static bool watch_tells(struct router *r, const struct group_wave *w, uint64_t publisher)
{
    struct account *a = w->account;
    for (struct hash_node *n = publisher ? hash_table_first(&r->entities.table, publisher) : NULL; n;
         n = hash_node_next(n)) {
        const struct entity *e = container_of(n, struct entity, node);
        const struct roster_item *item = roster_find(&a->roster, e);
        if (!item || !item->watch_slot)
            continue;
        if (w->is_hide || subscription_has_to(item->state))
            return true;
        router_fanout_hurry(r, e, a);
    }
    return false;
}

static void wave_frame_deliver(struct router *r, const struct group_wave *w, struct frame *frame)
{
    struct account *a = w->account;
    if (router_frame_is_blocked(a, frame))
        return; /* since it was asked for */
    if (router_must_wait(a)) {
        router_deliver_later(r, a, frame, NULL, w->session_number);
        return;
    }
    account_each_session(s, a)
    {
        if (!session_is_hearing(s) || (w->session_number && s->number != w->session_number))
            continue;
        r->counters.presence_deliveries++;
        stream_send(s->stream, frame_ref(frame));
    }
}

static struct group_wave *wave_find(const struct account *a, uint32_t number)
{
    list_each(node, &a->waves)
    {
        struct group_wave *w = container_of(node, struct group_wave, link);
        if (w->number == number)
            return w;
    }
    return NULL;
}

static void wave_answer_run(struct router *r, struct route_message *base)
{
    struct wave_answer *m = (struct wave_answer *)base;
    struct account *a = router_account_find(r, span_make(m->watcher, m->len));
    struct group_wave *w = a ? wave_find(a, m->wave) : NULL;
    if (!w)
        return; /* it went offline meanwhile */
    for (uint32_t i = 0; i < m->frame_count; i++)
        if (!watch_tells(r, w, m->frames[i].plain))
            wave_frame_deliver(r, w, m->frames[i].frame);
    w->progress[base->from] = m->at;
    if (m->at.group != PROGRESS_DONE) {
        loop_work_start(r->loop, &w->work, LANE_BULK);
        return;
    }
    if (--w->undone)
        return;
    if (wave_is_over(w))
        router_wave_ended(r, w);
    waves_go_on(a);
}

/* ---- at the members' home ---- */

static bool answer_put(struct wave_answer *m, struct frame *frame, uint64_t plain)
{
    if (m->frame_count == m->frame_capacity) {
        uint32_t capacity = m->frame_capacity ? m->frame_capacity * 2 : 8;
        struct wave_frame *grown = frame ? reallocarray(m->frames, capacity, sizeof *grown) : NULL;
        if (!grown) {
            frame_unref(frame);
            return false;
        }
        m->frames = grown;
        m->frame_capacity = capacity;
    }
    if (frame)
        m->frames[m->frame_count++] = (struct wave_frame){frame, plain};
    return frame != NULL;
}

static void resource_answers(struct wave_answer *m, struct span jid, struct frame *presence, bool is_hide,
                             uint64_t plain)
{
    struct frame *f =
        is_hide ? stanza_presence_frame(PRESENCE_UNAVAILABLE, jid, (struct span){0}, (struct span){0})
                : frame_ref(presence);
    answer_put(m, f, plain);
}

static void account_answers(const struct router *r, struct wave_answer *m, const struct account *a,
                            bool is_hide, uint64_t plain)
{
    account_each_session(s, a) if (session_is_available(s))
        resource_answers(m, session_jid(s), s->presence, is_hide, plain);
    for (const struct lost *l = NULL; (l = router_lost_next(r, a, l));)
        resource_answers(m, span_make(l->jid, l->jid_len), l->presence, is_hide, plain);
}

/* Does the watcher see the members of this group still? It asked when it did, and who sees them may have
 * changed since: these have told it all that there is to say. */
static bool is_visible(const struct router *r, const struct wave_request *m, uint32_t at)
{
    const struct group_here *here = groups_find(&r->groups, m->numbers[at]);
    const uint32_t *own = m->numbers + m->group_count + m->kept_count;
    for (uint32_t i = 0; here && i < here->group->viewer_count; i++)
        if (numbers_have(own, m->own_count, here->group->viewers[i]))
            return true;
    return false;
}

/* Does this group of the wave speak for its member? */
static bool is_spoken_for(const struct router *r, const struct wave_request *m, const struct account *a,
                          uint32_t at)
{
    if (!m->is_hide)
        return is_visible(r, m, at);
    if (m->is_closed)
        return true;
    /* Who leaves as well says so itself. Not who leaves by a later change: the wave may be over before that
     * is said. */
    const struct group_here *here = groups_find(&r->groups, m->numbers[at]);
    return here && !here->is_removed &&
           group_find(here->group, entity_text(a->entity), a->entity->node.hash) >= 0;
}

/* Does either block the other? Who is blocked has been told so when the block began; only one who left a
 * group at that very moment has not, and keeps what it saw: telling the end here would show the blocker's
 * present resources to all who leave. */
static bool is_blocked(const struct wave_request *m, const struct account *a)
{
    struct jid watcher = jid_of_prepared(span_make(m->watcher, m->len)), publisher = entity_jid(a->entity);
    return router_blocks(a, &watcher) || block_list_matches(m->blocks, &publisher);
}

/* Is the account one that this group is to speak for: no group that comes before it in the wave, none that
 * the watcher sees anyway? */
static bool is_told_here(const struct router *r, const struct wave_request *m, const struct account *a,
                         uint32_t at, uint64_t started)
{
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct account_group *g = &a->groups[i];
        uint32_t number = g->here->group->number;
        for (uint32_t n = 0; n < m->kept_count; n++)
            if (m->numbers[m->group_count + n] == number)
                return false;
        for (uint32_t n = 0; n < at; n++)
            if (m->numbers[n] == number && g->stamp && g->stamp <= started && is_spoken_for(r, m, a, n))
                return false;
    }
    return is_spoken_for(r, m, a, at);
}

/* Go on in one group; false when the slice is full. */
static bool group_answers(struct router *r, const struct wave_request *m, struct wave_answer *answer,
                          uint32_t *looks)
{
    struct group_progress *at = &answer->at;
    const struct group_here *here = groups_find(&r->groups, m->numbers[at->group]);
    struct span watcher = span_make(m->watcher, m->len);
    struct jid jid = jid_of_prepared(watcher);
    const struct entity *watching = entity_find(&r->entities, &jid);
    uint32_t frames_max =
        r->settings->at_once_max < WAVE_FRAMES_MAX ? r->settings->at_once_max + 1 : WAVE_FRAMES_MAX;
    if (!here || (m->is_hide ? !m->is_closed && here->is_removed : !is_visible(r, m, at->group)))
        return true;
    for (uint32_t i = group_list_after(&here->members, at->stamp); i < here->members.count; i++) {
        const struct group_entry *e = &here->members.entries[i];
        const struct account *a = e->account;
        if (e->stamp > at->started)
            break; /* has come since, and shows itself */
        if (answer->frame_count >= frames_max || ++*looks > WAVE_LOOKS_MAX)
            return false;
        at->stamp = e->stamp;
        if (a->entity == watching || is_blocked(m, a) || !is_told_here(r, m, a, at->group, at->started))
            continue;
        const struct roster_item *item = watching ? roster_find(&a->roster, watching) : NULL;
        account_answers(r, answer, a, m->is_hide,
                        item && subscription_has_from(item->state) ? a->entity->node.hash : 0);
    }
    return true;
}

static void wave_request_run(struct router *r, struct route_message *base)
{
    struct wave_request *m = (struct wave_request *)base;
    struct wave_answer *answer =
        route_message_new(sizeof *answer + m->len, wave_answer_run, wave_answer_fini);
    uint32_t looks = 0;
    if (!answer)
        return;
    answer->wave = m->wave;
    answer->len = m->len;
    memcpy(answer->watcher, m->watcher, m->len);
    answer->at = m->at;
    answer->at.is_asked = false;
    if (!answer->at.started)
        answer->at.started = r->groups.stamps;
    r->counters.probes++;
    while (answer->at.group < m->group_count && group_answers(r, m, answer, &looks)) {
        answer->at.group++;
        answer->at.stamp = 0;
    }
    if (answer->at.group == m->group_count)
        answer->at.group = PROGRESS_DONE;
    route_message_post(r, base->from, &answer->base);
}
