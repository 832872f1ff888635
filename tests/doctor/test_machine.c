/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a machine, of machines made up below a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "doctor/machine.h"

static char root[256];

static void file_write(const char *path, const char *text)
{
    char full[1024];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int root_make(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/muster-doctor-XXXXXX", base ? base : "/tmp");
    return mkdtemp(root) ? 0 : -1;
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int root_remove(void **state)
{
    (void)state;
    return nftw(root, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void status_and_numbers(void **state)
{
    (void)state;
    struct machine m;
    machine_look(&m, root); /* nothing is there */
    assert_false(m.is_container);
    assert_int_equal(m.capabilities, 0);
    assert_int_equal(m.seccomp, SECCOMP_NONE);
    file_write(
        "/proc/self/status",
        "Name:\tx\nCapInh:\t0000000000000001\nCapEff:\t000000c000001000\nSeccomp:\t2\nSeccomp_filters:\t1\n");
    file_write("/run/.containerenv", "");
    file_write("/proc/sys/net/core/somaxconn", "128\n");
    file_write("/proc/sys/kernel/word", "none\n");
    machine_look(&m, root);
    assert_true(m.is_container);
    assert_int_equal(m.seccomp, SECCOMP_FILTERED);
    assert_true(machine_has_capability(&m, CAPABILITY_BPF));
    assert_true(machine_has_capability(&m, CAPABILITY_NET_ADMIN));
    assert_false(machine_has_capability(&m, CAPABILITY_SYS_ADMIN));
    assert_int_equal(machine_number(&m, "/proc/sys/net/core/somaxconn", -1), 128);
    assert_int_equal(machine_number(&m, "/proc/sys/kernel/word", -1), -1);
    assert_int_equal(machine_number(&m, "/proc/sys/not/there", 7), 7);
}

static void modules(void **state)
{
    (void)state;
    struct machine m;
    struct utsname kernel;
    char path[512];
    uname(&kernel);
    machine_look(&m, root);
    assert_false(machine_has_module(&m, "tls"));
    snprintf(path, sizeof path, "/lib/modules/%s/modules.dep", kernel.release);
    file_write(path, "kernel/net/bluetls.ko:\n");
    assert_false(machine_has_module(&m, "tls"));
    file_write(path, "kernel/net/bluetls.ko:\nkernel/net/tls/tls.ko.xz: kernel/x.ko.xz\n");
    assert_true(machine_has_module(&m, "tls"));
    assert_false(machine_has_module(&m, "gcm"));
    snprintf(path, sizeof path, "/lib/modules/%s/modules.builtin", kernel.release);
    file_write(path, "kernel/crypto/gcm.ko\n");
    assert_true(machine_has_module(&m, "gcm"));
}

static void limits_must_be(uint64_t memory, uint64_t pids, uint64_t cpu)
{
    struct machine m;
    struct cgroup_limits limits;
    machine_look(&m, root);
    machine_cgroup_limits(&m, &limits);
    assert_int_equal(limits.memory_bytes, memory);
    assert_int_equal(limits.pids, pids);
    assert_int_equal(limits.cpu_thousandths, cpu);
}

static void groups_of_version_2(void **state)
{
    (void)state;
    limits_must_be(MACHINE_UNLIMITED, MACHINE_UNLIMITED, MACHINE_UNLIMITED);
    file_write("/proc/self/cgroup", "0::/system.slice/musterd.service\n");
    file_write("/sys/fs/cgroup/system.slice/musterd.service/memory.max", "max\n");
    file_write("/sys/fs/cgroup/system.slice/musterd.service/pids.max", "512\n");
    file_write("/sys/fs/cgroup/system.slice/musterd.service/cpu.max", "max 100000\n");
    limits_must_be(MACHINE_UNLIMITED, 512, MACHINE_UNLIMITED);
    file_write("/sys/fs/cgroup/system.slice/memory.max", "1048576\n"); /* of the group above */
    file_write("/sys/fs/cgroup/system.slice/musterd.service/cpu.max", "150000 100000\n");
    limits_must_be(1048576, 512, 1500);
    /* In a container: the mount is the group, whatever its name outside. */
    file_write("/proc/self/cgroup", "0::/\n");
    file_write("/sys/fs/cgroup/memory.max", "4096\n");
    limits_must_be(4096, MACHINE_UNLIMITED, MACHINE_UNLIMITED);
}

static void groups_of_version_1(void **state)
{
    (void)state;
    file_write("/proc/self/cgroup",
               "12:pids:/docker/ab\n5:cpuacct,cpu:/docker/ab\n4:memory:/docker/ab\n1:name=systemd:/\n0::/\n");
    file_write("/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    file_write("/sys/fs/cgroup/pids/pids.max", "100\n");
    file_write("/sys/fs/cgroup/cpu/docker/ab/cpu.cfs_quota_us", "-1\n");
    file_write("/sys/fs/cgroup/cpu/docker/ab/cpu.cfs_period_us", "100000\n");
    limits_must_be(MACHINE_UNLIMITED, 100, MACHINE_UNLIMITED);
    file_write("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "8192\n");
    file_write("/sys/fs/cgroup/cpu/docker/ab/cpu.cfs_quota_us", "50000\n");
    limits_must_be(8192, 100, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(status_and_numbers, root_make, root_remove),
        cmocka_unit_test_setup_teardown(modules, root_make, root_remove),
        cmocka_unit_test_setup_teardown(groups_of_version_2, root_make, root_remove),
        cmocka_unit_test_setup_teardown(groups_of_version_1, root_make, root_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
