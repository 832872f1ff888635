/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6121 s. 8, table 1: what becomes of a message by its type, its address and the resources of the
 * addressee. A table and nothing else. */
#ifndef MUSTER_ROUTE_DELIVERY_H
#define MUSTER_ROUTE_DELIVERY_H

#include "stanza/stanza.h"

enum delivery_condition {
    DELIVERY_NO_ACCOUNT,
    DELIVERY_NO_RESOURCES,  /* no available resource */
    DELIVERY_ONLY_NEGATIVE, /* available, but none of non-negative priority */
    DELIVERY_ONE_NON_NEGATIVE,
    DELIVERY_SEVERAL_NON_NEGATIVE,
    DELIVERY_CONDITION_COUNT,
};
enum delivery_address { DELIVERY_BARE, DELIVERY_FULL_MATCH, DELIVERY_FULL_NO_MATCH, DELIVERY_ADDRESS_COUNT };

enum delivery_action {
    DELIVERY_IMPOSSIBLE, /* e.g. a matching resource without resources */
    DELIVERY_SILENT,     /* ignore */
    DELIVERY_ERROR,      /* service-unavailable to the sender */
    DELIVERY_REFUSED,    /* the same to a sender who may know of it (s. 8.1); ignore others */
    DELIVERY_OFFLINE,    /* store for later */
    DELIVERY_MATCH,      /* to the matching resource */
    DELIVERY_MOST,       /* to the most available resource */
    DELIVERY_OPTED, /* to that, and to the others of non-negative priority that have asked for every message (carbons) */
    DELIVERY_ALL, /* to every resource of non-negative priority */
};

extern const uint8_t delivery_table[DELIVERY_CONDITION_COUNT][DELIVERY_ADDRESS_COUNT][MESSAGE_ERROR + 1];

#endif
