/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ten minutes of them are kept (FRESHNESS_KEEP_S): 100 a second. */
#define STATE_ENTRIES_MAX 65536
/* A line of each is shorter than two JIDs and some digits. */
#define STATE_BYTES_MAX (256u << 20)

/* The file, locked. Whoever had it before may have put another in its place: then the lock is on what is no longer there. */
static int locked_open(const char *path)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return -errno;
        struct stat ours, there;
        if (flock(fd, LOCK_EX) || fstat(fd, &ours)) {
            int error = -errno;
            close(fd);
            return error;
        }
        if (stat(path, &there) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev)
            return fd;
        close(fd);
    }
}

static int state_read(struct state *s)
{
    struct buffer text;
    buffer_init(&text);
    int error = 0;
    for (ssize_t len = 1; len > 0 && !error;) {
        char *to = buffer_reserve(&text, 65536);
        len = to ? read(s->fd, to, 65536) : -1;
        if (!to || text.len > STATE_BYTES_MAX)
            error = -ENOMEM;
        else if (len < 0)
            error = -errno;
        else
            text.len += (uint32_t)len;
    }
    if (!error)
        error = freshness_read(s->seen, buffer_span(&text));
    buffer_fini(&text);
    return error;
}

int state_open(struct state *s, const char *path)
{
    *s = (struct state){.path = path, .fd = -1, .seen = freshness_new(STATE_ENTRIES_MAX)};
    if (!s->seen)
        return -ENOMEM;
    if (!path)
        return 0;
    s->fd = locked_open(path);
    return s->fd < 0 ? s->fd : state_read(s);
}

static int file_write(const char *path, struct span text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int error = 0;
    while (text.len && !error) {
        ssize_t len = write(fd, text.ptr, text.len);
        if (len < 0)
            error = -errno;
        else
            text = span_skip(text, (size_t)len);
    }
    if (!error && fsync(fd)) /* what was accepted once must not be new again after a crash */
        error = -errno;
    close(fd);
    return error;
}

int state_save(struct state *s)
{
    if (!s->path)
        return 0;
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new", s->path) >= (int)sizeof beside)
        return -ENAMETOOLONG;
    struct buffer text;
    buffer_init(&text);
    int error = freshness_write(s->seen, &text);
    if (!error)
        error = file_write(beside, buffer_span(&text));
    if (!error && rename(beside, s->path))
        error = -errno;
    buffer_fini(&text);
    return error;
}

void state_close(struct state *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->seen = freshness_free(s->seen);
}
