/* SPDX-License-Identifier: Apache-2.0 */
/* Log-in tokens (XEP-0484): of each installation of an account's client the one in use and the one that it
 * was given last. They go with the account, and when its password changes. */
#ifndef MUSTER_STORE_TOKEN_H
#define MUSTER_STORE_TOKEN_H

#include "store/db.h"

#define STORE_TOKEN_BYTES SASL_TOKEN_BYTES

enum { STORE_TOKEN_EXPIRED = 3 };

/* How a token is shown that is not sent. */
struct store_token_proof {
    struct span client;    /* the installation */
    struct span mechanism; /* it was made for this one and is good for no other */
    /* Is it this one? Called on the store thread. */
    bool (*is_shown)(const void *context, struct span token);
    const void *context;
    uint64_t count;      /* of its uses, by the client: must grow; 0: not counted */
    bool is_invalidated; /* the installation's tokens go once it was shown */
    uint64_t now_s;      /* since 1970 */
};

/* Find the token that is shown, note its use, and let the one before it go. 0, STORE_NOT_FOUND (no such
 * token, or its count does not grow), STORE_TOKEN_EXPIRED or negative errno. */
int store_token_use(struct store_db *db, struct span jid, const struct store_token_proof *proof,
                    char ret_token[static STORE_TOKEN_BYTES + 1], uint64_t *ret_expires_s);

/* Keep `token` (text of STORE_TOKEN_BYTES) for the installation's next log-in, beside the one in use. The
 * account keeps those of `clients_max` installations: the one that expires first has to go. 0,
 * STORE_NOT_FOUND (no such account) or negative errno. */
int store_token_put(struct store_db *db, struct span jid, struct span client, struct span mechanism,
                    struct span token, uint64_t expires_s, uint32_t clients_max);

#endif
