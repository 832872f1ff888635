/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of presence at a steady rate, whatever else the scenario does: publishers take turns. */
#ifndef MUSTER_BENCH_PACER_H
#define MUSTER_BENCH_PACER_H

#include "stage.h"

struct pacer {
    struct stage *stage;
    const uint32_t *publishers;
    uint32_t count, next;
    uint64_t interval_ns, due_ns, sent;
};

/* From now on, in every turn of the stage's crowd, until pacer_stop; `publishers` must last so long. A
 * publisher whose sequences are used up is left out. */
void pacer_start(struct pacer *p, struct stage *st, const uint32_t *publishers, uint32_t count,
                 double rate_per_s);
void pacer_stop(struct pacer *p);

/* Sequences that each publisher needs for that long. */
uint32_t pacer_sequences(uint32_t count, double rate_per_s, double seconds);

#endif
