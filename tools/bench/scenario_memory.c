/* SPDX-License-Identifier: Apache-2.0 */
/* memory: no server; how long the machine takes to load what is in no cache, and what is in the first one.
 * Fan-outs are made of such loads, and on a shared machine they vary with the neighbours: figures are worth
 * most beside this one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "contrast.h"
#include "options.h"
#include "report.h"
#include "scenarios.h"

#define LINE_BYTES 64
#define LOADS 2000000
#define TRIES 5
/* Far beyond any last-level cache that one virtual machine has to itself; and within every first-level
 * cache. */
#define FAR_BYTES (256u << 20)
#define NEAR_BYTES (16u << 10)

/* Each line names the next one: no load can begin before the one before it has ended. */
struct line {
    size_t next;
    char rest[LINE_BYTES - sizeof(size_t)];
};

/* One random cycle through all lines (Sattolo). */
static void cycle_make(struct line *lines, size_t count)
{
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < count; i++)
        lines[i].next = i;
    for (size_t i = count - 1; i > 0; i--) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t other = random % i, kept = lines[i].next;
        lines[i].next = lines[other].next;
        lines[other].next = kept;
    }
}

/* Median of some tries, nanoseconds a load; below 0 without memory. */
static double load_ns(size_t bytes)
{
    struct line *lines = malloc(bytes);
    double tries[TRIES];
    static volatile size_t sink;
    if (lines == NULL)
        return -1;
    cycle_make(lines, bytes / sizeof *lines);
    for (int t = 0; t < TRIES; t++) {
        uint64_t started_ns = clock_now_ns();
        size_t at = sink;
        for (int i = 0; i < LOADS; i++)
            at = lines[at].next;
        sink = at;
        tries[t] = (double)(clock_now_ns() - started_ns) / LOADS;
        sink = 0;
    }
    free(lines);
    return median(tries, TRIES);
}

int scenario_memory(const struct options *o)
{
    struct report report;
    double far = load_ns(FAR_BYTES), near = load_ns(NEAR_BYTES);
    if (far < 0 || near < 0) {
        fprintf(stderr, "muster-bench: memory: %u MiB are not to be had\n", FAR_BYTES >> 20);
        return 1;
    }
    report_init(&report, o->as_json, "memory");
    report_number(&report, "far_load_ns", far);
    report_number(&report, "near_load_ns", near);
    report_text(&report, "result", "ok");
    report_finish(&report);
    return 0;
}
