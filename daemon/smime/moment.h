/* SPDX-License-Identifier: Apache-2.0 */
/* A moment as RFC 3339 writes it, to the nanosecond: senders tell two messages of one microsecond apart (RFC 3923 s. 6.9). */
#ifndef MUSTER_SMIME_MOMENT_H
#define MUSTER_SMIME_MOMENT_H

#include <stdint.h>

#include "base/span.h"

struct moment {
    int64_t seconds; /* since 1970 */
    uint32_t nanoseconds;
};

/* "2026-07-01T11:45:36.660000000Z" and its end. */
#define MOMENT_BYTES 32
enum { MOMENT_BAD = 1 };

/* UTC only, upper-case T and Z (RFC 3923 s. 6.9, RFC 3863 s. 4.1.7), up to 9 digits of a fraction. 0 or MOMENT_BAD. */
int moment_read(struct span text, struct moment *ret_moment);
/* Without a fraction when it is none; else as many digits as it needs. */
void moment_write(struct moment m, char text[static MOMENT_BYTES]);
/* Less than, equal to, greater than 0, as memcmp. */
int moment_compare(struct moment a, struct moment b);

#endif
