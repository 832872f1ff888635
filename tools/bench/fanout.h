/* SPDX-License-Identifier: Apache-2.0 */
/* One publisher and its watchers: what `fanout` and `login-storm` have in common. */
#ifndef MUSTER_BENCH_FANOUT_H
#define MUSTER_BENCH_FANOUT_H

#include "stage.h"

/* Whoever was named, or who has the most watchers; ACCOUNTS_UNKNOWN when there is none. */
uint32_t fanout_publisher(const struct accounts *a, const char *name);
/* Only the publisher and its watchers, at most `limit` of these (0: all), are members. */
void fanout_members(struct crowd *crowd, uint32_t publisher, uint64_t limit);
/* Choose the publisher and its watchers by the options, log them in. `changes` is the most that will follow.
 * 0, or 1 after an error was printed. */
int fanout_open(struct stage *st, uint32_t changes, uint32_t *ret_publisher);
/* One change, awaited; its time to the last watcher is added to `last`. False when some did not arrive. */
bool fanout_change(struct stage *st, uint32_t publisher, struct histogram *last);

#endif
