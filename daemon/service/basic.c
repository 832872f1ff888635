/* SPDX-License-Identifier: Apache-2.0 */
/* Services whose answer is always the same. */
#include "service/services.h"

void service_ping(const struct service_query *q)
{
    service_result(q, (struct span){0});
}

/* Of another account, whether there is one or not. */
void service_forbidden(const struct service_query *q)
{
    service_refuse(q, STANZA_FORBIDDEN);
}

void service_session(const struct service_query *q)
{
    service_result(q, (struct span){0});
}
