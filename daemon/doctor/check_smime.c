/* SPDX-License-Identifier: Apache-2.0 */
/* Who is believed about signed stanzas, and the library that judges their signatures. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "doctor/checks.h"

/* An authority's certificate is asked for, and brought to everybody, in weeks. */
#define ANCHOR_WARN_DAYS 30
/* A list that is not renewed by then is not going to be. */
#define LIST_WARN_HOURS 1
#define HOUR_S (60 * 60)
#define DAY_S (24 * HOUR_S)

static void date_write(uint64_t s, char *out, size_t bytes)
{
    struct tm date;
    time_t time = (time_t)s;
    if (!gmtime_r(&time, &date) || !strftime(out, bytes, "%Y-%m-%d %H:%M", &date))
        snprintf(out, bytes, "?");
}

static void judge_files(struct findings *f, const struct smime_facts *s)
{
    char anchors[32], lists[32];
    date_write(s->anchors_expire_s, anchors, sizeof anchors);
    date_write(s->lists_stale_s, lists, sizeof lists);
    if (s->lists_stale_s < s->now_s + LIST_WARN_HOURS * HOUR_S)
        finding_change(
            finding_add(f, "smime.anchors", FINDING_NEEDED, FINDING_DEGRADED,
                        s->lists_stale_s <= s->now_s
                            ? "a revocation list is out of date since %s: nobody of its authority is believed"
                            : "a revocation list is good until %s only",
                        lists),
            "openssl crl -noout -nextupdate -in LIST");
    else if (s->anchors_expire_s < s->now_s + ANCHOR_WARN_DAYS * DAY_S)
        finding_change(finding_add(f, "smime.anchors", FINDING_NEEDED, FINDING_DEGRADED,
                                   s->anchors_expire_s <= s->now_s
                                       ? "an authority has expired on %s: nobody of it is believed"
                                       : "an authority is good until %s only",
                                   anchors),
                       "openssl x509 -noout -subject -enddate -in ANCHORS");
    else
        finding_add(f, "smime.anchors", FINDING_NEEDED, FINDING_OK,
                    "authorities and lists are read; until %s",
                    s->lists_stale_s < s->anchors_expire_s ? lists : anchors);
}

void judge_smime(struct findings *f, const struct smime_facts *s)
{
    if (!s->is_wanted) {
        for (int i = 0; i < 2; i++)
            finding_add(f, i ? "smime.library" : "smime.anchors", FINDING_NEEDED, FINDING_NOT_APPLICABLE,
                        "no signed stanza is looked at (smime.mode: off)");
        return;
    }
    if (s->error)
        finding_change(finding_add(f, "smime.anchors", FINDING_NEEDED, FINDING_MISSING,
                                   "musterd does not start: %.*s",
                                   s->message.len ? (int)s->message.len : INT_MAX,
                                   s->message.len ? s->message.ptr : strerror(-s->error)),
                       "%s",
                       s->error == -EACCES ? "setfacl -m u:muster:r FILE"
                                           : "openssl x509 -noout -subject -dates -in ANCHORS");
    else
        judge_files(f, s);
    if (s->warning)
        finding_change(finding_add(f, "smime.library", FINDING_NEEDED, FINDING_DEGRADED, "%s", s->warning),
                       "apt-get install --only-upgrade libssl3");
    else
        finding_add(f, "smime.library", FINDING_NEEDED, FINDING_OK,
                    "OpenSSL has what is known to be mended in its CMS");
}

void check_smime(struct examination *x)
{
    struct buffer message = {0};
    struct edge *edge = NULL;
    struct smime_facts facts = {.is_wanted = x->subject->smime != NULL, .now_s = (uint64_t)time(NULL)};
    if (facts.is_wanted) {
        facts.error = edge_new(x->subject->smime, NULL, NULL, &edge, &message);
        facts.message = buffer_span(&message);
        facts.warning = smime_library_warning();
    }
    if (edge) {
        struct edge_counters counters = edge_counters_read(edge);
        facts.anchors_expire_s = counters.anchors_expire_s < counters.between_expire_s
                                     ? counters.anchors_expire_s
                                     : counters.between_expire_s;
        facts.lists_stale_s = counters.lists_stale_s;
    }
    judge_smime(x->findings, &facts);
    edge_free(edge);
    buffer_fini(&message);
}
