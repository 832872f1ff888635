/* SPDX-License-Identifier: Apache-2.0 */
/* One figure with and without something beside it, in turn and several times: medians and their ratio. */
#ifndef MUSTER_BENCH_CONTRAST_H
#define MUSTER_BENCH_CONTRAST_H

#include <stddef.h>

#include "base/histogram.h"
#include "report.h"

enum { QUIET, BUSY, CONTRAST_SIDES };

#define CONTRAST_REPEATS_MAX 1000

struct contrast {
    double p99_ms[CONTRAST_SIDES][CONTRAST_REPEATS_MAX];
    size_t count[CONTRAST_SIDES];
};

/* The 99th percentile of one part. */
void contrast_add(struct contrast *c, int side, const struct histogram *h);
/* quiet_NAME_p99_ms, busy_NAME_p99_ms, NAME_p99_ratio; nothing when a side has no part. */
void contrast_report(struct contrast *c, struct report *r, const char *name);

/* Sorts `values`. */
double median(double *values, size_t count);

#endif
