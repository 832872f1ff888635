/* SPDX-License-Identifier: Apache-2.0 */
/* What the running kernel lets this process do of what a loop needs, tried: neither a version nor the list of operations tells
 * of flags, multishot, or what a container forbids. */
#ifndef MUSTER_RING_PROBE_H
#define MUSTER_RING_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* Not tried, because something that it needs does not work. */
enum { RING_UNTRIED = 1 };

/* What one loop's ring takes of RLIMIT_MEMLOCK where the kernel counts it (404 KiB on Linux 6.18; its buffers' list). The sum of all
 * rings of a user must fit. */
#define RING_LOCKED_BYTES (408u * 1024)
/* What the rings of so many workers take of it, with or without the region that each shares with the program that runs its loop. */
uint64_t ring_locked_bytes(uint32_t workers, bool has_regions);

/* Each 0, negative errno or RING_UNTRIED. */
struct ring_abilities {
    int plain;              /* a ring at all, without any flag */
    int setup;              /* as a loop has it */
    char refused_flags[96]; /* where not: the flags that the kernel does not take, with blanks between */
    int buffers;            /* a ring of provided buffers */
    int receive;            /* a receive into them that stays armed */
    int doorbell;           /* MSG_RING from one ring to another */
    int region;             /* a memory region registered with the ring, for a program that runs its loop */
    bool is_charged;        /* the kernel counts a ring against RLIMIT_MEMLOCK, for this process */
};

/* Less than a millisecond; leaves nothing behind. */
void ring_probe(struct ring_abilities *ret);

#endif
