/* SPDX-License-Identifier: Apache-2.0 */
/* What the running kernel lets this process do of what a loop needs, tried: neither a version nor the list of operations tells
 * of flags, multishot, or what a container forbids. */
#ifndef MUSTER_RING_PROBE_H
#define MUSTER_RING_PROBE_H

/* Not tried, because something that it needs does not work. */
enum { RING_UNTRIED = 1 };

/* Each 0, negative errno or RING_UNTRIED. */
struct ring_abilities {
    int plain;              /* a ring at all, without any flag */
    int setup;              /* as a loop has it */
    char refused_flags[96]; /* where not: the flags that the kernel does not take, with blanks between */
    int buffers;            /* a ring of provided buffers */
    int receive;            /* a receive into them that stays armed */
    int doorbell;           /* MSG_RING from one ring to another */
    int region;             /* a memory region registered with the ring; no loop needs it yet */
};

/* Less than a millisecond; leaves nothing behind. */
void ring_probe(struct ring_abilities *ret);

#endif
