/* SPDX-License-Identifier: Apache-2.0 */
/* Known streams against exact counts: who must be in the sketch is, and every error is within its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "presence/heaviest.h"

#define PUBLISHERS 2000

static struct heaviest sketch;
static uint64_t exact[PUBLISHERS], exact_changes[PUBLISHERS];
static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % bound);
}

static void forget(void)
{
    heaviest_clear(&sketch);
    memset(exact, 0, sizeof exact);
    memset(exact_changes, 0, sizeof exact_changes);
    random_state = 1;
}

/* `collide`: every name has the same hash. */
static void change(unsigned publisher, uint32_t deliveries, bool collide)
{
    char name[32];
    struct span text = span_make(name, (size_t)snprintf(name, sizeof name, "p%u@example.org", publisher));
    const struct heavy_change c = {
        .watchers = deliveries, .deliveries = deliveries, .bytes = deliveries * 100ull};
    heaviest_add(&sketch, text, collide ? 7 : hash_bytes(text), &c);
    exact[publisher] += deliveries;
    exact_changes[publisher]++;
}

static const struct heavy *entry_of(unsigned publisher)
{
    char name[32];
    struct span text = span_make(name, (size_t)snprintf(name, sizeof name, "p%u@example.org", publisher));
    const struct heavy *found = NULL;
    for (uint32_t i = 0; i < sketch.count; i++) {
        if (!span_equal(span_make(sketch.entries[i].name, sketch.entries[i].name_len), text))
            continue;
        assert_null(found); /* nobody is in it twice */
        found = &sketch.entries[i];
    }
    return found;
}

static void bounds_check(void)
{
    uint64_t total = 0, counted = 0;
    for (unsigned i = 0; i < PUBLISHERS; i++)
        total += exact[i];
    assert_int_equal(sketch.total, total);
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        const struct heavy *e = entry_of(i);
        if (!e) {
            assert_true(exact[i] <= heaviest_missed(&sketch));
            assert_true(exact[i] <= total / HEAVIEST_MAX);
            continue;
        }
        counted += e->deliveries;
        assert_true(e->deliveries - e->error <= exact[i]);
        assert_true(exact[i] <= e->deliveries);
        assert_true(e->error <= total / HEAVIEST_MAX);
        assert_true(e->changes <= exact_changes[i]);
        assert_true(e->bytes <= exact[i] * 100);
    }
    assert_int_equal(counted, total); /* nothing is lost, it only changes hands */
}

static void test_few_are_exact(void **state)
{
    (void)state;
    for (int collide = 0; collide <= 1; collide++) {
        forget();
        for (unsigned round = 0; round < 100; round++)
            for (unsigned i = 0; i < HEAVIEST_MAX; i++)
                change(i, i + 1, collide);
        assert_int_equal(heaviest_missed(&sketch), 100);
        for (unsigned i = 0; i < HEAVIEST_MAX; i++) {
            const struct heavy *e = entry_of(i);
            assert_non_null(e);
            assert_int_equal(e->deliveries, exact[i]);
            assert_int_equal(e->error, 0);
            assert_int_equal(e->changes, 100);
            assert_int_equal(e->watchers, i + 1);
            assert_int_equal(e->bytes, exact[i] * 100);
        }
    }
}

static void test_not_full_misses_nothing(void **state)
{
    (void)state;
    forget();
    for (unsigned i = 0; i < HEAVIEST_MAX - 1; i++)
        change(i, 10, false);
    assert_int_equal(heaviest_missed(&sketch), 0);
    change(HEAVIEST_MAX, 10, false);
    assert_int_equal(heaviest_missed(&sketch), 10);
}

/* A few celebrities among many, said in every order that hurts: first, last, evenly. */
static void test_celebrities(void **state)
{
    (void)state;
    for (int order = 0; order < 3; order++) {
        forget();
        for (int early = 0; order == 0 && early < 500; early++)
            change(early % 5, 200, false);
        for (int step = 0; step < 100000; step++) {
            change(5 + random_below(PUBLISHERS - 5), 1 + random_below(3), false);
            if (order == 1 && step % 200 == 0)
                change(step / 200 % 5, 200, false);
        }
        for (int late = 0; order == 2 && late < 500; late++)
            change(late % 5, 200, false);
        bounds_check();
        for (unsigned i = 0; i < 5; i++)
            assert_non_null(entry_of(i));
    }
}

/* The worst for it: nobody ever comes twice in a row, all the same. */
static void test_round_robin(void **state)
{
    (void)state;
    forget();
    for (int step = 0; step < 50 * PUBLISHERS; step++)
        change((unsigned)step % PUBLISHERS, 1, false);
    bounds_check();
    assert_true(heaviest_missed(&sketch) >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_are_exact),
        cmocka_unit_test(test_not_full_misses_nothing),
        cmocka_unit_test(test_celebrities),
        cmocka_unit_test(test_round_robin),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    heaviest_clear(&sketch);
    return failed;
}
