/* SPDX-License-Identifier: Apache-2.0 */
/* Presence broadcasts held back from one reader: at most one of each publisher's resource, the last that it
 * said (XEP-0352); and whatever else is kept for a reader who has no connection, in order with it. A
 * publisher is named by the `from` of its frame, as written: the same full JID is always written the same. */
#ifndef MUSTER_STREAM_HELD_H
#define MUSTER_STREAM_HELD_H

#include <stdbool.h>

#include "base/frame.h"
#include "base/hash.h"
#include "base/list.h"

struct held {
    struct list order; /* by when each was said, the earliest first */
    struct hash_table by_publisher;
    uint64_t bytes;  /* of the frames */
    uint32_t others; /* that are no broadcasts */
};

/* NULL without memory. */
struct held *held_new(void);
/* Takes NULL; gives back what is in it; returns NULL. */
struct held *held_free(struct held *h);

/* 0; HELD_REPLACED: an earlier one of the same publisher is gone, and this one stands where it was said,
 * behind everything else: what one account's resources say stays in order. Takes over the reference but for
 * -ENOMEM. */
enum { HELD_REPLACED = 1 };
int held_put(struct held *h, struct frame *f, struct span publisher);
/* Anything else, behind all that is there; said_s: when. Takes over the reference but for -ENOMEM. 0 or
 * -ENOMEM. */
int held_append(struct held *h, struct frame *f, uint32_t said_s);
/* Is there one of any resource of `bare`? Looks at all of them. */
bool held_has_account(const struct held *h, struct span bare);
/* The earliest, with its reference; NULL when there is none. `ret_said_s`: as held_append was told, 0 for a
 * broadcast. */
struct frame *held_take(struct held *h, uint32_t *ret_said_s);

/* Broadcasts; and all. */
static inline uint32_t held_count(const struct held *h)
{
    return h->by_publisher.count;
}
static inline uint32_t held_length(const struct held *h)
{
    return h->by_publisher.count + h->others;
}

#endif
