/* SPDX-License-Identifier: Apache-2.0 */
/* BPF: the kernel's types, who may load programs, and whether one of each type that there is a use for can be loaded. By the bare
 * system call: whoever examines a machine must not need a library for it. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doctor/checks.h"
#include "net/listener.h"
#include "offload/loop.h"
#include "offload/steer.h"
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

void judge_bpf_program(struct findings *f, const struct machine *m, const struct bpf_type *type, int error)
{
    if (!error) {
        finding_add(f, type->name, FINDING_OPTIONAL, FINDING_OK, "a program of type %s was loaded",
                    type->title);
        return;
    }
    struct finding *row = finding_add(f, type->name, FINDING_OPTIONAL, FINDING_MISSING,
                                      "no program of type %s can be loaded (%s): %s", type->title,
                                      strerror(-error), type->without);
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

void judge_program(struct findings *f, const struct machine *m, const struct program_facts *p)
{
    if (p->idle) {
        finding_add(f, p->name, FINDING_OPTIONAL, FINDING_NOT_APPLICABLE, "%s", p->idle);
        return;
    }
    if (!p->error) {
        finding_add(f, p->name, p->need, FINDING_OK, "%s was loaded: %s", p->title, p->gain);
        return;
    }
    struct finding *row =
        finding_add(f, p->name, p->need, FINDING_MISSING, "%s cannot be loaded: %s; %s", p->title, p->line,
                    p->need == FINDING_NEEDED ? "musterd does not start, for the configuration insists on it"
                                              : p->without);
    if (p->error == -ENOTSUP)
        finding_change(row, "meson setup --reconfigure build -Dbpf=enabled");
    else if (p->error == -EPERM && p->capability)
        finding_change(row,
                       m->is_container ? "docker run --cap-add BPF --cap-add NET_ADMIN --cap-add %s ..."
                                       : "AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_%s",
                       p->capability);
    else if (p->error == -EPERM && !may_load(m))
        change_of_capabilities(row, m);
    else
        finding_change(row, "offload.bpf: off");
}

static enum finding_need need_of(const struct config *c)
{
    return c && c->offload.bpf == CONFIG_OFFLOAD_ON ? FINDING_NEEDED : FINDING_OPTIONAL;
}

static bool has_plain_listener(const struct config *c)
{
    for (uint32_t i = 0; c && i < c->listener_count; i++)
        if (c->listeners[i].tls == CONFIG_TLS_NONE)
            return true;
    return false;
}

/* With the very program that the daemon would load; it ends with the descriptor. */
static void check_verdict(struct examination *x)
{
    char line[256] = "";
    struct verdict *verdict = NULL;
    struct program_facts facts = {.name = "bpf.verdict",
                                  .title = "the program for connections without TLS",
                                  .gain = "keep-alives do not wake musterd",
                                  .without = "every keep-alive of theirs wakes musterd",
                                  .need = need_of(x->subject->config),
                                  .line = line};
    if (!has_plain_listener(x->subject->config)) {
        facts.idle = "every listener uses TLS";
    } else {
        facts.error = verdict_new(&x->subject->verdict_limits, &verdict, line, sizeof line);
        verdict_free(verdict);
    }
    judge_program(x->findings, &x->machine, &facts);
}

static void check_loop(struct examination *x)
{
    char line[256] = "";
    struct loop_program *program = NULL;
    struct program_facts facts = {
        .name = "bpf.loop",
        .title = "the program for the workers' loops",
        .gain = "keep-alives do not wake musterd, with the kernel's TLS as well, and presence goes first",
        .without = "every keep-alive with TLS wakes musterd",
        .need = need_of(x->subject->config),
        .capability = "PERFMON",
        .line = line};
    facts.error = loop_program_new(1, &program, line, sizeof line);
    loop_program_free(program);
    x->has_loop_program = facts.error == 0;
    if (facts.error == LOOP_PROGRAM_UNKNOWN)
        facts.idle = "this kernel has no use for it (bpf.io_uring_loop)";
    judge_program(x->findings, &x->machine, &facts);
}

/* For two workers, who listen on two ports that nobody knows, without a queue. */
static int steer_try(char *ret_line, size_t line_bytes)
{
    struct steer *steer = NULL;
    int fds[2] = {listener_socket("127.0.0.1", 0), listener_socket("127.0.0.1", 0)};
    int error = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : 0;
    if (error)
        snprintf(ret_line, line_bytes, "no socket to try it with: %s", strerror(-error));
    else
        error = steer_new(2, &steer, ret_line, line_bytes);
    if (!error)
        error = steer_place_add(steer, fds, ret_line, line_bytes);
    if (!error)
        error = steer_attach(steer, ret_line, line_bytes);
    steer_free(steer);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return error;
}

static void check_steer(struct examination *x)
{
    char line[256] = "";
    struct program_facts facts = {.name = "bpf.steer",
                                  .title = "the program that chooses the worker of a new connection",
                                  .gain = "new connections go to the worker with less to do",
                                  .without = "new connections are spread by a hash",
                                  .need = need_of(x->subject->config),
                                  .line = line};
    if (x->subject->workers < 2)
        facts.idle = "there is one worker and nothing to choose";
    else
        facts.error = steer_try(line, sizeof line);
    judge_program(x->findings, &x->machine, &facts);
}

void check_bpf(struct examination *x)
{
    static const char *const others[] = {"bpf.btf",          "bpf.io_uring_loop", "bpf.capabilities",
                                         "bpf.unprivileged", "bpf.verdict",       "bpf.steer",
                                         "bpf.loop"};
    const struct config *c = x->subject->config;
    bool is_off = c && c->offload.bpf == CONFIG_OFFLOAD_OFF;
    for (unsigned i = 0; is_off && i < sizeof others / sizeof others[0]; i++)
        finding_add(x->findings, others[i], FINDING_OPTIONAL, FINDING_NOT_APPLICABLE, "offload.bpf is off");
    if (!is_off) {
        judge_kernel_types(x);
        judge_rights(x);
        check_verdict(x);
        check_steer(x);
        check_loop(x);
    }
    for (unsigned i = 0; i < TYPES; i++)
        if (is_off)
            finding_add(x->findings, types[i].name, FINDING_OPTIONAL, FINDING_NOT_APPLICABLE,
                        "offload.bpf is off");
        else
            judge_bpf_program(x->findings, &x->machine, &types[i], program_try(&types[i]));
}
