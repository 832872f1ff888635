/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static _Atomic int log_level = LOG_LEVEL_INFO;

void log_level_set(enum log_level level)
{
    log_level = (int)level;
}

void log_event(enum log_level level, const char *event, const char *fields, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if ((int)level > log_level)
        return;
    char line[1024];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + used, sizeof line - used, ".%03ldZ %-5s %s ", now.tv_nsec / 1000000,
                        names[level], event);
    used += (size_t)more;
    va_list args;
    va_start(args, fields);
    more = vsnprintf(line + used, sizeof line - used - 1, fields, args);
    va_end(args);
    used += (size_t)(more > 0 ? more : 0);
    if (used > sizeof line - 2)
        used = sizeof line - 2; /* a long line is cut: a log never fails for its length */
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used); /* one write: lines of threads do not mix */
    (void)written;
}
