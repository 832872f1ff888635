/* SPDX-License-Identifier: Apache-2.0 */
/* mutual: everybody changes presence in rounds, every delivery is checked; at the end everybody leaves and
 * those who remain must see it. */
#include <stdlib.h>

#include "base/clock.h"
#include "scenarios.h"
#include "stage.h"

/* Changes sent between two looks at the sockets: small, so that the generator itself does not make them late.
 */
#define CHANGES_PER_TURN 16

struct rounds {
    struct stage *stage;
    uint64_t sent, total;
    uint64_t started_ns;
    uint64_t *expected_by; /* deliveries due when each round was sent completely; [0]: before the first */
};

/* May the next change go, by --ahead and --rate? */
static bool change_is_due(const struct rounds *r)
{
    const struct options *o = r->stage->crowd.options;
    uint64_t round = r->sent / r->stage->crowd.member_count;
    if (o->ahead != 0 && round >= o->ahead &&
        r->stage->checker->arrived < r->expected_by[round - o->ahead + 1])
        return false;
    return o->rate == 0 || r->sent * 1000000000 <= (clock_now_ns() - r->started_ns) * o->rate;
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

/* All rounds, until everything has arrived or nothing comes any more. False in the latter case. */
static bool rounds_run(struct stage *st)
{
    const struct options *o = st->crowd.options;
    struct rounds r = {.stage = st, .total = o->rounds * st->crowd.member_count};
    r.expected_by = calloc(o->rounds + 1, sizeof *r.expected_by);
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

static void costs_report(struct report *r, const struct stage *st, const struct procstat stat[2],
                         uint64_t deliveries, uint64_t elapsed_ns)
{
    report_number(r, "rounds_s", (double)elapsed_ns / 1e9);
    if (deliveries == 0)
        return;
    report_number(r, "deliveries_per_s", (double)deliveries * 1e9 / (double)elapsed_ns);
    report_times(r, "delivery", &st->delivery);
    if (stat == NULL)
        return;
    double cpu = (double)procstat_cpu_ns(&stat[0], &stat[1]);
    report_number(r, "server_cpu_s", cpu / 1e9);
    report_number(r, "softirq_cpu_s", (double)(stat[1].softirq_ns - stat[0].softirq_ns) / 1e9);
    report_number(r, "cpu_per_delivery_us", cpu / 1e3 / (double)deliveries);
}

static int mutual_run(struct stage *st, const struct options *o)
{
    struct procstat stat[2];
    uint64_t started_ns = clock_now_ns();
    if (stage_login(st, (uint32_t)o->rounds + 1) != 0)
        return 1;
    uint64_t online_ns = clock_now_ns();
    bool measured = crowd_server_stat(&st->crowd, false, &stat[0]);
    uint64_t before = st->checker->arrived;
    bool complete = checker_is_complete(st->checker) && rounds_run(st);
    uint64_t done_ns = clock_now_ns();
    uint64_t deliveries = st->checker->arrived - before;
    /* Silence first: what comes late and twice must be counted, and the server's last work, too. */
    crowd_rest(&st->crowd, o->settle_ms);
    measured = measured && crowd_server_stat(&st->crowd, false, &stat[1]);
    if (complete && o->leave != LEAVE_NONE) {
        leave_run(st, (enum leave_mode)o->leave);
        crowd_rest(&st->crowd, o->settle_ms);
    }
    struct report report;
    report_init(&report, o->as_json, "mutual");
    report_count(&report, "sessions", st->crowd.member_count);
    report_count(&report, "rounds", o->rounds);
    report_number(&report, "login_s", (double)(online_ns - started_ns) / 1e9 - (double)o->settle_ms / 1e3);
    costs_report(&report, st, measured ? stat : NULL, deliveries, done_ns - online_ns);
    bool clean = stage_report(st, &report);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_mutual(const struct options *o)
{
    struct stage stage;
    int code = stage_open(&stage, o);
    if (code == 0) {
        code = mutual_run(&stage, o);
        crowd_logout(&stage.crowd);
    }
    stage_fini(&stage);
    return code;
}
