/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <stdlib.h>

#include "base/clock.h"

_Static_assert(CONFIG_CONTACTS == SERVICE_CONTACTS, "one list each");

struct muster_verdict_limits settings_of_verdict(const struct config *c)
{
    uint64_t burst = (uint64_t)c->limits.byte_rate * c->limits.rate_burst_s;
    return (struct muster_verdict_limits){
        .bytes_per_s = c->limits.byte_rate,
        .burst_bytes = burst < MUSTER_VERDICT_BURST_MAX ? burst : MUSTER_VERDICT_BURST_MAX,
    };
}

struct service_settings settings_of_services(const struct config *c)
{
    struct service_settings s = {
        .started_ms = clock_now_ms(),
        .admins = {c->admins.texts, c->admins.count},
        .sasl_iterations = c->sasl.iterations,
        .password_chars_min = c->sasl.password_length,
        .tells_version = c->services.version,
        .tells_os = c->services.version_os,
        .private_item_bytes_max = c->limits.private_item_bytes,
        .private_bytes_max = c->limits.private_bytes,
        .allow_password_change = c->sasl.allow_password_change,
        .allow_registration = c->registration.allow,
        .allow_removal = c->registration.allow_removal,
        .vcard_bytes_max = c->limits.vcard_bytes,
        .has_archive = c->archive.enabled,
    };
    for (int i = 0; i < SERVICE_CONTACTS; i++)
        s.contacts[i] = (struct service_list){c->contacts[i].texts, c->contacts[i].count};
    return s;
}

struct router_settings settings_of_router(const struct config *c, const struct span *domains,
                                          const struct service_settings *services_settings)
{
    return (struct router_settings){
        .services = services,
        .service_settings = services_settings,
        .domains = domains,
        .domain_count = c->domain_count,
        .roster_items_max = c->limits.roster_items,
        .resources_max = c->limits.resources,
        .directed_max = c->limits.directed_presences,
        .blocks_max = c->limits.blocked_jids,
        .requests_max = c->limits.subscription_requests,
        .detached_max = c->limits.detached_sessions,
        .offline_messages_max = c->limits.offline_messages,
        .offline_bytes_max = c->limits.offline_bytes,
        .caps_max = c->limits.capabilities,
        .pep = {.nodes = c->pep.nodes,
                .items = c->pep.items,
                .item_bytes = c->pep.item_bytes,
                .account_bytes = c->pep.account_bytes},
        .has_archive = c->archive.enabled,
        .archive_default = c->archive.whose == CONFIG_ARCHIVE_NEVER    ? ARCHIVE_NEVER
                           : c->archive.whose == CONFIG_ARCHIVE_ROSTER ? ARCHIVE_ROSTER
                                                                       : ARCHIVE_ALWAYS,
        .archive_messages_max = c->archive.messages,
        .archive_days = c->archive.days,
        .keeps_absence = c->services.last_activity,
        .flap_grace_ms = c->presence.flap_grace_ms,
        .stranger_rate = c->limits.stranger_rate,
        .stranger_burst = c->limits.stranger_burst,
        .presence_rate = c->presence.rate,
        .presence_burst = c->presence.burst,
        .at_once_max = ROUTER_AT_ONCE_MAX,
        .pace = ROUTER_PACE,
        .resource_conflict = c->resource_conflict == CONFIG_CONFLICT_REFUSE   ? RESOURCE_REFUSE
                             : c->resource_conflict == CONFIG_CONFLICT_RENAME ? RESOURCE_RENAME
                                                                              : RESOURCE_REPLACE,
    };
}

static enum tls_revocation revocation_of(enum config_revocation r)
{
    return r == CONFIG_REVOCATION_HARD   ? TLS_REVOCATION_HARD
           : r == CONFIG_REVOCATION_SOFT ? TLS_REVOCATION_SOFT
                                         : TLS_REVOCATION_OFF;
}

struct span *settings_domains(const struct config *c)
{
    struct span *domains = calloc(c->domain_count, sizeof *domains);
    for (uint32_t i = 0; domains && i < c->domain_count; i++)
        domains[i] = span_of(c->domains[i]);
    return domains;
}

bool settings_want_tls(const struct config *c)
{
    for (uint32_t i = 0; i < c->listener_count; i++)
        if (c->listeners[i].tls != CONFIG_TLS_NONE)
            return true;
    return false;
}

/* Our own certificates, whoever is shown them. */
static struct tls_settings certificates(const struct config *c, const struct span *domains)
{
    return (struct tls_settings){
        .certificate_path = c->tls.certificate,
        .key_path = c->tls.key,
        .certificates_folder = c->tls.certificates,
        .domains = domains,
        .domain_count = c->domain_count,
    };
}

struct tls_settings settings_of_tls(const struct config *c, const struct span *domains)
{
    struct tls_settings s = certificates(c, domains);
    s.allow_tls12 = c->tls.allow_tls12;
    s.client_authorities_path = c->tls.client_ca;
    s.client_bad_refused = c->tls.client_bad_refused;
    s.client_lists_path = c->tls.client_crls;
    s.client_list_mode = revocation_of(c->tls.client_crl_check);
    s.client_ocsp_mode = revocation_of(c->tls.client_ocsp);
    s.client_ocsp_responder = c->tls.client_ocsp_responder;
    return s;
}

struct tls_settings settings_of_server_tls(const struct config *c, const struct span *domains)
{
    struct tls_settings s = certificates(c, domains);
    s.server_authorities_path = c->federation.ca;
    s.allow_tls12 = true; /* AEAD suites; servers of other programs are old */
    s.role = TLS_SERVERS_INCOMING;
    return s;
}

struct stream_settings settings_of_stream(const struct config *c, const struct span *domains)
{
    return (struct stream_settings){
        .domains = domains,
        .domain_count = c->domain_count,
        .allow_plain = c->sasl.allow_plain,
        .allow_registration = c->registration.allow,
        .sasl_iterations = c->sasl.iterations,
        .password_chars_min = c->sasl.password_length,
        .token_lifetime_s = c->sasl.token_lifetime_s,
        .token_clients_max = c->limits.token_clients,
        .stanza_bytes_max = c->limits.stanza_bytes,
        .unauthenticated_bytes_max = c->limits.unauthenticated_stanza_bytes,
        .login_timeout_ms = c->limits.login_timeout_ms,
        .login_attempts = c->limits.login_attempts,
        .bind_attempts = c->limits.bind_attempts,
        .stanza_rate = c->limits.stanza_rate,
        .byte_rate = c->limits.byte_rate,
        .rate_burst_s = c->limits.rate_burst_s,
        .has_csi = c->presence.csi,
        .conflate_bytes = c->presence.conflate_bytes,
        .held_max = c->limits.held_presences,
        .resume_ms = c->limits.resume_timeout_ms,
        .unacked_stanzas_max = c->limits.unacked_stanzas,
        .unacked_bytes_max = c->limits.unacked_bytes,
    };
}
