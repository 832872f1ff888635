/* SPDX-License-Identifier: Apache-2.0 */
#include "signatures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"

_Static_assert((int)CONFIG_SMIME_OFF == (int)E2E_OFF && (int)CONFIG_SMIME_OBSERVE == (int)E2E_OBSERVE &&
                   (int)CONFIG_SMIME_ANNOTATE == (int)E2E_ANNOTATE &&
                   (int)CONFIG_SMIME_ENFORCE == (int)E2E_ENFORCE,
               "modes are the router's");
_Static_assert((int)CONFIG_PURPOSE_REQUIRE == (int)SMIME_PURPOSE_REQUIRE &&
                   (int)CONFIG_PURPOSE_STRICT == (int)SMIME_PURPOSE_STRICT &&
                   (int)CONFIG_PURPOSE_LEGACY == (int)SMIME_PURPOSE_LEGACY,
               "so are purposes");
_Static_assert((int)CONFIG_REVOCATION_OFF == (int)EDGE_OCSP_OFF &&
                   (int)CONFIG_REVOCATION_SOFT == (int)EDGE_OCSP_SOFT &&
                   (int)CONFIG_REVOCATION_HARD == (int)EDGE_OCSP_HARD,
               "and what a responder's silence means");

struct edge_settings signatures_settings(const struct config *c)
{
    return (struct edge_settings){
        .trust = {.purpose = (enum smime_purpose)c->smime.purpose,
                  .legacy_algorithms = c->smime.legacy_algorithms},
        .anchors = c->smime.anchors,
        .intermediates = c->smime.intermediates,
        .lists = c->smime.crls,
        .ocsp = (enum edge_ocsp)c->smime.ocsp,
        .responder = c->smime.ocsp_responder,
        .queue_max = c->smime.queue,
        .timeout_ms = c->smime.timeout_ms,
        .cache_max = c->smime.cache,
        .replay_max = c->smime.replay,
    };
}

static uint32_t modes_add(struct e2e_rule *rules, const struct config_list *entries)
{
    for (uint32_t i = 0; i < entries->count; i++) {
        enum config_smime_mode mode = config_smime_mode_read(entries->texts[i], &rules[i].name);
        rules[i].mode = (enum e2e_mode)mode;
    }
    return entries->count;
}

/* The names are the configuration's. */
static int rules_make(const struct config *c, struct signatures *s)
{
    s->domains = calloc(c->smime.domains.count + 1, sizeof *s->domains);
    s->peers = calloc(c->smime.peers.count + c->smime.must_sign.count + 1, sizeof *s->peers);
    if (!s->domains || !s->peers)
        return -ENOMEM;
    uint32_t domains = modes_add(s->domains, &c->smime.domains);
    uint32_t peers = modes_add(s->peers, &c->smime.peers);
    for (uint32_t i = 0; i < c->smime.must_sign.count; i++)
        s->peers[peers++] = (struct e2e_rule){span_of(c->smime.must_sign.texts[i]), E2E_MUST_SIGN};
    s->rules = (struct e2e_settings){.edge = s->edge,
                                     .mode = (enum e2e_mode)c->smime.mode,
                                     .domains = s->domains,
                                     .domain_count = e2e_rules_sort(s->domains, domains),
                                     .peers = s->peers,
                                     .peer_count = e2e_rules_sort(s->peers, peers),
                                     .has_must_sign = c->smime.must_sign.count > 0};
    return 0;
}

static int edge_open(struct broker *b, const struct config *c, struct signatures *s,
                     struct buffer *ret_message)
{
    const struct edge_settings settings = signatures_settings(c);
    if (settings.ocsp != EDGE_OCSP_OFF && !(s->asking = jobs_new(EDGE_ASKING_THREADS, true))) {
        buffer_printf(ret_message, "cannot start the threads that ask responders: %s", strerror(errno));
        return -errno;
    }
    s->config = c;
    return edge_new(&settings, b->jobs, s->asking, &s->edge, ret_message);
}

int signatures_renew(struct broker *b, const struct config *c, struct signatures *ret_next,
                     struct buffer *ret_message)
{
    const struct signatures *s = &b->signatures;
    struct signatures next = {.edge = s->edge, .asking = s->asking, .config = s->config};
    int error = 0;
    if (!next.edge && config_smime_is_on(c))
        error = edge_open(b, c, &next, ret_message);
    if (!error)
        error = rules_make(c, &next);
    if (error)
        signatures_drop(b, &next);
    else
        *ret_next = next;
    return error;
}

void signatures_swap(struct broker *b, struct signatures *next)
{
    const struct signatures old = b->signatures;
    b->signatures = *next;
    *next = old;
}

void signatures_drop(struct broker *b, struct signatures *next)
{
    if (next->edge != b->signatures.edge)
        edge_free(next->edge);
    if (next->asking != b->signatures.asking)
        jobs_free(next->asking);
    free(next->domains);
    free(next->peers);
}

int signatures_open(struct broker *b, struct buffer *ret_message)
{
    struct signatures first = {0};
    /* Also when nothing is verified: a reload may change that, and by then other threads use the library. What is wrong with it is said when
     * it is needed. */
    (void)smime_library_begin();
    int error = signatures_renew(b, b->config, &first, ret_message);
    if (!error)
        signatures_swap(b, &first);
    b->router_settings.e2e = b->signatures.rules;
    return error;
}

void signatures_stop(struct broker *b)
{
    if (b->signatures.edge)
        edge_stop(b->signatures.edge);
}

void signatures_end(struct broker *b)
{
    b->signatures.asking = jobs_free(b->signatures.asking);
}

void signatures_close(struct broker *b)
{
    struct signatures *s = &b->signatures;
    edge_free(s->edge);
    free(s->domains);
    free(s->peers);
    *s = (struct signatures){0};
}

/* ---- counters ---- */

/* A moment since 1970; 0: there is none. */
static uint64_t moment_or_none(uint64_t s)
{
    return s == UINT64_MAX ? 0 : s;
}

void signatures_stats_write(struct broker *b, const struct router_counters *routers, struct buffer *out)
{
    if (!b->signatures.edge)
        return;
    const struct edge_counters e = edge_counters_read(b->signatures.edge);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"smime_encrypted", routers->e2e_encrypted},
        {"smime_stanzas_refused", routers->e2e_refused},
        {"smime_marks_removed", routers->e2e_marks_removed},
        {"smime_under_way", e.under_way},
        {"smime_queue_full", e.refused},
        {"smime_late", e.late},
        {"smime_chain_hits", e.cache.chain_hits},
        {"smime_chain_misses", e.cache.chain_misses},
        {"smime_certificate_hits", e.cache.certificate_hits},
        {"smime_certificate_misses", e.cache.certificate_misses},
        {"smime_cache_evicted", e.cache.evicted},
        {"smime_replay_kept", e.freshness.kept},
        {"smime_replay_forgotten", e.freshness.forgotten},
        {"smime_files_read", e.trust_read},
        {"smime_files_unread", e.trust_failed},
        {"smime_ocsp_asked", e.ocsp_asked},
        {"smime_ocsp_failed", e.ocsp_failed},
        {"smime_anchors_expire_s", moment_or_none(e.anchors_expire_s)},
        {"smime_intermediates_expire_s", moment_or_none(e.between_expire_s)},
        {"smime_crls_stale_s", moment_or_none(e.lists_stale_s)},
    };
    for (int reason = 0; reason < SMIME_REASON_COUNT; reason++) {
        buffer_literal(out, "smime_");
        for (const char *c = smime_reason_name((enum smime_reason)reason); *c; c++)
            buffer_append_char(out, *c == '-' ? '_' : *c);
        buffer_printf(out, "\t%llu\n", (unsigned long long)routers->e2e_reasons[reason]);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        buffer_printf(out, "%s\t%llu\n", rows[i].name, (unsigned long long)rows[i].value);
}
