/* SPDX-License-Identifier: Apache-2.0 */
#include "service/services.h"

#define DISCO "http://jabber.org/protocol/disco#"

const struct service services[] = {
    {"ping", "urn:xmpp:ping", SERVICE_GET, SERVICE_SERVER | SERVICE_OWN, service_ping},
    {"session", "urn:ietf:params:xml:ns:xmpp-session", SERVICE_SET, SERVICE_SERVER | SERVICE_OWN,
     service_session},
    {"query", DISCO "info", SERVICE_GET, SERVICE_SERVER, service_disco_info},
    {"query", DISCO "items", SERVICE_GET, SERVICE_SERVER, service_disco_items},
    {0},
};
