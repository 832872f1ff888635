/* SPDX-License-Identifier: Apache-2.0 */
#include "meter.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "admin/control.h"
#include "base/clock.h"

/* The thread that answers the questions of the meter itself. */
#define CONTROL_THREAD "control"

static const char *const event_names[METER_EVENTS] = {"calls", "enters", "instructions"};

/* ---- system calls and instructions ---- */

/* The number by which the kernel knows the tracepoint of all system calls; 0 where it cannot be read. */
static uint64_t tracepoint_of_calls(void)
{
    static const char *const paths[] = {"/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
                                        "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id"};
    unsigned long long number = 0;
    for (size_t i = 0; number == 0 && i < sizeof paths / sizeof *paths; i++) {
        FILE *file = fopen(paths[i], "re");
        if (file == NULL)
            continue;
        if (fscanf(file, "%llu", &number) != 1)
            number = 0;
        fclose(file);
    }
    return number;
}

/* A counter of one thread, or -1. */
static int event_open(pid_t thread, enum meter_event event)
{
    struct perf_event_attr attr = {.size = sizeof attr, .type = PERF_TYPE_TRACEPOINT};
    if (event == METER_INSTRUCTIONS) {
        attr.type = PERF_TYPE_HARDWARE;
        attr.config = PERF_COUNT_HW_INSTRUCTIONS;
    } else if ((attr.config = tracepoint_of_calls()) == 0) {
        return -1;
    }
    int fd = (int)syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
    char filter[32];
    snprintf(filter, sizeof filter, "id==%d", SYS_io_uring_enter);
    if (fd >= 0 && event == METER_ENTERS && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void events_take(struct meter *m, struct meter_thread *t)
{
    for (int i = 0; i < METER_EVENTS; i++) {
        uint64_t count;
        if (t->events[i] < 0)
            continue;
        if (read(t->events[i], &count, sizeof count) == sizeof count) {
            m->events[i] += count;
            m->has_event[i] = true;
        }
        close(t->events[i]);
        t->events[i] = -1;
    }
}

/* ---- threads ---- */

/* How often the thread went to sleep by itself, and how often another took its processor. */
static bool switches_read(pid_t pid, pid_t thread, uint64_t *ret_sleeps, uint64_t *ret_preempted)
{
    char path[64], line[256];
    unsigned long long sleeps = 0, preempted = 0;
    bool is_control = false;
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)thread);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strcmp(line, "Name:\t" CONTROL_THREAD "\n") == 0)
            is_control = true;
        if (sscanf(line, "voluntary_ctxt_switches: %llu", &sleeps) == 0)
            sscanf(line, "nonvoluntary_ctxt_switches: %llu", &preempted);
    }
    fclose(file);
    *ret_sleeps = sleeps;
    *ret_preempted = preempted;
    return !is_control;
}

static void thread_begin(struct meter *m, pid_t id)
{
    struct meter_thread *t = &m->threads[m->thread_count];
    *t = (struct meter_thread){.id = id, .events = {-1, -1, -1}};
    if (!switches_read(m->pid, id, &t->sleeps, &t->preempted))
        return;
    m->thread_count++;
    for (int i = 0; i < METER_EVENTS && m->counts_events; i++)
        t->events[i] = event_open(id, (enum meter_event)i);
}

static bool threads_begin(struct meter *m)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)m->pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        fprintf(stderr, "muster-bench: --server-pid %d: %s\n", (int)m->pid, strerror(errno));
        return false;
    }
    struct dirent *entry;
    while ((entry = readdir(tasks)) != NULL && m->thread_count < METER_THREADS_MAX)
        if (entry->d_name[0] != '.')
            thread_begin(m, (pid_t)atoi(entry->d_name));
    closedir(tasks);
    return true;
}

static void threads_end(struct meter *m)
{
    for (uint32_t i = 0; i < m->thread_count; i++) {
        struct meter_thread *t = &m->threads[i];
        uint64_t sleeps, preempted;
        events_take(m, t);
        if (!switches_read(m->pid, t->id, &sleeps, &preempted))
            continue; /* it has ended */
        m->sleeps += sleeps - t->sleeps;
        m->preempted += preempted - t->preempted;
    }
}

/* ---- the server's own counters ---- */

static bool stats_read(const struct meter *m, struct buffer *to)
{
    buffer_clear(to);
    if (m->admin == NULL)
        return true;
    int result = control_call(m->admin, SPAN("stats"), SPAN(""), to);
    if (result != 0)
        fprintf(stderr, "muster-bench: --admin %s: %s\n", m->admin,
                result < 0 ? strerror(-result) : "the server refused");
    return result == 0;
}

/* Take the next "name TAB value" line off `text`. False at the end. */
static bool stat_take(struct span *text, struct span *ret_name, uint64_t *ret_value)
{
    while (text->len > 0) {
        const char *end = memchr(text->ptr, '\n', text->len);
        size_t len = end != NULL ? (size_t)(end - text->ptr) : text->len;
        const char *tab = memchr(text->ptr, '\t', len);
        struct span line = span_make(text->ptr, len);
        *text = span_skip(*text, end != NULL ? len + 1 : len);
        if (tab == NULL)
            continue;
        *ret_name = span_make(line.ptr, (size_t)(tab - line.ptr));
        *ret_value = 0;
        for (const char *digit = tab + 1; digit < line.ptr + line.len && *digit >= '0' && *digit <= '9';
             digit++)
            *ret_value = *ret_value * 10 + (uint64_t)(*digit - '0');
        return true;
    }
    return false;
}

static uint64_t stat_of(const struct buffer *stats, struct span wanted)
{
    struct span text = buffer_span(stats), name;
    uint64_t value;
    while (stat_take(&text, &name, &value))
        if (span_equal(name, wanted))
            return value;
    return 0;
}

/* Gauges shrink, too: that is no growth. */
static uint64_t grown(const struct meter *m, struct span name, uint64_t after)
{
    uint64_t before = stat_of(&m->stats_before, name);
    return after > before ? after - before : 0;
}

uint64_t meter_grown(const struct meter *m, const char *name)
{
    return grown(m, span_of(name), stat_of(&m->stats_after, span_of(name)));
}

uint64_t meter_grown_all(const struct meter *m, const char *ending)
{
    struct span text = buffer_span(&m->stats_after), name;
    size_t len = strlen(ending);
    uint64_t value, sum = 0;
    while (stat_take(&text, &name, &value))
        if (name.len >= len && memcmp(name.ptr + name.len - len, ending, len) == 0)
            sum += grown(m, name, value);
    return sum;
}

/* ---- the whole ---- */

bool meter_begin(struct meter *m, pid_t pid, const char *admin, bool counts_events)
{
    *m = (struct meter){.pid = pid, .admin = admin, .counts_events = counts_events};
    buffer_init(&m->stats_before);
    buffer_init(&m->stats_after);
    if (!stats_read(m, &m->stats_before) || procstat_read(pid, false, false, &m->before) < 0 ||
        !threads_begin(m))
        return false;
    m->began_ns = clock_now_ns();
    return true;
}

bool meter_end(struct meter *m)
{
    m->elapsed_ns = clock_now_ns() - m->began_ns;
    threads_end(m);
    return procstat_read(m->pid, false, false, &m->after) == 0 && stats_read(m, &m->stats_after);
}

void meter_report(const struct meter *m, struct report *r, const char *prefix)
{
    char name[128];
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"elapsed_ns", m->elapsed_ns},
        {"cpu_ns", procstat_cpu_ns(&m->before, &m->after)},
        {"softirq_ns", m->after.softirq_ns - m->before.softirq_ns},
        {"sleeps", m->sleeps},
        {"preempted", m->preempted},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(name, sizeof name, "%s_%s", prefix, rows[i].name);
        report_count(r, name, rows[i].value);
    }
    for (int i = 0; i < METER_EVENTS; i++) {
        snprintf(name, sizeof name, "%s_%s", prefix, event_names[i]);
        if (m->has_event[i])
            report_count(r, name, m->events[i]);
    }
    struct span text = buffer_span(&m->stats_after), stat;
    uint64_t value;
    while (stat_take(&text, &stat, &value)) {
        snprintf(name, sizeof name, "%s_stat_%.*s", prefix, (int)stat.len, stat.ptr);
        if (grown(m, stat, value) > 0)
            report_count(r, name, grown(m, stat, value));
    }
}

void meter_fini(struct meter *m)
{
    for (uint32_t i = 0; i < m->thread_count; i++)
        for (int event = 0; event < METER_EVENTS; event++)
            if (m->threads[i].events[event] >= 0)
                close(m->threads[i].events[event]);
    buffer_fini(&m->stats_before);
    buffer_fini(&m->stats_after);
}
