/* SPDX-License-Identifier: Apache-2.0 */
/* What loops and other threads say to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "until.h"

#define SENDERS 3
#define MESSAGES 20000

struct note {
    struct message message;
    unsigned sender, number;
};

struct receiver {
    struct loop *loop;
    unsigned next[SENDERS], received;
};

static void note_handle(struct message *m, void *context)
{
    struct note *n = container_of(m, struct note, message);
    struct receiver *r = context;
    assert_int_equal(n->number, r->next[n->sender]++);
    if (++r->received == SENDERS * MESSAGES)
        loop_stop(r->loop);
    free(n);
}

struct sender {
    struct receiver *to;
    unsigned index, sent;
    struct loop *own; /* NULL: a thread without one */
    pthread_t thread;
};

static void note_send(struct sender *s)
{
    struct note *n = malloc(sizeof *n);
    *n = (struct note){.message = {.handle = note_handle}, .sender = s->index, .number = s->sent++};
    loop_post(s->to->loop, s->own, &n->message);
}

static void *thread_sends(void *argument)
{
    struct sender *s = argument;
    while (s->sent < MESSAGES)
        note_send(s);
    return NULL;
}

/* A loop that posts some in every turn, and a message to itself so that there is a next one. */
static void again(struct message *m, void *context)
{
    struct sender *s = context;
    for (int i = 0; i < 100 && s->sent < MESSAGES; i++)
        note_send(s);
    if (s->sent < MESSAGES)
        loop_post(s->own, s->own, m);
    else
        loop_stop(s->own);
}

static void *loop_sends(void *argument)
{
    struct sender *s = argument;
    const struct loop_owner owner = {until_turn_ends, s};
    char message[256];
    struct message first = {.handle = again};
    if (loop_new(&owner, &s->own, message, sizeof message) < 0)
        abort();
    loop_post(s->own, s->own, &first);
    loop_run(s->own);
    return NULL;
}

static void test_messages_keep_each_senders_order(void **unused)
{
    (void)unused;
    struct receiver r = {0};
    const struct loop_owner owner = {until_turn_ends, &r};
    struct sender senders[SENDERS];
    r.loop = loop_made(&owner);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.to = &r, .index = i};
        pthread_create(&senders[i].thread, NULL, i == 0 ? thread_sends : loop_sends, &senders[i]);
    }
    loop_run(r.loop);
    for (unsigned i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        loop_free(senders[i].own);
    }
    assert_int_equal(r.received, SENDERS * MESSAGES);
    assert_int_equal(loop_counters_read(r.loop).messages, SENDERS * MESSAGES);
    loop_free(r.loop);
}

/* A message that arrives while the loop sleeps wakes it, each time: one at a time, there and back. */
struct court {
    struct loop *loops[2];
    unsigned hits;
};

struct ball {
    struct message message;
    struct court *court;
    unsigned at; /* whose court it is in */
};

#define HITS 2000

static void ball_handle(struct message *m, void *context)
{
    (void)context;
    struct ball *b = container_of(m, struct ball, message);
    struct loop *here = b->court->loops[b->at];
    bool is_over = ++b->court->hits >= HITS;
    b->at ^= 1;
    if (is_over)
        loop_stop(here);
    if (b->court->hits <= HITS)
        loop_post(b->court->loops[b->at], here, m);
}

struct side {
    struct court *court;
    pthread_barrier_t *barrier;
};

static void *other_side(void *argument)
{
    struct side *s = argument;
    char message[256];
    if (loop_new(&nobody, &s->court->loops[1], message, sizeof message) < 0)
        abort();
    pthread_barrier_wait(s->barrier);
    loop_run(s->court->loops[1]);
    return NULL;
}

static void test_a_message_wakes_a_sleeping_loop(void **unused)
{
    (void)unused;
    struct court court = {0};
    pthread_barrier_t barrier;
    pthread_t thread;
    struct side side = {&court, &barrier};
    court.loops[0] = loop_made(&nobody);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, other_side, &side);
    pthread_barrier_wait(&barrier);
    struct ball ball = {{.handle = ball_handle}, &court, 0};
    loop_post(court.loops[0], court.loops[0], &ball.message);
    uint64_t began_ms = clock_now_ms();
    loop_run(court.loops[0]);
    pthread_join(thread, NULL);
    assert_true(court.hits >= HITS);
    assert_true(clock_now_ms() - began_ms < TIMEOUT_MS); /* a lost wake-up would sleep a minute */
    loop_free(court.loops[0]);
    loop_free(court.loops[1]);
    pthread_barrier_destroy(&barrier);
}

/* ---- timers ---- */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_keep_each_senders_order),
        cmocka_unit_test(test_a_message_wakes_a_sleeping_loop),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
