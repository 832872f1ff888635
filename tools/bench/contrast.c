/* SPDX-License-Identifier: Apache-2.0 */
#include "contrast.h"

#include <stdio.h>
#include <stdlib.h>

void contrast_add(struct contrast *c, int side, const struct histogram *h)
{
    if (h->count > 0 && c->count[side] < CONTRAST_REPEATS_MAX)
        c->p99_ms[side][c->count[side]++] = (double)histogram_percentile(h, 99) / 1e6;
}

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, double_compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void contrast_report(struct contrast *c, struct report *r, const char *name)
{
    char full[96];
    if (c->count[QUIET] == 0 || c->count[BUSY] == 0)
        return;
    double quiet = median(c->p99_ms[QUIET], c->count[QUIET]), busy = median(c->p99_ms[BUSY], c->count[BUSY]);
    snprintf(full, sizeof full, "quiet_%s_p99_ms", name);
    report_number(r, full, quiet);
    snprintf(full, sizeof full, "busy_%s_p99_ms", name);
    report_number(r, full, busy);
    snprintf(full, sizeof full, "%s_p99_ratio", name);
    report_number(r, full, quiet > 0 ? busy / quiet : 0);
}
