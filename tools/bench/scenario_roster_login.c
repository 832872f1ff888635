/* SPDX-License-Identifier: Apache-2.0 */
/* roster-login: one account with a very large roster logs in and out, without and with a fan-out beside it:
 * how long until it has its roster, how long until it has seen every contact that is online, what does that
 * cost, and does the fan-out suffer? Contacts that the accounts file does not have are never online. The
 * account and its contacts are a process of their own, so that the fan-out does not wait for them on this
 * side of the wire. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "contrast.h"
#include "fanout.h"
#include "pacer.h"
#include "partner.h"
#include "scenarios.h"

#define RATE_DEFAULT 50

/* Orders to the other process. */
enum { LOGIN_ONCE, LOGIN_ON_AND_ON };

/* What it says in the end. */
struct roster_result {
    struct histogram roster, last; /* from connecting on, nothing beside */
    double cpu_ms[CONTRAST_REPEATS_MAX];
    uint64_t measured, logins, roster_items, violations;
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
static bool login_run(struct stage *st, uint32_t heavy, bool is_counted, struct roster_result *r)
{
    struct session *s = &st->crowd.sessions[heavy];
    struct procstat stat[2];
    stage_leave(st, &heavy, 1, LEAVE_GRACEFUL);
    if (!stage_wait(st, "leaving"))
        return false;
    crowd_rest(&st->crowd, st->crowd.options->interval_ms);
    bool measured = is_counted && crowd_server_stat(&st->crowd, false, &stat[0]);
    if (!stage_return(st, &heavy, 1))
        return false;
    r->logins++;
    r->roster_items = s->roster_items;
    if (!is_counted)
        return true;
    histogram_add(&r->roster, s->online_ns - s->started_ns);
    histogram_add(&r->last, st->got_ns[heavy] - s->started_ns);
    if (measured && crowd_server_stat(&st->crowd, false, &stat[1]))
        r->cpu_ms[r->measured++] = (double)procstat_cpu_ns(&stat[0], &stat[1]) / 1e6;
    return true;
}

static bool order_obey(struct stage *st, uint32_t heavy, char order, struct roster_result *r)
{
    uint64_t end_ms = clock_now_ms() + st->crowd.options->seconds * 1000;
    bool complete = login_run(st, heavy, order == LOGIN_ONCE, r);
    while (complete && order == LOGIN_ON_AND_ON && clock_now_ms() < end_ms)
        complete = login_run(st, heavy, false, r);
    return complete;
}

static int roster_play(struct stage *st, struct partner *first)
{
    static struct roster_result result; /* large */
    char order;
    uint32_t heavy = heavy_choose(&st->crowd.accounts);
    if (heavy == ACCOUNTS_UNKNOWN)
        return 1;
    fanout_members(&st->crowd, heavy, 0);
    /* Two sequences a log-in: this many are not made in any time that somebody waits for. */
    if (stage_login(st, UINT16_MAX) != 0)
        return 1;
    bool complete = checker_is_complete(st->checker) && login_run(st, heavy, false, &result);
    partner_step_back();
    while (complete && partner_say(first, 0) && partner_hear(first, &order))
        complete = order_obey(st, heavy, order, &result);
    checker_finish(st->checker);
    result.violations = checker_violations(st->checker);
    return partner_report(first, &result, sizeof result) && complete && result.violations == 0 ? 0 : 1;
}

static int roster_serve(struct partner *first, const void *options)
{
    return stage_play_second(first, options, roster_play);
}

static bool parts_run(struct stage *st, uint32_t publisher, double rate, const struct partner *second,
                      struct contrast *contrast)
{
    const struct options *o = st->crowd.options;
    struct pacer pacer;
    bool complete = checker_is_complete(st->checker) && stage_meet(st, second);
    for (uint64_t i = 0; complete && i < o->repeats; i++) {
        complete = partner_say(second, LOGIN_ONCE) && stage_meet(st, second);
        pacer_start(&pacer, st, &publisher, 1, rate);
        st->delivery = (struct histogram){0};
        crowd_rest(&st->crowd, o->seconds * 1000);
        contrast_add(contrast, QUIET, &st->delivery);
        st->delivery = (struct histogram){0};
        complete = complete && partner_say(second, LOGIN_ON_AND_ON) && stage_meet(st, second);
        contrast_add(contrast, BUSY, &st->delivery);
        pacer_stop(&pacer);
        complete = stage_wait(st, "deliveries") && complete;
        progress_show("parts", i + 1, o->repeats);
    }
    return complete;
}

static int fanout_side_run(struct stage *st, struct partner *second, const struct options *o)
{
    static struct contrast contrast; /* large */
    static struct roster_result result;
    double rate = o->rate ? (double)o->rate : RATE_DEFAULT;
    uint32_t publisher;
    /* A part with log-ins ends when the last of them is complete. */
    if (fanout_open(st, pacer_sequences(1, rate, (double)(o->repeats * (4 * o->seconds + o->timeout_s))),
                    &publisher) != 0)
        return 1;
    bool complete = parts_run(st, publisher, rate, second, &contrast);
    crowd_rest(&st->crowd, o->settle_ms);
    complete = partner_end(second, &result, sizeof result) && complete;

    struct report report;
    report_init(&report, o->as_json, "roster-login");
    report_count(&report, "watchers", st->crowd.member_count - 1);
    report_count(&report, "roster_items", result.roster_items);
    report_count(&report, "logins", result.logins);
    report_count(&report, "login_violations", result.violations);
    report_times(&report, "roster", &result.roster);
    report_times(&report, "last_presence", &result.last);
    if (result.measured > 0)
        report_number(&report, "cpu_per_login_ms", median(result.cpu_ms, result.measured));
    contrast_report(&contrast, &report, "fanout_delivery");
    bool clean = stage_report(st, &report, complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_roster_login(const struct options *o)
{
    return stage_play_first(o, roster_serve, fanout_side_run);
}
