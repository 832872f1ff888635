/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/timer.h"

struct alarm {
    struct timer timer;
    uint64_t due_ms; /* not before */
    int fired;
    void (*then)(struct alarm *a);
};

static struct timer_wheel wheel;
static uint64_t now;

static void expired(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);
    a->fired++;
    assert_true(now >= a->due_ms);
    if (a->then)
        a->then(a);
}

static void start(struct alarm *a, uint64_t after_ms)
{
    a->due_ms = now + after_ms;
    timer_start(&wheel, &a->timer, now, after_ms);
}

static void advance(uint64_t to)
{
    now = to;
    timer_wheel_advance(&wheel, now);
}

static void test_due_in_time(void **unused)
{
    (void)unused;
    static const uint64_t delays[] = {0,     1,     63,    64,     65,      1000,
                                      32767, 32768, 32769, 100000, 3600000, TIMER_SLOTS * TIMER_TICK_MS * 3};
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        for (uint64_t begin = 1000000; begin < 1000000 + 2 * TIMER_TICK_MS; begin += 13) {
            struct alarm a = {0};
            now = begin;
            timer_wheel_init(&wheel, now);
            timer_init(&a.timer, expired);
            start(&a, delays[i]);
            /* Small steps about the deadline: never early (expired looks), at most a tick late. */
            advance(begin + delays[i]);
            assert_int_equal(a.fired, 0); /* due_tick is one on: "not before" holds with a tick's grain */
            while (!a.fired && now < begin + delays[i] + 2 * TIMER_TICK_MS)
                advance(now + 1);
            assert_int_equal(a.fired, 1);
            assert_in_range(now, begin + delays[i] + 1, begin + delays[i] + TIMER_TICK_MS);
            assert_int_equal(wheel.running, 0);
            advance(now + 10000000);
            assert_int_equal(a.fired, 1);
        }
    }
}

static void test_stop_and_restart(void **unused)
{
    (void)unused;
    struct alarm a = {0}, b = {0};
    now = 5000;
    timer_wheel_init(&wheel, now);
    timer_init(&a.timer, expired);
    timer_init(&b.timer, expired);
    timer_stop(&wheel, &a.timer); /* one that does not run */
    assert_int_equal(wheel.running, 0);
    start(&a, 1000);
    start(&b, 1000);
    start(&b, 5000); /* later */
    assert_int_equal(wheel.running, 2);
    timer_stop(&wheel, &a.timer);
    timer_stop(&wheel, &a.timer);
    assert_int_equal(wheel.running, 1);
    advance(now + 4000);
    assert_int_equal(a.fired + b.fired, 0);
    start(&b, 100); /* earlier */
    advance(now + 200);
    assert_int_equal(b.fired, 1);
    start(&b, 100); /* again after it ran */
    advance(now + 200);
    assert_int_equal(b.fired, 2);
    assert_int_equal(wheel.running, 0);
}

static struct alarm others[3];

static void stop_others(struct alarm *a)
{
    (void)a;
    for (int i = 0; i < 3; i++)
        timer_stop(&wheel, &others[i].timer);
}

static void start_again(struct alarm *a)
{
    start(a, 0);
}

/* A callback may stop timers due in the same tick and start any, itself too. */
static void test_callbacks_change_timers(void **unused)
{
    (void)unused;
    struct alarm a = {.then = stop_others};
    now = 7000;
    timer_wheel_init(&wheel, now);
    timer_init(&a.timer, expired);
    start(&a, 100);
    for (int i = 0; i < 3; i++) {
        others[i] = (struct alarm){0};
        timer_init(&others[i].timer, expired);
        start(&others[i], i < 2 ? 100 : 100 + TIMER_SLOTS * TIMER_TICK_MS); /* the same slot, a round later */
    }
    advance(now + 1000);
    assert_int_equal(a.fired, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(others[i].fired, 0);
    assert_int_equal(wheel.running, 0);

    a = (struct alarm){.then = start_again};
    timer_init(&a.timer, expired);
    start(&a, 0);
    for (int i = 1; i <= 10; i++) {
        advance(now + TIMER_TICK_MS);
        assert_int_equal(a.fired, i);
    }
    advance(now + 1000000); /* and no endless loop after a long sleep */
    assert_true(a.fired > 10);
    timer_stop(&wheel, &a.timer);
    assert_int_equal(wheel.running, 0);
}

static void test_wait(void **unused)
{
    (void)unused;
    struct alarm a = {0}, b = {0};
    now = 64 * 1000 + 10;
    timer_wheel_init(&wheel, now);
    timer_init(&a.timer, expired);
    timer_init(&b.timer, expired);
    assert_true(timer_wheel_wait_ms(&wheel, now) == UINT64_MAX);
    start(&a, 1000);
    start(&b, 300);
    uint64_t wait = timer_wheel_wait_ms(&wheel, now);
    assert_in_range(wait, 301, 300 + TIMER_TICK_MS);
    advance(now + wait - 1);
    assert_int_equal(b.fired, 0);
    advance(now + 1); /* waiting just as long as told is enough */
    assert_int_equal(b.fired, 1);
    now += 100000; /* overdue */
    assert_int_equal(timer_wheel_wait_ms(&wheel, now), 0);
    advance(now);
    assert_int_equal(a.fired, 1);
    assert_true(timer_wheel_wait_ms(&wheel, now) == UINT64_MAX);
}

/* One who started its turn a while ago, and says so, waits for the next tick and not for the wheel's next
 * round. */
static void test_start_with_an_old_time(void **unused)
{
    (void)unused;
    struct alarm a = {0};
    now = 640000;
    timer_wheel_init(&wheel, now);
    timer_init(&a.timer, expired);
    timer_start(&wheel, &a.timer, now - 1000, 10);
    advance(now + TIMER_TICK_MS);
    assert_int_equal(a.fired, 1);
}

/* Many timers, random starts, stops and leaps of time; every one fires exactly when a simple model says. */
static void test_random_operations_agree_with_a_model(void **unused)
{
    (void)unused;
    enum { COUNT = 100 };
    static struct alarm alarms[COUNT];
    bool is_running[COUNT] = {false};
    int want[COUNT] = {0};
    unsigned seed = 11;
    now = 123456;
    timer_wheel_init(&wheel, now);
    for (int i = 0; i < COUNT; i++)
        timer_init(&alarms[i].timer, expired);
    for (int step = 0; step < 20000; step++) {
        int i = rand_r(&seed) % COUNT;
        switch (rand_r(&seed) % 4) {
        case 0:
        case 1:
            start(&alarms[i], (uint64_t)rand_r(&seed) % (step % 7 ? 5000 : 200000));
            is_running[i] = true;
            break;
        case 2:
            timer_stop(&wheel, &alarms[i].timer);
            is_running[i] = false;
            break;
        default:
            advance(now + (uint64_t)rand_r(&seed) % (step % 11 ? 300 : 100000));
            uint32_t running = 0;
            for (int k = 0; k < COUNT; k++) {
                if (is_running[k] && now / TIMER_TICK_MS > alarms[k].due_ms / TIMER_TICK_MS) {
                    want[k]++;
                    is_running[k] = false;
                }
                assert_int_equal(alarms[k].fired, want[k]);
                running += is_running[k];
            }
            assert_int_equal(wheel.running, running);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due_in_time),
        cmocka_unit_test(test_stop_and_restart),
        cmocka_unit_test(test_callbacks_change_timers),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_start_with_an_old_time),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
