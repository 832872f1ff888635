/* SPDX-License-Identifier: Apache-2.0 */
/* fanout: one publisher changes presence again and again; how long until its last watcher knows, and what
 * each delivery costs the server. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cost.h"
#include "fanout.h"
#include "scenarios.h"

uint32_t fanout_publisher(const struct accounts *a, const char *name)
{
    if (name != NULL)
        return accounts_find(a, span_of(name));
    uint32_t *watchers = calloc(a->count, sizeof *watchers);
    uint32_t best = ACCOUNTS_UNKNOWN, most = 0;
    if (watchers == NULL)
        return best;
    for (size_t i = 0; i < a->line_count; i++) {
        uint32_t owner = a->lines[i].owner;
        if (a->lines[i].from && ++watchers[owner] > most) {
            most = watchers[owner];
            best = owner;
        }
    }
    free(watchers);
    return best;
}

void fanout_members(struct crowd *crowd, uint32_t publisher, uint64_t limit)
{
    const struct accounts *a = &crowd->accounts;
    crowd->member_count = 0;
    crowd->members[crowd->member_count++] = publisher;
    for (size_t i = 0; i < a->line_count && (limit == 0 || crowd->member_count <= limit); i++)
        if (a->lines[i].owner == publisher && a->lines[i].from && a->lines[i].contact != publisher &&
            crowd->member_count < a->count)
            crowd->members[crowd->member_count++] = a->lines[i].contact;
}

int fanout_open(struct stage *st, uint32_t changes, uint32_t *ret_publisher)
{
    const struct options *o = st->crowd.options;
    uint32_t publisher = fanout_publisher(&st->crowd.accounts, o->publisher);
    if (publisher == ACCOUNTS_UNKNOWN) {
        fprintf(stderr, "muster-bench: nobody in %s has a watcher, or --publisher is not in %s\n", o->rosters,
                o->accounts);
        return 1;
    }
    fanout_members(&st->crowd, publisher, o->watchers);
    *ret_publisher = publisher;
    return stage_login(st, changes);
}

bool fanout_change(struct stage *st, uint32_t publisher, struct histogram *last)
{
    uint64_t sent_ns = clock_now_ns();
    stage_publish(st, publisher);
    if (!stage_wait(st, "deliveries"))
        return false;
    histogram_add(last, st->last_arrival_ns - sent_ns);
    crowd_rest(&st->crowd, st->crowd.options->interval_ms);
    return true;
}

/* One change after the other; time to the last watcher of each into `last`. False when some did not arrive. */
static bool changes_run(struct stage *st, uint32_t publisher, uint64_t count, struct histogram *last)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!fanout_change(st, publisher, last))
            return false;
        progress_show("changes", i, count);
    }
    return true;
}

static int fanout_run(struct stage *st, const struct options *o)
{
    struct histogram last = {0};
    struct procstat stat[2];
    uint32_t publisher;
    if (fanout_open(st, (uint32_t)(o->rounds + o->warm_up), &publisher) != 0)
        return 1;
    bool complete = checker_is_complete(st->checker) && changes_run(st, publisher, o->warm_up, &last);
    last = (struct histogram){0};
    st->delivery = (struct histogram){0};
    uint64_t before = st->checker->arrived;
    bool measured = crowd_server_stat(&st->crowd, false, &stat[0]);
    complete = complete && changes_run(st, publisher, o->rounds, &last);
    measured = measured && crowd_server_stat(&st->crowd, false, &stat[1]);
    uint64_t deliveries = st->checker->arrived - before;
    crowd_rest(&st->crowd, o->settle_ms);

    struct report report;
    report_init(&report, o->as_json, "fanout");
    report_count(&report, "watchers", st->crowd.member_count - 1);
    report_count(&report, "changes", o->rounds);
    report_times(&report, "last_watcher", &last);
    report_times(&report, "delivery", &st->delivery);
    if (measured)
        cost_report(&report, stat, deliveries);
    bool clean = stage_report(st, &report, complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_fanout(const struct options *o)
{
    return stage_play(o, fanout_run);
}
