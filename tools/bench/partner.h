/* SPDX-License-Identifier: Apache-2.0 */
/* A second process that makes the load beside what the first one measures: in life it is other machines, so
 * its work must not be done by the thread whose clock counts. Orders and answers are bytes on two pipes; at
 * the end comes a result. */
#ifndef MUSTER_BENCH_PARTNER_H
#define MUSTER_BENCH_PARTNER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct partner {
    pid_t pid; /* 0 in the second process, and when it has ended */
    int to, from;
    bool ended_well;
};

/* Fork; the second process does `serve`, which returns its exit code. 0, or 1 after an error was printed. */
int partner_start(struct partner *p, int (*serve)(struct partner *first, const void *context),
                  const void *context);
/* In either process: say one byte. False when the other has ended. */
bool partner_say(const struct partner *p, char what);
/* Wait for a byte; false when the other has ended, or will say no more. */
bool partner_hear(const struct partner *p, char *ret_what);
/* Is there something to hear, or has it ended? */
bool partner_is_ready(const struct partner *p);
/* In the second process: leave the processor to everybody else. */
void partner_step_back(void);
/* In the second process, as its last word. */
bool partner_report(const struct partner *p, const void *result, size_t size);
/* In the first: no more orders; take the result (`size` 0: there is none) and wait for the end. False when
 * the other failed. Again: the same answer. */
bool partner_end(struct partner *p, void *ret_result, size_t size);

#endif
