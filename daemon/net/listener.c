/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/socket.h"

/* Out of descriptors or memory: connections wait in the backlog until there are some again. */
#define LISTENER_RETRY_MS 500

static int address_parse(const char *address, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *ret_len = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *ret_len = sizeof *v6;
        return 0;
    }
    return -EINVAL;
}

bool listener_address_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int socket_bind(const char *address, uint16_t port, bool is_shared)
{
    struct sockaddr_storage where;
    socklen_t len;
    int error = address_parse(address, port, &where, &len);
    if (error)
        return error;
    int fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){is_shared}, sizeof(int)) < 0 ||
        bind(fd, (struct sockaddr *)&where, len) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int listener_probe(const char *address, uint16_t port)
{
    int fd = socket_bind(address, port, false);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

int listener_socket(const char *address, uint16_t port)
{
    int fd = socket_bind(address, port, true);
    if (fd >= 0)
        socket_options(fd);
    if (fd < 0 || listen(fd, LISTENER_BACKLOG) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static void listener_arm(struct listener *l)
{
    l->is_armed = true;
    loop_accept(l->loop, &l->accept, l->fd);
}

static void listener_retry(struct timer *t)
{
    struct listener *l = container_of(t, struct listener, retry);
    if (!l->is_closing)
        listener_arm(l);
}

static void listener_accept_done(struct op *op, int result, unsigned flags, char *bytes)
{
    (void)bytes;
    struct listener *l = container_of(op, struct listener, accept);
    if (!(flags & LOOP_MORE))
        l->is_armed = false;
    if (result >= 0 && l->is_closing)
        close(result);
    else if (result >= 0)
        l->accepted(l, result);
    if (l->is_armed || l->is_closing)
        return;
    bool is_passing = result >= 0 || result == -ECONNABORTED || result == -ECANCELED || result == -EINTR ||
                      result == -EAGAIN;
    if (!is_passing) {
        log_warn("accept-paused", "error=%s retry_ms=%d", strerror(-result), LISTENER_RETRY_MS);
        loop_timer_start(l->loop, &l->retry, LISTENER_RETRY_MS);
        return;
    }
    listener_arm(l); /* a peer that was gone before it was accepted, or a full completion queue */
}

void listener_open(struct listener *l, struct loop *loop, int fd,
                   void (*accepted)(struct listener *l, int fd))
{
    *l = (struct listener){.accept = {listener_accept_done}, .loop = loop, .fd = fd, .accepted = accepted};
    timer_init(&l->retry, listener_retry);
    listener_arm(l);
}

void listener_close(struct listener *l)
{
    if (l->is_closing)
        return;
    l->is_closing = true;
    loop_timer_stop(l->loop, &l->retry);
    if (l->is_armed)
        loop_cancel(l->loop, &l->accept, LOOP_NO_SLOT);
    /* Whoever comes now is refused, or goes to another worker, instead of waiting here for nobody. */
    shutdown(l->fd, SHUT_RD);
}

bool listener_is_closed(const struct listener *l)
{
    return l->is_closing && !l->is_armed;
}
