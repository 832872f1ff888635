/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/machine.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Far more than anything that is read here; the kernel's types are the longest. */
#define MACHINE_TEXT_BYTES_MAX (64u * 1024 * 1024)
#define MACHINE_READ_BYTES 65536

static bool path_make(const struct machine *m, const char *path, char ret_path[PATH_MAX])
{
    return snprintf(ret_path, PATH_MAX, "%s%s", m->root, path) < PATH_MAX;
}

bool machine_has(const struct machine *m, const char *path)
{
    char full[PATH_MAX];
    return path_make(m, path, full) && access(full, F_OK) == 0;
}

bool machine_text(const struct machine *m, const char *path, struct buffer *out)
{
    char full[PATH_MAX], *to;
    int fd = path_make(m, path, full) ? open(full, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    ssize_t len = 0;
    while (out->len < MACHINE_TEXT_BYTES_MAX && (to = buffer_reserve(out, MACHINE_READ_BYTES)) != NULL &&
           (len = read(fd, to, MACHINE_READ_BYTES)) > 0)
        out->len += (uint32_t)len;
    close(fd);
    return len == 0;
}

int64_t machine_number(const struct machine *m, const char *path, int64_t otherwise)
{
    struct buffer text = {0};
    bool is_read = machine_text(m, path, &text);
    buffer_append_char(&text, '\0');
    char *end = text.ptr;
    long long number = is_read && buffer_ok(&text) ? strtoll(text.ptr, &end, 10) : 0;
    bool is_number = end != text.ptr;
    buffer_fini(&text);
    return is_number ? number : otherwise;
}

bool machine_has_capability(const struct machine *m, int capability)
{
    return m->capabilities >> capability & 1;
}

/* The number behind "TITLE:" in /proc/self/status. */
static uint64_t status_number(struct span status, const char *title, int base)
{
    struct span wanted = span_of(title);
    while (status.len) {
        const char *newline = memchr(status.ptr, '\n', status.len);
        if (span_starts(status, wanted))
            return strtoull(status.ptr + wanted.len, NULL, base);
        status = span_skip(status, newline ? (size_t)(newline - status.ptr) + 1 : status.len);
    }
    return 0;
}

void machine_look(struct machine *ret, const char *root)
{
    struct buffer status = {0};
    *ret = (struct machine){.root = root};
    ret->is_container = machine_has(ret, "/.dockerenv") || machine_has(ret, "/run/.containerenv");
    machine_text(ret, "/proc/self/status", &status);
    buffer_append_char(&status, '\0');
    if (buffer_ok(&status)) {
        ret->capabilities = status_number(buffer_span(&status), "CapEff:", 16);
        ret->seccomp = (int)status_number(buffer_span(&status), "Seccomp:", 10);
    }
    buffer_fini(&status);
}

bool machine_has_module(const struct machine *m, const char *name)
{
    static const char *const lists[] = {"modules.dep", "modules.builtin"};
    struct utsname kernel;
    bool has = false;
    if (uname(&kernel) != 0)
        return false;
    for (unsigned i = 0; i < sizeof lists / sizeof lists[0] && !has; i++) {
        char path[PATH_MAX], file[64];
        struct buffer text = {0};
        snprintf(path, sizeof path, "/lib/modules/%s/%s", kernel.release, lists[i]);
        int len = snprintf(file, sizeof file, "/%s.ko", name);
        has = machine_text(m, path, &text) && memmem(text.ptr, text.len, file, (size_t)len);
        buffer_fini(&text);
    }
    return has;
}

/* ---- control groups ---- */

/* The path of this process's group in the hierarchy of `controller` ("": version 2), out of /proc/self/cgroup: lines
 * "number:controller,controller:path". */
static bool group_find(struct span text, const char *controller, char ret_path[PATH_MAX])
{
    size_t wanted = strlen(controller);
    while (text.len) {
        const char *newline = memchr(text.ptr, '\n', text.len);
        size_t len = newline ? (size_t)(newline - text.ptr) : text.len;
        const char *end = text.ptr + len, *names = memchr(text.ptr, ':', len);
        const char *path = names ? memchr(names + 1, ':', (size_t)(end - names - 1)) : NULL;
        for (const char *at = names, *stop; path && at < path; at = stop) {
            at++;
            stop = memchr(at, ',', (size_t)(path - at));
            stop = stop ? stop : path;
            if ((size_t)(stop - at) == wanted && memcmp(at, controller, wanted) == 0) {
                snprintf(ret_path, PATH_MAX, "%.*s", (int)(end - path - 1), path + 1);
                return true;
            }
        }
        text = span_skip(text, len + (newline != NULL));
    }
    return false;
}

static uint64_t limit_of_number(const struct machine *m, const char *folder, const char *file)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return MACHINE_UNLIMITED;
    int64_t limit = machine_number(m, path, -1); /* "max" is no number */
    return limit < 0 ? MACHINE_UNLIMITED : (uint64_t)limit;
}

/* Version 2: "QUOTA PERIOD" or "max PERIOD" in one file. */
static uint64_t limit_of_share(const struct machine *m, const char *folder, const char *file)
{
    char path[PATH_MAX];
    struct buffer text = {0};
    unsigned long long quota = 0, period = 0;
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return MACHINE_UNLIMITED;
    bool is_read = machine_text(m, path, &text);
    buffer_append_char(&text, '\0');
    bool is_limit =
        is_read && buffer_ok(&text) && sscanf(text.ptr, "%llu %llu", &quota, &period) == 2 && period;
    buffer_fini(&text);
    return is_limit ? quota * 1000 / period : MACHINE_UNLIMITED;
}

/* Version 1: a file each; a quota of -1 is none. */
static uint64_t limit_of_quota(const struct machine *m, const char *folder, const char *file)
{
    uint64_t quota = limit_of_number(m, folder, file);
    uint64_t period = limit_of_number(m, folder, "cpu.cfs_period_us");
    return quota == MACHINE_UNLIMITED || period == MACHINE_UNLIMITED || !period ? MACHINE_UNLIMITED
                                                                                : quota * 1000 / period;
}

struct cgroup_file {
    const char *controller; /* "": version 2 */
    const char *mount, *name;
    uint64_t (*read)(const struct machine *m, const char *folder, const char *file);
};

/* The least that the group and those above it allow. In a container the mount may begin at the group itself, and then
 * nothing is found below: only the last step is. */
static void limit_narrow(const struct machine *m, struct span groups, const struct cgroup_file *file,
                         uint64_t *limit)
{
    char group[PATH_MAX], folder[2 * PATH_MAX];
    if (!group_find(groups, file->controller, group))
        return;
    for (char *slash = group + strlen(group);; slash = strrchr(group, '/')) {
        if (!slash)
            return;
        *slash = '\0';
        snprintf(folder, sizeof folder, "%s%s", file->mount, group);
        uint64_t found = file->read(m, folder, file->name);
        *limit = found < *limit ? found : *limit;
        if (!*group)
            return;
    }
}

void machine_cgroup_limits(const struct machine *m, struct cgroup_limits *ret)
{
    static const struct cgroup_file memory[] = {
        {"", "/sys/fs/cgroup", "memory.max", limit_of_number},
        {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", limit_of_number}};
    static const struct cgroup_file pids[] = {{"", "/sys/fs/cgroup", "pids.max", limit_of_number},
                                              {"pids", "/sys/fs/cgroup/pids", "pids.max", limit_of_number}};
    static const struct cgroup_file cpu[] = {
        {"", "/sys/fs/cgroup", "cpu.max", limit_of_share},
        {"cpu", "/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", limit_of_quota}};
    /* Version 1 says a multiple of the page's size near 2^63 for no limit. */
    const uint64_t memory_none = (uint64_t)INT64_MAX - (1 << 20);
    struct buffer groups = {0};
    *ret = (struct cgroup_limits){MACHINE_UNLIMITED, MACHINE_UNLIMITED, MACHINE_UNLIMITED};
    machine_text(m, "/proc/self/cgroup", &groups);
    for (unsigned i = 0; i < 2; i++) {
        limit_narrow(m, buffer_span(&groups), &memory[i], &ret->memory_bytes);
        limit_narrow(m, buffer_span(&groups), &pids[i], &ret->pids);
        limit_narrow(m, buffer_span(&groups), &cpu[i], &ret->cpu_thousandths);
    }
    if (ret->memory_bytes >= memory_none)
        ret->memory_bytes = MACHINE_UNLIMITED;
    buffer_fini(&groups);
}
