/* SPDX-License-Identifier: Apache-2.0 */
/* group: a group in which everybody sees everybody, made by the server's own means; the accounts are its
 * members. All log in until each has seen each other, then one after the other changes and all must see it. */
#include "base/clock.h"
#include "cost.h"
#include "fanout.h"
#include "scenarios.h"

static int group_run(struct stage *st, const struct options *o)
{
    static struct histogram last;
    struct procstat login[2], change[2];
    uint32_t members = st->crowd.member_count;
    bool measured = crowd_server_stat(&st->crowd, true, &login[0]);
    uint64_t started_ns = clock_now_ns();
    if (stage_login(st, (uint32_t)(o->rounds / members) + 1) != 0)
        return 1;
    uint64_t complete_ns = st->last_arrival_ns, views = st->checker->arrived;
    bool complete = checker_is_complete(st->checker);
    measured = measured && crowd_server_stat(&st->crowd, true, &login[1]);
    crowd_server_stat(&st->crowd, false, &change[0]);
    for (uint64_t i = 0; complete && i < o->rounds; i++) {
        complete = fanout_change(st, st->crowd.members[i % members], &last);
        progress_show("changes", i + 1, o->rounds);
    }
    measured = measured && crowd_server_stat(&st->crowd, false, &change[1]);
    uint64_t deliveries = st->checker->arrived - views;
    crowd_rest(&st->crowd, o->settle_ms);

    struct report report;
    report_init(&report, o->as_json, "group");
    report_count(&report, "members", members);
    report_number(&report, "complete_view_s", (double)(complete_ns - started_ns) / 1e9);
    if (measured && views > 0) {
        double cpu_ns = (double)procstat_cpu_ns(&login[0], &login[1]);
        report_number(&report, "login_cpu_per_view_us", cpu_ns / 1e3 / (double)views);
        report_number(&report, "pss_mib", (double)login[1].pss_bytes / 1048576);
        double growth = (double)login[1].pss_bytes - (double)login[0].pss_bytes;
        report_number(&report, "pss_per_member_bytes", growth / (double)members);
    }
    report_count(&report, "changes", o->rounds);
    report_times(&report, "last_watcher", &last);
    report_times(&report, "delivery", &st->delivery);
    if (measured)
        cost_report(&report, change, deliveries);
    bool clean = stage_report(st, &report, complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_group(const struct options *o)
{
    struct options everybody = *o;
    everybody.everybody = 1;
    return stage_play(&everybody, group_run);
}
