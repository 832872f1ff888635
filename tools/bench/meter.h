/* SPDX-License-Identifier: Apache-2.0 */
/* What a load costs the server under test, beyond CPU time: how often its threads went to sleep, its own counters (musterd's
 * control socket), and, when asked for, its system calls and instructions (perf_event_open(2)).
 *
 * Asking for the counters wakes the server, so everything else is read between the two questions. */
#ifndef MUSTER_BENCH_METER_H
#define MUSTER_BENCH_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "procstat.h"
#include "report.h"

/* Threads of the server that are counted one by one: workers, jobs, store. A server with more is not what this is for. */
#define METER_THREADS_MAX 64

enum meter_event { METER_CALLS, METER_ENTERS, METER_INSTRUCTIONS, METER_EVENTS };

struct meter_thread {
    pid_t id;
    uint64_t sleeps, preempted; /* at the beginning */
    int events[METER_EVENTS];   /* -1: cannot be counted here */
};

struct meter {
    pid_t pid;
    const char *admin;  /* control socket; NULL: the server's own counters are not read */
    bool counts_events; /* system calls and instructions, which costs the server a little */
    struct procstat before, after;
    struct buffer stats_before, stats_after; /* name TAB value lines */
    struct meter_thread threads[METER_THREADS_MAX];
    uint32_t thread_count;
    uint64_t began_ns, elapsed_ns;
    uint64_t sleeps, preempted, events[METER_EVENTS];
    bool has_event[METER_EVENTS];
};

/* From here on. False when the server's figures cannot be read; the reason is printed. */
bool meter_begin(struct meter *m, pid_t pid, const char *admin, bool counts_events);
/* To here. */
bool meter_end(struct meter *m);
/* By how much the server's own counter has grown; 0 for one that it does not have. */
uint64_t meter_grown(const struct meter *m, const char *name);
/* By how much all counters whose name ends so have grown. */
uint64_t meter_grown_all(const struct meter *m, const char *ending);
/* Totals as PREFIX_cpu_ns, PREFIX_sleeps and so on, and PREFIX_stat_NAME for each counter of the server that has grown. */
void meter_report(const struct meter *m, struct report *r, const char *prefix);
void meter_fini(struct meter *m);

#endif
