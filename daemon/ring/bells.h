/* SPDX-License-Identifier: Apache-2.0 */
/* Waking workers from threads that have no ring. Whoever is woken takes the processor, so a thread that has
 * several messages to give puts them all first. */
#ifndef MUSTER_RING_BELLS_H
#define MUSTER_RING_BELLS_H

/* Until bells_release() this thread wakes nobody. */
void bells_hold(void);
/* Ring all that were held. */
void bells_release(void);
/* Ring the eventfd, now or at the release. */
void bells_ring(int fd);

#endif
