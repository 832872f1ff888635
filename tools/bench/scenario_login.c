/* SPDX-License-Identifier: Apache-2.0 */
/* login: accounts log in and out again, --concurrency of them at a time; how long it takes and what it
 * costs the server. A log-in is over when the session sees its own presence come back. */
#include <stdio.h>

#include "base/clock.h"
#include "logins.h"
#include "scenarios.h"

static struct logins *logins_of(const struct session *s)
{
    return ((struct crowd *)s->owner)->owner;
}

static void log_in_is_over(struct session *s)
{
    histogram_add(&logins_of(s)->times, clock_now_ns() - s->started_ns);
    session_close(s);
}

static void login_online(struct session *s)
{
    const struct crowd *c = s->owner;
    if (c->options->no_presence)
        log_in_is_over(s);
    else
        session_send(s, SPAN("<presence/>"));
}

static void login_seen(struct session *s, const struct element *stanza)
{
    struct span from = element_attribute_or_empty(stanza, "from");
    if (span_is(stanza->name, "presence") && s->full_jid != NULL && span_equal(from, span_of(s->full_jid)))
        log_in_is_over(s);
}

static void login_ended(struct session *s, const char *reason)
{
    (void)reason;
    logins_of(s)->finished++;
}

static const struct session_hooks login_hooks = {login_online, login_seen, login_ended};

/* The next account whose session is off. */
static struct session *session_free_take(struct logins *l)
{
    for (uint32_t tries = 0; tries < l->crowd.member_count; tries++) {
        struct session *s = &l->crowd.sessions[l->next];
        l->next = (l->next + 1) % l->crowd.member_count;
        if (s->state == SESSION_OFF)
            return s;
    }
    return NULL;
}

int logins_open(struct logins *l, const struct options *o)
{
    return crowd_open(&l->crowd, o, &login_hooks, l);
}

void logins_close(struct logins *l)
{
    if (l->crowd.sessions != NULL)
        crowd_logout(&l->crowd);
    crowd_fini(&l->crowd);
}

bool logins_run(struct logins *l, uint64_t count, const char *what)
{
    struct crowd *c = &l->crowd;
    uint64_t started = 0;
    l->finished = 0;
    crowd_moved(c);
    while (l->finished < count && c->failed == 0) {
        while (started < count && started - l->finished < c->options->concurrency) {
            struct session *s = session_free_take(l);
            if (s == NULL)
                break;
            started++;
            crowd_start(c, s);
        }
        if (crowd_turn(c, 50) != 0 || crowd_is_stalled(c))
            return false;
        progress_show(what, l->finished, count);
    }
    return c->failed == 0;
}

static int login_run(struct logins *l, const struct options *o)
{
    struct procstat stat[2];
    struct crowd *c = &l->crowd;
    /* The first log-in of an account makes its SCRAM keys here: not what is to be measured. */
    bool complete = crowd_check_descriptors(c) == 0 && logins_run(l, c->member_count, "warming up");
    l->times = (struct histogram){0};
    bool measured = complete && crowd_server_stat(c, false, &stat[0]);
    uint64_t started_ns = clock_now_ns();
    complete = complete && logins_run(l, o->logins, "log-ins");
    uint64_t elapsed_ns = clock_now_ns() - started_ns;
    measured = measured && crowd_server_stat(c, false, &stat[1]);
    if (!complete)
        fprintf(stderr, "muster-bench: log-in failed: %s\n",
                c->failed > 0 ? c->first_failure : "nothing moves any more");

    struct report report;
    report_init(&report, o->as_json, "login");
    report_count(&report, "logins", l->times.count);
    report_count(&report, "concurrency", o->concurrency);
    report_number(&report, "logins_per_s", (double)l->times.count * 1e9 / (double)elapsed_ns);
    report_times(&report, "login", &l->times);
    if (measured && l->times.count > 0)
        report_number(&report, "cpu_per_login_ms",
                      (double)procstat_cpu_ns(&stat[0], &stat[1]) / 1e6 / (double)l->times.count);
    report_text(&report, "result", complete ? "ok" : "FAILED");
    report_finish(&report);
    return complete ? 0 : 1;
}

int scenario_login(const struct options *o)
{
    static struct logins logins; /* its histogram is large for a stack, and it is one per process */
    int code = logins_open(&logins, o);
    if (code == 0)
        code = login_run(&logins, o);
    logins_close(&logins);
    return code;
}
