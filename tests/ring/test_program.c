/* SPDX-License-Identifier: Apache-2.0 */
/* A loop run by the program, on a kernel that has such (Linux 7.3); elsewhere each row says why it is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "offload/loop.h"
#include "ring/buffers.h"
#include "ring/loop.h"
#include "ring/program.h"
#include "ring/setup.h"

#define DEADLINE_MS 20000
#define PIECES 100

struct end {
    struct op receive;
    struct loop *loop;
    int fds[2]; /* ours, the peer's */
    uint32_t slot;
    bool is_between;
    uint32_t octets, octets_wanted, calls;
    char said[4096];
    bool is_ended;
};

static void turn_ends(void *context)
{
    (void)context;
}

struct table {
    struct loop_program *program;
    struct loop *loop;
    struct timer late;
    bool is_late;
    struct end ends[2];
    char order[8]; /* who has completed, by letter */
    uint32_t order_len;
} table;

static void too_late(struct timer *t)
{
    (void)t;
    table.is_late = true;
    loop_stop(table.loop);
}

static void received(struct op *op, int result, unsigned flags, char *bytes)
{
    struct end *e = container_of(op, struct end, receive);
    e->is_ended = !(flags & LOOP_MORE);
    e->calls++;
    if (result > 0) {
        memcpy(e->said + e->octets, bytes, (size_t)result);
        e->octets += (uint32_t)result;
        loop_slot_read(e->loop, e->slot, (size_t)result, e->is_between);
        if (table.order_len < sizeof table.order)
            table.order[table.order_len++] = e == &table.ends[0] ? 'a' : 'b';
    }
    if (e->octets >= e->octets_wanted || e->is_ended)
        loop_stop(e->loop);
}

static int open_all(void **state)
{
    (void)state;
    char line[256] = "";
    memset(&table, 0, sizeof table);
    if (loop_program_new(1, &table.program, line, sizeof line) != 0) {
        printf("the program cannot be loaded here: %s\n", line);
        return 0;
    }
    const struct loop_owner owner = {turn_ends, NULL, table.program, 0};
    timer_init(&table.late, too_late);
    if (loop_new(&owner, &table.loop, line, sizeof line) != 0 || loop_program_turn(table.loop, true) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        struct end *e = &table.ends[i];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, e->fds) != 0)
            return -1;
        e->receive.done = received;
        e->loop = table.loop;
        e->slot = loop_slot_take(table.loop, false);
        e->is_between = true;
        loop_slot_read(table.loop, e->slot, 0, true);
        loop_receive(table.loop, &e->receive, e->fds[0], e->slot);
    }
    return 0;
}

/* Whether `e` has got so many octets in time. */
static bool run_until(struct end *e, uint32_t octets)
{
    e->octets_wanted = octets;
    if (e->octets >= octets)
        return true;
    loop_timer_start(table.loop, &table.late, DEADLINE_MS);
    loop_run(table.loop);
    loop_timer_stop(table.loop, &table.late);
    return !table.is_late;
}

static int close_all(void **state)
{
    (void)state;
    for (int i = 0; table.loop && i < 2; i++) {
        struct end *e = &table.ends[i];
        close(e->fds[1]);
        while (!e->is_ended)
            loop_run(table.loop);
        loop_slot_give(table.loop, e->slot);
        close(e->fds[0]);
    }
    loop_free(table.loop);
    loop_program_free(table.program);
    return 0;
}

static void say(const struct end *e, const char *text)
{
    assert_int_equal(write(e->fds[1], text, strlen(text)), (ssize_t)strlen(text));
}

static void must_have_program(void)
{
    if (!table.program)
        skip();
}

static void white_space_between_stanzas(void **state)
{
    (void)state;
    must_have_program();
    struct end *e = &table.ends[0];
    uint64_t turns = loop_counters_read(table.loop).turns;
    for (int i = 0; i < PIECES; i++)
        say(e, " \n");
    say(&table.ends[1], "<presence/>");
    assert_true(run_until(&table.ends[1], strlen("<presence/>")));
    struct muster_loop_counters c = loop_program_counters(table.loop);
    assert_int_equal(e->octets, 0);
    assert_int_equal(c.white_octets, 2 * PIECES);
    assert_int_equal(c.classes[MUSTER_CLASS_BROADCAST], 1);
    assert_true(loop_counters_read(table.loop).turns - turns <= 2);
    /* Its buffers are free again, many times as many as there are. */
    for (int i = 0; i < 1024; i++) {
        say(e, " ");
        say(&table.ends[1], "<r/>");
        assert_true(run_until(&table.ends[1], table.ends[1].octets + 4));
        table.ends[1].octets = 0;
    }
    assert_int_equal(e->octets, 0);
    assert_int_equal(loop_counters_read(table.loop).starved, 0);
}

static void white_space_within_a_stanza(void **state)
{
    (void)state;
    must_have_program();
    struct end *e = &table.ends[0];
    e->is_between = false;
    say(e, "<message><body>a");
    assert_true(run_until(e, 16));
    say(e, " ");
    assert_true(run_until(e, 17));
    e->is_between = true;
    say(e, "</body></message>");
    assert_true(run_until(e, 34));
    say(e, " ");
    say(&table.ends[1], "<r/>"); /* a turn, or it would be one piece with what comes */
    assert_true(run_until(&table.ends[1], 4));
    say(e, "<presence/>");
    assert_true(run_until(e, 45));
    assert_memory_equal(e->said, "<message><body>a </body></message><presence/>", 45);
}

/* Told of all at once, presence is first, and each stays in its order; off, it is as it came. */
static void order(void **state)
{
    (void)state;
    must_have_program();
    for (int is_on = 1; is_on >= 0; is_on--) {
        assert_int_equal(loop_program_turn(table.loop, is_on), 0);
        table.order_len = 0;
        for (int i = 0; i < 2; i++)
            table.ends[i].octets = 0;
        say(&table.ends[0], "<message/>");
        say(&table.ends[1], "<presence/>");
        assert_true(run_until(&table.ends[0], 10));
        assert_true(run_until(&table.ends[1], 11));
        if (is_on)
            assert_memory_equal(table.order, "ba", 2);
        /* Off, white space arrives. */
        table.ends[0].octets = 0;
        say(&table.ends[0], is_on ? "<iq/>" : " ");
        assert_true(run_until(&table.ends[0], is_on ? 5 : 1));
    }
}

static struct timer tick;
static uint32_t ticks;

static void ticked(struct timer *t)
{
    if (++ticks == 3)
        loop_stop(table.loop);
    else
        loop_timer_start(table.loop, t, 20);
}

/* With nothing else to wake it, also earlier than what it was waiting for. */
static void timers(void **state)
{
    (void)state;
    must_have_program();
    ticks = 0;
    timer_init(&tick, ticked);
    loop_timer_start(table.loop, &table.late, DEADLINE_MS);
    loop_timer_start(table.loop, &tick, 20);
    loop_run(table.loop);
    loop_timer_stop(table.loop, &table.late);
    assert_int_equal(ticks, 3);
    assert_false(table.is_late);
}

/* More operations in one turn than the queue holds, several times: each time it is full it is submitted. */
static void a_queue_filled_again_and_again(void **state)
{
    static struct op nobody;
    (void)state;
    must_have_program();
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 3 * MUSTER_LOOP_SUBMISSIONS + 1; i++)
            loop_cancel(table.loop, &nobody, LOOP_NO_SLOT);
        say(&table.ends[0], "<a/>");
        assert_true(run_until(&table.ends[0], (uint32_t)(round + 1) * 4));
    }
}

struct urgency {
    struct muster_loop_region *region;
    int peer, bell;
};

/* A message, and when the program waits for more because of it, something that is none of a connection's. */
static void *message_then_bell(void *context)
{
    const struct urgency *u = context;
    if (write(u->peer, "<message/>", 10) != 10)
        return NULL;
    while (!__atomic_load_n(&u->region->header.counters.pauses, __ATOMIC_RELAXED))
        sched_yield();
    eventfd_write(u->bell, 1);
    return NULL;
}

/* A pause without a timer: if it did not end with what is urgent, it would with the deadline. */
static void what_is_urgent_ends_a_pause(void **state)
{
    (void)state;
    struct loop_program *program = NULL;
    char line[256];
    if (loop_program_new(1, &program, line, sizeof line) != 0)
        skip();
    struct io_uring ring;
    struct ring_buffers buffers = {0};
    struct ring_program p;
    struct op receive, bell;
    int fds[2];
    uint64_t rung;
    assert_int_equal(ring_open(&ring), 0);
    assert_int_equal(ring_buffers_share(&buffers, &ring), 0);
    ring_program_init(&p, program, 0, &ring, buffers.region);
    assert_int_equal(ring_buffers_open(&buffers, &ring), 0);
    assert_int_equal(ring_program_attach(&p), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct urgency u = {buffers.region, fds[1], eventfd(0, EFD_CLOEXEC)};
    uint64_t slot = ring_program_slot_take(&p);
    buffers.region->slots[slot].is_between = 1;
    struct io_uring_sqe *sqe = ring_sqe(&ring);
    ring_prepare_receive(sqe, fds[0]);
    io_uring_sqe_set_data64(sqe, (uintptr_t)&receive | slot << MUSTER_LOOP_SLOT_SHIFT);
    sqe = ring_sqe(&ring);
    io_uring_prep_read(sqe, u.bell, &rung, sizeof rung, 0);
    io_uring_sqe_set_data(sqe, &bell);
    buffers.region->header.is_pausing = 1;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, message_then_bell, &u), 0);
    assert_int_equal(ring_program_wait(&p, 0, DEADLINE_MS), 0);
    pthread_join(thread, NULL);
    bool is_rung = false, is_late = false;
    unsigned head;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&ring, head, cqe)
    {
        is_rung |= cqe->user_data == (uintptr_t)&bell;
        is_late |= cqe->user_data == (uintptr_t)&p.alarm;
    }
    assert_true(is_rung);
    assert_false(is_late);
    ring_program_detach(&p);
    io_uring_queue_exit(&ring);
    ring_buffers_close(&buffers);
    loop_program_free(program);
    close(u.bell);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(white_space_between_stanzas, open_all, close_all),
        cmocka_unit_test_setup_teardown(white_space_within_a_stanza, open_all, close_all),
        cmocka_unit_test_setup_teardown(order, open_all, close_all),
        cmocka_unit_test_setup_teardown(timers, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_queue_filled_again_and_again, open_all, close_all),
        cmocka_unit_test(what_is_urgent_ends_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
