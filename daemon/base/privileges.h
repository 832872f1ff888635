/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities that are given up, for good, once the start is over. The kernel keeps them for each thread, and a new thread
 * has those of the one that starts it: so every thread that is started before the main one has given them up gives up its own. */
#ifndef MUSTER_BASE_PRIVILEGES_H
#define MUSTER_BASE_PRIVILEGES_H

#include <stdint.h>

/* All of the calling thread's, in all sets (the bounding set where CAP_SETPCAP is there, which it takes), and what another program
 * would give it when it is executed. 0 or negative errno: a filter may forbid even this. */
int privileges_drop(void);

/* Those that the calling thread may use, a bit each (linux/capability.h). */
uint64_t privileges_kept(void);

#endif
