/* SPDX-License-Identifier: Apache-2.0 */
/* How often a session may tell its contacts that its presence has changed: so many at once, so many a second.
 * What is beyond waits, one change a session, the last. To everybody else it is as if the client had said it
 * later; what the client says after it takes it along (RFC 6120 s. 10.1), so a client that mixes its changes
 * with other stanzas is slowed less: it runs up a debt, up to a burst, for which later changes wait longer. A
 * client that becomes unavailable is believed at once. */
#include <stdlib.h>

#include "route/internal.h"

/* `spent` counts thousandths of a change: a rate of one a second is one of them a millisecond. */
#define CHANGE 1000u

struct paced {
    struct timer timer;
    struct router *router;
    struct session *session;
    struct frame *frame; /* a reference */
    int8_t priority;
    struct session_pace pace; /* the session's, whose place this took */
};

static struct session_pace *pace_of(struct session *s)
{
    return s->is_paced ? &s->paced->pace : &s->pace;
}

static uint64_t burst_of(const struct router *r)
{
    return (uint64_t)r->settings->presence_burst * CHANGE;
}

/* What has been spent, less what time has given back. */
static uint64_t pace_now(const struct router *r, const struct session_pace *pace)
{
    uint64_t elapsed_ms = (uint32_t)loop_now_ms(r->loop) - pace->at_ms;
    uint64_t given = elapsed_ms * r->settings->presence_rate;
    return given < pace->spent ? pace->spent - given : 0;
}

void router_pace_charge(struct router *r, struct session *s)
{
    if (!r->settings->presence_rate)
        return;
    struct session_pace *pace = pace_of(s);
    uint64_t spent = pace_now(r, pace) + CHANGE, most = 2 * burst_of(r);
    pace->spent = (uint32_t)(spent < most ? spent : most);
    pace->at_ms = (uint32_t)loop_now_ms(r->loop);
}

/* Until another change may be told; 0: now. */
static uint64_t pace_wait_ms(const struct router *r, const struct session_pace *pace)
{
    uint64_t spent = pace_now(r, pace) + CHANGE, burst = burst_of(r);
    if (spent <= burst)
        return 0;
    return (spent - burst + r->settings->presence_rate - 1) / r->settings->presence_rate;
}

static void paced_expired(struct timer *t)
{
    struct paced *p = container_of(t, struct paced, timer);
    if (p->session->account->state == ACCOUNT_READY)
        router_pace_flush(p->router, p->session);
    else /* as any stanza of the session would, it waits for what is on its way to the disk */
        loop_timer_start(p->router->loop, t, TIMER_TICK_MS);
}

bool router_pace(struct router *r, struct session *s, struct frame *frame, int8_t priority)
{
    struct paced *p = s->is_paced ? s->paced : NULL;
    uint64_t wait_ms = !p && r->settings->presence_rate ? pace_wait_ms(r, &s->pace) : 0;
    if (p) {
        r->counters.presences_superseded++;
        frame_unref(p->frame);
    } else {
        if (wait_ms)
            p = malloc(sizeof *p);
        if (!p) {
            router_pace_charge(r, s);
            return false;
        }
        r->counters.presences_delayed++;
        *p = (struct paced){.router = r, .session = s, .pace = s->pace};
        timer_init(&p->timer, paced_expired);
        loop_timer_start(r->loop, &p->timer, wait_ms);
        s->paced = p;
        s->is_paced = true;
    }
    p->frame = frame;
    p->priority = priority;
    return true;
}

/* The session's delayed change, out of its place. */
static struct frame *paced_take(struct router *r, struct session *s)
{
    struct paced *p = s->paced;
    struct frame *frame = p->frame;
    loop_timer_stop(r->loop, &p->timer);
    s->pace = p->pace;
    s->is_paced = false;
    free(p);
    return frame;
}

void router_pace_flush(struct router *r, struct session *s)
{
    if (!s->is_paced)
        return;
    int8_t priority = s->paced->priority;
    struct frame *frame = paced_take(r, s);
    router_pace_charge(r, s);
    router_presence_tell(r, s, frame, priority);
}

struct frame **router_paced_frame(struct session *s)
{
    return s->is_paced ? &s->paced->frame : NULL;
}

void router_pace_drop(struct router *r, struct session *s)
{
    if (s->is_paced)
        frame_unref(paced_take(r, s));
}
