/* SPDX-License-Identifier: Apache-2.0 */
/* idle: sessions log in and do nothing; what does the server hold for each? */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "crowd.h"
#include "scenarios.h"

static void idle_online(struct session *s)
{
    const struct crowd *c = s->owner;
    if (!c->options->no_presence)
        session_send(s, SPAN("<presence/>"));
}

static void idle_stanza(struct session *s, const struct element *stanza)
{
    (void)s;
    (void)stanza;
}

static void idle_ended(struct session *s, const char *reason)
{
    (void)s;
    (void)reason;
}

static const struct session_hooks idle_hooks = {idle_online, idle_stanza, idle_ended};

/* A line of /proc/meminfo in bytes: the kernel's slabs hold the sockets, both ends of them on one machine. */
static uint64_t kernel_slab_bytes(void)
{
    char line[128];
    unsigned long kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "Slab: %lu kB", &kilobytes) != 1)
        kilobytes = 0;
    fclose(file);
    return (uint64_t)kilobytes * 1024;
}

static int idle_run(struct crowd *c, const struct options *o)
{
    struct procstat before = {0}, after = {0}, later = {0};
    struct report report;
    bool measured = crowd_server_stat(c, true, &before);
    if (!measured && o->server_pid != 0)
        return 1;
    uint64_t slab = kernel_slab_bytes(), started_ns = clock_now_ns();
    if (crowd_login(c) != 0)
        return 1;
    uint64_t online_ns = clock_now_ns();
    crowd_rest(c, o->settle_ms);
    measured = measured && crowd_server_stat(c, true, &after);
    double sessions = c->member_count;
    report_init(&report, o->as_json, "idle");
    report_count(&report, "sessions", c->member_count);
    report_number(&report, "login_s", (double)(online_ns - started_ns) / 1e9);
    report_number(&report, "kernel_slab_per_session_kib",
                  ((double)kernel_slab_bytes() - (double)slab) / 1024 / sessions);
    crowd_rest(c, o->settle_ms);
    if (measured && crowd_server_stat(c, true, &later)) {
        report_number(&report, "pss_before_mib", (double)before.pss_bytes / 1048576);
        report_number(&report, "pss_after_mib", (double)later.pss_bytes / 1048576);
        report_number(&report, "pss_per_session_kib",
                      ((double)later.pss_bytes - (double)before.pss_bytes) / 1024 / sessions);
        report_number(&report, "rss_per_session_kib",
                      ((double)later.rss_bytes - (double)before.rss_bytes) / 1024 / sessions);
        report_number(&report, "idle_cpu_ms_per_s",
                      o->settle_ms ? (double)procstat_cpu_ns(&after, &later) / 1e3 / (double)o->settle_ms
                                   : 0);
    }
    report_count(&report, "sessions_lost", c->failed);
    report_text(&report, "result", c->failed == 0 ? "ok" : "FAILED");
    report_finish(&report);
    return c->failed == 0 ? 0 : 1;
}

int scenario_idle(const struct options *o)
{
    struct crowd crowd;
    int code = crowd_open(&crowd, o, &idle_hooks, NULL);
    if (code == 0) {
        code = idle_run(&crowd, o);
        crowd_logout(&crowd);
    }
    crowd_fini(&crowd);
    return code;
}
