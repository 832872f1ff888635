/* SPDX-License-Identifier: Apache-2.0 */
/* Times and sizes, counted in buckets whose width is 1/32 of their value: percentiles within 3 percent, any
 * number of samples in 16 KiB, and no allocation. */
#ifndef MUSTER_BASE_HISTOGRAM_H
#define MUSTER_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS (60 * 32)

struct histogram {
    uint64_t count, max, sum;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);
/* The same value `count` times. */
void histogram_add_many(struct histogram *h, uint64_t value, uint64_t count);
/* Add all that was added to `from`: how those of several threads become one. */
void histogram_merge(struct histogram *to, const struct histogram *from);
/* The value below which `percent` of the samples lie (upper edge of its bucket, at most the maximum); 0
 * without samples. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

#endif
