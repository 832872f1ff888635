/* SPDX-License-Identifier: Apache-2.0 */
/* When a stanza was first said, for who gets it later (XEP-0203, stamps as in XEP-0082). */
#ifndef MUSTER_STANZA_DELAY_H
#define MUSTER_STANZA_DELAY_H

#include <time.h>

#include "stanza/stanza.h"

#define STANZA_STAMP_BYTES 32

void stanza_stamp_write(time_t at, char ret[static STANZA_STAMP_BYTES]);

/* A message that a router has stamped, with <delay/> as its last child: `from` (a JID) has kept it since
 * `at`. The same message when it has one of that JID already, or no children at all, or memory is short. A
 * reference; NULL without memory. */
struct frame *stanza_delay_frame(struct frame *message, struct span from, time_t at);

#endif
