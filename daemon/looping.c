/* SPDX-License-Identifier: Apache-2.0 */
#include "looping.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/privileges.h"
#include "broker.h"
#include "offload/loop.h"
#include "offload/programs.h"
#include "ring/probe.h"

/* Whatever the configuration insists on: what the kernel knows nothing of is not asked of it. */
static int settle(const struct broker *b, int error, struct buffer *ret_message)
{
    const struct offload_outcome outcome = {
        .name = "loop",
        .program = "the program for the workers' loops",
        .instead = "daemon",
        .error = error,
        .why = b->looping.why,
        .is_forced = b->config->offload.bpf == CONFIG_OFFLOAD_ON && error != LOOP_PROGRAM_UNKNOWN,
    };
    return offload_settle(&outcome, ret_message);
}

/* The region is locked memory, besides the ring itself, and who is first must not take what the others' rings need: then
 * the daemon would not start. */
static bool has_memory(uint32_t workers)
{
    struct rlimit limit;
    if (privileges_kept() & UINT64_C(1) << CAP_IPC_LOCK || getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return true;
    return limit.rlim_cur >= ring_locked_bytes(workers, true);
}

int looping_open(struct broker *b, struct buffer *ret_message)
{
    struct looping *g = &b->looping;
    if (b->config->offload.bpf == CONFIG_OFFLOAD_OFF) {
        snprintf(g->why, sizeof g->why, "offload.bpf: off");
        return 0;
    }
    int error = loop_program_new(b->worker_count, &g->program, g->why, sizeof g->why);
    if (!error && !has_memory(b->worker_count)) {
        error = -ENOMEM;
        g->program = loop_program_free(g->program);
        offload_explain(error, g->why, sizeof g->why);
    }
    return settle(b, error, ret_message);
}

struct turn {
    bool is_on;
    _Atomic int error; /* of any worker */
};

static void ask_turn(struct worker *w, void *context)
{
    struct turn *t = context;
    int error = loop_program_turn(w->loop, t->is_on);
    if (error)
        atomic_store(&t->error, error);
}

/* On all workers, or on none. 0 or negative errno, with the reason in `why`. */
static int turn_all(struct broker *b, bool is_on)
{
    struct looping *g = &b->looping;
    struct turn turn = {.is_on = is_on}, back = {.is_on = false};
    broker_ask(b, ask_turn, &turn);
    int error = atomic_load(&turn.error);
    if (error) {
        broker_ask(b, ask_turn, &back);
        offload_explain(error, g->why, sizeof g->why);
    }
    g->is_on = is_on && !error;
    return error;
}

int looping_start(struct broker *b, struct buffer *ret_message)
{
    struct looping *g = &b->looping;
    if (!g->program)
        return 0;
    int error = turn_all(b, true);
    if (!error)
        log_info("offload", "loop=on workers=%u", b->worker_count);
    return settle(b, error, ret_message);
}

void looping_close(struct broker *b)
{
    b->looping.program = loop_program_free(b->looping.program);
}

bool looping_turn(struct broker *b, bool is_on, struct buffer *reply)
{
    struct looping *g = &b->looping;
    if (!g->program) {
        buffer_printf(reply, "loop stays off: %s", g->why);
        return !is_on;
    }
    snprintf(g->why, sizeof g->why, "turned off by musterctl");
    if (g->is_on != is_on && turn_all(b, is_on) != 0) {
        buffer_printf(reply, "loop stays off: %s", g->why);
        return false;
    }
    log_info("offload", "loop=%s by=musterctl", is_on ? "on" : "off");
    return true;
}

struct sum {
    pthread_mutex_t lock;
    struct muster_loop_counters all;
};

static void ask_counters(struct worker *w, void *context)
{
    struct sum *s = context;
    const struct muster_loop_counters own = loop_program_counters(w->loop);
    pthread_mutex_lock(&s->lock);
    for (size_t word = 0; word < sizeof own / sizeof(unsigned long long); word++)
        ((unsigned long long *)&s->all)[word] += ((const unsigned long long *)&own)[word];
    pthread_mutex_unlock(&s->lock);
}

void looping_write(struct broker *b, struct buffer *out)
{
    const struct looping *g = &b->looping;
    if (g->is_on)
        buffer_printf(out, "loop\ton\t%u workers\n", b->worker_count);
    else
        buffer_printf(out, "loop\toff\t%s\n", g->why);
    if (!g->program)
        return;
    struct sum sum = {.lock = PTHREAD_MUTEX_INITIALIZER};
    broker_ask(b, ask_counters, &sum);
    struct muster_loop_counters c = sum.all;
    const struct {
        const char *name;
        unsigned long long value;
    } rows[] = {
        {"steps", c.steps},
        {"submitted", c.submitted},
        {"seen", c.completed},
        {"keepalives", c.swallowed},
        {"keepalive_octets", c.white_octets},
        {"pauses", c.pauses},
        {"wakes", c.wakes},
        {"limits", c.limits},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        buffer_printf(out, "loop.%s\t%llu\n", rows[i].name, rows[i].value);
    for (unsigned i = 0; i < MUSTER_CLASS_COUNT; i++)
        buffer_printf(out, "loop.class\t%s\t%llu\n", offload_class_name(i), c.classes[i]);
}
