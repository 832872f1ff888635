/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of RFC 6121 appendix A, one row a state, one column an event. Flows in: a state and an event;
 * flows out: the next state and what is to be done. Nothing here does it. */
#include "roster/subscription.h"

/* Short names of this file only, so that a row of the standard is a row here. */
#define N SUBSCRIPTION_NONE
#define NPO SUBSCRIPTION_NONE_PENDING_OUT
#define NPI SUBSCRIPTION_NONE_PENDING_IN
#define NPIO SUBSCRIPTION_NONE_PENDING_OUT_IN
#define T SUBSCRIPTION_TO
#define TPI SUBSCRIPTION_TO_PENDING_IN
#define F SUBSCRIPTION_FROM
#define FPO SUBSCRIPTION_FROM_PENDING_OUT
#define B SUBSCRIPTION_BOTH

#define ROUTE SUBSCRIPTION_ROUTE
#define APPROVE SUBSCRIPTION_PRE_APPROVE
#define CANCEL SUBSCRIPTION_CANCEL_APPROVAL
#define DELIVER SUBSCRIPTION_DELIVER
#define GRANTED SUBSCRIPTION_REPLY_SUBSCRIBED
#define GONE (SUBSCRIPTION_DELIVER | SUBSCRIPTION_REPLY_UNSUBSCRIBED)

/* Where the standard says MUST NOT or SHOULD NOT route or deliver, there is no action: 0. */

/* clang-format off */
const struct subscription_rule subscription_outbound[SUBSCRIPTION_STATE_COUNT][SUBSCRIPTION_EVENT_COUNT] = {
    /*          subscribe      unsubscribe    subscribed       unsubscribed
                A.2.1          A.2.2          A.2.3            A.2.4        */
    [N]    = {{NPO,  ROUTE}, {N,   ROUTE}, {N,   APPROVE}, {N,   CANCEL}},
    [NPO]  = {{NPO,  ROUTE}, {N,   ROUTE}, {NPO, APPROVE}, {NPO, CANCEL}},
    [NPI]  = {{NPIO, ROUTE}, {NPI, ROUTE}, {F,   ROUTE},   {N,   ROUTE}},
    [NPIO] = {{NPIO, ROUTE}, {NPI, ROUTE}, {FPO, ROUTE},   {NPO, ROUTE}},
    [T]    = {{T,    ROUTE}, {N,   ROUTE}, {T,   APPROVE}, {T,   CANCEL}},
    [TPI]  = {{TPI,  ROUTE}, {NPI, ROUTE}, {B,   ROUTE},   {T,   ROUTE}},
    [F]    = {{FPO,  ROUTE}, {F,   ROUTE}, {F,   0},       {N,   ROUTE}},
    [FPO]  = {{FPO,  ROUTE}, {F,   ROUTE}, {FPO, 0},       {NPO, ROUTE}},
    [B]    = {{B,    ROUTE}, {F,   ROUTE}, {B,   0},       {T,   ROUTE}},
};

const struct subscription_rule subscription_inbound[SUBSCRIPTION_STATE_COUNT][SUBSCRIPTION_EVENT_COUNT] = {
    /*          subscribe        unsubscribe   subscribed       unsubscribed
                A.3.1            A.3.2         A.3.3            A.3.4        */
    [N]    = {{NPI,  DELIVER}, {N,   0},    {N,    0},       {N,    0}},
    [NPO]  = {{NPIO, DELIVER}, {NPO, 0},    {T,    DELIVER}, {N,    DELIVER}},
    [NPI]  = {{NPI,  0},       {N,   GONE}, {NPI,  0},       {NPI,  0}},
    [NPIO] = {{NPIO, 0},       {NPO, GONE}, {TPI,  DELIVER}, {NPI,  DELIVER}},
    [T]    = {{TPI,  DELIVER}, {T,   0},    {T,    0},       {N,    DELIVER}},
    [TPI]  = {{TPI,  0},       {T,   GONE}, {TPI,  0},       {NPI,  DELIVER}},
    [F]    = {{F,    GRANTED}, {N,   GONE}, {F,    0},       {F,    0}},
    [FPO]  = {{FPO,  GRANTED}, {NPO, GONE}, {B,    DELIVER}, {F,    DELIVER}},
    [B]    = {{B,    GRANTED}, {T,   GONE}, {B,    0},       {F,    DELIVER}},
};
/* clang-format on */

bool subscription_has_to(enum subscription_state s)
{
    return s == T || s == TPI || s == B;
}

bool subscription_has_from(enum subscription_state s)
{
    return s == F || s == FPO || s == B;
}

bool subscription_is_pending_out(enum subscription_state s)
{
    return s == NPO || s == NPIO || s == FPO;
}

bool subscription_is_pending_in(enum subscription_state s)
{
    return s == NPI || s == NPIO || s == TPI;
}

const char *subscription_name(enum subscription_state s)
{
    if (s == B)
        return "both";
    if (subscription_has_to(s))
        return "to";
    return subscription_has_from(s) ? "from" : "none";
}
