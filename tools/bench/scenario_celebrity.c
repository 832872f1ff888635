/* SPDX-License-Identifier: Apache-2.0 */
/* celebrity: one publisher with very many watchers, and beside it others that only have each other: how long
 * until the last watcher knows, and how much later do the others' changes arrive while it goes on? */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "contrast.h"
#include "cost.h"
#include "fanout.h"
#include "pacer.h"
#include "scenarios.h"

#define RATE_DEFAULT 100
/* Each is a bit per watcher; a part in which they run out ends early. */
#define CHANGES_MAX 5000

struct celebrity {
    struct stage *stage;
    uint32_t publisher;
    uint32_t *others; /* who has mutual contacts, besides the celebrity */
    uint32_t other_count;
    struct contrast contrast;
    struct histogram last;
    struct procstat stat[2];
    bool is_measured;
    uint64_t changes;
};

static bool others_choose(struct celebrity *c)
{
    struct stage *st = c->stage;
    const struct accounts *a = &st->crowd.accounts;
    c->others = calloc(a->count, sizeof *c->others);
    for (size_t i = 0; c->others != NULL && i < a->line_count; i++) {
        const struct roster_line *line = &a->lines[i];
        if (line->owner == c->publisher || !line->to || !line->from || st->is_beside[line->owner])
            continue;
        st->is_beside[line->owner] = true;
        c->others[c->other_count++] = line->owner;
    }
    return c->other_count > 0;
}

/* One part. False when a change of the celebrity is not complete. */
static bool part_run(struct celebrity *c, int side, uint64_t seconds)
{
    struct stage *st = c->stage;
    const struct options *o = st->crowd.options;
    uint64_t end_ms = clock_now_ms() + seconds * 1000;
    st->beside = (struct histogram){0};
    while (side == BUSY && clock_now_ms() < end_ms &&
           st->checker->published[c->publisher] <= st->sequence_max) {
        uint64_t sent_ns = clock_now_ns();
        stage_publish(st, c->publisher);
        if (!stage_wait_for(st, &c->publisher, 1, "deliveries"))
            return false;
        histogram_add(&c->last, st->told_ns[c->publisher] - sent_ns);
        c->changes++;
        crowd_rest(&st->crowd, o->interval_ms);
    }
    if (side == QUIET)
        crowd_rest(&st->crowd, seconds * 1000);
    contrast_add(&c->contrast, side, &st->beside);
    return true;
}

static bool parts_run(struct celebrity *c, uint64_t rate)
{
    struct stage *st = c->stage;
    const struct options *o = st->crowd.options;
    struct pacer pacer;
    bool complete = checker_is_complete(st->checker);
    pacer_start(&pacer, st, c->others, c->other_count, (double)rate);
    crowd_rest(&st->crowd, 1000); /* warm */
    c->is_measured = crowd_server_stat(&st->crowd, false, &c->stat[0]);
    for (uint64_t i = 0; complete && i < o->repeats; i++) {
        complete = part_run(c, QUIET, o->seconds) && part_run(c, BUSY, o->seconds);
        progress_show("parts", i + 1, o->repeats);
    }
    pacer_stop(&pacer);
    complete = stage_wait(st, "deliveries") && complete;
    c->is_measured = c->is_measured && crowd_server_stat(&st->crowd, false, &c->stat[1]);
    return complete;
}

static int celebrity_run(struct stage *st, const struct options *o)
{
    static struct celebrity c; /* large */
    uint64_t rate = o->rate ? o->rate : RATE_DEFAULT;
    c.stage = st;
    c.publisher = fanout_publisher(&st->crowd.accounts, o->publisher);
    if (c.publisher == ACCOUNTS_UNKNOWN || !others_choose(&c)) {
        fprintf(stderr, "muster-bench: celebrity: %s needs a publisher and, beside it, mutual contacts\n",
                o->rosters);
        return 1;
    }
    uint32_t sequences =
        pacer_sequences(c.other_count, (double)rate, 2.0 * (double)(o->seconds * o->repeats) + 2);
    if (stage_login(st, sequences > CHANGES_MAX ? sequences : CHANGES_MAX) != 0)
        return 1;
    uint64_t before = st->checker->arrived;
    bool complete = parts_run(&c, rate);
    uint64_t deliveries = st->checker->arrived - before;
    crowd_rest(&st->crowd, o->settle_ms);

    struct report report;
    report_init(&report, o->as_json, "celebrity");
    report_count(&report, "sessions", st->crowd.member_count);
    report_count(&report, "others", c.other_count);
    report_count(&report, "changes", c.changes);
    report_times(&report, "last_watcher", &c.last);
    contrast_report(&c.contrast, &report, "others_delivery");
    if (c.is_measured)
        cost_report(&report, c.stat, deliveries);
    bool clean = stage_report(st, &report) && complete;
    report_finish(&report);
    free(c.others);
    return clean ? 0 : 1;
}

int scenario_celebrity(const struct options *o)
{
    return stage_play(o, celebrity_run);
}
