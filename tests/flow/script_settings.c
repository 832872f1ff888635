/* SPDX-License-Identifier: Apache-2.0 */
#include "script_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void setting_limit(struct world *w, struct words *a)
{
    uint32_t value = (uint32_t)strtoul(a->at[2], NULL, 10);
    struct {
        const char *name;
        uint32_t *at;
    } limits[] = {
        {"stanza", &w->config.limits.stanza_bytes},
        {"unauthenticated", &w->config.limits.unauthenticated_stanza_bytes},
        {"queue", &w->config.limits.queue_bytes},
        {"roster", &w->config.limits.roster_items},
        {"resources", &w->config.limits.resources},
        {"login", &w->config.limits.login_timeout_ms},
        {"logins", &w->config.limits.login_attempts},
        {"binds", &w->config.limits.bind_attempts},
        {"password", &w->config.sasl.password_length},
        {"directed", &w->config.limits.directed_presences},
        {"blocks", &w->config.limits.blocked_jids},
        {"requests", &w->config.limits.subscription_requests},
        {"held", &w->config.limits.held_presences},
        {"private", &w->config.limits.private_bytes},
        {"privateitem", &w->config.limits.private_item_bytes},
        {"stanzarate", &w->config.limits.stanza_rate},
        {"byterate", &w->config.limits.byte_rate},
        {"strangers", &w->config.limits.stranger_rate},
        {"strangerburst", &w->config.limits.stranger_burst},
        {"wrong", &w->broker.guesses.free_count},
        {"delay", &w->broker.guesses.delay_max_ms},
        {"vcard", &w->config.limits.vcard_bytes},
        {"offline", &w->config.limits.offline_messages},
        {"conflate", &w->config.presence.conflate_bytes},
        {"lifetime", &w->config.sasl.token_lifetime_s},
        {"clients", &w->config.limits.token_clients},
        {"registrations", &w->config.registration.per_hour},
        {"rate", &w->config.presence.rate},
        {"burst", &w->config.presence.burst},
        {"grace", &w->config.presence.flap_grace_ms},
        {"resume", &w->config.limits.resume_timeout_ms},
        {"detached", &w->config.limits.detached_sessions},
        {"unacked", &w->config.limits.unacked_stanzas},
        {"unackedbytes", &w->config.limits.unacked_bytes},
        {"nodes", &w->config.pep.nodes},
        {"items", &w->config.pep.items},
        {"item", &w->config.pep.item_bytes},
        {"bytes", &w->config.pep.account_bytes},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(limits[i].name, a->at[1]) == 0) {
            *limits[i].at = value;
            world_settings(w);
            return;
        }
    world_fail(w, "no limit is named %s", a->at[1]);
}

void setting_conflict(struct world *w, struct words *a)
{
    w->config.resource_conflict = strcmp(a->at[1], "refuse") == 0   ? CONFIG_CONFLICT_REFUSE
                                  : strcmp(a->at[1], "rename") == 0 ? CONFIG_CONFLICT_RENAME
                                                                    : CONFIG_CONFLICT_REPLACE;
    world_settings(w);
}

void setting_switch(struct world *w, struct words *a)
{
    bool *at = strcmp(a->at[1], "csi") == 0            ? &w->config.presence.csi
               : strcmp(a->at[1], "archive") == 0      ? &w->config.archive.enabled
               : strcmp(a->at[1], "version") == 0      ? &w->config.services.version
               : strcmp(a->at[1], "os") == 0           ? &w->config.services.version_os
               : strcmp(a->at[1], "last") == 0         ? &w->config.services.last_activity
               : strcmp(a->at[1], "registration") == 0 ? &w->config.registration.allow
               : strcmp(a->at[1], "removal") == 0      ? &w->config.registration.allow_removal
               : strcmp(a->at[1], "password") == 0     ? &w->config.sasl.allow_password_change
                                                       : NULL;
    if (!at)
        world_fail(w, "no switch is named %s", a->at[1]);
    *at = strcmp(a->at[2], "on") == 0;
    world_settings(w);
}

void setting_contact(struct world *w, struct words *a)
{
    static const char *const kinds[CONFIG_CONTACTS] = {"abuse",    "admin",  "feedback", "sales",
                                                       "security", "status", "support"};
    for (int i = 0; i < CONFIG_CONTACTS; i++)
        if (strcmp(kinds[i], a->at[1]) == 0) {
            w->contacts[i] = strdup(a->at[2]);
            w->config.contacts[i] = (struct config_list){&w->contacts[i], 1};
            world_settings(w);
            return;
        }
    world_fail(w, "nobody is asked about %s", a->at[1]);
}

void setting_admin(struct world *w, struct words *a)
{
    if (asprintf(&w->admin, "%s@localhost", a->at[1]) < 0)
        abort();
    w->config.admins = (struct config_list){&w->admin, 1};
    world_settings(w);
}

static void rule_add(struct world *w, struct config_list *list, const char *text)
{
    assert_true(w->smime_count < WORLD_RULES_MAX);
    char **kept = &w->smime_texts[w->smime_count++];
    *kept = strdup(text);
    if (!list->count)
        list->texts = kept;
    else if (list->texts + list->count != kept)
        world_fail(w, "rules of one kind stand together");
    list->count++;
}

/* What is done about signed stanzas. */
void setting_smime(struct world *w, struct words *a)
{
    const char *mode = a->at[2];
    if (strcmp(a->at[1], "mode") == 0)
        w->config.smime.mode = strcmp(mode, "enforce") == 0    ? CONFIG_SMIME_ENFORCE
                               : strcmp(mode, "annotate") == 0 ? CONFIG_SMIME_ANNOTATE
                               : strcmp(mode, "observe") == 0  ? CONFIG_SMIME_OBSERVE
                                                               : CONFIG_SMIME_OFF;
    else
        rule_add(w,
                 strcmp(a->at[1], "peer") == 0     ? &w->config.smime.peers
                 : strcmp(a->at[1], "domain") == 0 ? &w->config.smime.domains
                                                   : &w->config.smime.must_sign,
                 a->at[2]);
    world_settings(w);
}
