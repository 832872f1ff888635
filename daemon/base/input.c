/* SPDX-License-Identifier: Apache-2.0 */
#include "base/input.h"

#include <errno.h>
#include <unistd.h>

/* Read at once: a pipe's worth. */
#define READ_BYTES 65536

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
