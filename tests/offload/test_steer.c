/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a connection, with the program in the kernel and real sockets on loopback: there is no test run of programs of this type
 * in the kernels that matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/listener.h"
#include "offload/steer.h"

#define WORKERS 4
#define DEADLINE_S 20

struct table {
    struct steer *steer;
    int fds[WORKERS];
    struct sockaddr_storage where;
    socklen_t where_len;
};

/* A socket for each worker, on one port of `address` that is free. */
static void sockets_open(const char *address, int *fds, struct sockaddr_storage *ret_where,
                         socklen_t *ret_len)
{
    uint16_t port = 0;
    for (uint32_t i = 0; i < WORKERS; i++) {
        fds[i] = listener_socket(address, port);
        assert_true(fds[i] >= 0);
        *ret_len = sizeof *ret_where;
        assert_int_equal(getsockname(fds[i], (struct sockaddr *)ret_where, ret_len), 0);
        port = ntohs(((struct sockaddr_in *)ret_where)->sin_port); /* stands where sin6_port does */
    }
}

static int table_open(void **state)
{
    struct table *t = calloc(1, sizeof *t);
    char line[256] = "";
    assert_non_null(t);
    if (steer_new(WORKERS, &t->steer, line, sizeof line) != 0) {
        printf("BPF programs cannot be loaded here: %s\n", line);
        free(t);
        return 0;
    }
    sockets_open("127.0.0.1", t->fds, &t->where, &t->where_len);
    if (steer_place_add(t->steer, t->fds, line, sizeof line) || steer_attach(t->steer, line, sizeof line)) {
        printf("%s\n", line);
        return -1;
    }
    *state = t;
    return 0;
}

static int table_close(void **state)
{
    struct table *t = *state;
    if (!t)
        return 0;
    steer_free(t->steer);
    for (int i = 0; i < WORKERS; i++)
        if (t->fds[i] >= 0)
            close(t->fds[i]);
    free(t);
    return 0;
}

static struct table *table_of(void **state)
{
    if (!*state)
        skip();
    return *state;
}

static int connect_to(const struct sockaddr_storage *where, socklen_t len)
{
    int fd = socket(where->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    /* No TIME_WAIT: thousands of them would use up the ports. */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    int error = connect(fd, (const struct sockaddr *)where, len) ? -errno : fd;
    if (error < 0)
        close(fd);
    return error;
}

/* Which of the sockets has got it? connect() may be back before it is there. -1: none within seconds. */
static int accepting(const int *fds)
{
    for (time_t until = time(NULL) + DEADLINE_S; time(NULL) < until;)
        for (int i = 0; i < WORKERS; i++) {
            int fd = fds[i] >= 0 ? accept(fds[i], NULL, NULL) : -1;
            if (fd >= 0) {
                close(fd);
                return i;
            }
        }
    return -1;
}

static void nonblocking(const int *fds)
{
    for (int i = 0; i < WORKERS; i++)
        if (fds[i] >= 0)
            fcntl(fds[i], F_SETFL, O_NONBLOCK);
}

/* Connect so often, and count who accepts. With `is_looking` each worker writes its load between two connections, as in a turn. */
static void connect_many(struct table *t, int times, bool is_looking, const uint32_t *loads,
                         uint32_t *ret_counts)
{
    nonblocking(t->fds);
    for (int i = 0; i < WORKERS; i++) {
        ret_counts[i] = 0;
        steer_slot_write(steer_slot(t->steer, (uint32_t)i), loads[i], UINT32_MAX);
    }
    for (int n = 0; n < times; n++) {
        int fd = connect_to(&t->where, t->where_len);
        assert_true(fd >= 0);
        int worker = accepting(t->fds);
        assert_true(worker >= 0);
        ret_counts[worker]++;
        close(fd);
        for (uint32_t i = 0; is_looking && i < WORKERS; i++)
            steer_slot_write(steer_slot(t->steer, i), loads[i], UINT32_MAX);
    }
}

static struct steer_counters counters(struct table *t)
{
    struct steer_counters c;
    assert_int_equal(steer_counters_read(t->steer, &c), 0);
    return c;
}

static void the_lighter_of_two_gets_it(void **state)
{
    struct table *t = table_of(state);
    const uint32_t loads[WORKERS] = {3000, 10, 2000, 1000};
    uint32_t got[WORKERS];
    connect_many(t, 600, true, loads, got);
    struct steer_counters c = counters(t);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(c.chosen[i], got[i]);
    assert_int_equal(c.fell_back, 0);
    assert_int_equal(got[0], 0); /* in every pair there is one with less */
    /* One half, a third, a sixth of 600; five times the standard deviation is 61 at most. */
    assert_in_range(got[1], 300 - 61, 300 + 61);
    assert_in_range(got[3], 200 - 58, 200 + 58);
    assert_in_range(got[2], 100 - 46, 100 + 46);
}

static void a_burst_is_spread_before_anybody_looks(void **state)
{
    struct table *t = table_of(state);
    const uint32_t loads[WORKERS] = {0, 0, 0, 10 * STEER_LOGIN_WEIGHT};
    uint32_t got[WORKERS];
    connect_many(t, 390, false, loads, got);
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(steer_slot(t->steer, i)->coming, got[i]);
    for (int i = 0; i < WORKERS; i++) /* by hash alone 97 each, and 9 more or less every third time */
        assert_in_range(got[i] + (i == 3 ? 10 : 0), 100 - 4, 100 + 4);
}

/* Each row a worker's look, one after the other: how many were sent since the last, how many it has accepted, what is left. */
static void who_waits_to_be_accepted_counts(void **state)
{
    static const struct {
        uint32_t sent, accepted, coming;
    } looks[] = {
        {0, 0, 0}, {5, 5, 0},            /* all arrive at once */
        {5, 2, 3}, {0, 3, 0},            /* three wait, and arrive */
        {5, 2, 3}, {4, 3, 4}, {0, 4, 0}, /* some come while others wait */
        {3, 0, 3}, {2, 0, 2}, {0, 0, 0}, /* those who never arrive are forgotten one look later */
        {1, 7, 0}, {2, 0, 2}, {0, 2, 0}, /* some were here before the program was */
    };
    struct steer_slot slot = {0};
    (void)state;
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        slot.coming += looks[i].sent;
        steer_slot_write(&slot, (uint32_t)i, looks[i].accepted);
        assert_int_equal(slot.load, i);
        if (slot.coming != looks[i].coming)
            fail_msg("look %zu leaves %u, not %u", i, slot.coming, looks[i].coming);
    }
}

static void drained_workers_get_nobody(void **state)
{
    struct table *t = table_of(state);
    const uint32_t loads[WORKERS] = {0, 0, 50000, 50000};
    uint32_t got[WORKERS];
    steer_slot_drain(steer_slot(t->steer, 0));
    connect_many(t, 100, true, loads, got);
    assert_int_equal(got[0], 0);
    steer_slot_drain(steer_slot(t->steer, 1));
    connect_many(t, 100, true, loads, got);
    assert_int_equal(got[0] + got[1], 0);
    assert_true(got[2] > 20 && got[3] > 20); /* also where both of the pair are drained, the rest share */
    assert_int_equal(counters(t).fell_back, 0);
}

static void with_all_drained_the_kernel_chooses(void **state)
{
    struct table *t = table_of(state);
    const uint32_t loads[WORKERS] = {0};
    uint32_t got[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++)
        steer_slot_drain(steer_slot(t->steer, i));
    connect_many(t, 100, true, loads, got); /* nobody is refused */
    assert_int_equal(counters(t).fell_back, 100);
}

static void closed_sockets_get_nobody(void **state)
{
    struct table *t = table_of(state);
    const uint32_t loads[WORKERS] = {50000, 0, 0, 50000};
    uint32_t got[WORKERS];
    close(t->fds[1]);
    t->fds[1] = -1;
    connect_many(t, 100, true, loads, got);
    assert_true(got[2] > 20);
    shutdown(t->fds[2], SHUT_RD); /* as good as closed */
    connect_many(t, 100, true, loads, got);
    assert_int_equal(got[1] + got[2], 0);
    assert_int_equal(counters(t).fell_back, 0);
}

static void detached_and_attached_again(void **state)
{
    struct table *t = table_of(state);
    const uint32_t loads[WORKERS] = {0, 50000, 50000, 50000};
    uint32_t got[WORKERS];
    char line[256];
    steer_detach(t->steer);
    steer_detach(t->steer);
    connect_many(t, 100, true, loads, got);
    assert_true(got[0] < 60); /* a quarter; steered it would be half of them */
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(counters(t).chosen[i], 0);
    assert_int_equal(steer_attach(t->steer, line, sizeof line), 0);
    assert_int_equal(steer_attach(t->steer, line, sizeof line), 0);
    connect_many(t, 100, true, loads, got);
    assert_int_equal(counters(t).chosen[0], got[0]);
    assert_true(got[0] > 25);
}

struct traffic {
    struct table *table;
    _Atomic uint32_t connected, refused, lost;
    atomic_bool is_over;
};

static void *traffic_run(void *argument)
{
    struct traffic *traffic = argument;
    while (!atomic_load(&traffic->is_over)) {
        int fd = connect_to(&traffic->table->where, traffic->table->where_len);
        if (fd < 0) {
            atomic_fetch_add(&traffic->refused, 1);
            continue;
        }
        bool is_there = accepting(traffic->table->fds) >= 0;
        close(fd);
        atomic_fetch_add(is_there ? &traffic->connected : &traffic->lost, 1);
    }
    return NULL;
}

/* Each connection arrives somewhere, whatever happens to the program meanwhile. */
static void turned_on_and_off_under_traffic(void **state)
{
    struct table *t = table_of(state);
    struct traffic traffic = {.table = t};
    pthread_t thread;
    char line[256];
    nonblocking(t->fds);
    assert_int_equal(pthread_create(&thread, NULL, traffic_run, &traffic), 0);
    for (uint32_t before = 0, turns = 0; turns < 200; turns++) {
        if (turns % 2)
            steer_detach(t->steer);
        else
            assert_int_equal(steer_attach(t->steer, line, sizeof line), 0);
        for (before = traffic.connected; traffic.connected < before + 5 && !traffic.lost;)
            ;
    }
    atomic_store(&traffic.is_over, true);
    pthread_join(thread, NULL);
    assert_int_equal(traffic.refused, 0);
    assert_int_equal(traffic.lost, 0);
    uint64_t steered = 0;
    for (int i = 0; i < WORKERS; i++)
        steered += counters(t).chosen[i];
    assert_in_range(steered, traffic.connected / 4, traffic.connected - 1);
}

/* Two addresses, one of them for both families: sockets of their own, loads in common. */
static void addresses_share_the_loads(void **state)
{
    struct table *t = table_of(state);
    const uint32_t loads[WORKERS] = {0, 50000, 0, 50000};
    int fds[WORKERS];
    struct sockaddr_storage where;
    socklen_t len;
    char line[256];
    uint32_t got[WORKERS] = {0};
    sockets_open("::", fds, &where, &len);
    struct sockaddr_storage v4 = t->where, v6 = where;
    ((struct sockaddr_in *)&v4)->sin_port = ((struct sockaddr_in6 *)&where)->sin6_port;
    ((struct sockaddr_in6 *)&v6)->sin6_addr = in6addr_loopback;
    assert_int_equal(steer_place_add(t->steer, fds, line, sizeof line), 0);
    assert_int_equal(steer_attach(t->steer, line, sizeof line), 0);
    nonblocking(fds);
    for (uint32_t i = 0; i < WORKERS; i++)
        steer_slot_write(steer_slot(t->steer, i), loads[i], UINT32_MAX);
    steer_slot_drain(steer_slot(t->steer, 3));
    for (int n = 0; n < 100; n++) {
        int fd = n % 2 ? connect_to(&v4, t->where_len) : connect_to(&v6, len);
        assert_true(fd >= 0);
        int worker = accepting(fds);
        assert_true(worker >= 0);
        got[worker]++;
        close(fd);
    }
    assert_int_equal(got[3], 0);
    assert_true(got[0] + got[2] > 70);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(counters(t).chosen[i], got[i]);
        close(fds[i]);
    }
}

static void failures_say_what_to_do(void **state)
{
    (void)state;
    struct steer *s = NULL;
    char line[256] = "";
    setenv("MUSTER_BPF_FAIL", "verdict,steer", 1);
    assert_true(steer_new(WORKERS, &s, line, sizeof line) < 0);
    unsetenv("MUSTER_BPF_FAIL");
    assert_null(s);
    assert_true(strlen(line) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_lighter_of_two_gets_it, table_open, table_close),
        cmocka_unit_test_setup_teardown(a_burst_is_spread_before_anybody_looks, table_open, table_close),
        cmocka_unit_test(who_waits_to_be_accepted_counts),
        cmocka_unit_test_setup_teardown(drained_workers_get_nobody, table_open, table_close),
        cmocka_unit_test_setup_teardown(with_all_drained_the_kernel_chooses, table_open, table_close),
        cmocka_unit_test_setup_teardown(closed_sockets_get_nobody, table_open, table_close),
        cmocka_unit_test_setup_teardown(detached_and_attached_again, table_open, table_close),
        cmocka_unit_test_setup_teardown(turned_on_and_off_under_traffic, table_open, table_close),
        cmocka_unit_test_setup_teardown(addresses_share_the_loads, table_open, table_close),
        cmocka_unit_test(failures_say_what_to_do),
    };
    return cmocka_run_group_tests_name("steer", tests, NULL, NULL);
}
