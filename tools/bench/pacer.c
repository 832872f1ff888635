/* SPDX-License-Identifier: Apache-2.0 */
#include "pacer.h"

#include "base/clock.h"

/* Late changes made up for in one turn: few, so that the generator goes on reading. */
#define CHANGES_PER_TURN 16
/* Beyond it being late is not made up for: the server would get a burst that nobody asked for. */
#define LATE_NS_MAX 100000000

static int pacer_turn(void *context)
{
    struct pacer *p = context;
    uint64_t now_ns = clock_now_ns();
    if (now_ns > p->due_ns + LATE_NS_MAX)
        p->due_ns = now_ns;
    for (int i = 0; i < CHANGES_PER_TURN && p->due_ns <= now_ns; i++) {
        uint32_t publisher = p->publishers[p->next++ % p->count];
        p->due_ns += p->interval_ns;
        if (p->stage->checker->published[publisher] > p->stage->sequence_max)
            continue;
        stage_publish(p->stage, publisher);
        p->sent++;
    }
    return p->due_ns <= now_ns ? 0 : (int)((p->due_ns - now_ns + 999999) / 1000000);
}

void pacer_start(struct pacer *p, struct stage *st, const uint32_t *publishers, uint32_t count,
                 double rate_per_s)
{
    *p = (struct pacer){.stage = st,
                        .publishers = publishers,
                        .count = count,
                        .interval_ns = (uint64_t)(1e9 / rate_per_s),
                        .due_ns = clock_now_ns()};
    st->crowd.background = pacer_turn;
    st->crowd.background_context = p;
}

void pacer_stop(struct pacer *p)
{
    p->stage->crowd.background = NULL;
}

uint32_t pacer_sequences(uint32_t count, double rate_per_s, double seconds)
{
    return (uint32_t)(rate_per_s * seconds / count) + 2;
}
