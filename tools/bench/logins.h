/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that log in and out again: what `login` and `login-storm` have in common. */
#ifndef MUSTER_BENCH_LOGINS_H
#define MUSTER_BENCH_LOGINS_H

#include "crowd.h"

struct logins {
    struct crowd crowd;
    uint64_t finished; /* logged out again */
    uint32_t next;     /* account to try next */
    struct histogram times;
};

/* 0, or 1 after an error was printed; then logins_close as well. */
int logins_open(struct logins *l, const struct options *o);
void logins_close(struct logins *l);
/* `count` log-ins. False when one failed or nothing moves. */
bool logins_run(struct logins *l, uint64_t count, const char *what);

#endif
