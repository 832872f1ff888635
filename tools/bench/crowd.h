/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions of a run: their accounts, how they reach the server, and getting them all online. */
#ifndef MUSTER_BENCH_CROWD_H
#define MUSTER_BENCH_CROWD_H

#include "options.h"
#include "procstat.h"
#include "report.h"
#include "session.h"

struct crowd {
    struct loop loop;
    struct session_settings settings;
    struct session_settings second; /* of the accounts of another domain than the first account's */
    const struct options *options;
    struct accounts accounts;
    struct session *sessions; /* one per account, whether it takes part or not */
    uint32_t *members;        /* the accounts that take part, in the order they log in */
    uint32_t member_count;
    uint32_t under_way;      /* of these, neither online nor ended */
    uint32_t online, failed; /* now online; ended against our will */
    uint64_t moved_ms;       /* when anything last happened that brings the run forward */
    const struct session_hooks *hooks;
    void *owner; /* the scenario's */
    char first_failure[240];
    /* Called in every turn; says after how many milliseconds it wants to be called again. NULL: none. */
    int (*background)(void *context);
    void *background_context;
};

/* Load the files, make all accounts (or the first --users of them) members, find the server. The hooks'
 * sessions have `owner` as theirs. 0, or 1 after an error was printed. */
int crowd_open(struct crowd *c, const struct options *o, const struct session_hooks *hooks, void *owner);
void crowd_fini(struct crowd *c);

/* Can the process hold a descriptor for each member? 0, or 1 after an error was printed. */
int crowd_check_descriptors(struct crowd *c);

/* Start one session. */
void crowd_start(struct crowd *c, struct session *s);
/* Log all members in. 0, or 1 after an error was printed. */
int crowd_login(struct crowd *c);
/* The same for some of them, which are off. */
int crowd_login_some(struct crowd *c, const uint32_t *sessions, uint32_t count);
/* End all sessions properly; waits a bounded time. */
void crowd_logout(struct crowd *c);

/* Serve sockets for at most `timeout_ms`. 0 or 1 after an error was printed. */
int crowd_turn(struct crowd *c, int timeout_ms);
/* Serve sockets for that long. */
void crowd_rest(struct crowd *c, uint64_t rest_ms);
/* Something happened that brings the run forward. */
void crowd_moved(struct crowd *c);
/* Has nothing moved for the time the user gave? */
bool crowd_is_stalled(const struct crowd *c);

/* Read the server's figures if the user named it; false when not. */
bool crowd_server_stat(const struct crowd *c, bool with_memory, struct procstat *ret_stat);

#endif
