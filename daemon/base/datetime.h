/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as XMPP writes them (XEP-0082, profile DateTime), as microseconds since 1970. */
#ifndef MUSTER_BASE_DATETIME_H
#define MUSTER_BASE_DATETIME_H

#include <stdint.h>

#include "base/span.h"

/* "2026-11-22T09:07:10.000001Z" and its end. */
#define DATETIME_BYTES 28
enum { DATETIME_BAD = 1 };

/* UTC. Later than the year 9999 it is that year's end, which is all that four digits can say. */
void datetime_write(uint64_t us, char text[static DATETIME_BYTES]);
/* "2026-11-22T10:07:10.5+01:00"; what is finer than a microsecond is cut off, what is before 1970 is 0.
 * 0 or DATETIME_BAD. */
int datetime_read(struct span text, uint64_t *ret_us);

#endif
