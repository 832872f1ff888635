/* SPDX-License-Identifier: Apache-2.0 */
/* Is what was signed said now, for the first time, and in its order (RFC 3923 s. 6.9)? Of one thread at a time, in order of the
 * sender's stream: in the daemon edge/ has one for all, under a lock. Bounded; the oldest goes when it is full, and is counted. */
#ifndef MUSTER_SMIME_FRESHNESS_H
#define MUSTER_SMIME_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "smime/moment.h"
#include "smime/reason.h"

/* How far a stamp may be from now, either way (s. 6.9 a). */
#define FRESHNESS_WINDOW_S 300
/* How long stamps and digests are remembered (s. 6.9 b): longer than anything that passes the window can come again. */
#define FRESHNESS_KEEP_S 600

struct freshness;

struct freshness_item {
    const uint8_t *key_id; /* 32 octets: SHA-256 of the signer's SubjectPublicKeyInfo */
    struct span from;      /* full JID: two devices have two clocks */
    struct span to;        /* bare JID */
    struct moment stamp;
    const uint8_t *digest; /* 32 octets that stand for what is signed, and its signature */
};

/* `max`: senders' stamps and digests kept, each. NULL without memory. */
struct freshness *freshness_new(uint32_t max);
struct freshness *freshness_free(struct freshness *f); /* takes NULL, returns NULL */
/* SMIME_OK: it is remembered. Else, the first that holds: SMIME_REPLAY (this very object has come to this recipient, from whatever device);
 * SMIME_OLD_TIMESTAMP, SMIME_FUTURE_TIMESTAMP; SMIME_DECREASING_TIMESTAMP (or the same as the last one); SMIME_BUSY: full of what must not be
 * forgotten yet, and `is_strict` (where it is not, the oldest goes); full of this key's (it may have a sixteenth); or without memory. What is not OK is not remembered. */
enum smime_reason freshness_check(struct freshness *f, const struct freshness_item *item, struct moment now,
                                  bool is_strict);

struct freshness_counters {
    uint64_t kept, forgotten; /* entries now; such as went before their time */
};
struct freshness_counters freshness_counters_read(const struct freshness *f);

/* To a file and back, for a program that is run once for each stanza (muster-smime --state). Text, a line each, the oldest first; it is read
 * into what is new and empty, and where that has less room the oldest are left out. 0, -EINVAL (then free it), -ENOMEM. */
int freshness_write(const struct freshness *f, struct buffer *out);
int freshness_read(struct freshness *f, struct span text);

#endif
