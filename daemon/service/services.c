/* SPDX-License-Identifier: Apache-2.0 */
#include "service/services.h"

#include "stanza/e2e.h"

#define ARCHIVE "urn:xmpp:mam:2"
#define CARBONS "urn:xmpp:carbons:2"
#define DISCO "http://jabber.org/protocol/disco#"
#define PRIVATE "jabber:iq:private"
#define VCARD "vcard-temp"
#define REGISTER "jabber:iq:register"
#define PUBSUB "http://jabber.org/protocol/pubsub"
#define BLOCKING "urn:xmpp:blocking"
#define INVISIBLE "urn:xmpp:invisible:1"

#define SERVER (SERVICE_SERVER | SERVICE_SERVER_REMOTE)
#define ANYBODY (SERVER | SERVICE_OWN | SERVICE_ACCOUNT)

const struct service services[] = {
    {"ping", "urn:xmpp:ping", SERVICE_GET, ANYBODY, service_ping},
    {"session", "urn:ietf:params:xml:ns:xmpp-session", SERVICE_SET, SERVICE_SERVER | SERVICE_OWN,
     service_session},
    {"blocklist", BLOCKING, SERVICE_GET, SERVICE_OWN, service_blocklist},
    {"block", BLOCKING, SERVICE_SET, SERVICE_OWN, service_block},
    {"unblock", BLOCKING, SERVICE_SET, SERVICE_OWN, service_unblock},
    {"invisible", INVISIBLE, SERVICE_SET, SERVICE_OWN, service_invisible},
    {"visible", INVISIBLE, SERVICE_SET, SERVICE_OWN, service_visible},
    {"query", DISCO "info", SERVICE_GET, SERVER, service_disco_info},
    {"query", DISCO "items", SERVICE_GET, SERVER, service_disco_items},
    {"query", "jabber:iq:version", SERVICE_GET, SERVER, service_version},
    {"time", "urn:xmpp:time", SERVICE_GET, SERVER, service_time},
    {"query", "jabber:iq:last", SERVICE_GET, SERVER, service_uptime},
    {"query", "jabber:iq:last", SERVICE_GET, SERVICE_OWN | SERVICE_ACCOUNT, service_last},
    {"command", "http://jabber.org/protocol/commands", SERVICE_SET, SERVICE_SERVER, service_command},
    {"query", PRIVATE, SERVICE_GET, SERVICE_OWN, service_private_get},
    {"query", PRIVATE, SERVICE_SET, SERVICE_OWN, service_private_set},
    {"vCard", VCARD, SERVICE_GET, SERVICE_OWN | SERVICE_ACCOUNT, service_vcard_get},
    {"vCard", VCARD, SERVICE_SET, SERVICE_OWN, service_vcard_set},
    {"query", REGISTER, SERVICE_GET, SERVICE_SERVER | SERVICE_OWN, service_register_get},
    {"query", REGISTER, SERVICE_SET, SERVICE_SERVER | SERVICE_OWN, service_register_set},
    {"query", DISCO "info", SERVICE_GET, SERVICE_OWN | SERVICE_ACCOUNT, service_account_info},
    {"query", DISCO "items", SERVICE_GET, SERVICE_OWN | SERVICE_ACCOUNT, service_account_items},
    {"pubsub", PUBSUB, SERVICE_GET | SERVICE_SET, SERVICE_OWN | SERVICE_ACCOUNT, service_pep},
    {"pubsub", PUBSUB "#owner", SERVICE_GET | SERVICE_SET, SERVICE_OWN | SERVICE_ACCOUNT, service_pep_owner},
    {"enable", CARBONS, SERVICE_SET, SERVICE_OWN, service_carbons_enable},
    {"disable", CARBONS, SERVICE_SET, SERVICE_OWN, service_carbons_disable},
    {"enable", E2E_MARK_XMLNS, SERVICE_SET, SERVICE_OWN, service_marks_enable},
    {"disable", E2E_MARK_XMLNS, SERVICE_SET, SERVICE_OWN, service_marks_disable},
    {"query", ARCHIVE, SERVICE_SET, SERVICE_OWN, service_archive_query},
    {"query", ARCHIVE, SERVICE_GET, SERVICE_OWN, service_archive_form},
    {"metadata", ARCHIVE, SERVICE_GET, SERVICE_OWN, service_archive_metadata},
    {"prefs", ARCHIVE, SERVICE_GET, SERVICE_OWN, service_archive_preferences_get},
    {"prefs", ARCHIVE, SERVICE_SET, SERVICE_OWN, service_archive_preferences_set},
    {"query", ARCHIVE, SERVICE_GET | SERVICE_SET, SERVICE_ACCOUNT, service_forbidden},
    {"metadata", ARCHIVE, SERVICE_GET, SERVICE_ACCOUNT, service_forbidden},
    {"prefs", ARCHIVE, SERVICE_GET | SERVICE_SET, SERVICE_ACCOUNT, service_forbidden},
    {0},
};
