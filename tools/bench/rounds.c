/* SPDX-License-Identifier: Apache-2.0 */
#include "rounds.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cost.h"

/* Changes sent between two looks at the sockets: small, so that the generator itself does not make them
 * late. */
#define CHANGES_PER_TURN 16

struct rounds {
    struct stage *stage;
    const struct rounds_plan *plan;
    uint64_t sent, total;
    uint64_t started_ns;
    uint64_t *expected_by; /* deliveries due when each round was sent completely; [0]: before the first */
};

/* May the next change go? */
static bool change_is_due(const struct rounds *r)
{
    const struct rounds_plan *plan = r->plan;
    uint64_t round = r->sent / r->stage->crowd.member_count;
    if (plan->ahead != 0 && round >= plan->ahead &&
        r->stage->checker->arrived < r->expected_by[round - plan->ahead + 1])
        return false;
    return plan->rate == 0 || r->sent * 1000000000 <= (clock_now_ns() - r->started_ns) * plan->rate;
}

static void changes_send(struct rounds *r)
{
    struct crowd *crowd = &r->stage->crowd;
    for (int i = 0; i < CHANGES_PER_TURN && r->sent < r->total && change_is_due(r); i++) {
        stage_publish(r->stage, crowd->members[r->sent % crowd->member_count]);
        r->sent++;
        if (r->sent % crowd->member_count == 0)
            r->expected_by[r->sent / crowd->member_count] = r->stage->checker->expected;
        crowd_moved(crowd);
    }
}

static bool rounds_send(struct stage *st, const struct rounds_plan *plan)
{
    struct rounds r = {.stage = st, .plan = plan, .total = plan->rounds * st->crowd.member_count};
    r.expected_by = calloc(plan->rounds + 1, sizeof *r.expected_by);
    if (r.expected_by == NULL)
        return false;
    r.expected_by[0] = st->checker->expected;
    r.started_ns = clock_now_ns();
    bool goes_on = true;
    while (goes_on && r.sent < r.total) {
        changes_send(&r);
        goes_on = crowd_turn(&st->crowd, change_is_due(&r) ? 0 : 1) == 0 && !crowd_is_stalled(&st->crowd);
        progress_show("changes", r.sent, r.total);
    }
    free(r.expected_by);
    return goes_on && stage_wait(st, "deliveries");
}

void rounds_run(struct stage *st, const struct rounds_plan *plan, struct rounds_result *ret_result)
{
    const struct crowd *crowd = &st->crowd;
    struct rounds_result result = {.is_measured = crowd_server_stat(crowd, false, &result.stat[0])};
    uint64_t before = st->checker->arrived, started_ns = clock_now_ns();
    st->delivery = (struct histogram){0};
    result.is_complete = rounds_send(st, plan);
    result.elapsed_ns = clock_now_ns() - started_ns;
    result.deliveries = st->checker->arrived - before;
    /* Silence first: what comes late and twice must be counted, and the server's last work, too. */
    crowd_rest(&st->crowd, crowd->options->settle_ms);
    result.is_measured = result.is_measured && crowd_server_stat(crowd, false, &result.stat[1]);
    *ret_result = result;
}

void rounds_report(struct report *r, const struct stage *st, const struct rounds_result *result)
{
    report_number(r, "rounds_s", (double)result->elapsed_ns / 1e9);
    if (result->deliveries == 0)
        return;
    report_number(r, "deliveries_per_s", (double)result->deliveries * 1e9 / (double)result->elapsed_ns);
    report_times(r, "delivery", &st->delivery);
    if (result->is_measured)
        cost_report(r, result->stat, result->deliveries);
}
