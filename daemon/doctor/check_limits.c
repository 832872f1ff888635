/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may have: descriptors, memory, processors, threads; and how many connections may wait. */
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

#include "doctor/checks.h"
#include "net/listener.h"

/* What is open when nobody is logged in: 11 (the three of every process, database, lock, control socket, threads' bells) and one to
 * accept with; a ring, its bell and its listeners for each worker. */
#define DESCRIPTORS_AT_REST 12
#define DESCRIPTORS_PER_WORKER 2
/* A session is a descriptor; with fewer than these, they are the limit that a growing server meets first. */
#define DESCRIPTORS_WANTED 65536
#define DESCRIPTORS_ADVISED 1048576 /* the most that a kernel allows a process by itself (fs.nr_open) */
/* Linux's default, and what the rings of a dozen workers take with room to spare. */
#define LOCKED_WANTED (UINT64_C(8) << 20)
/* A log-in takes tens of KiB while its handshake lasts, and everybody comes back at once. */
#define MEMORY_WANTED (UINT64_C(256) << 20)
/* The daemon itself, and what an idle session is charged for: 2 KiB of its own, the rest the kernel's (docs/memory.md). */
#define MEMORY_AT_REST (UINT64_C(64) << 20)
#define MEMORY_PER_SESSION (UINT64_C(8) << 10)
/* Beside workers and jobs: main, store, control socket. And with what the configuration may want more: registrar, those who ask
 * responders, resolvers. */
#define THREADS_BESIDE 3
#define THREADS_BESIDE_MOST 16
/* The daemon never makes fewer of its own accord, however few processors there are. */
#define WORKERS_ALWAYS 2

void judge_descriptors(struct findings *f, const struct machine *m, const struct descriptor_facts *d)
{
    /* The daemon raises its soft limit to the hard one, so only that one counts. */
    uint64_t at_rest = DESCRIPTORS_AT_REST + (uint64_t)d->workers * (DESCRIPTORS_PER_WORKER + d->listeners);
    struct finding *row;
    if (d->hard >= DESCRIPTORS_WANTED) {
        if (d->hard == MACHINE_UNLIMITED)
            finding_add(f, "limit.nofile", FINDING_NEEDED, FINDING_OK, "no limit on descriptors");
        else
            finding_add(
                f, "limit.nofile", FINDING_NEEDED, FINDING_OK,
                "up to %llu descriptors, one a session (musterd raises its soft limit to the hard one)",
                (unsigned long long)d->hard);
        return;
    }
    if (d->hard <= at_rest)
        row = finding_add(f, "limit.nofile", FINDING_NEEDED, FINDING_MISSING,
                          "%llu descriptors are allowed, and musterd has %llu open before anybody logs in",
                          (unsigned long long)d->hard, (unsigned long long)at_rest);
    else
        row = finding_add(
            f, "limit.nofile", FINDING_NEEDED, FINDING_DEGRADED,
            "%llu descriptors are allowed (soft %llu, which musterd raises): about %llu sessions at a "
            "time, then new connections wait",
            (unsigned long long)d->hard, (unsigned long long)d->soft,
            (unsigned long long)(d->hard - at_rest));
    if (m->is_container)
        finding_change(row, "docker run --ulimit nofile=%d:%d ...", DESCRIPTORS_ADVISED, DESCRIPTORS_ADVISED);
    else
        finding_change(row, "LimitNOFILE=%d", DESCRIPTORS_ADVISED);
}

void locked_memory_change(struct finding *row, const struct machine *m, uint64_t wanted)
{
    unsigned long long mib = LOCKED_WANTED >> 20;
    while (mib << 20 < wanted)
        mib *= 2;
    if (m->is_container)
        finding_change(row, "docker run --ulimit memlock=%llu:%llu ...", mib << 20, mib << 20);
    else
        finding_change(row, "LimitMEMLOCK=%lluM", mib);
}

void judge_locked_memory(struct findings *f, const struct machine *m, const struct locked_facts *l)
{
    uint64_t rings = ring_locked_bytes(l->workers, false),
             all = ring_locked_bytes(l->workers, l->has_regions);
    unsigned long long kib = l->limit >> 10, rings_kib = rings >> 10, all_kib = all >> 10;
    const char *rings_are = l->is_charged ? "fit" : "are not counted by this kernel";
    if (machine_has_capability(m, CAPABILITY_IPC_LOCK))
        finding_add(f, "limit.memlock", FINDING_NEEDED, FINDING_OK,
                    "CAP_IPC_LOCK: no limit on memory shared with the kernel");
    else if (l->limit == MACHINE_UNLIMITED)
        finding_add(f, "limit.memlock", FINDING_NEEDED, FINDING_OK,
                    "no limit on memory shared with the kernel");
    else if (l->is_charged && kib < rings_kib)
        locked_memory_change(
            finding_add(f, "limit.memlock", FINDING_NEEDED, FINDING_MISSING,
                        "only %llu KiB may be shared with the kernel, and the rings of %u workers take "
                        "%llu KiB: musterd does not start",
                        kib, l->workers, rings_kib),
            m, all);
    else if (l->has_regions && kib < all_kib)
        locked_memory_change(
            finding_add(
                f, "limit.memlock", FINDING_NEEDED,
                l->need == FINDING_NEEDED ? FINDING_MISSING : FINDING_DEGRADED,
                "only %llu KiB may be shared with the kernel: the rings of %u workers %s, but the program for "
                "their loops asks for %llu KiB, regions and rings: %s",
                kib, l->workers, rings_are, all_kib,
                l->need == FINDING_NEEDED ? "musterd does not start" : "it stays off"),
            m, all);
    else if (l->limit < LOCKED_WANTED && !l->has_regions)
        locked_memory_change(
            finding_add(f, "limit.memlock", FINDING_NEEDED, FINDING_DEGRADED,
                        "only %llu KiB may be shared with the kernel: the rings of %u workers %s, but there "
                        "is little room for regions that programs in the kernel read",
                        kib, l->workers, rings_are),
            m, all);
    else
        finding_add(f, "limit.memlock", FINDING_NEEDED, FINDING_OK,
                    "up to %llu KiB may be shared with the kernel; the rings of %u workers %s%s", kib,
                    l->workers, rings_are, l->has_regions ? ", and their program's regions fit" : "");
}

void judge_backlog(struct findings *f, const struct machine *m, int64_t somaxconn)
{
    if (somaxconn < 0) {
        finding_add(f, "net.core.somaxconn", FINDING_OPTIONAL, FINDING_NOT_APPLICABLE,
                    "it cannot be read here");
        return;
    }
    if (somaxconn >= LISTENER_BACKLOG) {
        finding_add(f, "net.core.somaxconn", FINDING_OPTIONAL, FINDING_OK,
                    "%lld connections may wait to be accepted at each listener; %d are asked for",
                    (long long)somaxconn, LISTENER_BACKLOG);
        return;
    }
    struct finding *row =
        finding_add(f, "net.core.somaxconn", FINDING_OPTIONAL, FINDING_DEGRADED,
                    "only %lld connections may wait to be accepted, not %d: when everybody comes back "
                    "at once, some must try again",
                    (long long)somaxconn, LISTENER_BACKLOG);
    finding_change(row,
                   m->is_container ? "docker run --sysctl net.core.somaxconn=%d ..."
                                   : "sysctl -w net.core.somaxconn=%d",
                   LISTENER_BACKLOG);
}

void check_limits(struct examination *x)
{
    struct rlimit files = {0}, locked = {0};
    const struct config *c = x->subject->config;
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_MEMLOCK, &locked);
    _Static_assert(RLIM_INFINITY == MACHINE_UNLIMITED, "one word for no limit");
    struct descriptor_facts facts = {.soft = files.rlim_cur,
                                     .hard = files.rlim_max,
                                     .workers = x->subject->workers,
                                     .listeners = c ? c->listener_count : 2};
    judge_descriptors(x->findings, &x->machine, &facts);
    /* Nobody raises it: the soft limit counts. */
    const struct locked_facts memory = {.limit = locked.rlim_cur,
                                        .workers = x->subject->workers,
                                        .is_charged = x->ring.is_charged,
                                        .has_regions = x->has_loop_program,
                                        .need = c && c->offload.bpf == CONFIG_OFFLOAD_ON ? FINDING_NEEDED
                                                                                         : FINDING_OPTIONAL};
    judge_locked_memory(x->findings, &x->machine, &memory);
    judge_backlog(x->findings, &x->machine, machine_number(&x->machine, "/proc/sys/net/core/somaxconn", -1));
}

/* ---- control groups ---- */

static void judge_memory(struct findings *f, const struct machine *m, uint64_t limit)
{
    if (limit == MACHINE_UNLIMITED) {
        finding_add(f, "cgroup.memory", FINDING_OPTIONAL, FINDING_OK, "no limit");
        return;
    }
    unsigned long long mib = limit >> 20,
                       sessions = limit > MEMORY_AT_REST ? (limit - MEMORY_AT_REST) / MEMORY_PER_SESSION : 0;
    if (limit >= MEMORY_WANTED)
        finding_add(f, "cgroup.memory", FINDING_OPTIONAL, FINDING_OK,
                    "%llu MiB, about %llu idle sessions without rosters; beyond it the kernel kills musterd",
                    mib, sessions);
    else
        finding_change(
            finding_add(
                f, "cgroup.memory", FINDING_OPTIONAL, FINDING_DEGRADED,
                "only %llu MiB, about %llu idle sessions without rosters: the kernel may kill musterd "
                "when everybody logs in at once",
                mib, sessions),
            "%s", m->is_container ? "docker run --memory 1g ..." : "MemoryMax=1G");
}

static void judge_threads(struct findings *f, const struct machine *m, uint64_t limit, uint32_t threads)
{
    uint32_t least = threads + THREADS_BESIDE, most = threads + THREADS_BESIDE_MOST;
    if (limit == MACHINE_UNLIMITED)
        finding_add(f, "cgroup.pids", FINDING_NEEDED, FINDING_OK, "no limit on threads");
    else if (limit >= most)
        finding_add(f, "cgroup.pids", FINDING_NEEDED, FINDING_OK, "up to %llu threads; musterd has %u to %u",
                    (unsigned long long)limit, least, most);
    else
        finding_change(
            finding_add(
                f, "cgroup.pids", FINDING_NEEDED, limit < least ? FINDING_MISSING : FINDING_DEGRADED,
                "up to %llu threads, other processes' of the group among them, and musterd has %u to %u: "
                "it %s",
                (unsigned long long)limit, least, most, limit < least ? "does not start" : "may not start"),
            m->is_container ? "docker run --pids-limit %u ..." : "TasksMax=%u", 2 * most);
}

static void judge_share(struct findings *f, const struct machine *m, uint64_t thousandths, uint32_t workers)
{
    if (thousandths == MACHINE_UNLIMITED)
        finding_add(f, "cgroup.cpu", FINDING_OPTIONAL, FINDING_OK, "no limit");
    else if (thousandths >= workers * 1000ull)
        finding_add(f, "cgroup.cpu", FINDING_OPTIONAL, FINDING_OK, "%.1f processors for %u workers",
                    (double)thousandths / 1000, workers);
    else
        finding_change(
            finding_add(
                f, "cgroup.cpu", FINDING_OPTIONAL, FINDING_DEGRADED,
                "the time of %.1f processors for %u workers: when it is used up all of them stand still "
                "for the rest of each period",
                (double)thousandths / 1000, workers),
            m->is_container ? "docker run --cpus %u ... (or fewer in the configuration's `workers`)"
                            : "CPUQuota=%u00%% (or fewer in the configuration's `workers`)",
            workers);
}

void judge_cgroup(struct findings *f, const struct machine *m, const struct cgroup_limits *limits,
                  uint32_t workers, uint32_t jobs)
{
    judge_memory(f, m, limits->memory_bytes);
    judge_threads(f, m, limits->pids, workers + jobs);
    judge_share(f, m, limits->cpu_thousandths, workers);
}

void check_cgroup(struct examination *x)
{
    struct cgroup_limits limits;
    machine_cgroup_limits(&x->machine, &limits);
    judge_cgroup(x->findings, &x->machine, &limits, x->subject->workers, x->subject->jobs);
}

void judge_processors(struct findings *f, uint32_t processors, uint32_t workers)
{
    if (workers <= processors || workers <= WORKERS_ALWAYS)
        finding_add(f, "processors", FINDING_OPTIONAL, FINDING_OK, "%u, for %u workers", processors, workers);
    else
        finding_change(finding_add(f, "processors", FINDING_OPTIONAL, FINDING_DEGRADED,
                                   "%u, for %u workers: they take turns, and presence waits for them",
                                   processors, workers),
                       "workers: %u", processors > WORKERS_ALWAYS ? processors : WORKERS_ALWAYS);
}

void check_processors(struct examination *x)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        judge_processors(x->findings, (uint32_t)CPU_COUNT(&set), x->subject->workers);
    else /* more processors than the set has room for */
        finding_add(x->findings, "processors", FINDING_OPTIONAL, FINDING_OK, "more than %d", CPU_SETSIZE);
}
