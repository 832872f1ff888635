/* SPDX-License-Identifier: Apache-2.0 */
/* mutual: everybody changes presence in rounds, every delivery is checked; at the end everybody leaves and
 * those who remain must see it. */
#include <stdlib.h>

#include "base/clock.h"
#include "rounds.h"
#include "scenarios.h"

/* Every second one of those who remain leaves, until one remains; each time the others must have seen it. */
static bool leave_run(struct stage *st, enum leave_mode mode)
{
    uint32_t count = st->crowd.member_count;
    uint32_t *remaining = calloc(count, sizeof *remaining), *leavers = calloc(count, sizeof *leavers);
    bool complete = remaining != NULL && leavers != NULL;
    for (uint32_t i = 0; complete && i < count; i++)
        remaining[i] = st->crowd.members[i];
    while (complete && count > 1) {
        uint32_t stay = 0, leave = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (i % 2 == 0)
                remaining[stay++] = remaining[i];
            else
                leavers[leave++] = remaining[i];
        }
        count = stay;
        stage_leave(st, leavers, leave, mode);
        complete = stage_wait(st, "leaving");
    }
    free(remaining);
    free(leavers);
    return complete;
}

static int mutual_run(struct stage *st, const struct options *o)
{
    const struct rounds_plan plan = {.rounds = o->rounds, .ahead = o->ahead, .rate = o->rate};
    struct rounds_result result = {0};
    uint64_t started_ns = clock_now_ns();
    if (stage_login(st, (uint32_t)o->rounds + 1) != 0)
        return 1;
    uint64_t online_ns = clock_now_ns();
    if (checker_is_complete(st->checker))
        rounds_run(st, &plan, &result);
    if (result.is_complete && o->leave != LEAVE_NONE) {
        leave_run(st, (enum leave_mode)o->leave);
        crowd_rest(&st->crowd, o->settle_ms);
    }
    struct report report;
    report_init(&report, o->as_json, "mutual");
    report_count(&report, "sessions", st->crowd.member_count);
    report_count(&report, "rounds", o->rounds);
    report_number(&report, "login_s", (double)(online_ns - started_ns) / 1e9 - (double)o->settle_ms / 1e3);
    rounds_report(&report, st, &result);
    bool clean = stage_report(st, &report, result.is_complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_mutual(const struct options *o)
{
    return stage_play(o, mutual_run);
}
