/* SPDX-License-Identifier: Apache-2.0 */
/* storm: everybody changes presence and nobody waits for anybody, flat out or at a rate; how many deliveries
 * does the server make of a second of CPU time, and how late are they? */
#include "rounds.h"
#include "scenarios.h"

static int storm_run(struct stage *st, const struct options *o)
{
    const struct rounds_plan warm = {.rounds = o->warm_up, .ahead = 1},
                             plan = {.rounds = o->rounds, .rate = o->rate};
    struct rounds_result result;
    if (stage_login(st, (uint32_t)(o->warm_up + o->rounds)) != 0)
        return 1;
    rounds_run(st, &warm, &result);
    if (result.is_complete)
        rounds_run(st, &plan, &result);

    struct report report;
    report_init(&report, o->as_json, "storm");
    report_count(&report, "sessions", st->crowd.member_count);
    report_count(&report, "changes", o->rounds * st->crowd.member_count);
    report_count(&report, "rate_per_s", o->rate);
    rounds_report(&report, st, &result);
    bool clean = stage_report(st, &report, result.is_complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_storm(const struct options *o)
{
    return stage_play(o, storm_run);
}
