/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

/* Values below 32 have a bucket each; above, five bits behind the leading one choose within the octave. */
static unsigned bucket_of(uint64_t value)
{
    if (value < 32)
        return (unsigned)value;
    unsigned top = 63 - (unsigned)__builtin_clzll(value);
    return (top - 4) * 32 + (unsigned)((value >> (top - 5)) & 31);
}

static uint64_t bucket_top(unsigned bucket)
{
    if (bucket < 32)
        return bucket;
    unsigned shift = bucket / 32 - 1;
    return (((uint64_t)(32 + bucket % 32) + 1) << shift) - 1;
}

void histogram_add_many(struct histogram *h, uint64_t value, uint64_t count)
{
    if (!count)
        return;
    h->buckets[bucket_of(value)] += count;
    h->count += count;
    h->sum += value * count;
    if (value > h->max)
        h->max = value;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    histogram_add_many(h, value, 1);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->buckets[i] += from->buckets[i];
    to->count += from->count;
    to->sum += from->sum;
    if (from->max > to->max)
        to->max = from->max;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    uint64_t seen = 0;
    double wanted = (double)h->count * percent / 100.0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (h->buckets[i] > 0 && (double)seen >= wanted)
            return bucket_top(i) < h->max ? bucket_top(i) : h->max;
    }
    return h->max;
}
