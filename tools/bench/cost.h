/* SPDX-License-Identifier: Apache-2.0 */
/* What deliveries cost the server: the same figures, by the same names, in every scenario that makes some. */
#ifndef MUSTER_BENCH_COST_H
#define MUSTER_BENCH_COST_H

#include "procstat.h"
#include "report.h"

/* Between two readings; nothing is reported without deliveries. cpu_per_delivery_us is the process's own,
 * total_cpu_per_delivery_us adds ksoftirqd. */
void cost_report(struct report *r, const struct procstat stat[2], uint64_t deliveries);

#endif
