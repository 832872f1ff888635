/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

void cost_report(struct report *r, const struct procstat stat[2], uint64_t deliveries)
{
    double cpu_ns = (double)procstat_cpu_ns(&stat[0], &stat[1]);
    double softirq_ns = (double)(stat[1].softirq_ns - stat[0].softirq_ns);
    double count = (double)deliveries;
    if (deliveries == 0)
        return;
    report_number(r, "server_cpu_s", cpu_ns / 1e9);
    report_number(r, "softirq_cpu_s", softirq_ns / 1e9);
    report_number(r, "cpu_per_delivery_us", cpu_ns / 1e3 / count);
    report_number(r, "softirq_per_delivery_us", softirq_ns / 1e3 / count);
    report_number(r, "total_cpu_per_delivery_us", (cpu_ns + softirq_ns) / 1e3 / count);
    report_number(r, "deliveries_per_cpu_s", cpu_ns > 0 ? count * 1e9 / (cpu_ns + softirq_ns) : 0);
}
