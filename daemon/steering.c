/* SPDX-License-Identifier: Apache-2.0 */
#include "steering.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "broker.h"
#include "federation.h"
#include "offload/programs.h"
#include "offload/steer.h"

static uint32_t place_count(const struct broker *b)
{
    return b->config->listener_count + federation_listener_count(b);
}

/* The sockets of one listening address, a worker's each. */
static void place_sockets(const struct broker *b, uint32_t place, int *ret_fds)
{
    uint32_t own = b->config->listener_count;
    for (uint32_t i = 0; i < b->worker_count; i++)
        ret_fds[i] =
            place < own ? b->listener_fds[i * own + place] : federation_listener_fd(b, i, place - own);
}

static int load(struct broker *b, struct steer **ret, char *ret_line, size_t line_bytes)
{
    struct steer *s = NULL;
    int fds[STEER_WORKERS_MAX];
    if (b->worker_count < 2) {
        snprintf(ret_line, line_bytes, "there is one worker and nothing to choose");
        return -EINVAL;
    }
    int error = steer_new(b->worker_count, &s, ret_line, line_bytes);
    for (uint32_t i = 0; i < place_count(b) && !error; i++) {
        place_sockets(b, i, fds);
        error = steer_place_add(s, fds, ret_line, line_bytes);
    }
    if (error)
        steer_free(s);
    else
        *ret = s;
    return error;
}

static void ask_slot(struct worker *w, void *context)
{
    w->slot = steer_slot(context, w->index);
}

static int attach(struct steering *g)
{
    int error = steer_attach(g->steer, g->why, sizeof g->why);
    g->is_on = !error;
    return error;
}

int steering_open(struct broker *b, struct buffer *ret_message)
{
    struct steering *g = &b->steering;
    enum config_offload wanted = b->config->offload.bpf;
    if (wanted == CONFIG_OFFLOAD_OFF) {
        snprintf(g->why, sizeof g->why, "offload.bpf: off");
        return 0;
    }
    struct offload_outcome outcome = {
        .name = "steer",
        .program = "the program that steers connections",
        .instead = "hash",
        .error = load(b, &g->steer, g->why, sizeof g->why),
        .why = g->why,
        .is_forced = wanted == CONFIG_OFFLOAD_ON && b->worker_count > 1,
    };
    if (!outcome.error) {
        broker_ask(b, ask_slot, g->steer);
        outcome.error = attach(g);
    }
    if (!outcome.error)
        log_info("offload", "steer=on places=%u workers=%u", place_count(b), b->worker_count);
    return offload_settle(&outcome, ret_message);
}

void steering_close(struct broker *b)
{
    b->steering.steer = steer_free(b->steering.steer);
}

bool steering_turn(struct broker *b, bool is_on, struct buffer *reply)
{
    struct steering *g = &b->steering;
    /* What was not loaded at the start cannot be later: the right to do it is given up. */
    if (!g->steer || (is_on && attach(g) != 0)) {
        buffer_printf(reply, "steer stays off: %s", g->why);
        return !is_on;
    }
    if (!is_on) {
        steer_detach(g->steer);
        g->is_on = false;
        snprintf(g->why, sizeof g->why, "turned off by musterctl");
    }
    log_info("offload", "steer=%s by=musterctl", is_on ? "on" : "off");
    return true;
}

void steering_write(struct broker *b, struct buffer *out)
{
    const struct steering *g = &b->steering;
    struct steer_counters counters = {0};
    int error = g->steer ? steer_counters_read(g->steer, &counters) : 0;
    if (g->is_on)
        buffer_printf(out, "steer\ton\t%u addresses, %u workers\n", place_count(b), b->worker_count);
    else
        buffer_printf(out, "steer\toff\t%s\n", g->why);
    if (error)
        buffer_printf(out, "steer.counters\t%s\n", strerror(-error));
    if (error || !g->steer)
        return;
    uint64_t steered = 0;
    for (uint32_t i = 0; i < b->worker_count; i++)
        steered += counters.chosen[i];
    buffer_printf(out, "steer.steered\t%llu\nsteer.fell_back\t%llu\n", (unsigned long long)steered,
                  (unsigned long long)counters.fell_back);
    for (uint32_t i = 0; i < b->worker_count; i++) {
        const struct steer_slot *slot = steer_slot(g->steer, i);
        buffer_printf(out, "steer.worker\t%u\tsteered=%llu\tload=%u%s\n", i,
                      (unsigned long long)counters.chosen[i], __atomic_load_n(&slot->load, __ATOMIC_RELAXED),
                      __atomic_load_n(&slot->is_drained, __ATOMIC_RELAXED) ? "\tdrained" : "");
    }
}
