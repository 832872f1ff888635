/* SPDX-License-Identifier: Apache-2.0 */
/* Times, counted in buckets whose width is 1/32 of their value: percentiles within 3 percent, any number
 * of samples in 16 KiB. */
#ifndef MUSTER_BENCH_HISTOGRAM_H
#define MUSTER_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS (60 * 32)

struct histogram {
    uint64_t count, max, sum;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);
/* The value below which `percent` of the samples lie (upper edge of its bucket, at most the maximum); 0
 * without samples. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

#endif
