/* SPDX-License-Identifier: Apache-2.0 */
/* Judgements of made-up facts: the state, a word of the reason, and the line that changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>

#include <cmocka.h>

#include "doctor/checks.h"
#include "muster/loop.h"
#include "net/listener.h"

static const struct machine bare = {.root = ""}, filtered = {.root = "", .seccomp = SECCOMP_FILTERED},
                            boxed = {.root = "", .is_container = true, .seccomp = SECCOMP_FILTERED};

struct wanted {
    const char *name;
    enum finding_state state;
    const char *reason; /* a part of it */
    const char *change; /* a part of it; "": there is none */
};

static void text_must_hold(const struct wanted *w, const struct buffer *text, const char *part)
{
    if (*part ? memmem(text->ptr, text->len, part, strlen(part)) == NULL : text->len != 0)
        fail_msg("%s: not \"%s\" in: %.*s", w->name, part, (int)text->len, text->ptr ? text->ptr : "");
}

/* The row of this name is as wanted. */
static void row_must_be(const struct findings *f, const struct wanted *w)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const struct finding *row = &f->at[i];
        if (strcmp(row->name, w->name) != 0)
            continue;
        if (row->state != w->state)
            fail_msg("%s: %s instead of %s (%.*s)", w->name, finding_state_name(row->state),
                     finding_state_name(w->state), (int)row->reason.len, row->reason.ptr);
        text_must_hold(w, &row->reason, w->reason);
        text_must_hold(w, &row->change, w->change);
        return;
    }
    fail_msg("no row %s", w->name);
}

static void only_row_must_be(struct findings *f, const struct wanted *w)
{
    assert_int_equal(f->count, 1);
    row_must_be(f, w);
    findings_fini(f);
}

static void kernels(void **state)
{
    (void)state;
    static const struct {
        const char *release;
        enum finding_state state;
    } rows[] = {{"6.1.0-40-amd64", FINDING_OK}, {"6.12", FINDING_OK},
                {"7.0.1", FINDING_OK},          {"6.0.19", FINDING_DEGRADED},
                {"5.10.0", FINDING_DEGRADED},   {"who knows", FINDING_DEGRADED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_kernel(&f, rows[i].release);
        only_row_must_be(&f, &(struct wanted){"kernel", rows[i].state, rows[i].release,
                                              rows[i].state == FINDING_OK ? "" : "6.1"});
    }
}

static void clocks(void **state)
{
    (void)state;
    static const struct {
        struct clock_facts facts;
        struct wanted wanted;
    } rows[] = {
        {{1800000000, true}, {"clock", FINDING_OK, "2027-01-15", ""}},
        {{1800000000, false}, {"clock", FINDING_DEGRADED, "2027-01-15", "set-ntp true"}},
        {{86400, true}, {"clock", FINDING_DEGRADED, "1970-01-02", "set-ntp true"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_clock(&f, &rows[i].facts);
        only_row_must_be(&f, &rows[i].wanted);
    }
}

/* Who forbids io_uring: the same errno has three reasons, and each another remedy. */
static void rings_that_are_forbidden(void **state)
{
    (void)state;
    static const struct machine root = {.root = "", .capabilities = 1ull << CAPABILITY_SYS_ADMIN};
    static const struct {
        const struct machine *machine;
        int error;
        int64_t disabled;
        bool is_in_group;
        struct wanted wanted;
    } rows[] = {
        {&bare,
         -EPERM,
         2,
         false,
         {"io_uring", FINDING_MISSING, "sysctl", "sysctl -w kernel.io_uring_disabled=0"}},
        {&root, -EPERM, 2, true, {"io_uring", FINDING_MISSING, "sysctl", "sysctl -w"}},
        {&boxed, -EPERM, 1, false, {"io_uring", FINDING_MISSING, "sysctl", "sysctl -w"}},
        {&boxed,
         -EPERM,
         1,
         true,
         {"io_uring", FINDING_MISSING, "seccomp", "docker run --security-opt seccomp="}},
        {&boxed,
         -EPERM,
         0,
         false,
         {"io_uring", FINDING_MISSING, "seccomp", "docker run --security-opt seccomp="}},
        {&filtered,
         -EPERM,
         -1,
         false,
         {"io_uring", FINDING_MISSING, "seccomp", "SystemCallFilter=io_uring_setup"}},
        {&filtered, -ENOSYS, 0, false, {"io_uring", FINDING_MISSING, "seccomp", "SystemCallFilter="}},
        {&filtered,
         -ENOSYS,
         -1,
         false,
         {"io_uring", FINDING_MISSING, "not in this kernel", "CONFIG_IO_URING=y"}},
        {&bare, -ENOSYS, -1, false, {"io_uring", FINDING_MISSING, "not in this kernel", "CONFIG_IO_URING=y"}},
        {&bare, -EPERM, 0, false, {"io_uring", FINDING_MISSING, "security module", "ausearch"}},
        {&root, -EPERM, 1, false, {"io_uring", FINDING_MISSING, "security module", "ausearch"}},
        {&bare, -ENOMEM, 0, false, {"io_uring", FINDING_MISSING, "allocate memory", "LimitMEMLOCK=8M"}},
        {&boxed, -ENOMEM, 0, false, {"io_uring", FINDING_MISSING, "allocate memory", "--ulimit memlock="}},
        {&bare, -EMFILE, 0, false, {"io_uring", FINDING_MISSING, "Too many open files", ""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        struct ring_facts facts = {.abilities = {.plain = rows[i].error,
                                                 .setup = RING_UNTRIED,
                                                 .buffers = RING_UNTRIED,
                                                 .receive = RING_UNTRIED,
                                                 .doorbell = RING_UNTRIED,
                                                 .region = RING_UNTRIED},
                                   .disabled = rows[i].disabled,
                                   .is_in_group = rows[i].is_in_group};
        judge_ring(&f, rows[i].machine, &facts);
        row_must_be(&f, &rows[i].wanted);
        row_must_be(&f, &(struct wanted){"io_uring.flags", FINDING_NOT_APPLICABLE, "not tried", ""});
        row_must_be(&f, &(struct wanted){"io_uring.memory_region", FINDING_NOT_APPLICABLE, "not tried", ""});
        assert_false(findings_let_run(&f));
        findings_fini(&f);
    }
}

static void rings_that_lack_something(void **state)
{
    (void)state;
    static const struct {
        struct ring_abilities abilities;
        bool can_run;
        struct wanted wanted;
    } rows[] = {
        {{0}, true, {"io_uring.flags", FINDING_OK, "DEFER_TASKRUN", ""}},
        {{0}, true, {"io_uring.memory_region", FINDING_OK, "works", ""}},
        {{.setup = -EINVAL, .refused_flags = "DEFER_TASKRUN"},
         false,
         {"io_uring.flags", FINDING_MISSING, "flags DEFER_TASKRUN:", "6.1"}},
        {{.setup = -ENOMEM},
         false,
         {"io_uring.flags", FINDING_MISSING, "allocate memory", "LimitMEMLOCK=8M"}},
        {{.buffers = -EINVAL, .receive = RING_UNTRIED},
         false,
         {"io_uring.buffer_ring", FINDING_MISSING, "Invalid argument", "6.1"}},
        {{.receive = -EINVAL}, false, {"io_uring.multishot_receive", FINDING_MISSING, "no session", "6.1"}},
        {{.doorbell = -EOPNOTSUPP}, true, {"io_uring.msg_ring", FINDING_DEGRADED, "eventfd", "6.1"}},
        {{.region = -EINVAL}, true, {"io_uring.memory_region", FINDING_NOT_APPLICABLE, "BPF", ""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_ring(&f, &bare, &(struct ring_facts){.abilities = rows[i].abilities});
        row_must_be(&f, &rows[i].wanted);
        assert_int_equal(findings_let_run(&f), rows[i].can_run);
        findings_fini(&f);
    }
}

#define ALL_SUITES (1u << TLS_AES_128_GCM | 1u << TLS_AES_256_GCM | 1u << TLS_CHACHA20_POLY1305)

static void kernel_tls(void **state)
{
    (void)state;
    static const struct {
        const struct machine *machine;
        struct ktls_facts facts;
        bool can_run;
        struct wanted wanted;
    } rows[] = {
        {&bare, {.abilities = {ALL_SUITES, ALL_SUITES, true}}, true, {"ktls", FINDING_OK, "takes", ""}},
        {&bare,
         {.abilities = {ALL_SUITES, ALL_SUITES, true}},
         true,
         {"ktls.aes_256_gcm", FINDING_OK, "1.3 and 1.2", ""}},
        {&bare,
         {.abilities = {ALL_SUITES, 0, true}},
         true,
         {"ktls.chacha20_poly1305", FINDING_OK, "not 1.2", ""}},
        {&bare,
         {.abilities = {ALL_SUITES, ALL_SUITES, false}},
         true,
         {"ktls.rekey", FINDING_DEGRADED, "<reset/>", "6.14"}},
        {&bare,
         {.abilities = {1u << TLS_AES_128_GCM, 0, true, 0, {[TLS_CHACHA20_POLY1305] = -ENOENT}}},
         true,
         {"ktls.chacha20_poly1305", FINDING_MISSING, "No such file", "modprobe -a chacha20poly1305"}},
        {&bare,
         {.ulp = -ENOENT, .has_module = true},
         true,
         {"ktls", FINDING_MISSING, "itself", "modprobe tls"}},
        {&bare, {.ulp = -ENOENT}, true, {"ktls", FINDING_MISSING, "itself", "CONFIG_TLS=m"}},
        {&boxed, {.ulp = -ENOENT}, true, {"ktls", FINDING_MISSING, "itself", "on the host"}},
        {&bare, {.ulp = -ENOENT}, true, {"ktls.rekey", FINDING_NOT_APPLICABLE, "offers no TLS", ""}},
        {&bare,
         {.ulp = -ENOENT, .need = FINDING_NEEDED},
         false,
         {"ktls", FINDING_MISSING, "insists", "CONFIG_TLS=m"}},
        {&bare, {.need = FINDING_NEEDED}, false, {"ktls", FINDING_MISSING, "no keys", "modprobe -a gcm"}},
        {&bare, {.off = "said so"}, true, {"ktls.aes_128_gcm", FINDING_NOT_APPLICABLE, "said so", ""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_ktls(&f, rows[i].machine, &rows[i].facts);
        row_must_be(&f, &rows[i].wanted);
        assert_int_equal(f.count, 5);
        assert_int_equal(findings_let_run(&f), rows[i].can_run);
        findings_fini(&f);
    }
}

static void bpf_programs(void **state)
{
    (void)state;
    static const struct bpf_type type = {"bpf.some", "SOME", "done otherwise", "CONFIG_SOME", 1, 0};
    const uint64_t enough = 1ull << CAPABILITY_BPF | 1ull << CAPABILITY_NET_ADMIN;
    const struct machine able = {.root = "", .capabilities = enough},
                         able_filtered = {.root = "", .capabilities = enough, .seccomp = SECCOMP_FILTERED},
                         half = {.root = "", .capabilities = 1ull << CAPABILITY_BPF};
    const struct {
        const struct machine *machine;
        int error;
        struct wanted wanted;
    } rows[] = {
        {&bare, 0, {"bpf.some", FINDING_OK, "SOME", ""}},
        {&bare,
         -EPERM,
         {"bpf.some", FINDING_MISSING, "done otherwise", "AmbientCapabilities=CAP_BPF CAP_NET_ADMIN"}},
        {&half, -EPERM, {"bpf.some", FINDING_MISSING, "done otherwise", "AmbientCapabilities="}},
        {&boxed,
         -EPERM,
         {"bpf.some", FINDING_MISSING, "done otherwise", "--cap-add BPF --cap-add NET_ADMIN"}},
        {&able_filtered, -EPERM, {"bpf.some", FINDING_MISSING, "not permitted", "SystemCallFilter=bpf"}},
        {&able, -EPERM, {"bpf.some", FINDING_MISSING, "not permitted", "lockdown"}},
        {&able, -EINVAL, {"bpf.some", FINDING_MISSING, "Invalid", "CONFIG_SOME=y"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_bpf_program(&f, rows[i].machine, &type, rows[i].error);
        only_row_must_be(&f, &rows[i].wanted);
    }
}

static void programs(void **state)
{
    (void)state;
    static const struct {
        const char *idle, *capability;
        enum finding_need need;
        int error;
        bool can_run;
        struct wanted wanted;
    } rows[] = {
        {"none", NULL, FINDING_NEEDED, 0, true, {"bpf.some", FINDING_NOT_APPLICABLE, "none", ""}},
        {NULL, NULL, FINDING_NEEDED, 0, true, {"bpf.some", FINDING_OK, "it was loaded: better", ""}},
        {NULL,
         NULL,
         FINDING_OPTIONAL,
         -EPERM,
         true,
         {"bpf.some", FINDING_MISSING, "it cannot be loaded: why; worse", "CAP_BPF CAP_NET_ADMIN"}},
        {NULL,
         "PERFMON",
         FINDING_OPTIONAL,
         -EPERM,
         true,
         {"bpf.some", FINDING_MISSING, "worse", "CAP_BPF CAP_NET_ADMIN CAP_PERFMON"}},
        {NULL,
         NULL,
         FINDING_NEEDED,
         -ENOTSUP,
         false,
         {"bpf.some", FINDING_MISSING, "insists", "-Dbpf=enabled"}},
        {NULL,
         NULL,
         FINDING_NEEDED,
         -EINVAL,
         false,
         {"bpf.some", FINDING_MISSING, "insists", "offload.bpf: off"}},
        {NULL,
         NULL,
         FINDING_OPTIONAL,
         -EACCES,
         true,
         {"bpf.some", FINDING_MISSING, "worse", "offload.bpf: off"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        const struct program_facts facts = {"bpf.some",    "it",         "better",
                                            "worse",       rows[i].idle, rows[i].need,
                                            rows[i].error, "why",        rows[i].capability};
        judge_program(&f, &bare, &facts);
        assert_int_equal(findings_let_run(&f), rows[i].can_run);
        only_row_must_be(&f, &rows[i].wanted);
    }
}

static void privileges(void **state)
{
    (void)state;
    static const struct {
        const struct machine *machine;
        struct privileges_facts facts;
        struct wanted wanted;
    } rows[] = {
        {&bare, {0}, {"privileges", FINDING_OK, "no capabilities", ""}},
        {&bare, {.before = 0x1ff}, {"privileges", FINDING_OK, "9 capabilities, which", ""}},
        {&bare,
         {.before = 3, .kept = 3, .error = -EPERM},
         {"privileges", FINDING_DEGRADED, "2 of them stay", "SystemCallFilter=capset prctl"}},
        {&boxed, {.kept = 1, .error = -EPERM}, {"privileges", FINDING_DEGRADED, "Operation not", "seccomp="}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_privileges(&f, rows[i].machine, &rows[i].facts);
        assert_true(findings_let_run(&f));
        only_row_must_be(&f, &rows[i].wanted);
    }
}

static void descriptors(void **state)
{
    (void)state;
    /* At rest: 12, and for each of two workers two and a listener's. */
    static const struct {
        const struct machine *machine;
        uint64_t hard;
        struct wanted wanted;
    } rows[] = {
        {&bare, MACHINE_UNLIMITED, {"limit.nofile", FINDING_OK, "no limit", ""}},
        {&bare, 65536, {"limit.nofile", FINDING_OK, "65536", ""}},
        {&bare, 65535, {"limit.nofile", FINDING_DEGRADED, "about 65517 sessions", "LimitNOFILE=1048576"}},
        {&boxed,
         19,
         {"limit.nofile", FINDING_DEGRADED, "about 1 sessions", "--ulimit nofile=1048576:1048576"}},
        {&bare, 18, {"limit.nofile", FINDING_MISSING, "18", "LimitNOFILE=1048576"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_descriptors(
            &f, rows[i].machine,
            &(struct descriptor_facts){.soft = 16, .hard = rows[i].hard, .workers = 2, .listeners = 1});
        only_row_must_be(&f, &rows[i].wanted);
    }
}

static void other_limits(void **state)
{
    (void)state;
    static const struct machine able = {.root = "", .capabilities = 1ull << CAPABILITY_IPC_LOCK};
    struct findings f = {0};
    const uint64_t regions = 2 * (RING_LOCKED_BYTES + sizeof(struct muster_loop_region));
    const struct {
        const struct machine *machine;
        struct locked_facts facts;
        struct wanted wanted;
    } locked[] = {
        {&bare,
         {65536, 2, false, false, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_DEGRADED, "only 64 KiB", "LimitMEMLOCK=8M"}},
        {&boxed,
         {65536, 2, false, false, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_DEGRADED, "not counted", "--ulimit memlock=8388608:8388608"}},
        {&bare,
         {2 * RING_LOCKED_BYTES, 2, true, false, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_DEGRADED, "2 workers fit", "LimitMEMLOCK=8M"}},
        {&bare,
         {2 * RING_LOCKED_BYTES - 1, 2, true, false, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_MISSING, "take 816 KiB", "LimitMEMLOCK=8M"}},
        {&bare,
         {8 << 20, 64, true, false, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_MISSING, "64 workers", "LimitMEMLOCK=32M"}},
        {&bare, {8 << 20, 64, false, false, FINDING_OPTIONAL}, {"limit.memlock", FINDING_OK, "8192 KiB", ""}},
        {&bare,
         {8 << 20, 20, true, false, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_OK, "20 workers fit", ""}},
        {&bare,
         {MACHINE_UNLIMITED, 256, true, true, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_OK, "no limit", ""}},
        /* Regions: as the daemon counts, which leaves its program out. */
        {&bare,
         {regions, 2, true, true, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_OK, "2 workers fit, and their program's regions", ""}},
        {&bare,
         {regions - 1, 2, true, true, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_DEGRADED, "it stays off", "LimitMEMLOCK=8M"}},
        {&boxed,
         {regions - 1, 2, false, true, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_DEGRADED, "not counted", "--ulimit memlock=8388608:8388608"}},
        {&bare,
         {regions - 1, 2, true, true, FINDING_NEEDED},
         {"limit.memlock", FINDING_MISSING, "musterd does not start", "LimitMEMLOCK=8M"}},
        {&bare,
         {2 * RING_LOCKED_BYTES - 1, 2, true, true, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_MISSING, "take 816 KiB", "LimitMEMLOCK=8M"}},
        {&bare,
         {8 << 20, 4, true, true, FINDING_OPTIONAL},
         {"limit.memlock", FINDING_DEGRADED, "it stays off", "LimitMEMLOCK=16M"}},
        {&able, {0, 256, true, true, FINDING_OPTIONAL}, {"limit.memlock", FINDING_OK, "CAP_IPC_LOCK", ""}},
    };
    for (size_t i = 0; i < sizeof locked / sizeof locked[0]; i++) {
        judge_locked_memory(&f, locked[i].machine, &locked[i].facts);
        only_row_must_be(&f, &locked[i].wanted);
    }

    judge_backlog(&f, &bare, LISTENER_BACKLOG);
    only_row_must_be(&f, &(struct wanted){"net.core.somaxconn", FINDING_OK, "4096", ""});
    judge_backlog(&f, &bare, LISTENER_BACKLOG - 1);
    only_row_must_be(&f, &(struct wanted){"net.core.somaxconn", FINDING_DEGRADED, "4095",
                                          "sysctl -w net.core.somaxconn=4096"});
    judge_backlog(&f, &boxed, 128);
    only_row_must_be(&f, &(struct wanted){"net.core.somaxconn", FINDING_DEGRADED, "128",
                                          "--sysctl net.core.somaxconn=4096"});
    judge_backlog(&f, &bare, -1);
    only_row_must_be(&f,
                     &(struct wanted){"net.core.somaxconn", FINDING_NOT_APPLICABLE, "cannot be read", ""});

    judge_processors(&f, 4, 4);
    only_row_must_be(&f, &(struct wanted){"processors", FINDING_OK, "4", ""});
    judge_processors(&f, 1, 2);
    only_row_must_be(&f, &(struct wanted){"processors", FINDING_OK, "1, for 2", ""});
    judge_processors(&f, 3, 8);
    only_row_must_be(&f, &(struct wanted){"processors", FINDING_DEGRADED, "take turns", "workers: 3"});
}

static void control_groups(void **state)
{
    (void)state;
    /* Two workers and two jobs have 7 threads, or up to 20. */
    static const struct {
        const struct machine *machine;
        struct cgroup_limits limits;
        struct wanted wanted;
    } rows[] = {
        {&bare,
         {MACHINE_UNLIMITED, MACHINE_UNLIMITED, MACHINE_UNLIMITED},
         {"cgroup.memory", FINDING_OK, "no limit", ""}},
        {&bare, {256 << 20, 20, 2000}, {"cgroup.memory", FINDING_OK, "256 MiB, about 24576 idle", ""}},
        {&bare, {256 << 20, 20, 2000}, {"cgroup.pids", FINDING_OK, "up to 20 threads", ""}},
        {&bare, {256 << 20, 20, 2000}, {"cgroup.cpu", FINDING_OK, "2.0 processors", ""}},
        {&bare,
         {(256 << 20) - 1, 19, 1500},
         {"cgroup.memory", FINDING_DEGRADED, "only 255 MiB", "MemoryMax=1G"}},
        {&boxed,
         {1 << 20, 19, 1500},
         {"cgroup.memory", FINDING_DEGRADED, "about 0 idle", "docker run --memory 1g"}},
        {&bare, {256 << 20, 19, 1500}, {"cgroup.pids", FINDING_DEGRADED, "may not start", "TasksMax=40"}},
        {&bare, {256 << 20, 7, 1500}, {"cgroup.pids", FINDING_DEGRADED, "up to 7", "TasksMax=40"}},
        {&bare, {256 << 20, 6, 1500}, {"cgroup.pids", FINDING_MISSING, "does not start", "TasksMax=40"}},
        {&boxed, {256 << 20, 6, 1500}, {"cgroup.pids", FINDING_MISSING, "7 to 20", "--pids-limit 40"}},
        {&bare,
         {256 << 20, 19, 1500},
         {"cgroup.cpu", FINDING_DEGRADED, "1.5 processors for 2", "CPUQuota=200%"}},
        {&boxed, {256 << 20, 19, 1500}, {"cgroup.cpu", FINDING_DEGRADED, "stand still", "--cpus 2"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_cgroup(&f, rows[i].machine, &rows[i].limits, 2, 2);
        row_must_be(&f, &rows[i].wanted);
        findings_fini(&f);
    }
}

static void folders(void **state)
{
    (void)state;
    static const struct {
        struct folder_facts facts;
        struct wanted wanted;
    } rows[] = {
        {{"state", NULL, NULL, 0, 0}, {"state", FINDING_NOT_APPLICABLE, "no configuration", ""}},
        {{"state", "/a/b", "/a/b", 0, 1 << 30}, {"state", FINDING_OK, "/a/b: writable, 1024 MiB free", ""}},
        {{"admin.socket", "/a/b", "/a/b", 0, MACHINE_UNLIMITED},
         {"admin.socket", FINDING_OK, "/a/b: writable", ""}},
        {{"state", "/a/b", "/a", 0, 1 << 30}, {"state", FINDING_OK, "can be made", ""}},
        {{"state", "/a/b", "/a", -ENOENT, 0},
         {"state", FINDING_MISSING, "/a/b is not there", "install -d -m 700"}},
        {{"state", "/a/b", "/a/b/muster.db", -EACCES, 0},
         {"state", FINDING_MISSING, "muster.db cannot be written", "chown -R muster:muster /a/b"}},
        {{"state", "/a/b", "/a/b", -EROFS, 0},
         {"state", FINDING_MISSING, "Read-only", "ReadWritePaths=/a/b"}},
        {{"state", "/a/b", "/a/b", 0, (64 << 20) - 1},
         {"state", FINDING_DEGRADED, "63 MiB are free", "df -h /a/b"}},
        {{"state", "/a/b", "/a/b", 0, 0}, {"state", FINDING_MISSING, "0 MiB are free", "df -h /a/b"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_folder(&f, &rows[i].facts);
        only_row_must_be(&f, &rows[i].wanted);
    }
}

static void certificates(void **state)
{
    (void)state;
    enum { NOW = 1800000000, DAY = 86400 };
    static const struct {
        struct certificate_facts facts;
        struct wanted wanted;
    } rows[] = {
        {{.is_dated = true, .now = NOW, .begin = NOW, .end = NOW + 14 * DAY + 1},
         {"tls.certificate", FINDING_OK, "until 2027-01-29", ""}},
        {{.is_dated = true, .now = NOW, .begin = NOW, .end = NOW + 14 * DAY},
         {"tls.certificate", FINDING_DEGRADED, "until 2027-01-29 only", "renew"}},
        {{.is_dated = true, .now = NOW, .begin = 0, .end = NOW},
         {"tls.certificate", FINDING_DEGRADED, "expired on 2027-01-15", "renew"}},
        {{.is_dated = true, .now = NOW, .begin = NOW + 1, .end = NOW + 90 * DAY},
         {"tls.certificate", FINDING_DEGRADED, "not good yet", "renew"}},
        {{.is_dated = false, .now = NOW}, {"tls.certificate", FINDING_OK, "can be used", ""}},
        {{.error = -EACCES, .message = {"key /k: Permission denied", 25}},
         {"tls.certificate", FINDING_MISSING, "key /k: Perm", "setfacl"}},
        {{.error = -ENOMEM}, {"federation.certificate", FINDING_MISSING, "allocate memory", "openssl x509"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        struct certificate_facts facts = rows[i].facts;
        facts.name = rows[i].wanted.name;
        judge_certificates(&f, &facts);
        only_row_must_be(&f, &rows[i].wanted);
    }
}

static void signed_stanzas(void **state)
{
    (void)state;
    const uint64_t now_s = 1000000000, day_s = 86400;
    static const char *const library = "OpenSSL is old";
    const struct {
        struct smime_facts facts;
        enum finding_state files, library;
        const char *text;
    } rows[] = {
        {{.is_wanted = false}, FINDING_NOT_APPLICABLE, FINDING_NOT_APPLICABLE, "smime.mode: off"},
        {{true, -EINVAL, {"no authority", 12}, now_s, 0, 0, NULL},
         FINDING_MISSING,
         FINDING_OK,
         "no authority"},
        {{true, 0, {0}, now_s, now_s + 31 * day_s, UINT64_MAX, NULL}, FINDING_OK, FINDING_OK, "2001-10-10"},
        {{true, 0, {0}, now_s, now_s + 29 * day_s, UINT64_MAX, NULL},
         FINDING_DEGRADED,
         FINDING_OK,
         "good until 2001-10-08"},
        {{true, 0, {0}, now_s, now_s - 1, UINT64_MAX, NULL}, FINDING_DEGRADED, FINDING_OK, "has expired"},
        {{true, 0, {0}, now_s, now_s + 31 * day_s, now_s + 7200, NULL},
         FINDING_OK,
         FINDING_OK,
         "2001-09-09 03:46"},
        {{true, 0, {0}, now_s, now_s + 31 * day_s, now_s, library},
         FINDING_DEGRADED,
         FINDING_DEGRADED,
         "out of date"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings f = {0};
        judge_smime(&f, &rows[i].facts);
        struct span reason = buffer_span(&f.at[0].reason);
        assert_int_equal(f.count, 2);
        if (f.at[0].state != rows[i].files ||
            !memmem(reason.ptr, reason.len, rows[i].text, strlen(rows[i].text)))
            fail_msg("row %zu: %.*s", i, (int)reason.len, reason.ptr);
        assert_int_equal(f.at[1].state, rows[i].library);
        findings_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels),
        cmocka_unit_test(clocks),
        cmocka_unit_test(rings_that_are_forbidden),
        cmocka_unit_test(rings_that_lack_something),
        cmocka_unit_test(kernel_tls),
        cmocka_unit_test(bpf_programs),
        cmocka_unit_test(programs),
        cmocka_unit_test(privileges),
        cmocka_unit_test(descriptors),
        cmocka_unit_test(other_limits),
        cmocka_unit_test(control_groups),
        cmocka_unit_test(folders),
        cmocka_unit_test(certificates),
        cmocka_unit_test(signed_stanzas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
