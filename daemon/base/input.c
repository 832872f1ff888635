/* SPDX-License-Identifier: Apache-2.0 */
#include "base/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read at once: a pipe's worth. */
#define READ_BYTES 65536

int input_open(const char *path)
{
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &file) != 0    ? -errno
                : S_ISDIR(file.st_mode)  ? -EISDIR
                : !S_ISREG(file.st_mode) ? -EBADFD
                                         : 0;
    if (error)
        close(fd);
    return error ? error : fd;
}

const char *input_error(int error)
{
    return error == -EBADFD ? "is no regular file" : strerror(-error);
}

int input_read_all(int fd, size_t bytes_max, struct buffer *in)
{
    for (;;) {
        char *to = buffer_reserve(in, READ_BYTES);
        if (!to)
            return -ENOMEM;
        if (in->len > bytes_max)
            return -EFBIG;
        ssize_t len = read(fd, to, READ_BYTES);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return -errno;
        if (len == 0)
            return 0;
        in->len += (uint32_t)len;
    }
}
