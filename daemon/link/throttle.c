/* SPDX-License-Identifier: Apache-2.0 */
/* How much another server may say on one stream (RFC 6120 s. 13.12): stanzas and bytes, both counted as the
 * time that they take at their rates. Beyond it nothing is refused or dropped: the stream is not read from
 * until time has made up for it. */
#include "link/internal.h"

#define SECOND_US 1000000u

static uint64_t cost_of(const struct link_settings *settings, size_t bytes)
{
    uint64_t cost = settings->stanza_rate ? SECOND_US / settings->stanza_rate : 0;
    return cost + (settings->byte_rate ? (uint64_t)bytes * SECOND_US / settings->byte_rate : 0);
}

void link_throttle_charge(struct link *l, size_t bytes)
{
    struct links *links = l->links;
    uint64_t now_ms = loop_now_ms(links->net->loop), given_us = (now_ms - l->said_at_ms) * 1000;
    uint64_t most_us = (uint64_t)links->settings->rate_burst_s * SECOND_US;
    l->said_us = (given_us < l->said_us ? l->said_us - given_us : 0) + cost_of(links->settings, bytes);
    l->said_at_ms = now_ms;
    if (l->said_us <= most_us)
        return;
    l->is_throttled = true;
    links->counters.throttled++;
    loop_timer_start(links->net->loop, &l->throttle, (l->said_us - most_us) / 1000 + 1);
}

static void throttle_expired(struct timer *t)
{
    struct link *l = container_of(t, struct link, throttle);
    l->is_throttled = false;
    link_pull(l);
}

void link_throttle_init(struct link *l)
{
    timer_init(&l->throttle, throttle_expired);
}
