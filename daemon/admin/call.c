/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the local admin socket. */
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/control.h"
#include "admin/request.h"
#include "base/input.h"

static int all_send(int fd, struct span out)
{
    while (out.len) {
        ssize_t len = send(fd, out.ptr, out.len, MSG_NOSIGNAL);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return -errno;
        out = span_skip(out, (size_t)len);
    }
    return 0;
}

/* `fd` is connected. */
static int exchange(int fd, struct span command, struct span body, struct buffer *reply)
{
    struct buffer in;
    struct span text;
    int error = all_send(fd, command);
    if (!error)
        error = all_send(fd, SPAN("\n"));
    if (!error)
        error = all_send(fd, body);
    if (!error && shutdown(fd, SHUT_WR) != 0)
        error = -errno;
    if (error && error != -EPIPE) /* EPIPE: it refuses without reading on; the reason is there to be read */
        return error;
    buffer_init(&in);
    error = input_read_all(fd, SIZE_MAX, &in);
    if (!error)
        error = control_reply_parse(buffer_span(&in), &text);
    if (error >= 0) {
        buffer_append(reply, text);
        if (!buffer_ok(reply))
            error = -ENOMEM;
    }
    buffer_fini(&in);
    return error;
}

int control_call(const char *socket_path, struct span command, struct span body, struct buffer *reply)
{
    struct sockaddr_un address;
    if (command.len + 1 + body.len > CONTROL_BODY_BYTES_MAX)
        return -EFBIG;
    int error = control_address_make(socket_path, &address);
    if (error)
        return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        error = -errno;
    else
        error = exchange(fd, command, body, reply);
    close(fd);
    return error;
}
