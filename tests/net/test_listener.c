/* SPDX-License-Identifier: Apache-2.0 */
/* What an accepted connection has of the socket that it came to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/listener.h"

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* The kernel's promise that sockets of their own need no calls. */
static void accepted_sockets_inherit_the_options(void **state)
{
    (void)state;
    int listening = listener_socket("127.0.0.1", 0);
    assert_true(listening >= 0);
    struct sockaddr_in where;
    socklen_t len = sizeof where;
    assert_int_equal(getsockname(listening, (struct sockaddr *)&where, &len), 0);
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&where, len), 0);
    int accepted = accept(listening, NULL, NULL);
    assert_true(accepted >= 0);
    assert_int_equal(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(accepted, IPPROTO_TCP, TCP_KEEPIDLE), 300);
    assert_int_equal(option(accepted, IPPROTO_TCP, TCP_KEEPINTVL), 30);
    assert_int_equal(option(accepted, IPPROTO_TCP, TCP_KEEPCNT), 4);
    assert_int_equal(option(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), 120000);
    close(accepted);
    close(peer);
    close(listening);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepted_sockets_inherit_the_options)};
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
