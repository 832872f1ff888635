/* SPDX-License-Identifier: Apache-2.0 */
/* A crowd whose presence is checked: who publishes what, and what each session sees of it. */
#ifndef MUSTER_BENCH_STAGE_H
#define MUSTER_BENCH_STAGE_H

#include "checker.h"
#include "crowd.h"
#include "partner.h"

struct stage {
    struct crowd crowd;
    struct checker *checker;
    uint32_t run; /* marks this run's presence, so that none of another is taken for it */
    uint32_t sequence_max;
    uint64_t **sent_ns;        /* per publisher, by sequence; NULL before its first change */
    bool *has_left;            /* per session */
    bool is_logging_in;        /* until the settling after log-in is over */
    struct histogram delivery; /* change sent to arrived, changes after the first only */
    struct histogram beside;   /* the same for the publishers of is_beside, which are not in `delivery` */
    bool *is_beside;           /* per session */
    uint64_t *got_ns;          /* per session: when it last got something that was due */
    uint64_t *told_ns;         /* per session: when somebody last got its change */
    uint64_t late_at_exempt;   /* what came to exempt sessions */
    uint64_t last_arrival_ns;
    uint64_t arrived_bytes;   /* of all that arrived where it was due */
    uint64_t offline_answers; /* unavailable in answer to the probe of somebody not yet online */
    uint64_t other_stanzas;   /* neither presence nor answers */
    /* Gets what is not presence, in place of counting it. NULL: nobody. */
    void (*other)(void *context, struct session *s, const struct element *stanza);
    void *other_context;
};

/* Load, and open the crowd; the scenario may choose members before stage_login. 0 or 1 (printed). */
int stage_open(struct stage *st, const struct options *o);
void stage_fini(struct stage *st);

/* Log all members in, each with its initial presence, and wait until everybody has seen everybody due.
 * `sequence_max`: changes that any one will make after it. 0 or 1 (printed); missing presence is no error
 * here. */
int stage_login(struct stage *st, uint32_t sequence_max);

/* Session `publisher` changes its presence. */
void stage_publish(struct stage *st, uint32_t publisher);
/* The sessions leave all at once; those that remain are expected to see it. */
void stage_leave(struct stage *st, const uint32_t *leavers, uint32_t count, enum leave_mode mode);
/* Those, gone and offline by stage_leave, log in again: they see their contacts, and these see them. False
 * when something is missing. */
bool stage_return(struct stage *st, const uint32_t *who, uint32_t count);
/* Whatever others do: wait until all that these are due, and all that is due of them, has arrived. False when
 * it does not. */
bool stage_wait_for(struct stage *st, const uint32_t *who, uint32_t count, const char *what);
/* Wait until all that is due has arrived. False when it does not. */
bool stage_wait(struct stage *st, const char *what);

/* A whole scenario: open, `run` (returns the exit code), log all out, give back. Returns the exit code. */
int stage_play(const struct options *o, int (*run)(struct stage *st, const struct options *o));

/* The same with a second process that makes load beside. In it, `serve` given to stage_play_first calls
 * stage_play_second; `run` of the first ends the partner. */
int stage_play_first(const struct options *o, int (*serve)(struct partner *first, const void *options),
                     int (*run)(struct stage *st, struct partner *second, const struct options *o));
int stage_play_second(struct partner *first, const struct options *given,
                      int (*run)(struct stage *st, struct partner *first));
/* Serve the sessions here until the second process says that it is ready. False when it has ended instead. */
bool stage_meet(struct stage *st, const struct partner *second);

/* Add totals and violations to the report, and whether all is well: none of them, nobody lost, and
 * `is_complete`. */
bool stage_report(struct stage *st, struct report *r, bool is_complete);

#endif
