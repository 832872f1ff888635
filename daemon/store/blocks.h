/* SPDX-License-Identifier: Apache-2.0 */
/* Block lists (XEP-0191): the JIDs that an account blocks, a row each. They are read with the roster and
 * changed by STORE_CALL. */
#ifndef MUSTER_STORE_BLOCKS_H
#define MUSTER_STORE_BLOCKS_H

#include "store/store.h"

/* The list of the account with this row id, on `arena`. 0 or negative errno. */
int store_blocks_load(struct store_db *db, int64_t owner, struct arena *arena, struct store_blocks *ret);

struct store_blocks_change {
    struct store_request request; /* STORE_CALL of store_blocks_change_run; jid: the owner */
    const struct span *jids;      /* on the request's arena */
    uint32_t count;
    enum { STORE_BLOCKS_ADD, STORE_BLOCKS_REMOVE, STORE_BLOCKS_CLEAR } kind;
};
/* 0 (also when it changes nothing), STORE_NOT_FOUND or negative errno. */
int store_blocks_change_run(struct store_db *db, struct store_request *request);

#endif
