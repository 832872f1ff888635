/* SPDX-License-Identifier: Apache-2.0 */
/* What accounts publish (XEP-0163): nodes, their configuration, and the items that are kept. Within a
 * transaction of the caller's, to whom a positive outcome says that nothing was changed. */
#ifndef MUSTER_STORE_PEP_H
#define MUSTER_STORE_PEP_H

#include "store/db.h"

struct pep_limits {
    uint32_t nodes;         /* of one account */
    uint32_t items;         /* of one node */
    uint32_t item_bytes;    /* of one item, its name included */
    uint32_t account_bytes; /* of all items of an account */
};

/* Who may see a node besides the account itself. The numbers are what the store keeps. */
enum pep_access {
    PEP_WHITELIST, /* nobody: nobody can be put on the list */
    PEP_PRESENCE,  /* who may see the account's presence */
    PEP_OPEN,      /* everybody; told of changes are the same as with PEP_PRESENCE */
};

struct pep_config {
    uint8_t access;
    bool persist;   /* keep items at all */
    bool send_last; /* to who becomes available */
    bool notify;    /* tell of items (deliver_notifications) */
    bool payloads;  /* and what is in them */
    bool notify_retract, notify_delete, notify_config;
    uint32_t items_max;
};
/* What a node is when nobody says otherwise (XEP-0163 s. 3: presence; one item; sent to who comes). */
extern const struct pep_config pep_config_default;

/* What was asked for: bits of `given`. */
enum {
    PEP_GIVEN_ACCESS = 1,
    PEP_GIVEN_PERSIST = 2,
    PEP_GIVEN_SEND_LAST = 4,
    PEP_GIVEN_NOTIFY = 8,
    PEP_GIVEN_PAYLOADS = 16,
    PEP_GIVEN_RETRACT = 32,
    PEP_GIVEN_DELETE = 64,
    PEP_GIVEN_CONFIG = 128,
    PEP_GIVEN_ITEMS_MAX = 256,
};
struct pep_options {
    struct pep_config config;
    uint32_t given;
};
/* What is given of `options` put over *config. */
void pep_config_change(struct pep_config *config, const struct pep_options *options);
/* Is all that is given as it is in `config`? */
bool pep_config_fits(const struct pep_config *config, const struct pep_options *options);

struct pep_item {
    struct pep_item *next;
    struct span owner, node; /* store_pep_latest only */
    struct span id;
    struct span payload; /* XML; may be empty */
    uint64_t published;  /* seconds since 1970 */
};
/* In order, on an arena. */
struct pep_items {
    struct pep_item *first, **last; /* last NULL: empty */
    uint32_t count;
    size_t bytes;
};

struct pep_node {
    struct pep_node *next;
    struct span name;
    struct pep_config config;
};

/* Besides 0, STORE_NOT_FOUND (no such account, node or item; or one that the asker may not see) and
 * STORE_EXISTS. */
enum {
    PEP_UNFIT = 16,       /* the node is not as it was asked for */
    PEP_TOO_LARGE = 17,   /* the item */
    PEP_TOO_MANY = 18,    /* nodes */
    PEP_ACCOUNT_FULL = 19 /* of items */
};

/* Put the item, in a node that is made if it is not there, as `options` say; one that is there must be as
 * they say. The oldest items beyond the node's number go. *ret_config is the node's. */
int store_pep_publish(struct store_db *db, struct span owner, struct span node, const struct pep_item *item,
                      const struct pep_options *options, const struct pep_limits *limits,
                      struct pep_config *ret_config);
/* One item. */
int store_pep_retract(struct store_db *db, struct span owner, struct span node, struct span id,
                      struct pep_config *ret_config);
/* All items. */
int store_pep_purge(struct store_db *db, struct span owner, struct span node, struct pep_config *ret_config);

int store_pep_create(struct store_db *db, struct span owner, struct span node,
                     const struct pep_options *options, const struct pep_limits *limits); /* STORE_EXISTS */
int store_pep_delete(struct store_db *db, struct span owner, struct span node, struct pep_config *ret_config);
/* Change what is given; items beyond a smaller number go. *ret_config: as it is then. */
int store_pep_configure(struct store_db *db, struct span owner, struct span node,
                        const struct pep_options *options, struct pep_config *ret_config);

/* `rank`: the least that an asker may see: PEP_WHITELIST for the owner, PEP_PRESENCE, PEP_OPEN for a
 * stranger. */
int store_pep_config(struct store_db *db, struct span owner, struct span node, enum pep_access rank,
                     struct pep_config *ret_config);
/* The account's nodes that the asker may see, by name; none for an account that does not exist. */
int store_pep_nodes(struct store_db *db, struct span owner, enum pep_access rank, struct arena *arena,
                    struct pep_node **ret_first);

struct pep_wanted {
    uint32_t items_max;     /* the newest so many */
    size_t bytes_max;       /* then no more, but one at least */
    struct span after;      /* only those that are older than this item; empty: all */
    const struct span *ids; /* these, if id_count */
    uint32_t id_count;
};
/* Items that are wanted, newest first. *ret_total: how many the node has, but for ids. */
int store_pep_items(struct store_db *db, struct span owner, struct span node, enum pep_access rank,
                    const struct pep_wanted *wanted, struct arena *arena, struct pep_items *ret_items,
                    uint32_t *ret_total);

/* ---- the last items of those whom an account sees, a slice at a time ---- */

struct pep_search {
    struct span watcher;
    const struct span *nodes; /* names that it wants, in order of their bytes */
    uint32_t node_count;
    /* Of these accounts, which are known to be seen; or, if there are none, of the contacts in the watcher's
     * stored roster behind `after` who let it see (their own rosters say so). */
    const struct span *owners;
    uint32_t owner_count;
    struct span after;
    uint32_t accounts_max; /* so many accounts are looked at */
    size_t bytes_max;      /* or until so much was found */
    bool is_own;           /* the only owner is the watcher itself, which sees everything */
};
/* *ret_next: where to go on, on the arena (a contact, or for owners ignored), empty when there is no more;
 * *ret_looked: accounts looked at. */
int store_pep_latest(struct store_db *db, const struct pep_search *search, struct arena *arena,
                     struct pep_items *ret_items, struct span *ret_next, uint32_t *ret_looked);

#endif
