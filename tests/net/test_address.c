/* SPDX-License-Identifier: Apache-2.0 */
/* Connections by address, with peers that are not of the loopback: in a network namespace of the test's own,
 * whose lo carries some documentation addresses (RFC 5737, RFC 3849). */
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/address_rate.h"

static bool has_namespace;

static int namespace_enter(void **state)
{
    (void)state;
    /* As root directly; else by way of a user namespace, where that is allowed. */
    has_namespace = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    if (!has_namespace)
        return 0;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq lo = {.ifr_name = "lo"};
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &lo), 0);
    lo.ifr_flags |= IFF_UP;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2"};
    for (int i = 0; i < 2; i++) {
        struct ifreq alias = {0};
        struct sockaddr_in where = {.sin_family = AF_INET};
        snprintf(alias.ifr_name, sizeof alias.ifr_name, "lo:%d", i + 1);
        inet_pton(AF_INET, addresses[i], &where.sin_addr);
        memcpy(&alias.ifr_addr, &where, sizeof where);
        assert_int_equal(ioctl(fd, SIOCSIFADDR, &alias), 0);
    }
    close(fd);
    return 0;
}

/* A connected pair whose accepted end has `address` as its peer. */
static void pair_from(const char *address, int ret_fds[2])
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t len = sizeof where;
    inet_pton(AF_INET, address, &where.sin_addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&where, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&where, &len), 0);
    struct sockaddr_in from = where;
    from.sin_port = 0;
    ret_fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(ret_fds[0], (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(ret_fds[0], (struct sockaddr *)&where, len), 0);
    ret_fds[1] = accept(listener, NULL, NULL);
    assert_true(ret_fds[1] >= 0);
    close(listener);
}

static void pair_close(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static void test_limit_counts_by_address(void **state)
{
    (void)state;
    if (!has_namespace) {
        print_message("no network namespace can be made here\n");
        skip();
    }
    struct address_limit limit;
    struct address_count *first, *second, *third, *other;
    int one[2], two[2];
    address_limit_init(&limit, 2, 0, 0);
    pair_from("192.0.2.1", one);
    pair_from("192.0.2.2", two);
    assert_int_equal(address_take(&limit, one[1], 0, &first), 0);
    assert_non_null(first);
    assert_int_equal(address_take(&limit, one[1], 0, &second), 0);
    assert_int_equal(address_take(&limit, one[1], 0, &third), ADDRESS_FULL);
    assert_null(third);
    assert_int_equal(address_take(&limit, two[1], 0, &other), 0);
    address_give(&limit, second);
    assert_int_equal(address_take(&limit, one[1], 0, &third), 0);
    assert_int_equal(address_take(&limit, one[1], 0, &second), ADDRESS_FULL);
    address_give(&limit, first);
    address_give(&limit, third);
    address_give(&limit, other);
    assert_int_equal(limit.counts.count, 0);
    pair_close(one);
    pair_close(two);
    address_limit_fini(&limit);
}

static void test_loopback_and_no_limit_count_nothing(void **state)
{
    (void)state;
    struct address_limit limit, none;
    struct address_count *count;
    int fds[2];
    address_limit_init(&limit, 1, 1, 1);
    address_limit_init(&none, 0, 0, 0);
    pair_from("127.0.0.1", fds);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(address_take(&limit, fds[1], 0, &count), 0);
        assert_null(count);
        assert_int_equal(address_take(&none, fds[1], 0, &count), 0);
        assert_null(count);
    }
    address_give(&limit, NULL);
    pair_close(fds);
    address_limit_fini(&limit);
    address_limit_fini(&none);
}

static void test_rate_by_address(void **state)
{
    (void)state;
    if (!has_namespace)
        skip();
    struct address_limit limit;
    struct address_count *count, *other;
    int one[2], two[2];
    uint64_t now_ms = 1000000;
    address_limit_init(&limit, 0, 2, 3);
    pair_from("192.0.2.1", one);
    pair_from("192.0.2.2", two);
    for (int i = 0; i < 3; i++) { /* closing gives nothing back */
        assert_int_equal(address_take(&limit, one[1], now_ms, &count), 0);
        address_give(&limit, count);
    }
    assert_int_equal(address_take(&limit, one[1], now_ms, &count), ADDRESS_FAST);
    assert_null(count);
    assert_int_equal(address_take(&limit, two[1], now_ms, &other), 0);
    assert_int_equal(address_take(&limit, one[1], now_ms + 499, &count), ADDRESS_FAST);
    assert_int_equal(address_take(&limit, one[1], now_ms + 500, &count), 0);
    address_give(&limit, count);
    assert_int_equal(address_take(&limit, one[1], now_ms + 501, &count), ADDRESS_FAST);
    assert_int_equal(limit.counts.count, 2);
    assert_int_equal(limit.idle_count, 1);
    address_give(&limit, other);
    /* When there is nothing left to remember, nothing is. */
    assert_int_equal(address_take(&limit, two[1], now_ms + 60000, &other), 0);
    assert_int_equal(limit.counts.count, 1);
    assert_int_equal(limit.idle_count, 0);
    address_give(&limit, other);
    pair_close(one);
    pair_close(two);
    address_limit_fini(&limit);
}

#define HOUR_MS 3600000u

static void test_rate_gives_back_over_an_hour(void **state)
{
    (void)state;
    struct address_rate rate;
    const uint64_t now = 1000;
    int fds[2];
    address_rate_init(&rate, 3);
    pair_from("127.0.0.1", fds); /* counted, unlike connections */
    for (int i = 0; i < 3; i++)
        assert_int_equal(address_rate_take(&rate, fds[1], now + (uint64_t)i), 0);
    assert_int_equal(address_rate_take(&rate, fds[1], now + 3), ADDRESS_FULL);
    assert_int_equal(address_rate_take(&rate, fds[1], now + HOUR_MS / 3 - 1), ADDRESS_FULL);
    assert_int_equal(address_rate_take(&rate, fds[1], now + HOUR_MS / 3), 0);
    assert_int_equal(address_rate_take(&rate, fds[1], now + HOUR_MS / 3), ADDRESS_FULL);
    /* all together that are not told apart */
    assert_int_equal(address_rate_take(&rate, -1, now + HOUR_MS / 3), ADDRESS_FULL);
    assert_int_equal(rate.buckets.count, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(address_rate_take(&rate, fds[1], now + 3 * HOUR_MS), 0);
    assert_int_equal(address_rate_take(&rate, fds[1], now + 3 * HOUR_MS), ADDRESS_FULL);
    pair_close(fds);
    address_rate_fini(&rate);
}

static void test_rate_without_a_limit(void **state)
{
    (void)state;
    struct address_rate rate;
    address_rate_init(&rate, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(address_rate_take(&rate, -1, 1), 0);
    assert_int_equal(rate.buckets.count, 0);
    address_rate_fini(&rate);
}

#define SIX_WAIT_MS 10000

/* The kernel makes it usable a moment later. */
static bool six_is_usable(const struct in6_addr *address)
{
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = *address}, where = here;
    where.sin6_port = htons(9);
    for (int i = 0; i < SIX_WAIT_MS; i++) {
        int fd = socket(AF_INET6, SOCK_DGRAM, 0);
        bool is_usable = fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here) == 0 &&
                         connect(fd, (struct sockaddr *)&where, sizeof where) == 0;
        if (fd >= 0)
            close(fd);
        if (is_usable)
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}

/* lo carries this address too; false: it cannot. */
static bool six_add(const char *address)
{
    struct {
        struct in6_addr address;
        uint32_t prefix_len;
        int index;
    } request = {.prefix_len = 128, .index = (int)if_nametoindex("lo")};
    inet_pton(AF_INET6, address, &request.address);
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    bool is_added = fd >= 0 && ioctl(fd, SIOCSIFADDR, &request) == 0;
    if (fd >= 0)
        close(fd);
    return is_added && six_is_usable(&request.address);
}

static void six_pair_from(const char *address, int ret_fds[2])
{
    struct sockaddr_in6 where = {.sin6_family = AF_INET6};
    socklen_t len = sizeof where;
    inet_pton(AF_INET6, address, &where.sin6_addr);
    int listener = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&where, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&where, &len), 0);
    struct sockaddr_in6 from = where;
    from.sin6_port = 0;
    ret_fds[0] = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(bind(ret_fds[0], (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(ret_fds[0], (struct sockaddr *)&where, len), 0);
    ret_fds[1] = accept(listener, NULL, NULL);
    assert_true(ret_fds[1] >= 0);
    close(listener);
}

static void test_rate_of_a_subscriber(void **state)
{
    (void)state;
    if (!has_namespace || !six_add("2001:db8:0:1::1") || !six_add("2001:db8:0:1:8000::2") ||
        !six_add("2001:db8:0:2::1")) {
        print_message("no network namespace with IPv6 can be made here\n");
        skip();
    }
    struct address_rate rate;
    int one[2], same[2], other[2], four[2];
    six_pair_from("2001:db8:0:1::1", one);
    six_pair_from("2001:db8:0:1:8000::2", same);
    six_pair_from("2001:db8:0:2::1", other);
    pair_from("192.0.2.1", four);
    address_rate_init(&rate, 1);
    assert_int_equal(address_rate_take(&rate, one[1], 1), 0);
    assert_int_equal(address_rate_take(&rate, same[1], 1), ADDRESS_FULL);
    assert_int_equal(address_rate_take(&rate, other[1], 1), 0);
    assert_int_equal(address_rate_take(&rate, four[1], 1), 0);
    assert_int_equal(rate.buckets.count, 3);
    address_rate_fini(&rate);
    pair_close(one);
    pair_close(same);
    pair_close(other);
    pair_close(four);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_counts_by_address),
        cmocka_unit_test(test_rate_by_address),
        cmocka_unit_test(test_loopback_and_no_limit_count_nothing),
        cmocka_unit_test(test_rate_gives_back_over_an_hour),
        cmocka_unit_test(test_rate_without_a_limit),
        cmocka_unit_test(test_rate_of_a_subscriber),
    };
    return cmocka_run_group_tests_name("net/address", tests, namespace_enter, NULL);
}
