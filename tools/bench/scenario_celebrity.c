/* SPDX-License-Identifier: Apache-2.0 */
/* celebrity: one publisher with very many watchers, and beside it others that only have each other: how long
 * until the last watcher knows, and how much later do the others' changes arrive while it goes on? The
 * celebrity and its watchers are a process of their own, so that the others do not wait for them on this side
 * of the wire. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "contrast.h"
#include "cost.h"
#include "fanout.h"
#include "pacer.h"
#include "partner.h"
#include "scenarios.h"

#define RATE_DEFAULT 100
/* Each is a bit per watcher; a part in which they run out ends early. */
#define CHANGES_MAX 5000

/* What the celebrity's process says in the end. */
struct celebrity_result {
    struct histogram last;
    uint64_t changes, deliveries, watchers, violations;
};

/* Changes for a part, each awaited. False when one is not complete. */
static bool celebrity_part(struct stage *st, uint32_t publisher, struct celebrity_result *result)
{
    uint64_t end_ms = clock_now_ms() + st->crowd.options->seconds * 1000, before = st->checker->arrived;
    bool complete = true;
    while (complete && clock_now_ms() < end_ms && st->checker->published[publisher] <= st->sequence_max) {
        complete = fanout_change(st, publisher, &result->last);
        result->changes++;
    }
    result->deliveries += st->checker->arrived - before;
    return complete;
}

static int celebrity_play(struct stage *st, struct partner *first)
{
    static struct celebrity_result result; /* large */
    uint32_t publisher;
    char order;
    if (fanout_open(st, CHANGES_MAX, &publisher) != 0)
        return 1;
    bool complete = checker_is_complete(st->checker);
    while (complete && partner_say(first, 0) && partner_hear(first, &order))
        complete = celebrity_part(st, publisher, &result);
    crowd_rest(&st->crowd, st->crowd.options->settle_ms);
    checker_finish(st->checker);
    result.watchers = st->crowd.member_count - 1;
    result.violations = checker_violations(st->checker);
    return partner_report(first, &result, sizeof result) && complete && result.violations == 0 ? 0 : 1;
}

static int celebrity_serve(struct partner *first, const void *options)
{
    return stage_play_second(first, options, celebrity_play);
}

/* Those with mutual contacts, besides the celebrity, are the members here. */
static bool others_choose(struct stage *st)
{
    struct crowd *crowd = &st->crowd;
    const struct accounts *a = &crowd->accounts;
    uint32_t celebrity = fanout_publisher(a, crowd->options->publisher);
    bool *is_chosen = calloc(a->count, sizeof *is_chosen);
    crowd->member_count = 0;
    for (size_t i = 0; is_chosen != NULL && i < a->line_count; i++) {
        const struct roster_line *line = &a->lines[i];
        if (line->owner == celebrity || !line->to || !line->from || is_chosen[line->owner])
            continue;
        is_chosen[line->owner] = true;
        crowd->members[crowd->member_count++] = line->owner;
    }
    free(is_chosen);
    return crowd->member_count > 0;
}

struct others {
    struct contrast contrast;
    struct procstat stat[2];
    bool is_measured;
};

static bool parts_run(struct stage *st, const struct partner *celebrity, struct others *others)
{
    const struct options *o = st->crowd.options;
    bool complete = true;
    for (uint64_t i = 0; complete && i < o->repeats; i++) {
        st->delivery = (struct histogram){0};
        crowd_rest(&st->crowd, o->seconds * 1000);
        contrast_add(&others->contrast, QUIET, &st->delivery);
        st->delivery = (struct histogram){0};
        complete = partner_say(celebrity, 0) && stage_meet(st, celebrity);
        contrast_add(&others->contrast, BUSY, &st->delivery);
        progress_show("parts", i + 1, o->repeats);
    }
    return complete;
}

static bool others_run(struct stage *st, const struct partner *celebrity, double rate, struct others *others)
{
    struct pacer pacer;
    if (!stage_meet(st, celebrity) || !checker_is_complete(st->checker))
        return false;
    others->is_measured = crowd_server_stat(&st->crowd, false, &others->stat[0]);
    pacer_start(&pacer, st, st->crowd.members, st->crowd.member_count, rate);
    bool complete = parts_run(st, celebrity, others);
    pacer_stop(&pacer);
    complete = stage_wait(st, "deliveries") && complete;
    others->is_measured = others->is_measured && crowd_server_stat(&st->crowd, false, &others->stat[1]);
    crowd_rest(&st->crowd, st->crowd.options->settle_ms);
    return complete;
}

static int celebrity_run(struct stage *st, struct partner *celebrity, const struct options *o)
{
    static struct others others; /* large */
    static struct celebrity_result result;
    double rate = o->rate ? (double)o->rate : RATE_DEFAULT;
    if (!others_choose(st)) {
        fprintf(stderr, "muster-bench: celebrity: %s needs mutual contacts beside the celebrity\n",
                o->rosters);
        return 1;
    }
    /* A busy part ends when a change of the celebrity is complete: twice the time is ample. */
    if (stage_login(st, pacer_sequences(st->crowd.member_count, rate,
                                        4.0 * (double)(o->seconds * o->repeats) + 10)) != 0)
        return 1;
    uint64_t before = st->checker->arrived;
    bool complete = others_run(st, celebrity, rate, &others);
    uint64_t deliveries = st->checker->arrived - before;
    complete = partner_end(celebrity, &result, sizeof result) && complete;

    struct report report;
    report_init(&report, o->as_json, "celebrity");
    report_count(&report, "others", st->crowd.member_count);
    report_count(&report, "watchers", result.watchers);
    report_count(&report, "changes", result.changes);
    report_count(&report, "celebrity_violations", result.violations);
    report_times(&report, "last_watcher", &result.last);
    contrast_report(&others.contrast, &report, "others_delivery");
    if (others.is_measured)
        cost_report(&report, others.stat, deliveries + result.deliveries);
    bool clean = stage_report(st, &report, complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_celebrity(const struct options *o)
{
    return stage_play_first(o, celebrity_serve, celebrity_run);
}
