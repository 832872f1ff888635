/* SPDX-License-Identifier: Apache-2.0 */
/* The `ver` of a roster (RFC 6121 s. 2.6): opaque to clients, to us the epoch in which a version was given
 * out, the roster's own version, and the version of the shared groups it shows, 0 when there are none. */
#ifndef MUSTER_ROSTER_MARK_H
#define MUSTER_ROSTER_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct roster_mark {
    uint32_t epoch;
    uint64_t version, groups;
};

/* Enough for any mark. */
#define ROSTER_MARK_BYTES 48

/* The text, in `storage`. */
struct span roster_mark_write(const struct roster_mark *m, char storage[ROSTER_MARK_BYTES]);
/* False: not written by us. */
bool roster_mark_read(struct span text, struct roster_mark *ret_mark);

#endif
