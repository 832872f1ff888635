/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6121 s. 8.5.4, table 1, with our choice wherever it offers two. The choices: what could be kept is kept
 * rather than refused (O of O/E); what is lost is said to be lost (E of S/E) to those only who may know of
 * the account and its presence (s. 8.1: R here), so that a stranger hears the same of an account that exists
 * and of one that does not, of a resource that is there and of one that is not; one device rings rather than
 * all (M of M/A, D of D/A), but a chat goes to everyone who has asked for that (A* of M/A*: C here). */
#include "route/delivery.h"

/* Short names of this file only, so that a row of the standard is a row here. */
#define NEVER DELIVERY_IMPOSSIBLE
#define S DELIVERY_SILENT
#define E DELIVERY_ERROR
#define R DELIVERY_REFUSED
#define O DELIVERY_OFFLINE
#define D DELIVERY_MATCH
#define M DELIVERY_MOST
#define C DELIVERY_OPTED
#define A DELIVERY_ALL

/* The table's D in a bare JID's row means the only non-negative resource: that is the most available one, M
 * here. Its four types are the standard's columns; messages of type error follow s. 8.5.2.1.1, 8.5.2.2.1
 * and 8.5.3. */

/* clang-format off */
const uint8_t delivery_table[DELIVERY_CONDITION_COUNT][DELIVERY_ADDRESS_COUNT][MESSAGE_ERROR + 1] = {
    /*                              normal chat  groupchat headline error */
    [DELIVERY_NO_ACCOUNT] = {                                  /* s. 8.5.1 */
        [DELIVERY_BARE]          = {S,     S,     E,     S,     S},
        [DELIVERY_FULL_MATCH]    = {NEVER, NEVER, NEVER, NEVER, NEVER},
        [DELIVERY_FULL_NO_MATCH] = {S,     S,     S,     S,     S},
    },
    [DELIVERY_NO_RESOURCES] = {                                /* s. 8.5.2.2.1, 8.5.3.2.1 */
        [DELIVERY_BARE]          = {O,     O,     E,     S,     S},
        [DELIVERY_FULL_MATCH]    = {NEVER, NEVER, NEVER, NEVER, NEVER},
        [DELIVERY_FULL_NO_MATCH] = {R,     O,     R,     R,     S},
    },
    [DELIVERY_ONLY_NEGATIVE] = {                               /* s. 8.5.2.1.1, 8.5.3 */
        [DELIVERY_BARE]          = {O,     O,     E,     S,     S},
        [DELIVERY_FULL_MATCH]    = {D,     D,     D,     D,     D},
        [DELIVERY_FULL_NO_MATCH] = {R,     O,     R,     R,     S},
    },
    [DELIVERY_ONE_NON_NEGATIVE] = {                            /* s. 8.5.2.1.1, 8.5.3 */
        [DELIVERY_BARE]          = {M,     M,     E,     M,     S},
        [DELIVERY_FULL_MATCH]    = {D,     D,     D,     D,     D},
        [DELIVERY_FULL_NO_MATCH] = {R,     M,     R,     R,     S},
    },
    [DELIVERY_SEVERAL_NON_NEGATIVE] = {                        /* s. 8.5.2.1.1, 8.5.3 */
        [DELIVERY_BARE]          = {M,     C,     E,     A,     S},
        [DELIVERY_FULL_MATCH]    = {D,     D,     D,     D,     D},
        [DELIVERY_FULL_NO_MATCH] = {R,     C,     R,     R,     S},
    },
};
/* clang-format on */
