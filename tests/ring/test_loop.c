/* SPDX-License-Identifier: Apache-2.0 */
/* The loop on the kernel's own io_uring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "muster/loop.h"
#include "ring/loop.h"
#include "ring/setup.h"
#include "until.h"

struct alarm {
    struct timer timer;
    struct loop *loop;
    uint64_t rang_ms;
    bool is_last;
};

static void alarm_rings(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);
    assert_int_equal(a->rang_ms, 0);
    a->rang_ms = clock_now_ms();
    if (a->is_last)
        loop_stop(a->loop);
}

static void test_timers(void **unused)
{
    (void)unused;
    static const uint64_t after_ms[] = {0, 70, 150, 300};
    struct alarm alarms[4] = {0}, never = {0};
    struct loop *l = loop_made(&nobody);
    uint64_t began_ms = loop_now_ms(l);
    for (int i = 0; i < 4; i++) {
        alarms[i].loop = l;
        alarms[i].is_last = i == 3;
        timer_init(&alarms[i].timer, alarm_rings);
        loop_timer_start(l, &alarms[i].timer, after_ms[i]);
    }
    timer_init(&never.timer, alarm_rings);
    loop_timer_start(l, &never.timer, 100);
    loop_timer_stop(l, &never.timer);
    loop_run(l);
    for (int i = 0; i < 4; i++) {
        assert_true(alarms[i].rang_ms >= began_ms + after_ms[i]); /* never early */
        assert_true(i == 0 || alarms[i].rang_ms >= alarms[i - 1].rang_ms);
    }
    assert_int_equal(never.rang_ms, 0);
    loop_free(l);
}

/* ---- sockets ---- */

struct end {
    struct op receive, send, accept;
    struct loop *loop;
    int fd, accepted;
    size_t bytes;
    unsigned completions, starved, sends;
    int last; /* result of what ended the receive */
    bool is_ended, is_accept_ended;
    char check; /* next byte due */
};

static void received(struct op *op, int result, unsigned flags, char *bytes)
{
    struct end *e = container_of(op, struct end, receive);
    e->completions++;
    if (result > 0) {
        assert_true(flags & LOOP_BUFFER);
        for (int i = 0; i < result; i++)
            assert_int_equal(bytes[i], (char)(e->check++));
        e->bytes += (size_t)result;
    }
    if (flags & LOOP_MORE)
        return;
    if (result == -ENOBUFS || result > 0) { /* a pause: what waits in the socket is not lost */
        e->starved += result == -ENOBUFS;
        loop_receive(e->loop, &e->receive, e->fd, LOOP_NO_SLOT);
        return;
    }
    e->is_ended = true;
    e->last = result;
}

static bool is_ended(void *context)
{
    return ((struct end *)context)->is_ended;
}

static void pattern_write(int fd, size_t len)
{
    char bytes[4096];
    char next = 0;
    while (len) {
        size_t part = len < sizeof bytes ? len : sizeof bytes;
        for (size_t i = 0; i < part; i++)
            bytes[i] = next++;
        assert_int_equal(write(fd, bytes, part), part);
        len -= part;
    }
}

static void test_receive_and_the_peers_end(void **unused)
{
    (void)unused;
    int fds[2];
    struct loop *l = loop_made(&nobody);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct end e = {.receive = {received}, .loop = l, .fd = fds[0]};
    loop_receive(l, &e.receive, e.fd, LOOP_NO_SLOT);
    pattern_write(fds[1], 100000);
    close(fds[1]);
    assert_true(loop_until(l, is_ended, &e, TIMEOUT_MS));
    assert_int_equal(e.bytes, 100000);
    assert_int_equal(e.last, 0);
    close(fds[0]);
    loop_free(l);
}

static void test_cancel(void **unused)
{
    (void)unused;
    int fds[2];
    struct loop *l = loop_made(&nobody);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct end e = {.receive = {received}, .loop = l, .fd = fds[0]};
    loop_receive(l, &e.receive, e.fd, LOOP_NO_SLOT);
    assert_false(loop_until(l, is_ended, &e, 100)); /* it stays armed */
    loop_cancel(l, &e.receive, LOOP_NO_SLOT);
    assert_true(loop_until(l, is_ended, &e, TIMEOUT_MS));
    assert_int_equal(e.last, -ECANCELED);
    /* armed and cancelled within one turn */
    e.is_ended = false;
    loop_receive(l, &e.receive, e.fd, LOOP_NO_SLOT);
    loop_cancel(l, &e.receive, LOOP_NO_SLOT);
    assert_true(loop_until(l, is_ended, &e, TIMEOUT_MS));
    assert_int_equal(e.last, -ECANCELED);
    close(fds[0]);
    close(fds[1]);
    loop_free(l);
}

#define STARVED_ENDS 700 /* more than the loop has buffers */

/* More sockets with something to read than there are buffers, all in one batch: some find none, and nothing
 * is lost. */
static bool all_ended(void *context)
{
    struct end *ends = context;
    for (int i = 0; i < STARVED_ENDS; i++)
        if (!ends[i].is_ended)
            return false;
    return true;
}

static void test_no_buffer_is_a_pause(void **unused)
{
    (void)unused;
    static struct end ends[STARVED_ENDS];
    static int peers[STARVED_ENDS];
    struct loop *l = loop_made(&nobody);
    int made = 0;
    memset(ends, 0, sizeof ends);
    for (; made < STARVED_ENDS; made++) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
            print_message("too few descriptors: raise ulimit -n to %d\n", 2 * STARVED_ENDS + 50);
            for (int i = 0; i < made; i++) {
                close(ends[i].fd);
                close(peers[i]);
            }
            loop_free(l);
            skip();
        }
        ends[made] = (struct end){.receive = {received}, .loop = l, .fd = fds[0]};
        peers[made] = fds[1];
        loop_receive(l, &ends[made].receive, fds[0], LOOP_NO_SLOT);
        pattern_write(fds[1], 3000);
        close(fds[1]);
    }
    assert_true(loop_until(l, all_ended, ends, TIMEOUT_MS));
    unsigned starved = 0;
    for (int i = 0; i < STARVED_ENDS; i++) {
        assert_int_equal(ends[i].bytes, 3000);
        assert_int_equal(ends[i].last, 0);
        starved += ends[i].starved;
        close(ends[i].fd);
    }
    assert_true(starved > 0); /* else this shows nothing */
    assert_int_equal(loop_counters_read(l).starved, starved);
    loop_free(l);
}

static void sent(struct op *op, int result, unsigned flags, char *bytes)
{
    (void)flags;
    (void)bytes;
    struct end *e = container_of(op, struct end, send);
    e->sends++;
    e->last = result;
    e->is_ended = true;
}

static void test_send(void **unused)
{
    (void)unused;
    int fds[2];
    char text[16] = "";
    struct loop *l = loop_made(&nobody);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct end e = {.send = {sent}, .loop = l, .fd = fds[0]};
    loop_send(l, &e.send, e.fd, "hello", 5, LOOP_NO_SLOT);
    assert_true(loop_until(l, is_ended, &e, TIMEOUT_MS));
    assert_int_equal(e.last, 5);
    assert_int_equal(read(fds[1], text, sizeof text), 5);
    assert_string_equal(text, "hello");
    close(fds[1]);
    e.is_ended = false;
    loop_send(l, &e.send, e.fd, "hello", 5, LOOP_NO_SLOT); /* no SIGPIPE */
    assert_true(loop_until(l, is_ended, &e, TIMEOUT_MS));
    assert_int_equal(e.last, -EPIPE);
    close(fds[0]);
    loop_free(l);
}

/* A send that waits for a reader who does not read ends with shutdown(2): so a connection that is cut comes
 * to rest. */
static void test_shutdown_ends_a_send(void **unused)
{
    (void)unused;
    int fds[2];
    static char bytes[4 << 20];
    struct loop *l = loop_made(&nobody);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct end e = {.send = {sent}, .loop = l, .fd = fds[0]};
    for (;;) { /* until one finds no room at all */
        e.is_ended = false;
        loop_send(l, &e.send, e.fd, bytes, sizeof bytes, LOOP_NO_SLOT);
        if (!loop_until(l, is_ended, &e, 200))
            break;
        assert_true(e.last > 0);
    }
    shutdown(fds[0], SHUT_RDWR);
    assert_true(loop_until(l, is_ended, &e, TIMEOUT_MS));
    assert_true(e.last != 0);
    close(fds[0]);
    close(fds[1]);
    loop_free(l);
}

static void accepted(struct op *op, int result, unsigned flags, char *bytes)
{
    (void)bytes;
    struct end *e = container_of(op, struct end, accept);
    if (result >= 0) {
        e->accepted++;
        close(result);
    }
    if (!(flags & LOOP_MORE)) {
        e->is_accept_ended = true;
        e->last = result;
    }
}

static bool three_accepted(void *context)
{
    return ((struct end *)context)->accepted == 3;
}

static bool accept_ended(void *context)
{
    return ((struct end *)context)->is_accept_ended;
}

static void test_accept(void **unused)
{
    (void)unused;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct loop *l = loop_made(&nobody);
    struct end e = {.accept = {accepted}, .loop = l, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    int clients[3];
    assert_int_equal(bind(e.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(e.fd, 8), 0);
    getsockname(e.fd, (struct sockaddr *)&address, &len);
    loop_accept(l, &e.accept, e.fd);
    for (int i = 0; i < 3; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&address, sizeof address), 0);
    }
    assert_true(loop_until(l, three_accepted, &e, TIMEOUT_MS));
    assert_false(e.is_accept_ended);
    loop_cancel(l, &e.accept, LOOP_NO_SLOT);
    assert_true(loop_until(l, accept_ended, &e, TIMEOUT_MS));
    assert_int_equal(e.last, -ECANCELED);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    close(e.fd);
    loop_free(l);
}

/* More operations in one turn than the submission queue holds. */
static void test_more_than_the_queue_holds(void **unused)
{
    (void)unused;
    int fds[2];
    struct loop *l = loop_made(&nobody);
    static struct end ends[3000];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    int room = 8 << 20;
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    char byte;
    for (int i = 0; i < 3000; i++) {
        ends[i] = (struct end){.send = {sent}, .loop = l, .fd = fds[0]};
        loop_send(l, &ends[i].send, fds[0], "x", 1, LOOP_NO_SLOT);
    }
    for (int i = 0; i < 3000; i++) {
        if (i % 50 == 0) /* makes room, whatever the socket's buffer is */
            while (recv(fds[1], &byte, 1, MSG_DONTWAIT) == 1)
                ;
        assert_true(loop_until(l, is_ended, &ends[i], TIMEOUT_MS) ||
                    recv(fds[1], &byte, 1, MSG_DONTWAIT) == 1);
    }
    for (int i = 0; i < 3000; i++)
        assert_int_equal(ends[i].sends, 1);
    close(fds[0]);
    close(fds[1]);
    loop_free(l);
}

/* The completion queue of the newest ring of this process, once more. `alike` was made in the same way; so it has the same places. */
static char *newest_queue(const struct io_uring *alike)
{
    char name[64], target[64];
    for (int fd = 255; fd > 0; fd--) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(name, target, sizeof target - 1);
        if (len < 0 || !memmem(target, (size_t)len, "[io_uring]", 10) || fd == alike->ring_fd)
            continue;
        char *queue =
            mmap(NULL, alike->cq.ring_sz, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)IORING_OFF_CQ_RING);
        return queue == MAP_FAILED ? NULL : queue;
    }
    return NULL;
}

#define LOSSY_MS 200

static bool never(void *context)
{
    (void)context;
    return false;
}

/* The kernel waits for such a ring no more, not even without a word of it: this one asks now and then, and nothing is late by more. */
static void test_a_ring_that_has_lost_completions(void **state)
{
    (void)state;
    struct io_uring alike;
    struct loop *l = loop_made(&nobody);
    assert_int_equal(ring_open(&alike), 0);
    char *queue = newest_queue(&alike);
    assert_non_null(queue);
    *(unsigned *)(queue + ((char *)alike.cq.koverflow - (char *)alike.cq.ring_ptr)) = 1;
    uint64_t begun = loop_now_ms(l), turns = loop_counters_read(l).turns;
    assert_false(loop_until(l, never, NULL, LOSSY_MS));
    uint64_t took = clock_now_ms() - begun;
    turns = loop_counters_read(l).turns - turns;
    assert_in_range(took, LOSSY_MS, TIMEOUT_MS);
    assert_in_range(turns, 3, took + 2); /* it looks on its own, a thousand times a second at most */
    munmap(queue, alike.cq.ring_sz);
    io_uring_queue_exit(&alike);
    loop_free(l);
}

/* A loop that may have a program has slots, whether one is attached or not. */
static void test_who_finds_no_slot_is_counted_once(void **state)
{
    (void)state;
    char nothing_loaded;
    const struct loop_owner owner = {.turn_ends = until_turn_ends,
                                     .program = (struct loop_program *)&nothing_loaded};
    struct loop *l = loop_made(&owner);
    if (loop_slot_take(l, false) == LOOP_NO_SLOT) {
        loop_free(l);
        skip(); /* no memory can be shared with this kernel's rings */
    }
    for (uint32_t slot = 2; slot < MUSTER_LOOP_SLOTS; slot++)
        assert_int_equal(loop_slot_take(l, false), slot);
    assert_int_equal(loop_counters_read(l).slotless, 0);
    for (int arms = 0; arms < 3; arms++)
        assert_int_equal(loop_slot_take(l, arms > 0), LOOP_NO_SLOT);
    assert_int_equal(loop_counters_read(l).slotless, 1);
    loop_slot_give(l, 9);
    assert_int_equal(loop_slot_take(l, true), 9);
    assert_int_equal(loop_counters_read(l).slotless, 1);
    loop_free(l);
}

int main(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_receive_and_the_peers_end),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_no_buffer_is_a_pause),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_shutdown_ends_a_send),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_more_than_the_queue_holds),
        cmocka_unit_test(test_who_finds_no_slot_is_counted_once),
        cmocka_unit_test(test_a_ring_that_has_lost_completions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
