/* SPDX-License-Identifier: Apache-2.0 */
/* login-storm: a fan-out that goes on and on, with and without log-ins as fast as they go beside it, in turn.
 * The log-ins come from a second process of the idle scheduling class, which stands for other machines: their
 * work must not take the processor from the server and from the clock of the fan-out where all run on one
 * machine. */
#include <stdio.h>

#include "base/clock.h"
#include "contrast.h"
#include "fanout.h"
#include "logins.h"
#include "partner.h"
#include "scenarios.h"

/* Changes within one storm; when a storm lasts longer, its end goes unmeasured. */
#define STORM_CHANGES_MAX 5000

struct part {
    struct histogram last, delivery;
    double seconds;
};

/* In the other process: each byte is an order for a storm, a byte back says that it is over, or that it is
 * ready. */
static int stormer_serve(struct partner *first, const void *context)
{
    static struct logins logins; /* its histogram is large for a stack */
    const struct options *given = context;
    struct options o = *given;
    char byte;
    o.accounts = given->storm_accounts;
    o.rosters = NULL;
    o.keys = NULL;
    o.users = 0;
    bool is_well = logins_open(&logins, &o) == 0 && crowd_check_descriptors(&logins.crowd) == 0 &&
                   logins_run(&logins, logins.crowd.member_count, "warming up");
    partner_step_back();
    while (is_well && partner_say(first, 0) && partner_hear(first, &byte))
        is_well = logins_run(&logins, o.logins, "log-ins");
    if (!is_well)
        fprintf(stderr, "muster-bench: log-in failed: %s\n",
                logins.crowd.failed > 0 ? logins.crowd.first_failure : "nothing moves any more");
    logins_close(&logins);
    return is_well ? 0 : 1;
}

/* Changes until `rounds` are made, or until the storm is over. False when something is missing. */
static bool part_run(struct stage *st, uint32_t publisher, const struct partner *storm, struct part *ret_part)
{
    const struct options *o = st->crowd.options;
    uint64_t count = storm ? STORM_CHANGES_MAX : o->rounds, started_ns = clock_now_ns();
    ret_part->last = (struct histogram){0};
    st->delivery = (struct histogram){0};
    for (uint64_t i = 0; i < count && !(storm && partner_is_ready(storm)); i++)
        if (!fanout_change(st, publisher, &ret_part->last))
            return false;
    while (storm && !partner_is_ready(storm))
        crowd_rest(&st->crowd, 20);
    ret_part->delivery = st->delivery;
    ret_part->seconds = (double)(clock_now_ns() - started_ns) / 1e9;
    return true;
}

struct figures {
    struct contrast delivery, last;
    double logins_per_s[CONTRAST_REPEATS_MAX];
    size_t parts;
};

static void figures_add(struct figures *f, int side, const struct part *p, const struct options *o)
{
    contrast_add(&f->delivery, side, &p->delivery);
    contrast_add(&f->last, side, &p->last);
    if (side == BUSY)
        f->logins_per_s[f->parts++] = (double)o->logins / p->seconds;
}

static bool parts_run(struct stage *st, uint32_t publisher, const struct partner *storm, struct figures *f)
{
    static struct part part; /* large */
    char byte;
    const struct options *o = st->crowd.options;
    for (uint64_t i = 0; i < o->repeats; i++) {
        if (!part_run(st, publisher, NULL, &part))
            return false;
        figures_add(f, QUIET, &part, o);
        if (!partner_say(storm, 0) || !part_run(st, publisher, storm, &part) || !partner_hear(storm, &byte))
            return false;
        figures_add(f, BUSY, &part, o);
        progress_show("storms", i + 1, o->repeats);
    }
    return true;
}

static int storm_run(struct stage *st, const struct partner *storm)
{
    static struct figures figures;
    static struct part warm; /* large */
    const struct options *o = st->crowd.options;
    uint32_t publisher;
    uint64_t changes = o->warm_up + o->repeats * (o->rounds + STORM_CHANGES_MAX);
    if (fanout_open(st, (uint32_t)changes, &publisher) != 0)
        return 1;
    bool complete = stage_meet(st, storm) && checker_is_complete(st->checker);
    for (uint64_t i = 0; complete && i < o->warm_up; i++)
        complete = fanout_change(st, publisher, &warm.last);
    complete = complete && parts_run(st, publisher, storm, &figures);
    crowd_rest(&st->crowd, o->settle_ms);

    struct report report;
    report_init(&report, o->as_json, "login-storm");
    report_count(&report, "watchers", st->crowd.member_count - 1);
    report_count(&report, "logins_per_storm", o->logins);
    report_count(&report, "storms", figures.parts);
    if (figures.parts > 0)
        report_number(&report, "logins_per_s", median(figures.logins_per_s, figures.parts));
    contrast_report(&figures.delivery, &report, "delivery");
    contrast_report(&figures.last, &report, "last_watcher");
    bool clean = stage_report(st, &report, complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_login_storm(const struct options *o)
{
    struct stage stage;
    struct partner storm;
    if (o->storm_accounts == NULL) {
        fprintf(stderr, "muster-bench: --storm-accounts FILE is needed\n");
        return 2;
    }
    if (partner_start(&storm, stormer_serve, o) != 0)
        return 1;
    int code = stage_open(&stage, o);
    if (code == 0) {
        code = storm_run(&stage, &storm);
        crowd_logout(&stage.crowd);
    }
    stage_fini(&stage);
    return partner_end(&storm, NULL, 0) ? code : 1;
}
