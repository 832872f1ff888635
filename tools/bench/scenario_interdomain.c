/* SPDX-License-Identifier: Apache-2.0 */
/* interdomain: the load of the Interdomain Presence Scaling Analysis (Saint-Andre), made by fewer users that
 * change more often: two domains of N users with C contacts in the other one and r changes an hour each, in
 * sessions of eight hours. Stanzas a second = 2 N C r / 3600 for changes + 6 N C / 28800 for sessions that
 * come and go. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cost.h"
#include "pacer.h"
#include "scenarios.h"

#define SESSION_S (8 * 3600)

static const struct model {
    const char *name;
    double users, contacts, changes_per_hour;
} models[] = {
    [MODEL_BASIC] = {"basic", 20000, 4, 3},
    [MODEL_WIDE] = {"wide", 20000, 20, 3},
    [MODEL_INTRA] = {"intra", 60000, 10, 3},
    [MODEL_LARGE] = {"large", 10000000, 10, 6},
};

struct interdomain {
    double changes_per_s, moves_per_s;
    uint64_t changes, deliveries, moves;
    uint64_t elapsed_ns;
    struct procstat stat[2], move_stat[2];
    bool is_measured;
};

/* The steady part. */
static bool changes_run(struct stage *st, struct interdomain *x)
{
    struct crowd *crowd = &st->crowd;
    struct pacer pacer;
    x->is_measured = crowd_server_stat(crowd, false, &x->stat[0]);
    uint64_t before = st->checker->arrived, started_ns = clock_now_ns();
    pacer_start(&pacer, st, crowd->members, crowd->member_count, x->changes_per_s);
    for (uint64_t second = 0; second < crowd->options->seconds; second++) {
        crowd_rest(crowd, 1000);
        progress_show("seconds", second + 1, crowd->options->seconds);
    }
    pacer_stop(&pacer);
    bool complete = stage_wait(st, "deliveries");
    x->elapsed_ns = clock_now_ns() - started_ns;
    x->is_measured = x->is_measured && crowd_server_stat(crowd, false, &x->stat[1]);
    x->changes = pacer.sent;
    x->deliveries = st->checker->arrived - before;
    return complete;
}

/* As many sessions as the model ends and begins in that time, but each user at most once. */
static bool moves_run(struct stage *st, struct interdomain *x)
{
    struct crowd *crowd = &st->crowd;
    double due = x->moves_per_s * (double)crowd->options->seconds;
    uint32_t count = due > crowd->member_count / 2.0 ? crowd->member_count / 2 : (uint32_t)due;
    crowd_server_stat(crowd, false, &x->move_stat[0]);
    stage_leave(st, crowd->members, count, LEAVE_GRACEFUL);
    if (!stage_wait(st, "leaving") || !stage_return(st, crowd->members, count))
        return false;
    crowd_server_stat(crowd, false, &x->move_stat[1]);
    x->moves = count;
    return true;
}

static void model_report(struct report *r, const struct model *m, const struct interdomain *x,
                         const struct options *o)
{
    double scale = (double)o->scale / 100, pairs = 2 * m->users * m->contacts;
    double steady = pairs * m->changes_per_hour / 3600 * scale, sessions = 3 * pairs / SESSION_S * scale;
    report_text(r, "model", m->name);
    report_count(r, "scale_percent", o->scale);
    report_number(r, "model_changes_stanzas_per_s", steady);
    report_number(r, "model_sessions_stanzas_per_s", sessions);
    report_number(r, "model_octets_per_s", (steady + sessions) * (double)o->stanza_bytes);
    report_number(r, "seconds", (double)x->elapsed_ns / 1e9);
    report_count(r, "changes", x->changes);
    /* What each sender sees of itself is not between the domains. */
    report_number(r, "stanzas_per_s",
                  x->elapsed_ns ? (double)(x->deliveries - x->changes) * 1e9 / (double)x->elapsed_ns : 0);
    report_number(r, "load_reached",
                  x->elapsed_ns && x->changes_per_s > 0
                      ? (double)x->changes * 1e9 / (double)x->elapsed_ns / x->changes_per_s
                      : 0);
}

static int interdomain_run(struct stage *st, const struct options *o)
{
    static struct interdomain x;
    const struct model *m = &models[o->model];
    uint32_t users = st->crowd.member_count;
    uint64_t contacts = st->crowd.accounts.line_count / st->crowd.accounts.count;
    if (contacts != (uint64_t)m->contacts) {
        fprintf(stderr, "muster-bench: interdomain: model %s has %.0f contacts each, %s has %llu\n", m->name,
                m->contacts, o->rosters, (unsigned long long)contacts);
        return 2;
    }
    x.changes_per_s = 2 * m->users * m->changes_per_hour / 3600 * (double)o->scale / 100;
    x.moves_per_s = 2 * m->users / SESSION_S * (double)o->scale / 100;
    if (stage_login(st, pacer_sequences(users, x.changes_per_s, (double)o->seconds + 1) + 2) != 0)
        return 1;
    bool complete = checker_is_complete(st->checker) && changes_run(st, &x) && moves_run(st, &x);
    crowd_rest(&st->crowd, o->settle_ms);

    struct report report;
    report_init(&report, o->as_json, "interdomain");
    report_count(&report, "sessions", users);
    model_report(&report, m, &x, o);
    report_times(&report, "delivery", &st->delivery);
    if (x.is_measured) {
        cost_report(&report, x.stat, x.deliveries);
        if (x.moves > 0)
            report_number(&report, "cpu_per_move_ms",
                          (double)procstat_cpu_ns(&x.move_stat[0], &x.move_stat[1]) / 1e6 / (double)x.moves);
    }
    report_count(&report, "moves", x.moves);
    bool clean = stage_report(st, &report, complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_interdomain(const struct options *o)
{
    return stage_play(o, interdomain_run);
}
