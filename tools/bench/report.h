/* SPDX-License-Identifier: Apache-2.0 */
/* What a run found, for people (one line a figure) or for programs (one JSON object), on standard output;
 * and the progress line on standard error while it runs. */
#ifndef MUSTER_BENCH_REPORT_H
#define MUSTER_BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/histogram.h"

struct report {
    bool as_json;
    struct buffer text;
};

void report_init(struct report *r, bool as_json, const char *scenario);
/* Names are JSON keys with the unit last ("cpu_per_delivery_us"). */
void report_number(struct report *r, const char *name, double value);
void report_count(struct report *r, const char *name, uint64_t value);
void report_text(struct report *r, const char *name, const char *value);
/* name_p50_unit, name_p99_unit, name_max_unit of nanosecond samples, shown in milliseconds. */
void report_times(struct report *r, const char *name, const struct histogram *h);
/* A list of texts follows, then report_list_end. */
void report_list(struct report *r, const char *name);
void report_list_item(struct report *r, const char *value);
void report_list_end(struct report *r);
/* Print and free. */
void report_finish(struct report *r);

/* Show how far `what` is, at most some times a second and only on a terminal; `total` 0: unknown. */
void progress_show(const char *what, uint64_t done, uint64_t total);
void progress_clear(void);

#endif
