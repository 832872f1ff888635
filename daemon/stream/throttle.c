/* SPDX-License-Identifier: Apache-2.0 */
/* How much one stream may say (RFC 6120 s. 13.12): stanzas and bytes, in the long run and at once. Beyond
 * that nothing is refused or dropped: the stream is not read from until time has made up for it, and the
 * peer's sends wait in its own sockets.
 *
 * Both are counted in one currency, the time that a stanza or a byte takes at its rate. */
#include "stream/internal.h"

#define SECOND_US 1000000u
/* How often the streams that wait are looked at: no peer feels a fraction of that. */
#define THROTTLE_MS 100

static uint64_t said_now(const struct stream *s, uint32_t now_ms)
{
    uint64_t given_us = (uint64_t)(now_ms - s->said_at_ms) * 1000;
    return given_us < s->said_us ? s->said_us - given_us : 0;
}

static uint64_t cost_of(const struct stream_settings *settings, size_t bytes)
{
    uint64_t cost = settings->stanza_rate ? SECOND_US / settings->stanza_rate : 0;
    return cost + (settings->byte_rate ? (uint64_t)bytes * SECOND_US / settings->byte_rate : 0);
}

void stream_throttle_charge(struct stream *s, size_t bytes)
{
    struct stream_worker *w = s->worker;
    const struct stream_settings *settings = w->settings;
    uint64_t cost = s->state == STREAM_BOUND ? cost_of(settings, bytes) : 0;
    if (!cost)
        return;
    uint32_t now_ms = (uint32_t)loop_now_ms(w->net->loop);
    uint64_t said = said_now(s, now_ms) + cost, most = (uint64_t)settings->rate_burst_s * SECOND_US;
    s->said_us = said < UINT32_MAX ? (uint32_t)said : UINT32_MAX;
    s->said_at_ms = now_ms;
    if (said <= most || s->is_throttled)
        return;
    s->is_throttled = s->is_waiting = true;
    w->counters.throttled++;
    list_append(&w->throttled, &s->throttled);
    if (!timer_is_running(&w->throttle))
        loop_timer_start(w->net->loop, &w->throttle, THROTTLE_MS);
}

void stream_throttle_ends(struct stream *s)
{
    s->is_throttled = false;
    list_remove(&s->throttled);
}

/* Going on may end a stream, or throttle it anew: those go behind the others, and are not met again. */
static void throttle_expired(struct timer *t)
{
    struct stream_worker *w = container_of(t, struct stream_worker, throttle);
    uint64_t most = (uint64_t)w->settings->rate_burst_s * SECOND_US;
    uint32_t now_ms = (uint32_t)loop_now_ms(w->net->loop);
    struct list waiting;
    list_init(&waiting);
    list_splice(&waiting, &w->throttled);
    while (!list_empty(&waiting)) {
        struct stream *s = container_of(list_take(&waiting), struct stream, throttled);
        if (said_now(s, now_ms) > most) {
            list_append(&w->throttled, &s->throttled);
            continue;
        }
        stream_throttle_ends(s);
        stream_continue(s);
    }
    if (!list_empty(&w->throttled) && !timer_is_running(t))
        loop_timer_start(w->net->loop, t, THROTTLE_MS);
}

void stream_throttle_init(struct stream_worker *w)
{
    list_init(&w->throttled);
    timer_init(&w->throttle, throttle_expired);
}

void stream_throttle_fini(struct stream_worker *w)
{
    loop_timer_stop(w->net->loop, &w->throttle);
}
