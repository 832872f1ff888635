/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts a run uses and who is in whose roster: the two files that `muster-bench prepare` writes
 * and that musterctl imports. */
#ifndef MUSTER_BENCH_ACCOUNTS_H
#define MUSTER_BENCH_ACCOUNTS_H

#include <stdbool.h>

#include "base/hash.h"
#include "scram.h"

struct account {
    struct hash_node node; /* by bare JID */
    char *jid;             /* bare */
    char *user;            /* the part before '@' */
    char *password;
    struct scram_keys keys; /* kept from log-in to log-in */
};

/* `owner` sees the presence of `contact` ("to" or "both" in the owner's roster). */
struct roster_line {
    uint32_t owner, contact;
    bool to, from;
};

struct accounts {
    struct account *list;
    uint32_t count;
    struct hash_table by_jid;
    struct roster_line *lines;
    size_t line_count;
};

#define ACCOUNTS_UNKNOWN UINT32_MAX

/* Read `jid<TAB>password` lines. 0, or -errno with the message printed. */
int accounts_load(struct accounts *a, const char *path);
/* Read `jid<TAB>contact<TAB>both|to|from|none...` lines; those about accounts not loaded are skipped.
 * 0, or -errno with the message printed. */
int accounts_load_rosters(struct accounts *a, const char *path);
void accounts_fini(struct accounts *a);

/* Index of a bare JID (a resource in `jid` is ignored), or ACCOUNTS_UNKNOWN. */
uint32_t accounts_find(const struct accounts *a, struct span jid);

#endif
