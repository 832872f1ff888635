/* SPDX-License-Identifier: Apache-2.0 */
/* The invisible command (XEP-0186), as clients say it. What follows from it is route/invisible.c's. */
#include "service/services.h"
#include "xml/tree.h"

void service_invisible(const struct service_query *q)
{
    const struct xml_node *command = service_payload(q);
    if (!command)
        return;
    struct span probe = xml_node_attribute(command, SPAN("probe"));
    bool is_true = span_is(probe, "true") || span_is(probe, "1");
    if (probe.ptr && !is_true && !span_is(probe, "false") && !span_is(probe, "0"))
        service_refuse(q, STANZA_BAD_REQUEST);
    else
        router_go_invisible(q, is_true);
}

void service_visible(const struct service_query *q)
{
    router_go_visible(q);
}
