/* SPDX-License-Identifier: Apache-2.0 */
/* What presence costs one worker: how long its changes take and how many they reach, who causes most of it,
 * and who reads slowest. Counted once for each change that has watchers here, not for each delivery. */
#ifndef MUSTER_ROUTE_COST_H
#define MUSTER_ROUTE_COST_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/histogram.h"
#include "presence/heaviest.h"

struct frame;
struct router;
struct watch_cost;

/* A window of the last minute that moves in tens of seconds: long enough for an average, short enough to be
 * about now. */
#define COST_SLICE_MS 10000
#define COST_SLICES 7 /* six whole ones, and the one that passes */
#define COST_SECONDS_MAX ((COST_SLICES - 1) * (COST_SLICE_MS / 1000))
/* Changes of one turn whose time is kept one by one; more than that come together in storms only. */
#define COST_STAMPS_MAX 256

struct cost {
    /* From the telling until the last watcher's frame is in its queue; until all that the turn has queued is
     * sealed and its sends are prepared. In both, time spent waiting (in the mailbox, for other works)
     * counts. */
    struct histogram queued_ns, sent_ns;
    struct histogram width; /* watchers that one change reached */
    struct cost_stamp {
        uint64_t told_ns;
        uint32_t changes;
    } stamps[COST_STAMPS_MAX]; /* queued in this turn */
    uint32_t stamp_count;
    struct cost_slice {
        uint64_t number; /* of the ten seconds, since the clock began */
        struct heaviest heaviest;
    } slices[COST_SLICES];
};

struct cost *cost_new(void);
struct cost *cost_free(struct cost *c); /* takes NULL, returns NULL */

/* The last watcher of a change has it. */
void cost_change_ends(struct router *r, struct span publisher, const struct frame *frame,
                      const struct watch_cost *change);
/* The turn's sends are prepared. */
void cost_turn_ends(struct cost *c);

/* ---- who costs most: gathered from each worker, then added up ---- */

enum cost_order { COST_BY_DELIVERIES, COST_BY_CHANGES, COST_BY_BYTES };

struct cost_part {
    uint64_t slice;
    uint64_t missed; /* of its slice and worker */
    struct heavy heavy;
};

struct cost_top {
    struct arena arena; /* the names */
    struct cost_part *parts;
    uint32_t count, capacity;
    uint64_t total, missed; /* deliveries of everybody; the most that one in no sketch has caused */
};

void cost_top_init(struct cost_top *top);
void cost_top_fini(struct cost_top *top);
/* On the worker: add what it knows of the last `seconds`, rounded up to whole slices. False without memory. */
bool cost_top_gather(struct cost_top *top, const struct router *r, uint32_t seconds);
/* Add the parts of each publisher up, into one each, the first `count_max` of them in order. */
void cost_top_merge(struct cost_top *top, enum cost_order order, uint32_t count_max);
void cost_top_write(const struct cost_top *top, struct buffer *out);

/* ---- who reads slowest ---- */

struct cost_reader {
    char *jid; /* on the arena */
    uint32_t jid_len, held;
    uint64_t queued_bytes, held_bytes;
    bool is_inactive;
};

struct cost_readers {
    struct arena arena;
    struct cost_reader *readers; /* heaviest first */
    uint32_t count, count_max;
};

/* -ENOMEM or 0. */
int cost_readers_init(struct cost_readers *c, uint32_t count_max);
void cost_readers_fini(struct cost_readers *c);
/* On the worker: those of its sessions for whom most is queued or held. Looks at every session. */
void cost_readers_gather(struct cost_readers *c, const struct router *r);
void cost_readers_write(const struct cost_readers *c, struct buffer *out);

#endif
