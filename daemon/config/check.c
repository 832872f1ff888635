/* SPDX-License-Identifier: Apache-2.0 */
/* What rows demand of each other, after all of them have their values. */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "config/reader.h"
#include "config/value.h"

static const struct config_mark file_start = {1, 1};

/* Where a row was given, or the start of the file. */
static struct config_mark place_of(struct config_reader *r, const char *path)
{
    struct config_mark mark = *config_row_mark(r, config_row_find(span_of(path)));
    return mark.line ? mark : file_start;
}

static void check_required(struct config_reader *r)
{
    for (unsigned i = 0; i < config_row_count; i++)
        if (config_rows[i].is_required && !config_row_is_in_list(&config_rows[i]) && r->marks[i].line == 0)
            config_complain(r, file_start, config_rows[i].path, "is required");
    if (r->config->domain_count == 0 && place_of(r, "domains").line && r->error_count == 0)
        config_complain(r, place_of(r, "domains"), "domains", "must name at least one domain");
}

static void check_listener(struct config_reader *r, uint32_t at)
{
    const struct config_listener *listener = &r->config->listeners[at];
    struct config_mark mark = r->listener_marks ? r->listener_marks[at] : file_start;
    char path[32];
    snprintf(path, sizeof path, "listen[%u]", at);
    if (listener->tls == CONFIG_TLS_NONE && !listener->allow_plaintext && listener->address &&
        !config_address_is_loopback(listener->address))
        config_complain(r, mark, path,
                        "tls: none on %s, which is not loopback, would send everything in clear; use "
                        "starttls or direct, or "
                        "set allow_plaintext: true",
                        listener->address);
    for (uint32_t i = 0; i < at; i++) {
        const struct config_listener *other = &r->config->listeners[i];
        if (listener->address && other->address && other->port == listener->port &&
            strcmp(other->address, listener->address) == 0)
            config_complain(r, mark, path, "the same address and port as listen[%u]", i);
    }
}

static void check_certificate(struct config_reader *r)
{
    uint32_t i = 0;
    while (i < r->config->listener_count && r->config->listeners[i].tls == CONFIG_TLS_NONE)
        i++;
    bool is_listener = i < r->config->listener_count;
    if (!is_listener && !r->config->federation.enabled)
        return;
    char why[48] = "federation is enabled";
    if (is_listener)
        snprintf(why, sizeof why, "listen[%u] uses TLS", i);
    if (!r->config->tls.certificate)
        config_complain(r, file_start, "tls.certificate", "is required, because %s", why);
    if (!r->config->tls.key)
        config_complain(r, file_start, "tls.key", "is required, because %s", why);
}

/* Who asks for revocation to be looked at must not believe that it is. */
static void check_revocation(struct config_reader *r)
{
    const struct config *c = r->config;
    if (c->tls.client_ca)
        return;
    if (c->tls.client_crls)
        config_complain(r, place_of(r, "tls.client_crls"), "tls.client_crls",
                        "has no use without tls.client_ca");
    if (c->tls.client_ocsp != CONFIG_REVOCATION_OFF)
        config_complain(r, place_of(r, "tls.client_ocsp"), "tls.client_ocsp",
                        "has no use without tls.client_ca");
}

static void check_smime(struct config_reader *r)
{
    const struct config *c = r->config;
    struct span name;
    for (uint32_t i = 0; i < c->smime.domains.count; i++) {
        bool is_ours = false;
        config_smime_mode_read(c->smime.domains.texts[i], &name);
        for (uint32_t d = 0; d < c->domain_count; d++)
            is_ours |= span_equal(name, span_of(c->domains[d]));
        if (!is_ours)
            config_complain(r, place_of(r, "smime.domains"), "smime.domains",
                            "'%.*s' is no domain served here; of others, smime.peers decides", (int)name.len,
                            name.ptr);
    }
    if (config_smime_is_on(c) && !c->smime.anchors)
        config_complain(r, file_start, "smime.anchors", "is required, because signatures are to be verified");
    if (c->smime.ocsp_responder && c->smime.ocsp == CONFIG_REVOCATION_OFF)
        config_complain(r, place_of(r, "smime.ocsp_responder"), "smime.ocsp_responder",
                        "has no use while smime.ocsp is off");
}

static bool is_group(const struct config *c, const char *name)
{
    for (uint32_t i = 0; i < c->group_count; i++)
        if (strcmp(c->groups[i].name, name) == 0)
            return true;
    return false;
}

static bool is_served(const struct config *c, const char *jid)
{
    const char *domain = strchr(jid, '@') + 1; /* which every member's address has, once */
    for (uint32_t i = 0; i < c->domain_count; i++)
        if (strcmp(c->domains[i], domain) == 0)
            return true;
    return false;
}

static void check_group(struct config_reader *r, uint32_t at)
{
    const struct config_group *group = &r->config->groups[at];
    char path[32];
    snprintf(path, sizeof path, "groups[%u].visible_to", at);
    for (uint32_t i = 0; i < group->viewers.count; i++)
        if (!is_group(r->config, group->viewers.at[i]))
            config_complain(r, r->group_marks[at].viewers[i], path, "'%s' is not a group of this file",
                            group->viewers.at[i]);
    snprintf(path, sizeof path, "groups[%u].members", at);
    for (uint32_t i = 0; i < group->members.count; i++)
        if (!is_served(r->config, group->members.at[i]))
            config_complain(r, r->group_marks[at].members[i], path, "'%s' is not of a domain served here",
                            group->members.at[i]);
}

void config_check(struct config_reader *r)
{
    const struct config *c = r->config;
    check_required(r);
    for (uint32_t i = 0; i < c->listener_count; i++)
        check_listener(r, i);
    check_certificate(r);
    check_revocation(r);
    check_smime(r);
    for (uint32_t i = 0; i < c->group_count; i++)
        check_group(r, i);
    if (c->federation.retry_max_ms < c->federation.retry_first_ms)
        config_complain(r, place_of(r, "federation.retry_max_ms"), "federation.retry_max_ms",
                        "%u is less than federation.retry_first_ms (%u)", c->federation.retry_max_ms,
                        c->federation.retry_first_ms);
    if (c->federation.queue_bytes < c->limits.stanza_bytes)
        config_complain(r, place_of(r, "federation.queue_bytes"), "federation.queue_bytes",
                        "%u is less than limits.stanza_bytes (%u): such a stanza could never be sent",
                        c->federation.queue_bytes, c->limits.stanza_bytes);
    size_t path_max = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (c->admin.socket && strlen(c->admin.socket) > path_max)
        config_complain(r, place_of(r, "admin.socket"), "admin.socket",
                        "'%s' is longer than the %zu bytes of a socket's address", c->admin.socket, path_max);
    if (c->limits.queue_bytes < c->limits.stanza_bytes)
        config_complain(r, place_of(r, "limits.queue_bytes"), "limits.queue_bytes",
                        "%u is less than limits.stanza_bytes (%u): such a stanza could never be delivered",
                        c->limits.queue_bytes, c->limits.stanza_bytes);
    if (c->limits.unauthenticated_stanza_bytes > c->limits.stanza_bytes)
        config_complain(r, place_of(r, "limits.unauthenticated_stanza_bytes"),
                        "limits.unauthenticated_stanza_bytes", "%u is more than limits.stanza_bytes (%u)",
                        c->limits.unauthenticated_stanza_bytes, c->limits.stanza_bytes);
}
