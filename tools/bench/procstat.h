/* SPDX-License-Identifier: Apache-2.0 */
/* What the server under test costs, read from /proc. */
#ifndef MUSTER_BENCH_PROCSTAT_H
#define MUSTER_BENCH_PROCSTAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct procstat {
    uint64_t exact_ns;   /* run time of the threads that live, from schedstat */
    uint64_t ticks_ns;   /* user and system time of all threads that ever were, in clock ticks */
    uint64_t softirq_ns; /* ksoftirqd of all cores: receive work that no process is charged for */
    uint64_t pss_bytes;  /* smaps_rollup; 0 when not readable */
    uint64_t rss_bytes;
    uint32_t threads;
};

/* Read the figures of `pid`, and of its descendants if asked. `with_memory` costs milliseconds for a big
 * process. 0, or -ESRCH when there is no such process. */
int procstat_read(pid_t pid, bool with_children, bool with_memory, struct procstat *ret_stat);

/* CPU nanoseconds of the process between two readings, without ksoftirqd. */
uint64_t procstat_cpu_ns(const struct procstat *before, const struct procstat *after);

#endif
