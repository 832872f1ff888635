/* SPDX-License-Identifier: Apache-2.0 */
/* BPF: the kernel's types, who may load programs, and whether one of each type that there is a use for can be loaded. By the bare
 * system call: whoever examines a machine must not need a library for it. */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doctor/checks.h"
#include "offload/programs.h"
#include "offload/verdict.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define OWN_CLASSES "musterd classifies stanzas itself"

static const struct bpf_type types[] = {
    {"bpf.socket_filter", "SOCKET_FILTER", "what comes is looked at when it is received",
     "CONFIG_BPF_SYSCALL", BPF_PROG_TYPE_SOCKET_FILTER, 0},
    {"bpf.sk_reuseport", "SK_REUSEPORT",
     "new connections are spread over the workers by a hash, not by their load", "CONFIG_BPF_SYSCALL",
     BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT},
    {"bpf.sk_skb", "SK_SKB", OWN_CLASSES " on connections without TLS", "CONFIG_BPF_STREAM_PARSER",
     BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT},
};
enum { TYPES = sizeof types / sizeof types[0] };

/* return 1, which every one of the types takes for an answer. 0 or negative errno. */
static int program_try(const struct bpf_type *type)
{
    const struct bpf_insn program[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attributes = {
        .prog_type = type->type,
        .expected_attach_type = type->attach_type,
        .insns = (uintptr_t)program,
        .insn_cnt = sizeof program / sizeof program[0],
        .license = (uintptr_t) "Apache-2.0",
    };
    long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
    if (fd < 0)
        return -errno;
    close((int)fd);
    return 0;
}

static void change_of_capabilities(struct finding *f, const struct machine *m)
{
    finding_change(f, m->is_container ? "docker run --cap-add BPF --cap-add NET_ADMIN ..."
                                      : "AmbientCapabilities=CAP_BPF CAP_NET_ADMIN");
}

static bool may_load(const struct machine *m)
{
    return machine_has_capability(m, CAPABILITY_SYS_ADMIN) ||
           (machine_has_capability(m, CAPABILITY_BPF) && machine_has_capability(m, CAPABILITY_NET_ADMIN));
}

void judge_bpf_program(struct findings *f, const struct machine *m, const struct bpf_type *type,
                       enum finding_need need, int error)
{
    if (!error) {
        finding_add(f, type->name, need, FINDING_OK, "a program of type %s was loaded", type->title);
        return;
    }
    struct finding *row =
        finding_add(f, type->name, need, FINDING_MISSING, "no program of type %s can be loaded (%s): %s",
                    type->title, strerror(-error), type->without);
    if (error != -EPERM && error != -EACCES)
        finding_change(row, "boot a kernel with %s=y", type->option);
    else if (!may_load(m))
        change_of_capabilities(row, m);
    else if (m->seccomp == SECCOMP_FILTERED)
        finding_change(row, m->is_container ? "docker run --security-opt seccomp=unconfined ..."
                                            : "SystemCallFilter=bpf");
    else
        finding_change(row, "cat /sys/kernel/security/lockdown (integrity and confidentiality forbid it)");
}

static void judge_rights(struct examination *x)
{
    struct findings *f = x->findings;
    bool has_bpf = machine_has_capability(&x->machine, CAPABILITY_BPF);
    bool has_net = machine_has_capability(&x->machine, CAPABILITY_NET_ADMIN);
    if (may_load(&x->machine))
        finding_add(f, "bpf.capabilities", FINDING_OPTIONAL, FINDING_OK, "this process may load programs");
    else
        change_of_capabilities(finding_add(f, "bpf.capabilities", FINDING_OPTIONAL, FINDING_MISSING,
                                           "this process lacks %s%s%s: " OWN_CLASSES,
                                           has_bpf ? "" : "CAP_BPF", has_bpf || has_net ? "" : " and ",
                                           has_net ? "" : "CAP_NET_ADMIN"),
                               &x->machine);
    int64_t disabled = machine_number(&x->machine, "/proc/sys/kernel/unprivileged_bpf_disabled", -1);
    /* Whatever it says: who would set it to 0 for our sake opens more than we need. */
    finding_add(
        f, "bpf.unprivileged", FINDING_OPTIONAL, disabled < 0 ? FINDING_NOT_APPLICABLE : FINDING_OK,
        disabled < 0    ? "this kernel has no BPF system call (kernel.unprivileged_bpf_disabled is not there)"
        : disabled == 0 ? "kernel.unprivileged_bpf_disabled = 0: a socket filter needs no capability"
                        : "kernel.unprivileged_bpf_disabled = %d: programs need capabilities, as they should",
        (int)disabled);
}

/* The kernel's types, where a program that was compiled elsewhere finds its structures, and the loop as one of them. */
static void judge_kernel_types(struct examination *x)
{
    static const char loop_type[] = "\0io_uring_bpf_ops"; /* a whole name in the list of them */
    struct findings *f = x->findings;
    struct buffer btf = {0};
    bool has_types = machine_text(&x->machine, BTF_PATH, &btf);
    if (has_types)
        finding_add(f, "bpf.btf", FINDING_OPTIONAL, FINDING_OK, BTF_PATH " is there, %u KiB", btf.len / 1024);
    else
        finding_change(finding_add(f, "bpf.btf", FINDING_OPTIONAL, FINDING_MISSING,
                                   BTF_PATH
                                   " is not there: programs find no kernel structures, " OWN_CLASSES),
                       "boot a kernel with CONFIG_DEBUG_INFO_BTF=y");
    if (has_types && memmem(btf.ptr, btf.len, loop_type, sizeof loop_type))
        finding_add(f, "bpf.io_uring_loop", FINDING_OPTIONAL, FINDING_OK,
                    "this kernel runs io_uring's loop as a BPF program (io_uring_bpf_ops)");
    else
        finding_change(
            finding_add(f, "bpf.io_uring_loop", FINDING_OPTIONAL, FINDING_MISSING,
                        "this kernel does not run io_uring's loop as a BPF program: every keep-alive of a "
                        "client wakes musterd"),
            "boot Linux 7.3 or newer with CONFIG_IO_URING_BPF_OPS=y");
    buffer_fini(&btf);
}

void judge_verdict(struct findings *f, const struct machine *m, const struct verdict_facts *v)
{
    if (!v->has_plain) {
        finding_add(f, "bpf.verdict", FINDING_OPTIONAL, FINDING_NOT_APPLICABLE, "every listener uses TLS");
        return;
    }
    if (!v->error) {
        finding_add(f, "bpf.verdict", v->need, FINDING_OK,
                    "the program for connections without TLS was loaded: keep-alives do not wake musterd");
        return;
    }
    struct finding *row =
        finding_add(f, "bpf.verdict", v->need, FINDING_MISSING,
                    "the program for connections without TLS cannot be loaded: %s; %s", v->line,
                    v->need == FINDING_NEEDED ? "musterd does not start, for the configuration insists on it"
                                              : "every keep-alive of theirs wakes musterd");
    if (v->error == -ENOTSUP)
        finding_change(row, "meson setup --reconfigure build -Dbpf=enabled");
    else if ((v->error == -EPERM || v->error == -EACCES) && !may_load(m))
        change_of_capabilities(row, m);
    else
        finding_change(row, "offload.bpf: off");
}

/* With the very program that the daemon would load; it ends with the descriptor. */
static void check_verdict(struct examination *x)
{
    char line[256] = "";
    struct verdict *verdict = NULL;
    struct verdict_facts facts = {.line = line};
    const struct config *c = x->subject->config;
    for (uint32_t i = 0; c && i < c->listener_count; i++)
        facts.has_plain |= c->listeners[i].tls == CONFIG_TLS_NONE;
    if (facts.has_plain) {
        const struct muster_verdict_limits limits = {c->limits.byte_rate, c->limits.byte_rate};
        facts.need = c->offload.bpf == CONFIG_OFFLOAD_ON ? FINDING_NEEDED : FINDING_OPTIONAL;
        facts.error = verdict_new(&limits, &verdict, line, sizeof line);
        verdict_free(verdict);
    }
    judge_verdict(x->findings, &x->machine, &facts);
}

/* Where the configuration insists on programs, that of connections is one of them, unless there is nothing to choose. */
static enum finding_need need_of(const struct examination *x, const struct bpf_type *type)
{
    const struct config *c = x->subject->config;
    bool is_needed = c && c->offload.bpf == CONFIG_OFFLOAD_ON && x->subject->workers > 1 &&
                     type->type == BPF_PROG_TYPE_SK_REUSEPORT;
    return is_needed ? FINDING_NEEDED : FINDING_OPTIONAL;
}

static void check_type(struct examination *x, const struct bpf_type *type)
{
    enum finding_need need = need_of(x, type);
    if (need == FINDING_NEEDED && !offload_is_built())
        finding_change(
            finding_add(
                x->findings, type->name, need, FINDING_MISSING,
                "musterd is built without programs, and does not start, for the configuration insists on them"),
            "meson setup --reconfigure build -Dbpf=enabled");
    else
        judge_bpf_program(x->findings, &x->machine, type, need, program_try(type));
}

void check_bpf(struct examination *x)
{
    static const char *const others[] = {"bpf.btf", "bpf.io_uring_loop", "bpf.capabilities",
                                         "bpf.unprivileged", "bpf.verdict"};
    const struct config *c = x->subject->config;
    bool is_off = c && c->offload.bpf == CONFIG_OFFLOAD_OFF;
    for (unsigned i = 0; is_off && i < sizeof others / sizeof others[0]; i++)
        finding_add(x->findings, others[i], FINDING_OPTIONAL, FINDING_NOT_APPLICABLE, "offload.bpf is off");
    if (!is_off) {
        judge_kernel_types(x);
        judge_rights(x);
        check_verdict(x);
    }
    for (unsigned i = 0; i < TYPES; i++)
        if (is_off)
            finding_add(x->findings, types[i].name, FINDING_OPTIONAL, FINDING_NOT_APPLICABLE,
                        "offload.bpf is off");
        else
            check_type(x, &types[i]);
}
