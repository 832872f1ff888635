/* SPDX-License-Identifier: Apache-2.0 */
/* Invisible sessions (XEP-0186): to everybody else they are offline, to their own account they are there.
 * They hear what contacts show (invisible_count keeps the account's watches), get its messages and
 * subscription requests, and may show themselves to single others by directed presence, as any session may. */
#include "route/internal.h"

void router_go_invisible(const struct service_query *q, bool is_probing)
{
    struct router *r = q->router;
    struct session *s = q->session;
    struct account *a = s->account;
    struct coming coming = {.is_heard_first = !account_is_hearing(a), .is_silent = !is_probing};
    bool was_available = session_is_available(s);
    service_result(q, (struct span){0});
    if (s->is_invisible)
        return;
    s->is_invisible = true;
    a->invisible_count++; /* first, so that what it hears goes on */
    router_session_unavailable(r, s, NULL);
    if (was_available)
        return; /* it knows what its contacts show */
    s->priority = 0;
    s->available_order = ++a->next_available_order;
    if (is_probing || coming.is_heard_first)
        router_walk_comes(r, s, &coming);
}

void router_invisible_end(struct router *r, struct session *s)
{
    if (!s->is_invisible)
        return;
    s->is_invisible = false;
    s->account->invisible_count--;
    router_hearing_end(r, s->account);
}

void router_go_visible(const struct service_query *q)
{
    service_result(q, (struct span){0});
    router_invisible_end(q->router, q->session);
}

void router_invisible_presence(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct presence_details details = {0};
    if (stanza->type.presence == PRESENCE_UNAVAILABLE) {
        router_session_unavailable(r, s, NULL); /* s. 3.1.1, 9: to those who got directed presence since */
    } else if (presence_read(stanza, &details) != 0) {
        router_refuse(r, s, stanza, STANZA_BAD_REQUEST);
    } else {
        s->priority = details.priority;
        s->available_order = ++s->account->next_available_order;
    }
}
