/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/guesses.h"

static void wrong(struct guesses *g, enum guess_kind kind, const char *of, uint64_t now_ms, int times)
{
    for (int i = 0; i < times; i++)
        guesses_wrong(g, kind, span_of(of), now_ms);
}

static void test_delays_grow_and_are_forgotten(void **state)
{
    (void)state;
    struct guesses g;
    uint64_t now = 5000000;
    guesses_init(&g, 2, 1000);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("alice@a"), now), 0);
    wrong(&g, GUESS_ACCOUNT, "alice@a", now, 2);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("alice@a"), now), 0);
    const uint64_t expected[] = {250, 500, 1000, 1000};
    for (int i = 0; i < 4; i++) {
        wrong(&g, GUESS_ACCOUNT, "alice@a", now, 1);
        assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("alice@a"), now), expected[i]);
        assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("alice@a"), now),
                         expected[i]); /* not in turn */
    }
    assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("bob@a"), now), 0);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ADDRESS, SPAN("alice@a"), now),
                     0); /* another thing of the same name */
    assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("alice@a"), now + 599999), 1000);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("alice@a"), now + 600000), 0);
    assert_int_equal(g.table.count, 0);
    wrong(&g, GUESS_ACCOUNT, "alice@a", now, 9);
    guesses_forget(&g, GUESS_ACCOUNT, SPAN("alice@a"));
    assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("alice@a"), now), 0);
    guesses_fini(&g);
}

static void test_addresses_wait_in_turn(void **state)
{
    (void)state;
    struct guesses g;
    guesses_init(&g, 0, 1000);
    wrong(&g, GUESS_ADDRESS, "1234", 1000, 1);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ADDRESS, SPAN("1234"), 1000), 250);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ADDRESS, SPAN("1234"), 1000), 500);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ADDRESS, SPAN("1234"), 1100), 650);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ADDRESS, SPAN("1234"), 10000), 250);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ADDRESS, (struct span){0}, 1000), 0); /* loopback */
    guesses_fini(&g);
}

static void test_bounded_and_off(void **state)
{
    (void)state;
    struct guesses g;
    guesses_init(&g, 0, 1000);
    wrong(&g, GUESS_ACCOUNT, "first", 1, 1);
    for (uint32_t i = 0; i < 65536; i++)
        guesses_wrong(&g, GUESS_ACCOUNT, span_make((const char *)&i, sizeof i), 1);
    assert_int_equal(g.table.count, 65536);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("first"), 1), 0);
    guesses_fini(&g);
    guesses_init(&g, 0, 0);
    wrong(&g, GUESS_ACCOUNT, "alice@a", 1, 9);
    assert_int_equal(guesses_delay_ms(&g, GUESS_ACCOUNT, SPAN("alice@a"), 1), 0);
    guesses_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays_grow_and_are_forgotten),
        cmocka_unit_test(test_addresses_wait_in_turn),
        cmocka_unit_test(test_bounded_and_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
