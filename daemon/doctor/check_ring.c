/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring: whether it is allowed, who forbids it if not, and all that a worker's loop needs of it. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "doctor/checks.h"

#define NO_LOOP "musterd does not start: all its input and output goes through io_uring"
#define GROUPS_MAX 256

/* What a filter must let pass. */
static void change_of_filter(struct finding *f, const struct machine *m)
{
    finding_change(f, m->is_container
                          ? "docker run --security-opt seccomp=unconfined ... (or a profile that allows "
                            "io_uring_setup, io_uring_enter, io_uring_register)"
                          : "SystemCallFilter=io_uring_setup io_uring_enter io_uring_register");
}

static bool sysctl_forbids(const struct machine *m, const struct ring_facts *r)
{
    return r->disabled == 2 ||
           (r->disabled == 1 && !r->is_in_group && !machine_has_capability(m, CAPABILITY_SYS_ADMIN));
}

/* No ring at all. */
static void judge_forbidden(struct findings *f, const struct machine *m, const struct ring_facts *r)
{
    int error = r->abilities.plain;
    bool is_refusal = error == -EPERM || error == -EACCES, is_filtered = m->seccomp == SECCOMP_FILTERED;
    struct finding *row;
    if (is_refusal && sysctl_forbids(m, r)) {
        row = finding_add(f, "io_uring", FINDING_NEEDED, FINDING_MISSING,
                          "forbidden by sysctl kernel.io_uring_disabled = %d; " NO_LOOP, (int)r->disabled);
        finding_change(row, "sysctl -w kernel.io_uring_disabled=0");
    } else if (is_filtered && (is_refusal || (error == -ENOSYS && r->disabled >= 0))) {
        row =
            finding_add(f, "io_uring", FINDING_NEEDED, FINDING_MISSING,
                        "forbidden by a seccomp filter, as containers have (%s); " NO_LOOP, strerror(-error));
        change_of_filter(row, m);
    } else if (is_refusal) {
        row =
            finding_add(f, "io_uring", FINDING_NEEDED, FINDING_MISSING,
                        "forbidden neither by sysctl nor by seccomp, so by a security module (%s); " NO_LOOP,
                        strerror(-error));
        finding_change(row, "ausearch -m avc -c musterd");
    } else if (error == -ENOSYS) {
        row = finding_add(f, "io_uring", FINDING_NEEDED, FINDING_MISSING, "not in this kernel; " NO_LOOP);
        finding_change(row, "boot Linux 6.1 or newer with CONFIG_IO_URING=y");
    } else {
        row = finding_add(f, "io_uring", FINDING_NEEDED, FINDING_MISSING, "cannot be set up: %s; " NO_LOOP,
                          strerror(-error));
        if (error == -ENOMEM)
            locked_memory_change(row, m, ring_locked_bytes(r->workers, false));
    }
}

/* Something that was tried, or that there was nothing to try it with. */
struct ability {
    const char *name;
    enum finding_need need;
    int result;
    const char *what, *without;
};

static void judge_ability(struct findings *f, const struct machine *m, const struct ring_facts *r,
                          const struct ability *a)
{
    if (a->result == 0) {
        finding_add(f, a->name, a->need, FINDING_OK, "%s: works", a->what);
        return;
    }
    if (a->result == RING_UNTRIED) {
        finding_add(f, a->name, a->need, FINDING_NOT_APPLICABLE, "not tried: io_uring does not work here");
        return;
    }
    enum finding_state state = a->need == FINDING_NEEDED ? FINDING_MISSING : FINDING_DEGRADED;
    struct finding *row =
        finding_add(f, a->name, a->need, state, "%s: %s; %s", a->what, strerror(-a->result), a->without);
    if (a->result == -ENOMEM)
        locked_memory_change(row, m, ring_locked_bytes(r->workers, true));
    else
        finding_change(row, "boot Linux 6.1 or newer");
}

void judge_ring(struct findings *f, const struct machine *m, const struct ring_facts *r)
{
    const struct ring_abilities *a = &r->abilities;
    char flags[sizeof a->refused_flags + 64] =
        "a ring as a worker has it (SINGLE_ISSUER, DEFER_TASKRUN, CQSIZE, CLAMP, SUBMIT_ALL)";
    if (*a->refused_flags)
        snprintf(flags, sizeof flags, "a ring with the flags %s", a->refused_flags);
    const struct ability abilities[] = {
        {"io_uring.flags", FINDING_NEEDED, a->setup, flags, "musterd does not start"},
        {"io_uring.buffer_ring", FINDING_NEEDED, a->buffers, "a ring of provided buffers",
         "musterd does not start"},
        {"io_uring.multishot_receive", FINDING_NEEDED, a->receive,
         "one receive for many reads, into provided buffers", "no session can say anything"},
        {"io_uring.msg_ring", FINDING_OPTIONAL, a->doorbell, "a worker wakes another through the ring",
         "they wake each other through an eventfd, a system call each"},
    };
    if (a->plain)
        judge_forbidden(f, m, r);
    else
        finding_add(f, "io_uring", FINDING_NEEDED, FINDING_OK, "allowed");
    for (unsigned i = 0; i < sizeof abilities / sizeof abilities[0]; i++)
        judge_ability(f, m, r, &abilities[i]);
    /* For information: no loop uses one yet. */
    bool has_region = a->region == 0;
    finding_add(f, "io_uring.memory_region", FINDING_OPTIONAL,
                has_region ? FINDING_OK : FINDING_NOT_APPLICABLE,
                has_region ? "memory shared with the kernel, for a loop in BPF: works"
                : a->region == RING_UNTRIED
                    ? "not tried: io_uring does not work here"
                    : "this kernel shares no memory regions with a ring (%s); only a loop in BPF needs one",
                a->region < 0 ? strerror(-a->region) : "");
}

static bool is_in_group(int64_t group)
{
    gid_t groups[GROUPS_MAX];
    int count = getgroups(GROUPS_MAX, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return getegid() == group;
}

void check_ring(struct examination *x)
{
    struct ring_facts facts = {
        .disabled = machine_number(&x->machine, "/proc/sys/kernel/io_uring_disabled", -1),
        .group = machine_number(&x->machine, "/proc/sys/kernel/io_uring_group", -1),
    };
    facts.abilities = x->ring;
    facts.workers = x->subject->workers;
    facts.is_in_group = facts.group >= 0 && is_in_group(facts.group);
    judge_ring(x->findings, &x->machine, &facts);
}
