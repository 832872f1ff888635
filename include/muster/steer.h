/* SPDX-License-Identifier: Apache-2.0 */
/* What bpf/steer.bpf.c and the daemon share: a slot per worker, written by its worker, and what the program counts. */
#ifndef MUSTER_STEER_H
#define MUSTER_STEER_H

#include <linux/types.h>

/* As many as the configuration admits; a power of two, so that the program can show the verifier its bound by a mask. */
#define STEER_WORKERS_MAX 256
/* What a connection that is still logging in weighs, in sessions. A log-in is handshake, password and roster: about a
 * hundred times the work of one delivery. So small that thousands of sessions more than the neighbours' are felt, so
 * large that the dozens by which the accounts' hash differs are not. */
#define STEER_LOGIN_WEIGHT 64

/* One cache line each: workers write them side by side. */
struct steer_slot {
    __u32 load;       /* the worker's: STEER_LOGIN_WEIGHT for each log-in under way, 1 for each session */
    __u32 coming;     /* the program's: sent there; the worker takes off who has arrived, and who does not */
    __u32 is_drained; /* the worker's: nobody new */
    __u32 late;       /* the worker's: of `coming`, those of before its last look */
    __u32 padding[12];
};

/* Of one processor. */
struct steer_counters {
    __u64 chosen[STEER_WORKERS_MAX]; /* by worker */
    __u64 fell_back;                 /* left to the kernel's hash */
};

_Static_assert(sizeof(struct steer_slot) == 64, "a cache line");
_Static_assert((STEER_WORKERS_MAX & (STEER_WORKERS_MAX - 1)) == 0, "a mask bounds it");
/* The kernel's per-processor allocations end at 32 KiB. */
_Static_assert(sizeof(struct steer_counters) <= 32768, "fits a per-processor map");

#endif
