/* SPDX-License-Identifier: Apache-2.0 */
/* What the running kernel's TLS can do, tried on loopback: modules, ciphers and new keys cannot be told from a version. */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/keys.h"
#include "tls/record_kernel.h"
#include "tls/record_ops.h"

/* A kernel that does not bring a few bytes over loopback within this time does not do it at all. */
#define PROBE_TIMEOUT_S 2

/* A connected pair of TCP sockets; kTLS does not work on others. 0 or negative errno. */
static int tcp_pair(int ret_fds[2])
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof where;
    int error = 0, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ret_fds[0] = ret_fds[1] = -1;
    if (listener < 0)
        return -errno;
    if (bind(listener, (struct sockaddr *)&where, len) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&where, &len) < 0 ||
        (ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 ||
        connect(ret_fds[0], (struct sockaddr *)&where, len) < 0 ||
        (ret_fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
        error = -errno;
    close(listener);
    const struct timeval timeout = {.tv_sec = PROBE_TIMEOUT_S};
    for (int i = 0; i < 2 && !error; i++)
        setsockopt(ret_fds[i], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return error;
}

/* Records for both ends, one's sending keys being the other's receiving keys. */
static int records_make(const int fds[2], uint16_t version, enum tls_suite suite, struct record *records[2])
{
    struct tls_secrets mine = {
        .version = version, .suite = (uint8_t)suite, .hash_bytes = suite == TLS_AES_256_GCM ? 48 : 32};
    memset(mine.send.secret, 1, sizeof mine.send.secret);
    memset(mine.receive.secret, 2, sizeof mine.receive.secret);
    int error = tls_direction_derive(&mine.send, suite, mine.hash_bytes);
    if (!error)
        error = tls_direction_derive(&mine.receive, suite, mine.hash_bytes);
    struct tls_secrets theirs = mine;
    theirs.send = mine.receive;
    theirs.receive = mine.send;
    for (int i = 0; i < 2 && !error; i++) {
        struct record *user = record_user_new(i == 0 ? &mine : &theirs);
        if (!user)
            return -ENOMEM;
        error = record_kernel_new(user, fds[i], true, &records[i]);
        if (error)
            record_free(user);
    }
    return error;
}

static int exchange(int from, int to)
{
    static const char text[] = "<presence/>";
    char arrived[sizeof text];
    if (send(from, text, sizeof text, MSG_NOSIGNAL) != (ssize_t)sizeof text)
        return -errno;
    ssize_t len = recv(to, arrived, sizeof arrived, MSG_WAITALL);
    return len < 0                                                                  ? -errno
           : len != (ssize_t)sizeof text || memcmp(text, arrived, sizeof text) != 0 ? -EBADMSG
                                                                                    : 0;
}

/* One end says KeyUpdate and asks for the other's: both ways. */
static int rekey(const int fds[2], struct record *records[2])
{
    int error = record_kernel_update_keys(records[0]);
    if (error)
        return error;
    char byte;
    if (recv(fds[1], &byte, 1, 0) >= 0 ||
        errno != EIO) /* the control record stands in the way, as it should */
        return -EPROTO;
    error = record_kernel_control(records[1]);
    return error ? -EOPNOTSUPP : exchange(fds[0], fds[1]);
}

static int try(uint16_t version, enum tls_suite suite, bool with_rekey)
{
    int fds[2];
    struct record *records[2] = {NULL, NULL};
    int error = tcp_pair(fds);
    if (!error)
        error = records_make(fds, version, suite, records);
    if (!error)
        error = exchange(fds[0], fds[1]);
    if (!error)
        error = exchange(fds[1], fds[0]);
    if (!error && with_rekey)
        error = rekey(fds, records);
    for (int i = 0; i < 2; i++) {
        record_free(records[i]);
        if (fds[i] >= 0)
            close(fds[i]);
    }
    return error;
}

int record_kernel_probe_ulp(void)
{
    int fds[2];
    int error = tcp_pair(fds);
    if (!error)
        error = record_kernel_attach(fds[0]);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return error;
}

void record_kernel_probe(struct record_kernel_abilities *ret)
{
    *ret = (struct record_kernel_abilities){0};
    for (int suite = TLS_AES_128_GCM; suite <= TLS_CHACHA20_POLY1305; suite++) {
        int error = try(TLS_1_3_VERSION, (enum tls_suite)suite, false);
        ret->suite_errors[suite] = error;
        if (!error)
            ret->tls13_suites |= 1u << suite;
        else if (!ret->error)
            ret->error = error;
        if (try(TLS_1_2_VERSION, (enum tls_suite)suite, false) == 0)
            ret->tls12_suites |= 1u << suite;
    }
    ret->can_rekey = ret->tls13_suites && try(TLS_1_3_VERSION, TLS_AES_128_GCM, true) == 0;
}
