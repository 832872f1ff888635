/* SPDX-License-Identifier: Apache-2.0 */
/* Everybody changes presence, round after round: what `mutual` and `storm` have in common. */
#ifndef MUSTER_BENCH_ROUNDS_H
#define MUSTER_BENCH_ROUNDS_H

#include "procstat.h"
#include "stage.h"

struct rounds_plan {
    uint64_t rounds;
    uint64_t ahead; /* rounds under way at a time; 0: no limit */
    uint64_t rate;  /* changes a second of all together; 0: no limit */
};

struct rounds_result {
    bool is_complete; /* everything due has arrived */
    bool is_measured; /* `stat` is filled */
    uint64_t deliveries, elapsed_ns;
    struct procstat stat[2];
};

/* All rounds of all members, until everything has arrived or nothing comes any more; then listen for what
 * should not come. The delivery times of st->delivery are of these rounds alone. */
void rounds_run(struct stage *st, const struct rounds_plan *plan, struct rounds_result *ret_result);
/* Time, rate, delivery times and cost. */
void rounds_report(struct report *r, const struct stage *st, const struct rounds_result *result);

#endif
