/* SPDX-License-Identifier: Apache-2.0 */
/* churn: users come and go. In each round a share of them leaves, everybody who watches them sees that; then
 * they log in again, see who is there, and are seen. */
#include <stdlib.h>

#include "base/clock.h"
#include "cost.h"
#include "scenarios.h"
#include "stage.h"

struct churn {
    struct histogram leaving, coming; /* of a whole round */
    struct procstat stat[2];
    bool is_measured;
    uint64_t deliveries, moves;
};

/* Round `round` moves every member whose turn it is: over enough rounds, all. */
static uint32_t movers_choose(const struct crowd *crowd, uint64_t round, uint64_t share, uint32_t *movers)
{
    uint32_t step = (uint32_t)(100 / share), count = 0;
    for (uint32_t i = (uint32_t)(round % step); i < crowd->member_count; i += step)
        movers[count++] = crowd->members[i];
    return count;
}

static bool round_run(struct stage *st, struct churn *c, const uint32_t *movers, uint32_t count)
{
    const struct options *o = st->crowd.options;
    uint64_t started_ns = clock_now_ns();
    stage_leave(st, movers, count, o->leave == LEAVE_CUT ? LEAVE_CUT : LEAVE_GRACEFUL);
    if (!stage_wait(st, "leaving"))
        return false;
    histogram_add(&c->leaving, st->last_arrival_ns - started_ns);
    crowd_rest(&st->crowd, o->interval_ms);
    started_ns = clock_now_ns();
    if (!stage_return(st, movers, count))
        return false;
    histogram_add(&c->coming, st->last_arrival_ns - started_ns);
    c->moves += count;
    return checker_is_complete(st->checker);
}

static int churn_run(struct stage *st, const struct options *o)
{
    static struct churn c; /* large */
    if (stage_login(st, (uint32_t)(2 * o->rounds) + 1) != 0)
        return 1;
    uint32_t *movers = calloc(st->crowd.member_count, sizeof *movers);
    uint64_t before = st->checker->arrived;
    bool complete = movers != NULL && checker_is_complete(st->checker);
    c.is_measured = crowd_server_stat(&st->crowd, false, &c.stat[0]);
    for (uint64_t i = 0; complete && i < o->rounds; i++) {
        complete = round_run(st, &c, movers, movers_choose(&st->crowd, i, o->share, movers));
        progress_show("rounds", i + 1, o->rounds);
    }
    c.is_measured = c.is_measured && crowd_server_stat(&st->crowd, false, &c.stat[1]);
    c.deliveries = st->checker->arrived - before;
    crowd_rest(&st->crowd, o->settle_ms);
    free(movers);

    struct report report;
    report_init(&report, o->as_json, "churn");
    report_count(&report, "sessions", st->crowd.member_count);
    report_count(&report, "rounds", o->rounds);
    report_count(&report, "moves", c.moves);
    report_times(&report, "all_left", &c.leaving);
    report_times(&report, "all_back", &c.coming);
    if (c.is_measured && c.moves > 0) {
        report_number(&report, "cpu_per_move_ms",
                      (double)procstat_cpu_ns(&c.stat[0], &c.stat[1]) / 1e6 / (double)c.moves);
        cost_report(&report, c.stat, c.deliveries);
    }
    bool clean = stage_report(st, &report, complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_churn(const struct options *o)
{
    return stage_play(o, churn_run);
}
