/* SPDX-License-Identifier: Apache-2.0 */
#include "service/services.h"

#define DISCO "http://jabber.org/protocol/disco#"
#define PRIVATE "jabber:iq:private"
#define VCARD "vcard-temp"

#define ANYBODY (SERVICE_SERVER | SERVICE_OWN | SERVICE_ACCOUNT)

const struct service services[] = {
    {"ping", "urn:xmpp:ping", SERVICE_GET, ANYBODY, service_ping},
    {"session", "urn:ietf:params:xml:ns:xmpp-session", SERVICE_SET, SERVICE_SERVER | SERVICE_OWN,
     service_session},
    {"query", DISCO "info", SERVICE_GET, ANYBODY, service_disco_info},
    {"query", DISCO "items", SERVICE_GET, ANYBODY, service_disco_items},
    {"query", "jabber:iq:version", SERVICE_GET, SERVICE_SERVER, service_version},
    {"time", "urn:xmpp:time", SERVICE_GET, SERVICE_SERVER, service_time},
    {"query", "jabber:iq:last", SERVICE_GET, SERVICE_SERVER, service_uptime},
    {"query", "jabber:iq:last", SERVICE_GET, SERVICE_OWN | SERVICE_ACCOUNT, service_last},
    {"command", "http://jabber.org/protocol/commands", SERVICE_SET, SERVICE_SERVER, service_command},
    {"query", PRIVATE, SERVICE_GET, SERVICE_OWN, service_private_get},
    {"query", PRIVATE, SERVICE_SET, SERVICE_OWN, service_private_set},
    {"vCard", VCARD, SERVICE_GET, SERVICE_OWN | SERVICE_ACCOUNT, service_vcard_get},
    {"vCard", VCARD, SERVICE_SET, SERVICE_OWN, service_vcard_set},
    {0},
};
