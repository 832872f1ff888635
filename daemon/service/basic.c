/* SPDX-License-Identifier: Apache-2.0 */
/* Services whose answer is always the same. */
#include "service/services.h"

void service_ping(const struct service_query *q)
{
    service_result(q, (struct span){0});
}

void service_session(const struct service_query *q)
{
    service_result(q, (struct span){0});
}
