/* SPDX-License-Identifier: Apache-2.0 */
/* roster-login: one account with a very large roster logs in and out, without and with a fan-out beside it:
 * how long until it has its roster, how long until it has seen every contact that is online, what does that
 * cost, and does the fan-out suffer? Contacts that the accounts file does not have are never online. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "contrast.h"
#include "fanout.h"
#include "pacer.h"
#include "scenarios.h"

#define RATE_DEFAULT 50

struct roster_login {
    struct stage *stage;
    uint32_t heavy, publisher;
    uint64_t rate;
    struct contrast contrast;
    struct histogram roster, last; /* from connecting on, nothing beside */
    double cpu_ms[CONTRAST_REPEATS_MAX];
    size_t measured;
};

/* Who sees the most. */
static uint32_t heavy_choose(const struct accounts *a)
{
    uint32_t *contacts = calloc(a->count, sizeof *contacts), best = ACCOUNTS_UNKNOWN, most = 0;
    for (size_t i = 0; contacts != NULL && i < a->line_count; i++) {
        uint32_t owner = a->lines[i].owner;
        if (a->lines[i].to && ++contacts[owner] > most) {
            most = contacts[owner];
            best = owner;
        }
    }
    free(contacts);
    return best;
}

/* Out, and in again. */
static bool login_run(struct roster_login *r, bool is_counted)
{
    struct stage *st = r->stage;
    struct session *s = &st->crowd.sessions[r->heavy];
    struct procstat stat[2];
    stage_leave(st, &r->heavy, 1, LEAVE_GRACEFUL);
    if (!stage_wait_for(st, &r->heavy, 1, "leaving"))
        return false;
    crowd_rest(&st->crowd, st->crowd.options->interval_ms);
    bool measured = is_counted && crowd_server_stat(&st->crowd, false, &stat[0]);
    if (!stage_return(st, &r->heavy, 1))
        return false;
    if (!is_counted)
        return true;
    histogram_add(&r->roster, s->online_ns - s->started_ns);
    histogram_add(&r->last, st->got_ns[r->heavy] - s->started_ns);
    if (measured && crowd_server_stat(&st->crowd, false, &stat[1]))
        r->cpu_ms[r->measured++] = (double)procstat_cpu_ns(&stat[0], &stat[1]) / 1e6;
    return true;
}

/* The fan-out for --seconds alone, then beside as many log-ins as fit. */
static bool contrast_run(struct roster_login *r)
{
    struct stage *st = r->stage;
    const struct options *o = st->crowd.options;
    struct pacer pacer;
    bool complete = true;
    pacer_start(&pacer, st, &r->publisher, 1, (double)r->rate);
    for (int side = QUIET; side <= BUSY && complete; side++) {
        uint64_t end_ms = clock_now_ms() + o->seconds * 1000;
        st->beside = (struct histogram){0};
        if (side == QUIET)
            crowd_rest(&st->crowd, o->seconds * 1000);
        else
            do
                complete = login_run(r, false);
            while (complete && clock_now_ms() < end_ms);
        contrast_add(&r->contrast, side, &st->beside);
    }
    pacer_stop(&pacer);
    return stage_wait(st, "deliveries") && complete;
}

static bool choose(struct roster_login *r, const struct options *o)
{
    const struct accounts *a = &r->stage->crowd.accounts;
    r->heavy = heavy_choose(a);
    r->publisher = fanout_publisher(a, o->publisher);
    if (r->heavy != ACCOUNTS_UNKNOWN && r->publisher != ACCOUNTS_UNKNOWN && r->heavy != r->publisher)
        return true;
    fprintf(stderr,
            "muster-bench: roster-login: %s needs one with many contacts, and with --publisher another with "
            "watchers\n",
            o->rosters);
    return false;
}

static int roster_login_run(struct stage *st, const struct options *o)
{
    static struct roster_login r; /* large */
    r.stage = st;
    r.rate = o->rate ? o->rate : RATE_DEFAULT;
    if (!choose(&r, o))
        return 1;
    st->is_beside[r.publisher] = true;
    uint32_t changes =
        pacer_sequences(1, (double)r.rate, (double)(o->repeats * (2 * o->seconds + o->timeout_s)));
    if (stage_login(st, changes) != 0)
        return 1;
    bool complete = checker_is_complete(st->checker) && login_run(&r, false);
    for (uint64_t i = 0; complete && i < o->repeats; i++) {
        complete = login_run(&r, true) && contrast_run(&r);
        progress_show("log-ins", i + 1, o->repeats);
    }
    crowd_rest(&st->crowd, o->settle_ms);

    struct report report;
    report_init(&report, o->as_json, "roster-login");
    report_count(&report, "sessions", st->crowd.member_count);
    report_count(&report, "roster_items", st->crowd.sessions[r.heavy].roster_items);
    report_count(&report, "logins", r.last.count);
    report_times(&report, "roster", &r.roster);
    report_times(&report, "last_presence", &r.last);
    if (r.measured > 0)
        report_number(&report, "cpu_per_login_ms", median(r.cpu_ms, r.measured));
    contrast_report(&r.contrast, &report, "fanout_delivery");
    bool clean = stage_report(st, &report) && complete;
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_roster_login(const struct options *o)
{
    return stage_play(o, roster_login_run);
}
