/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of the local admin socket. One connection at a time: an administrator's commands are few,
 * and each sees what the one before it did. */
#include "admin/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/request.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privileges.h"

/* A client that sends nothing for so long, or reads nothing, is dropped: the next one waits behind it. */
#define CONTROL_IDLE_TIMEOUT_MS 10000
/* Who comes meanwhile waits in the kernel's queue. */
#define CONTROL_BACKLOG 16
/* One read. */
#define CONTROL_READ_BYTES 65536

struct control {
    int listen_fd, stop_fd;
    struct sockaddr_un address;
    dev_t device; /* of the socket file, so that close removes its own only */
    ino_t inode;
    control_handler handler;
    void *context;
    pthread_t thread;
};

int control_address_make(const char *path, struct sockaddr_un *ret_address)
{
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof ret_address->sun_path)
        return -ENAMETOOLONG;
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->sun_family = AF_UNIX;
    memcpy(ret_address->sun_path, path, len);
    return 0;
}

/* Wait until `fd` is ready. 0, -ETIMEDOUT, or -ECANCELED when the daemon stops. */
static int ready_wait(const struct control *c, int fd, short events)
{
    struct pollfd fds[2] = {{.fd = c->stop_fd, .events = POLLIN}, {.fd = fd, .events = events}};
    for (;;) {
        int count = poll(fds, 2, CONTROL_IDLE_TIMEOUT_MS);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (fds[0].revents)
            return -ECANCELED;
        return count == 0 ? -ETIMEDOUT : 0;
    }
}

/* The kernel has checked the file's mode when they connected; a socket handed on by a process with other
 * rights is caught here. */
static bool peer_is_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

/* All that the client sends until it shuts down its side. 0 or negative errno. */
static int request_receive(const struct control *c, int fd, struct buffer *in)
{
    for (;;) {
        int error = ready_wait(c, fd, POLLIN);
        if (error)
            return error;
        char *to = buffer_reserve(in, CONTROL_READ_BYTES);
        if (!to)
            return -ENOMEM;
        ssize_t len = recv(fd, to, CONTROL_READ_BYTES, MSG_DONTWAIT);
        if (len < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (len < 0)
            return -errno;
        if (len == 0)
            return 0;
        in->len += (uint32_t)len;
        if (in->len > CONTROL_BODY_BYTES_MAX)
            return -EFBIG;
    }
}

static int reply_send(const struct control *c, int fd, struct span out)
{
    while (out.len) {
        int stopped = ready_wait(c, fd, POLLOUT);
        if (stopped && stopped != -ECANCELED)
            return stopped;
        ssize_t len = send(fd, out.ptr, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (len < 0 && (errno == EINTR || (errno == EAGAIN && !stopped)))
            continue;
        if (len < 0)
            return -errno;
        out = span_skip(out, (size_t)len);
        /* when the daemon stops, what the socket takes is still sent: mostly that is the answer to
         * "shutdown" */
    }
    return 0;
}

static int answer(struct control *c, int fd, struct buffer *in, struct buffer *reply)
{
    struct span command, body;
    struct buffer text;
    int error = request_receive(c, fd, in);
    if (error && error != -EFBIG)
        return error;
    buffer_init(&text);
    bool is_ok = false;
    if (error == -EFBIG)
        buffer_printf(&text, "more than %u bytes: split the input", CONTROL_BODY_BYTES_MAX);
    else if (control_request_parse(buffer_span(in), &command, &body) != 0)
        buffer_literal(&text, "malformed request");
    else
        is_ok = c->handler(c->context, command, body, &text);
    if (!buffer_ok(&text)) {
        is_ok = false;
        buffer_clear(&text);
        buffer_literal(&text, "no memory for the answer");
    }
    buffer_append(reply, is_ok ? SPAN("ok\n") : SPAN("error\n"));
    buffer_append(reply, buffer_span(&text));
    buffer_fini(&text);
    return buffer_ok(reply) ? reply_send(c, fd, buffer_span(reply)) : -ENOMEM;
}

static void connection_serve(struct control *c, int fd)
{
    struct buffer in, reply;
    buffer_init(&in);
    buffer_init(&reply);
    int error = peer_is_allowed(fd) ? answer(c, fd, &in, &reply) : -EPERM;
    if (error && error != -ECANCELED)
        log_warn("control.failed", "error=\"%s\"", strerror(-error));
    buffer_fini(&in);
    buffer_fini(&reply);
}

static void *control_main(void *context)
{
    struct control *c = context;
    struct pollfd fds[2] = {{.fd = c->stop_fd, .events = POLLIN}, {.fd = c->listen_fd, .events = POLLIN}};
    pthread_setname_np(pthread_self(), "control");
    privileges_drop(); /* as main.c does, which says what became of it */
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            log_error("control.stopped", "error=\"%s\"", strerror(errno));
            return NULL;
        }
        if (fds[0].revents)
            return NULL;
        int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
                poll(fds, 1, 100); /* the connection stays pending: without a pause this would spin */
            continue;
        }
        connection_serve(c, fd);
        close(fd);
    }
}

/* Remove what a daemon that is gone has left. 0; -EADDRINUSE when somebody listens; -EEXIST when it is no
 * socket. */
static int stale_remove(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
    close(fd);
    if (error != ECONNREFUSED) /* connected, or its queue is full, or not ours to know: alive */
        return error == 0 || error == EAGAIN ? -EADDRINUSE : -error;
    return unlink(address->sun_path) == 0 ? 0 : -errno;
}

static int socket_open(struct control *c)
{
    struct stat status;
    int error = stale_remove(&c->address);
    if (error)
        return error;
    c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->listen_fd < 0)
        return -errno;
    /* before bind: then the file is never there with another mode */
    if (fchmod(c->listen_fd, 0600) != 0 ||
        bind(c->listen_fd, (const struct sockaddr *)&c->address, sizeof c->address) != 0)
        return -errno;
    if (lstat(c->address.sun_path, &status) != 0)
        return -errno;
    c->device = status.st_dev;
    c->inode = status.st_ino;
    if (chmod(c->address.sun_path, 0600) != 0 || listen(c->listen_fd, CONTROL_BACKLOG) != 0)
        return -errno;
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    return c->stop_fd < 0 ? -errno : 0;
}

/* Files and memory, after the thread. */
static void control_free(struct control *c)
{
    struct stat status;
    if (c->inode && lstat(c->address.sun_path, &status) == 0 && status.st_dev == c->device &&
        status.st_ino == c->inode)
        unlink(c->address.sun_path);
    if (c->listen_fd >= 0)
        close(c->listen_fd);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    free(c);
}

int control_open(const char *socket_path, control_handler handler, void *context,
                 struct control **ret_control, struct buffer *ret_message)
{
    struct control *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->listen_fd = c->stop_fd = -1;
    c->handler = handler;
    c->context = context;
    int error = control_address_make(socket_path, &c->address);
    if (!error)
        error = socket_open(c);
    if (!error)
        error = -pthread_create(&c->thread, NULL, control_main, c);
    if (error) {
        buffer_printf(ret_message, "%s: %s", socket_path,
                      error == -EADDRINUSE ? "another daemon answers there"
                      : error == -EEXIST   ? "is there already and is not a socket"
                                           : strerror(-error));
        control_free(c);
        return error;
    }
    *ret_control = c;
    return 0;
}

struct control *control_close(struct control *c)
{
    if (!c)
        return NULL;
    uint64_t one = 1;
    ssize_t written = write(c->stop_fd, &one, sizeof one); /* an eventfd takes it always */
    (void)written;
    pthread_join(c->thread, NULL);
    control_free(c);
    return NULL;
}
