/* SPDX-License-Identifier: Apache-2.0 */
/* Which sessions want to hear of which nodes: one entry for all sessions of a worker that claim the same
 * capabilities, and of it only what decides who hears (the features that end in "+notify", XEP-0163 s. 4.3):
 * a client's other features concern nobody here.
 *
 * An entry is found by what was claimed, and is in the table while a session has it, or while it is verified
 * and among those that were claimed last. Each worker has a table of its own: nothing is shared, so nothing
 * is locked. */
#ifndef MUSTER_SESSION_CAPS_H
#define MUSTER_SESSION_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/span.h"

/* Clients want to hear of a dozen; who wants more than this hears of the first so many. */
#define CAPS_NODES_MAX 128
/* Longer names of nodes are nobody's: those in use are below a hundred octets. */
#define CAPS_NODE_NAME_BYTES_MAX 1023

struct caps_table;

/* The name of a node that some session here wants to hear of; equal when the pointers are. */
struct caps_node {
    struct hash_node node;
    struct caps_table *table;
    uint32_t references;
    uint32_t len;
    char name[];
};

struct caps {
    struct hash_node node; /* in the table, if is_listed */
    struct list recent;    /* in the table's, while verified and listed */
    struct caps_table *table;
    uint32_t references; /* of sessions, and the table's one while it is among the recent */
    bool is_listed;      /* found by its key */
    bool is_known;       /* the nodes below are what it says */
    uint32_t count;
    struct caps_node **nodes;   /* in order of their addresses */
    struct list waiting, asked; /* route/'s, while it is not known: who has claimed it */
    uint32_t asked_count;       /* of these, whose answer is still due */
    size_t key_len;
    char key[];
};

struct caps_table {
    struct hash_table entries, nodes;
    struct list recent; /* claimed last: at the end */
    uint32_t recent_count, recent_max;
};

void caps_table_init(struct caps_table *t, uint32_t recent_max);
void caps_table_fini(struct caps_table *t); /* no session has an entry any more */

/* The entry of that key, made when there is none, with a reference; NULL without memory. An empty key: one
 * that nobody else finds. */
struct caps *caps_take(struct caps_table *t, struct span key);
struct caps *caps_ref(struct caps *c);
struct caps *caps_unref(struct caps *c); /* takes NULL, returns NULL */

/* It says these features (in order of their bytes): those that end in "+notify" are kept. A listed one is
 * kept for who claims it later. 0 or -ENOMEM. */
int caps_know(struct caps *c, const struct span *features, uint32_t count);

/* NULL: nobody here wants to hear of it. Borrowed. */
struct caps_node *caps_node_find(const struct caps_table *t, struct span name);
struct caps_node *caps_node_ref(struct caps_node *n);
struct caps_node *caps_node_unref(struct caps_node *n); /* takes NULL, returns NULL */

/* Does a session with these (NULL: it has claimed nothing) want to hear of the node? */
bool caps_want(const struct caps *c, const struct caps_node *n);

#endif
