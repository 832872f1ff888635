/* SPDX-License-Identifier: Apache-2.0 */
/* loads: what the laboratory of offloads plays (docs/offload.md): a few loads one after the other on the same sessions, each a
 * fixed number of deliveries, each delivery checked, and what the server spends on each load. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fanout.h"
#include "meter.h"
#include "scenarios.h"
#include "talk.h"

/* A text of some pages, or a small picture in band: several of the server's receive buffers and a whole TLS record. */
#define LARGE_BODY_BYTES 16384
#define PING_BODY_BYTES 100
/* Of `mixed`, for each change of presence. */
#define MIXED_MESSAGES 4
#define MIXED_ROSTERS 4
/* Messages there and back for each round of `ping`: one is one delivery, where a change is one for each watcher. */
#define PINGS_PER_ROUND 10
/* Who writes to whom, publisher and spare included. */
#define SESSIONS_MIN (2 + MIXED_MESSAGES)
/* White space: rarer than this a turn may sleep between. */
#define PACE_SLEEP_NS 2000000
#define RATE_DEFAULT 5000

struct loads {
    struct stage *stage;
    struct talk talk;
    struct meter meter;
    struct histogram last;
    uint32_t publisher;
    uint64_t blanks;
};

/* Deliveries of every kind so far. */
static uint64_t delivered(const struct loads *l)
{
    return l->stage->checker->arrived + l->talk.arrived + l->blanks;
}

static const struct options *options_of(const struct loads *l)
{
    return l->stage->crowd.options;
}

/* One change after the other, each awaited. */
static bool fanout_play(struct loads *l)
{
    for (uint64_t i = 0; i < options_of(l)->rounds; i++)
        if (!fanout_change(l->stage, l->publisher, &l->last))
            return false;
    return true;
}

/* Everybody shows that it can be asked: whatever it sent before has been read. */
static bool all_answer(struct loads *l)
{
    const struct crowd *crowd = &l->stage->crowd;
    for (uint32_t i = 0; i < crowd->member_count; i++)
        talk_ask(&l->talk, crowd->members[i], TALK_PING);
    return talk_wait(&l->talk);
}

/* Blanks between stanzas, from one session after the other, evenly; at the end the last one asks, for what it is answered comes
 * behind all of them. */
static bool space_play(struct loads *l)
{
    struct crowd *crowd = &l->stage->crowd;
    uint64_t rate = options_of(l)->rate ? options_of(l)->rate : RATE_DEFAULT;
    uint64_t total = options_of(l)->rounds * crowd->member_count, interval_ns = 1000000000 / rate;
    uint64_t due_ns = clock_now_ns();
    uint32_t who = crowd->members[0];
    for (uint64_t sent = 0; sent < total && crowd->failed == 0;) {
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= due_ns) {
            who = crowd->members[sent++ % crowd->member_count];
            session_send(&crowd->sessions[who], SPAN(" "));
            due_ns = now_ns + interval_ns; /* late ones are not made up for: two at once are read at once */
            l->blanks++;
        }
        if (crowd_turn(crowd, interval_ns < PACE_SLEEP_NS ? 0 : (int)(interval_ns / 1000000)) != 0)
            return false;
    }
    talk_ask(&l->talk, who, TALK_PING);
    return talk_wait(&l->talk);
}

/* A message there and one back, one under way at a time. */
static bool ping_play(struct loads *l)
{
    const uint32_t *members = l->stage->crowd.members;
    talk_pair(&l->talk, members[1], members[2]);
    talk_pair(&l->talk, members[2], members[1]);
    for (uint64_t i = 0; i < options_of(l)->rounds * PINGS_PER_ROUND; i++) {
        talk_send(&l->talk, members[1 + i % 2], PING_BODY_BYTES);
        if (!talk_wait(&l->talk))
            return false;
    }
    return true;
}

/* A change of presence, and at the same time large messages and a large roster, several times. */
static bool mixed_play(struct loads *l)
{
    const uint32_t *members = l->stage->crowd.members;
    for (uint32_t i = 1; i <= MIXED_MESSAGES; i++)
        talk_pair(&l->talk, members[i], members[i + 1]);
    for (uint64_t round = 0; round < options_of(l)->rounds; round++) {
        stage_publish(l->stage, l->publisher);
        for (uint32_t i = 1; i <= MIXED_MESSAGES; i++)
            talk_send(&l->talk, members[i], LARGE_BODY_BYTES);
        for (int i = 0; i < MIXED_ROSTERS; i++)
            talk_ask(&l->talk, l->publisher, TALK_ROSTER);
        if (!talk_wait(&l->talk))
            return false;
        crowd_rest(&l->stage->crowd, options_of(l)->interval_ms);
    }
    return true;
}

static const struct load {
    const char *name;
    bool (*play)(struct loads *l);
} loads[] = {
    {"fanout", fanout_play},
    {"space", space_play},
    {"ping", ping_play},
    {"mixed", mixed_play},
};

#define LOAD_COUNT (sizeof loads / sizeof *loads)

/* Is it one of the comma-separated names? No names: all. */
static bool is_wanted(const char *names, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = names; at != NULL; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    return names == NULL;
}

/* White space is seen by nobody but the server: it must have counted no more than there was. What it read in one piece it
 * counts once. */
static bool blanks_are_right(struct loads *l, struct report *r, uint64_t blanks)
{
    if (blanks == 0 || options_of(l)->admin == NULL)
        return true;
    uint64_t counted = meter_grown_all(&l->meter, "keepalives");
    report_count(r, "space_counted", counted);
    return counted > 0 && counted <= blanks;
}

static bool load_run(struct loads *l, const struct load *load, struct report *r)
{
    const struct options *o = options_of(l);
    char name[64];
    if (!all_answer(l))
        return false;
    uint64_t before = delivered(l), blanks = l->blanks;
    l->last = (struct histogram){0};
    if (!meter_begin(&l->meter, (pid_t)o->server_pid, o->admin, o->count_calls)) {
        meter_fini(&l->meter);
        return false;
    }
    bool is_right = load->play(l);
    is_right = meter_end(&l->meter) && is_right;
    snprintf(name, sizeof name, "%s_deliveries", load->name);
    report_count(r, name, delivered(l) - before);
    meter_report(&l->meter, r, load->name);
    snprintf(name, sizeof name, "%s_last_watcher", load->name);
    if (l->last.count > 0)
        report_times(r, name, &l->last);
    is_right = blanks_are_right(l, r, l->blanks - blanks) && is_right;
    meter_fini(&l->meter);
    return is_right && all_answer(l);
}

static bool loads_run(struct loads *l, struct report *r)
{
    bool is_right = true;
    for (size_t i = 0; is_right && i < LOAD_COUNT; i++) {
        if (!is_wanted(options_of(l)->loads, loads[i].name))
            continue;
        is_right = load_run(l, &loads[i], r);
        if (!is_right)
            report_text(r, "failed_load", loads[i].name);
        progress_show("loads", i + 1, LOAD_COUNT);
    }
    return is_right;
}

/* Everybody is online. Returns the exit code. */
static int loads_report(struct loads *l)
{
    struct stage *st = l->stage;
    const struct options *o = st->crowd.options;
    struct report report;
    bool is_enough = st->crowd.member_count >= SESSIONS_MIN;
    report_init(&report, o->as_json, "loads");
    report_count(&report, "sessions", st->crowd.member_count);
    report_count(&report, "rounds", o->rounds);
    if (!is_enough)
        report_text(&report, "too_few_sessions", "the publisher needs more watchers");
    bool is_right = is_enough && checker_is_complete(st->checker) && loads_run(l, &report);
    crowd_rest(&st->crowd, o->settle_ms);
    report_count(&report, "answers_and_messages", l->talk.arrived);
    report_count(&report, "wrong", l->talk.wrong);
    if (l->talk.wrong > 0)
        report_text(&report, "first_wrong", l->talk.first_wrong);
    bool is_clean = stage_report(st, &report, is_right && l->talk.wrong == 0);
    report_finish(&report);
    return is_clean ? 0 : 1;
}

static int loads_play(struct stage *st, const struct options *o)
{
    static struct loads l; /* large */
    l.stage = st;
    if (o->server_pid == 0) {
        fprintf(stderr, "muster-bench: --server-pid PID is needed\n");
        return 1;
    }
    if (!talk_open(&l.talk, st))
        return 1;
    int code = fanout_open(st, (uint32_t)(2 * o->rounds + 1), &l.publisher);
    if (code == 0)
        code = loads_report(&l);
    talk_close(&l.talk);
    return code;
}

int scenario_loads(const struct options *o)
{
    return stage_play(o, loads_play);
}
