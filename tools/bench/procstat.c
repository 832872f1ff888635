/* SPDX-License-Identifier: Apache-2.0 */
#include "procstat.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* First number of /proc/PATH (schedstat: nanoseconds on the CPU); 0 when not readable. */
static uint64_t first_number(const char *path)
{
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &number) != 1)
        number = 0;
    fclose(file);
    return number;
}

static bool is_number(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
}

static void threads_read(pid_t pid, struct procstat *stat)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return;
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        if (!is_number(entry->d_name))
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
        stat->exact_ns += first_number(path);
        stat->threads++;
    }
    closedir(tasks);
}

/* Fields of /proc/PID/stat behind the command, which may hold blanks and parentheses. */
static bool stat_read(pid_t pid, pid_t *ret_parent, uint64_t *ret_ticks, char command[32])
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[len] = '\0';
    char *open = strchr(line, '('), *shut = strrchr(line, ')');
    unsigned long long user = 0, system = 0;
    int parent = 0;
    if (open == NULL || shut == NULL ||
        sscanf(shut + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &parent, &user, &system) !=
            3)
        return false;
    snprintf(command, 32, "%.*s", (int)(shut - open - 1), open + 1);
    *ret_parent = parent;
    *ret_ticks = user + system;
    return true;
}

static void memory_read(pid_t pid, struct procstat *stat)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    unsigned long kilobytes;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %lu kB", &kilobytes) == 1)
            stat->pss_bytes += (uint64_t)kilobytes * 1024;
        else if (sscanf(line, "Rss: %lu kB", &kilobytes) == 1)
            stat->rss_bytes += (uint64_t)kilobytes * 1024;
    }
    fclose(file);
}

static void process_read(pid_t pid, uint64_t ticks, bool with_memory, struct procstat *stat)
{
    stat->ticks_ns += ticks * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
    threads_read(pid, stat);
    if (with_memory)
        memory_read(pid, stat);
}

/* Descendants deeper than this do not occur in a server. */
#define PROCESS_DEPTH_MAX 16

/* Is `pid` below `ancestor`? */
static bool descends(pid_t pid, pid_t ancestor)
{
    for (int depth = 0; depth < PROCESS_DEPTH_MAX && pid > 1; depth++) {
        pid_t parent;
        uint64_t ticks;
        char command[32];
        if (!stat_read(pid, &parent, &ticks, command))
            return false;
        if (parent == ancestor)
            return true;
        pid = parent;
    }
    return false;
}

/* ksoftirqd's time, and the descendants when asked for: one walk over all processes. */
static void others_read(pid_t ancestor, bool with_children, bool with_memory, struct procstat *stat)
{
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return;
    for (struct dirent *entry = readdir(proc); entry != NULL; entry = readdir(proc)) {
        pid_t parent, pid = is_number(entry->d_name) ? (pid_t)atoi(entry->d_name) : 0;
        uint64_t ticks;
        char command[32];
        if (pid == 0 || pid == ancestor || !stat_read(pid, &parent, &ticks, command))
            continue;
        if (strncmp(command, "ksoftirqd/", 10) == 0) {
            char path[64];
            snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
            stat->softirq_ns += first_number(path);
        } else if (with_children && descends(pid, ancestor)) {
            process_read(pid, ticks, with_memory, stat);
        }
    }
    closedir(proc);
}

int procstat_read(pid_t pid, bool with_children, bool with_memory, struct procstat *ret_stat)
{
    struct procstat stat = {0};
    pid_t parent;
    uint64_t ticks;
    char command[32];
    if (!stat_read(pid, &parent, &ticks, command))
        return -ESRCH;
    process_read(pid, ticks, with_memory, &stat);
    others_read(pid, with_children, with_memory, &stat);
    *ret_stat = stat;
    return 0;
}

uint64_t procstat_cpu_ns(const struct procstat *before, const struct procstat *after)
{
    uint64_t ticks = after->ticks_ns - before->ticks_ns;
    uint64_t exact = after->exact_ns > before->exact_ns ? after->exact_ns - before->exact_ns : 0;
    /* A thread that ended took its nanoseconds along; the ticks, 10 ms each way, remember them. */
    return exact + 20000000 < ticks ? ticks : exact;
}
