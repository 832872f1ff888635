/* SPDX-License-Identifier: Apache-2.0 */
#include "service/services.h"

#define DISCO "http://jabber.org/protocol/disco#"
#define PRIVATE "jabber:iq:private"
#define VCARD "vcard-temp"

const struct service services[] = {
    {"ping", "urn:xmpp:ping", SERVICE_GET, SERVICE_SERVER | SERVICE_OWN, service_ping},
    {"session", "urn:ietf:params:xml:ns:xmpp-session", SERVICE_SET, SERVICE_SERVER | SERVICE_OWN,
     service_session},
    {"query", DISCO "info", SERVICE_GET, SERVICE_SERVER, service_disco_info},
    {"query", DISCO "items", SERVICE_GET, SERVICE_SERVER, service_disco_items},
    {"query", PRIVATE, SERVICE_GET, SERVICE_OWN, service_private_get},
    {"query", PRIVATE, SERVICE_SET, SERVICE_OWN, service_private_set},
    {"query", PRIVATE, SERVICE_GET | SERVICE_SET, SERVICE_ACCOUNT, service_forbidden},
    {"vCard", VCARD, SERVICE_GET, SERVICE_OWN | SERVICE_ACCOUNT, service_vcard_get},
    {"vCard", VCARD, SERVICE_SET, SERVICE_OWN, service_vcard_set},
    {"vCard", VCARD, SERVICE_SET, SERVICE_ACCOUNT, service_forbidden},
    {0},
};
