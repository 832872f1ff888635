/* SPDX-License-Identifier: Apache-2.0 */
/* One function per scenario: runs it, prints its report, returns the exit code (0 or 1). */
#ifndef MUSTER_BENCH_SCENARIOS_H
#define MUSTER_BENCH_SCENARIOS_H

struct options;

int scenario_prepare(const struct options *o);
int scenario_befriend(const struct options *o);
int scenario_mutual(const struct options *o);
int scenario_fanout(const struct options *o);
int scenario_idle(const struct options *o);
int scenario_login(const struct options *o);
int scenario_login_storm(const struct options *o);
int scenario_floor(const struct options *o);
int scenario_celebrity(const struct options *o);
int scenario_churn(const struct options *o);
int scenario_group(const struct options *o);
int scenario_roster_login(const struct options *o);
int scenario_slow_reader(const struct options *o);
int scenario_interdomain(const struct options *o);
int scenario_memory(const struct options *o);
int scenario_storm(const struct options *o);
int scenario_loads(const struct options *o);

#endif
