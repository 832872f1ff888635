/* SPDX-License-Identifier: Apache-2.0 */
/* What must arrive where, and what did: every change of presence that a publisher makes is expected
 * exactly once, in order, at each of its watchers that is there, and nowhere else. Publishers and
 * watchers are the same numbered sessions. Knows nothing of XMPP. */
#ifndef MUSTER_BENCH_CHECKER_H
#define MUSTER_BENCH_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct checker_edge {
    uint32_t watcher, publisher;
};

enum violation_kind {
    VIOLATION_MISSING,      /* never arrived */
    VIOLATION_DUPLICATE,    /* arrived again */
    VIOLATION_REORDERED,    /* arrived after a later one of the same publisher */
    VIOLATION_MISDELIVERED, /* arrived at somebody who does not watch, or addressed to somebody else */
    VIOLATION_UNEXPECTED,   /* was never sent */
    VIOLATION_GARBLED,      /* content or sender is not what was sent */
    VIOLATION_KINDS
};

/* `publisher` of a violation when what arrived came from nobody we know. */
#define CHECKER_NOBODY UINT32_MAX

struct violation {
    enum violation_kind kind;
    uint32_t watcher, publisher, sequence;
};

/* How many are kept to be shown; all are counted. */
#define CHECKER_VIOLATIONS_KEPT 50

struct checker_watch;

struct checker {
    uint32_t session_count;
    uint32_t sequence_max; /* sequences run from 0 to it */
    uint32_t words;        /* of received bits per watch */
    size_t watch_count;
    uint32_t *watch_at;            /* per watcher, session_count + 1: its part of `watches` */
    struct checker_watch *watches; /* sorted by watcher, then publisher */
    uint64_t *received;            /* `words` per watch */
    uint32_t *audience_at;         /* per publisher: its part of `audience` */
    uint32_t *audience;            /* indices of `watches` */
    uint32_t *published;           /* per publisher: sequences published so far */
    bool *is_gone;                 /* per session: expects nothing any more */
    bool *is_silent;               /* per publisher: offline, so that who comes is told nothing of it */
    uint32_t *came_at;             /* per publisher: the sequence with which it last came */
    uint32_t *due;                 /* per publisher: deliveries under way */
    uint32_t *owed;                /* per watcher: the same */
    uint64_t expected, arrived;    /* deliveries due, and those of them that came */
    uint64_t repeats;              /* copies of a first presence while they were tolerated */
    bool tolerates_repeats; /* at log-in, broadcast and probe answer may both bring the first presence */
    uint64_t violation_count[VIOLATION_KINDS];
    struct violation kept[CHECKER_VIOLATIONS_KEPT];
    uint32_t kept_count;
};

/* Takes a copy of the edges; duplicates among them count once. NULL without memory. */
struct checker *checker_new(uint32_t session_count, const struct checker_edge *edges, size_t edge_count,
                            uint32_t sequence_max);
struct checker *checker_free(struct checker *c);

/* `publisher` is about to send its next change; returns its sequence number. Due at every watcher not gone. */
uint32_t checker_publish(struct checker *c, uint32_t publisher);
/* `watcher` leaves: nothing published from now on is expected there. */
void checker_leave(struct checker *c, uint32_t watcher);
/* The opposite, before anything was published; all are there to begin with. */
void checker_join(struct checker *c, uint32_t watcher);
/* `publisher` is offline: what it published last was that. Its next change tells that it is back. */
void checker_silence(struct checker *c, uint32_t publisher);
/* `watcher`, gone and complete, comes back: the last of each publisher not silent is due there once more. */
void checker_return(struct checker *c, uint32_t watcher);
/* Something arrived. True when it was due; otherwise a violation was counted (or a tolerated repeat). */
bool checker_deliver(struct checker *c, uint32_t watcher, uint32_t publisher, uint32_t sequence);
/* Count a violation that the caller saw by itself. */
void checker_violation(struct checker *c, struct violation v);
/* Nothing more will come: count what is missing at those who have not left. Call once, at the end. */
void checker_finish(struct checker *c);

static inline bool checker_is_complete(const struct checker *c)
{
    return c->arrived == c->expected;
}
uint64_t checker_violations(const struct checker *c);
const char *violation_name(enum violation_kind kind);
/* Does `watcher` watch `publisher`? */
bool checker_watches(struct checker *c, uint32_t watcher, uint32_t publisher);
/* Is it the presence with which `publisher` came? */
static inline bool checker_is_first(const struct checker *c, uint32_t publisher, uint32_t sequence)
{
    return sequence == c->came_at[publisher];
}
/* Has `watcher` had anything from `publisher` yet? */
bool checker_has_seen(struct checker *c, uint32_t watcher, uint32_t publisher);

#endif
