/* SPDX-License-Identifier: Apache-2.0 */
/* slow-reader: everybody changes presence at a steady rate, and one client stops reading. Do the others
 * notice, what does the server hold for it, and how does it end? */
#include <stdlib.h>

#include "base/clock.h"
#include "contrast.h"
#include "pacer.h"
#include "scenarios.h"

#define RATE_DEFAULT 200
/* At the end the slow one reads again, and gets so long for what is left. */
#define CATCH_UP_MS 2000

struct slow_reader {
    struct stage *stage;
    struct contrast contrast;
    uint64_t pss_before, pss_max; /* bytes */
    uint64_t withheld, cut; /* changes that the slow ones were due; how many of them the server cut off */
};

static void pss_look(struct slow_reader *r)
{
    struct procstat stat;
    if (!crowd_server_stat(&r->stage->crowd, true, &stat))
        return;
    if (r->pss_before == 0)
        r->pss_before = stat.pss_bytes;
    if (stat.pss_bytes > r->pss_max)
        r->pss_max = stat.pss_bytes;
}

/* Let the load run for a part. */
static void load_run(struct slow_reader *r, int side)
{
    struct stage *st = r->stage;
    st->delivery = (struct histogram){0};
    for (uint64_t second = 0; second < st->crowd.options->seconds; second++) {
        crowd_rest(&st->crowd, 1000);
        pss_look(r);
    }
    contrast_add(&r->contrast, side, &st->delivery);
}

/* The part in which `victim` does not read; it ends the session. */
static bool slow_run(struct slow_reader *r, uint32_t victim, uint32_t contacts)
{
    struct stage *st = r->stage;
    struct session *s = &st->crowd.sessions[victim];
    if (!stage_wait_for(st, &victim, 1, "deliveries"))
        return false;
    checker_leave(st->checker, victim);
    s->is_exempt = true;
    if (transport_pause(&s->transport, true) < 0)
        return false;
    uint64_t before = st->checker->expected, others = st->crowd.member_count - 1;
    load_run(r, BUSY);
    r->withheld += (st->checker->expected - before) * contacts / (others * (contacts + 1));
    if (session_is_online(s) && transport_pause(&s->transport, false) == 0)
        crowd_rest(&st->crowd, CATCH_UP_MS);
    r->cut += !session_is_online(s);
    session_cut(s);
    return true;
}

static bool parts_run(struct slow_reader *r, uint64_t rate)
{
    struct stage *st = r->stage;
    const struct options *o = st->crowd.options;
    /* The last ones will stop reading; they make no changes, so that they can be cut off without any being
     * lost. */
    uint32_t publishers = st->crowd.member_count - (uint32_t)o->repeats;
    uint32_t contacts = (uint32_t)(st->crowd.accounts.line_count / st->crowd.accounts.count);
    bool complete = checker_is_complete(st->checker);
    for (uint64_t i = 0; complete && i < o->repeats; i++) {
        struct pacer pacer;
        pacer_start(&pacer, st, st->crowd.members, publishers, (double)rate);
        load_run(r, QUIET);
        pacer_stop(&pacer);
        complete = stage_wait(st, "deliveries");
        pacer_start(&pacer, st, st->crowd.members, publishers, (double)rate);
        complete = complete && slow_run(r, st->crowd.members[publishers + i], contacts);
        pacer_stop(&pacer);
        complete = stage_wait(st, "deliveries") && complete;
        progress_show("parts", i + 1, o->repeats);
    }
    return complete;
}

static int slow_reader_run(struct stage *st, const struct options *o)
{
    static struct slow_reader r; /* large */
    uint64_t rate = o->rate ? o->rate : RATE_DEFAULT;
    r.stage = st;
    if (st->crowd.member_count < o->repeats + 2)
        return 1;
    uint32_t publishers = st->crowd.member_count - (uint32_t)o->repeats;
    double seconds = (double)(o->repeats * (2 * o->seconds + CATCH_UP_MS / 1000 + o->timeout_s));
    if (stage_login(st, pacer_sequences(publishers, (double)rate, seconds)) != 0)
        return 1;
    bool complete = parts_run(&r, rate);
    crowd_rest(&st->crowd, o->settle_ms);

    struct report report;
    report_init(&report, o->as_json, "slow-reader");
    report_count(&report, "sessions", st->crowd.member_count);
    report_count(&report, "slow_readers", o->repeats);
    report_count(&report, "slow_cut", r.cut);
    report_count(&report, "slow_withheld", r.withheld);
    report_count(&report, "slow_got_late", st->late_at_exempt);
    contrast_report(&r.contrast, &report, "others_delivery");
    if (r.pss_before > 0) {
        report_number(&report, "pss_before_mib", (double)r.pss_before / 1048576);
        report_number(&report, "pss_max_mib", (double)r.pss_max / 1048576);
        report_number(&report, "pss_growth_mib", (double)(r.pss_max - r.pss_before) / 1048576);
    }
    bool clean = stage_report(st, &report, complete);
    report_finish(&report);
    return clean ? 0 : 1;
}

int scenario_slow_reader(const struct options *o)
{
    return stage_play(o, slow_reader_run);
}
