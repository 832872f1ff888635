/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one table of options, each with the scenarios that take it. */
#ifndef MUSTER_BENCH_OPTIONS_H
#define MUSTER_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Bits of option_row.scenarios. */
enum scenario_bit {
    FOR_PREPARE = 1,
    FOR_BEFRIEND = 2,
    FOR_MUTUAL = 4,
    FOR_FANOUT = 8,
    FOR_IDLE = 16,
    FOR_LOGIN = 32,
    FOR_LOGIN_STORM = 64,
    FOR_FLOOR = 128,
    FOR_STORM = 256,
    FOR_CELEBRITY = 512,
    FOR_CHURN = 1024,
    FOR_GROUP = 2048,
    FOR_ROSTER_LOGIN = 4096,
    FOR_SLOW_READER = 8192,
    FOR_INTERDOMAIN = 16384,
    FOR_MEMORY = 32768,
    FOR_LOADS = 65536,
    FOR_PACED = FOR_CELEBRITY | FOR_ROSTER_LOGIN | FOR_SLOW_READER | FOR_INTERDOMAIN,
    FOR_NETWORK = FOR_BEFRIEND | FOR_MUTUAL | FOR_FANOUT | FOR_IDLE | FOR_LOGIN | FOR_LOGIN_STORM |
                  FOR_STORM | FOR_CHURN | FOR_GROUP | FOR_PACED | FOR_LOADS
};

enum leave_mode { LEAVE_NONE, LEAVE_GRACEFUL, LEAVE_CUT };
enum roster_shape { SHAPE_RING, SHAPE_STAR, SHAPE_HALVES };
enum interdomain_model { MODEL_BASIC, MODEL_WIDE, MODEL_INTRA, MODEL_LARGE };
enum floor_mode { FLOOR_SEALED, FLOOR_PLAIN };

struct options {
    /* prepare */
    const char *out, *prefix, *password;
    uint64_t contacts;
    uint64_t shape; /* enum roster_shape */
    /* who and where */
    const char *host, *domain, *accounts, *rosters, *keys, *ca, *mechanism, *resource, *suite, *second_domain;
    uint64_t port;        /* 0: by TLS mode */
    uint64_t second_port; /* of the accounts of another domain; 0: the same */
    uint64_t tls_mode;    /* enum tls_mode */
    uint64_t insecure;
    uint64_t users; /* 0: all in the file */
    uint64_t concurrency;
    uint64_t timeout_s;
    uint64_t server_pid, children;
    uint64_t as_json;
    /* mutual, fanout */
    uint64_t rounds;
    uint64_t ahead;
    uint64_t rate;
    uint64_t stanza_bytes;
    uint64_t settle_ms;
    uint64_t leave; /* enum leave_mode */
    uint64_t strict_login;
    const char *publisher;
    uint64_t watchers;
    uint64_t interval_ms;
    uint64_t warm_up;
    /* idle, login */
    uint64_t no_presence;
    uint64_t logins;
    /* login-storm */
    const char *storm_accounts;
    uint64_t repeats;
    /* floor */
    uint64_t floor_mode; /* enum floor_mode */
    uint64_t coalesce;
    /* celebrity, roster-login, slow-reader, interdomain */
    uint64_t seconds;
    /* churn */
    uint64_t share; /* percent */
    /* loads */
    const char *admin, *loads;
    uint64_t count_calls;
    /* group */
    uint64_t everybody; /* all watch all, whatever the rosters say */
    /* interdomain */
    uint64_t model; /* enum interdomain_model */
    uint64_t scale; /* percent */
};

#define OPTIONS_HELP 1  /* help was asked for and printed */
#define OPTIONS_WRONG 2 /* complained */

/* Read argv[1...] of a scenario into *ret_options, on top of the defaults. 0, OPTIONS_HELP or
 * OPTIONS_WRONG. */
int options_parse(int argc, char **argv, enum scenario_bit scenario, const char *summary,
                  struct options *ret_options);

#endif
