/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes first, and the slots that it is known by: without a kernel's program, whose words are made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ring/order.h"
#include "ring/program.h"

static struct ring_completion of_slot(uint32_t slot, int32_t result)
{
    return (struct ring_completion){
        .user_data = (uint64_t)slot << MUSTER_LOOP_SLOT_SHIFT | 64, .result = result, .flags = 1};
}

static void classes(void **state)
{
    (void)state;
    struct muster_loop_slot slots[2] = {0};
    const struct ring_completion c = of_slot(1, 1), nobodys = of_slot(0, 1);
    static const struct {
        unsigned class;
        bool must_wait;
    } rows[] = {
        {MUSTER_CLASS_UNKNOWN, true},   {MUSTER_CLASS_KEEPALIVE, false}, {MUSTER_CLASS_BROADCAST, false},
        {MUSTER_CLASS_DIRECTED, false}, {MUSTER_CLASS_PROBE, false},     {MUSTER_CLASS_SUBSCRIPTION, false},
        {MUSTER_CLASS_MESSAGE, true},   {MUSTER_CLASS_IQ, true},         {MUSTER_CLASS_ACK, false},
        {MUSTER_CLASS_OTHER, true},     {MUSTER_LOOP_NO_CLASS, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(ring_order_must_wait(&c, slots, rows[i].class), rows[i].must_wait);
        assert_false(ring_order_must_wait(&nobodys, slots, rows[i].class));
    }
}

/* Behind a message that waits, everything of its connection waits, presence too; others do not. */
static void one_connections_order(void **state)
{
    (void)state;
    struct muster_loop_slot slots[3] = {0};
    struct ring_order *o = calloc(1, sizeof *o);
    assert_non_null(o);
    for (int32_t round = 0, result = 0; round < (int32_t)RING_ORDER_MAX; round++) { /* once around */
        struct ring_completion message = of_slot(1, ++result), presence = of_slot(1, ++result);
        assert_true(ring_order_must_wait(&message, slots, MUSTER_CLASS_MESSAGE));
        ring_order_put(o, &message, slots);
        assert_true(ring_order_must_wait(&presence, slots, MUSTER_CLASS_BROADCAST));
        ring_order_put(o, &presence, slots);
        struct ring_completion other = of_slot(2, 1);
        assert_false(ring_order_must_wait(&other, slots, MUSTER_CLASS_BROADCAST));
        assert_int_equal(ring_order_take(o, slots).result, message.result);
        struct ring_completion late = of_slot(1, 0);
        assert_true(ring_order_must_wait(&late, slots, MUSTER_LOOP_NO_CLASS));
        assert_int_equal(ring_order_take(o, slots).result, presence.result);
        assert_false(ring_order_must_wait(&late, slots, MUSTER_LOOP_NO_CLASS));
    }
    assert_int_equal(o->count, 0);
    free(o);
}

static void slots_of_a_loop(void **state)
{
    (void)state;
    struct muster_loop_region *region = calloc(1, sizeof *region);
    struct ring_program p = {.region = region, .slots_used = 1}, without = {0};
    assert_non_null(region);
    assert_int_equal(ring_program_slot_take(&without), 0);
    for (uint32_t slot = 1; slot < MUSTER_LOOP_SLOTS; slot++)
        assert_int_equal(ring_program_slot_take(&p), slot);
    assert_int_equal(ring_program_slot_take(&p), 0); /* as many as there are */
    region->slots[7] = (struct muster_loop_slot){.passed = 5, .read = 5, .is_between = 1};
    ring_program_slot_give(&p, 7);
    assert_int_equal(region->slots[7].is_between,
                     0); /* nothing is taken for white space between stanzas there */
    ring_program_slot_give(&p, 9);
    ring_program_slot_give(&p, 0);
    assert_int_equal(ring_program_slot_take(&p), 9);
    assert_int_equal(ring_program_slot_take(&p), 7);
    assert_int_equal(region->slots[7].passed, 0);
    assert_int_equal(ring_program_slot_take(&p), 0);
    free(region);
}

static void heard_lately(void **state)
{
    (void)state;
    struct muster_loop_region *region = calloc(1, sizeof *region);
    struct ring_program p = {.region = region, .slots_used = 5}, without = {0};
    assert_non_null(region);
    const uint64_t now_ms = (1ull << 32) + 1000; /* the program's clock wraps */
    region->slots[1].heard_ms = 999;
    region->slots[2].heard_ms = UINT32_MAX - 1000;
    region->slots[3].heard_ms = UINT32_MAX - 400000;
    region->slots[5].heard_ms = 999; /* never taken */
    assert_int_equal(ring_program_alive(&p, now_ms), 2);
    assert_int_equal(ring_program_alive(&without, now_ms), 0);
    free(region);
}

/* What the program has not looked at, the daemon counts, and knows nothing else of. */
static void seen_and_unseen(void **state)
{
    (void)state;
    struct muster_loop_region *region = calloc(1, sizeof *region);
    struct ring_program p = {.region = region, .is_on = true};
    assert_non_null(region);
    unsigned at = UINT32_MAX; /* it wraps */
    region->header.seen = at + 1;
    region->classes[at % MUSTER_LOOP_COMPLETIONS] = MUSTER_CLASS_PROBE;
    struct ring_completion c = of_slot(3, 11), end = of_slot(3, -11), nobodys = of_slot(0, 11);
    assert_int_equal(ring_program_class(&p, at, &c), MUSTER_CLASS_PROBE);
    assert_int_equal(region->slots[3].passed, 0); /* the program has counted it */
    assert_int_equal(ring_program_class(&p, at + 1, &c), MUSTER_LOOP_NO_CLASS);
    assert_int_equal(region->slots[3].passed, 11);
    assert_int_equal(ring_program_class(&p, at + 1, &end), MUSTER_LOOP_NO_CLASS);
    assert_int_equal(ring_program_class(&p, at, &nobodys), MUSTER_LOOP_NO_CLASS);
    assert_int_equal(region->slots[3].passed, 11);
    p.is_on = false; /* what it said once is of another completion now */
    assert_int_equal(ring_program_class(&p, at, &c), MUSTER_LOOP_NO_CLASS);
    assert_int_equal(region->slots[3].passed, 22);
    free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),         cmocka_unit_test(one_connections_order),
        cmocka_unit_test(slots_of_a_loop), cmocka_unit_test(heard_lately),
        cmocka_unit_test(seen_and_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
