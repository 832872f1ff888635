/* SPDX-License-Identifier: Apache-2.0 */
/* Presence subscription states and what moves them: RFC 6121 appendix A, row by row. Says what may happen;
 * who does it is route/. */
#ifndef MUSTER_ROSTER_SUBSCRIPTION_H
#define MUSTER_ROSTER_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

/* A.1; also what the store keeps: the numbers never change. */
enum subscription_state {
    SUBSCRIPTION_NONE,
    SUBSCRIPTION_NONE_PENDING_OUT,
    SUBSCRIPTION_NONE_PENDING_IN,
    SUBSCRIPTION_NONE_PENDING_OUT_IN,
    SUBSCRIPTION_TO,
    SUBSCRIPTION_TO_PENDING_IN,
    SUBSCRIPTION_FROM,
    SUBSCRIPTION_FROM_PENDING_OUT,
    SUBSCRIPTION_BOTH,
    SUBSCRIPTION_STATE_COUNT,
};

enum subscription_event {
    SUBSCRIPTION_SUBSCRIBE,
    SUBSCRIPTION_UNSUBSCRIBE,
    SUBSCRIPTION_SUBSCRIBED,
    SUBSCRIPTION_UNSUBSCRIBED,
    SUBSCRIPTION_EVENT_COUNT,
};

enum subscription_action {
    SUBSCRIPTION_ROUTE = 1,           /* outbound: route to the contact (MUST) */
    SUBSCRIPTION_PRE_APPROVE = 2,     /* outbound subscribed: note the pre-approval (s. 3.4), route nothing */
    SUBSCRIPTION_CANCEL_APPROVAL = 4, /* outbound unsubscribed: forget a pre-approval, if any */
    SUBSCRIPTION_DELIVER = 8,         /* inbound: deliver to the user's resources (MUST) */
    SUBSCRIPTION_REPLY_SUBSCRIBED =
        16, /* inbound subscribe that is already granted: answer by ourselves (A.3.1 note) */
    SUBSCRIPTION_REPLY_UNSUBSCRIBED = 32,
};

struct subscription_rule {
    uint8_t next;    /* enum subscription_state */
    uint8_t actions; /* enum subscription_action */
};

/* A.2: the user's own client sends. A.3: it comes from the contact. */
extern const struct subscription_rule subscription_outbound[SUBSCRIPTION_STATE_COUNT]
                                                           [SUBSCRIPTION_EVENT_COUNT];
extern const struct subscription_rule subscription_inbound[SUBSCRIPTION_STATE_COUNT]
                                                          [SUBSCRIPTION_EVENT_COUNT];

bool subscription_has_to(enum subscription_state s);         /* to, both: the user sees the contact */
bool subscription_has_from(enum subscription_state s);       /* from, both: the contact sees the user */
bool subscription_is_pending_out(enum subscription_state s); /* ask='subscribe' */
bool subscription_is_pending_in(enum subscription_state s);
/* The roster's subscription attribute: "none", "to", "from", "both". */
const char *subscription_name(enum subscription_state s);

#endif
