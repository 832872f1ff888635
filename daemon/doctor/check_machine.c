/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel as a whole, what this process may do and gives up, what keeps this process from its system calls, the clock. */
#include <pthread.h>
#include <stdio.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#include "base/privileges.h"
#include "doctor/checks.h"

/* The oldest that the daemon was tested on. What it can is asked for row by row, not told from this. */
#define KERNEL_MAJOR 6
#define KERNEL_MINOR 1
/* 2026-11-01: no clock that is right shows less to this version. */
#define CLOCK_EARLIEST ((time_t)1793491200)

void judge_kernel(struct findings *f, const char *release)
{
    unsigned major = 0, minor = 0;
    sscanf(release, "%u.%u", &major, &minor);
    if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)) {
        finding_add(f, "kernel", FINDING_OPTIONAL, FINDING_OK, "Linux %s", release);
        return;
    }
    finding_change(finding_add(f, "kernel", FINDING_OPTIONAL, FINDING_DEGRADED,
                               "Linux %s is older than any that musterd was tested on; the rows below say "
                               "what it can do",
                               release),
                   "boot Linux %d.%d or newer", KERNEL_MAJOR, KERNEL_MINOR);
}

void check_kernel(struct examination *x)
{
    struct utsname kernel;
    if (uname(&kernel) == 0)
        judge_kernel(x->findings, kernel.release);
}

void check_seccomp(struct examination *x)
{
    /* That there is a filter is no fault: what it forbids shows in the rows of what is forbidden. */
    finding_add(x->findings, "seccomp", FINDING_OPTIONAL, FINDING_OK,
                x->machine.seccomp == SECCOMP_NONE
                    ? "no filter on this process's system calls"
                    : "a filter is on this process's system calls; the rows below were tried under it");
}

void judge_privileges(struct findings *f, const struct machine *m, const struct privileges_facts *p)
{
    if (p->error)
        finding_change(
            finding_add(f, "privileges", FINDING_OPTIONAL, FINDING_DEGRADED,
                        "musterd cannot give up its capabilities once it runs (%s): %d of them stay",
                        strerror(-p->error), __builtin_popcountll(p->kept)),
            m->is_container ? "docker run --security-opt seccomp=unconfined ..."
                            : "SystemCallFilter=capset prctl");
    else if (p->before)
        finding_add(f, "privileges", FINDING_OPTIONAL, FINDING_OK,
                    "%d capabilities, which musterd gives up once it runs, all of them",
                    __builtin_popcountll(p->before));
    else
        finding_add(f, "privileges", FINDING_OPTIONAL, FINDING_OK, "no capabilities; none to give up");
}

static void *privileges_try(void *context)
{
    struct privileges_facts *facts = context;
    facts->error = privileges_drop();
    facts->kept = privileges_kept();
    return NULL;
}

/* Each thread has its own: what one of them gives up is not missing in the rows below. */
void check_privileges(struct examination *x)
{
    struct privileges_facts facts = {.before = privileges_kept()};
    pthread_t thread;
    int error = -pthread_create(&thread, NULL, privileges_try, &facts);
    if (error)
        facts = (struct privileges_facts){.error = error, .kept = facts.before};
    else
        pthread_join(thread, NULL);
    judge_privileges(x->findings, &x->machine, &facts);
}

void judge_clock(struct findings *f, const struct clock_facts *c)
{
    struct tm date;
    char text[32] = "";
    if (gmtime_r(&c->now, &date))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &date);
    if (c->now < CLOCK_EARLIEST)
        finding_change(
            finding_add(f, "clock", FINDING_OPTIONAL, FINDING_DEGRADED,
                        "it is said to be %s UTC, which is past: certificates are judged, and messages "
                        "and rosters dated, by that",
                        text),
            "timedatectl set-ntp true");
    else if (!c->is_synchronised)
        finding_change(
            finding_add(f, "clock", FINDING_OPTIONAL, FINDING_DEGRADED,
                        "%s UTC, but nobody says that it is kept right: messages may be dated wrongly", text),
            "timedatectl set-ntp true");
    else
        finding_add(f, "clock", FINDING_OPTIONAL, FINDING_OK, "%s UTC, kept right", text);
}

void check_clock(struct examination *x)
{
    struct timex state = {0}; /* no mode: it is only read */
    struct clock_facts facts = {.now = time(NULL), .is_synchronised = true};
    int said = adjtimex(&state);
    if (said >= 0) /* a filter may forbid to ask: then nothing is known against it */
        facts.is_synchronised = said != TIME_ERROR && !(state.status & STA_UNSYNC);
    judge_clock(x->findings, &facts);
}
