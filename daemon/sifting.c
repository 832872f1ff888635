/* SPDX-License-Identifier: Apache-2.0 */
#include "sifting.h"

#include <stdio.h>

#include "base/log.h"
#include "broker.h"
#include "offload/programs.h"
#include "offload/verdict.h"
#include "settings.h"

static bool has_plain_listener(const struct config *c)
{
    for (uint32_t i = 0; i < c->listener_count; i++)
        if (c->listeners[i].tls == CONFIG_TLS_NONE)
            return true;
    return false;
}

int sifting_open(struct broker *b, struct buffer *ret_message)
{
    const struct config *c = b->config;
    const struct muster_verdict_limits limits = settings_of_verdict(c);
    struct sifting *g = &b->sifting;
    if (!has_plain_listener(c)) {
        snprintf(g->why, sizeof g->why, "all listeners have TLS");
        return 0;
    }
    if (c->offload.bpf == CONFIG_OFFLOAD_OFF) {
        snprintf(g->why, sizeof g->why, "offload.bpf: off");
        return 0;
    }
    const struct offload_outcome outcome = {
        .name = "verdict",
        .program = "the program for connections without TLS",
        .instead = "daemon",
        .error = verdict_new(&limits, &g->verdict, g->why, sizeof g->why),
        .why = g->why,
        .is_forced = c->offload.bpf == CONFIG_OFFLOAD_ON,
    };
    if (!outcome.error)
        log_info("offload", "verdict=on");
    return offload_settle(&outcome, ret_message);
}

void sifting_close(struct broker *b)
{
    b->sifting.verdict = verdict_free(b->sifting.verdict);
}

bool sifting_turn(struct broker *b, bool is_on, struct buffer *reply)
{
    struct sifting *g = &b->sifting;
    if (!g->verdict) {
        buffer_printf(reply, "verdict stays off: %s", g->why);
        return !is_on;
    }
    verdict_switch(g->verdict, is_on);
    snprintf(g->why, sizeof g->why, "turned off by musterctl");
    log_info("offload", "verdict=%s by=musterctl", is_on ? "on" : "off");
    return true;
}

void sifting_write(struct broker *b, struct buffer *out)
{
    const struct sifting *g = &b->sifting;
    if (!g->verdict) {
        buffer_printf(out, "verdict\toff\t%s\n", g->why);
        return;
    }
    struct verdict_counters c = verdict_counters_read(g->verdict);
    bool is_on = verdict_is_on(g->verdict);
    buffer_printf(out, "verdict\t%s\t%s\n", is_on ? "on" : "off", is_on ? "listeners without TLS" : g->why);
    buffer_printf(out, "verdict.watched\t%llu\nverdict.keepalives\t%llu\nverdict.floods\t%llu\n",
                  (unsigned long long)c.watched, (unsigned long long)c.keepalives,
                  (unsigned long long)c.floods);
    for (int i = 0; i < MUSTER_CLASS_COUNT; i++)
        buffer_printf(out, "verdict.class\t%s\t%llu\n", offload_class_name((unsigned)i),
                      (unsigned long long)c.classes[i]);
}
