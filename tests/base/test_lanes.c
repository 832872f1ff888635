/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/lanes.h"

struct task {
    struct lane_work work;
    uint32_t left, steps;
    uint32_t largest; /* slice it was ever given */
};

static void task_step(struct lane_work *w, uint32_t *budget)
{
    struct task *t = container_of(w, struct task, work);
    uint32_t done = t->left < *budget ? t->left : *budget;
    t->steps++;
    if (*budget > t->largest)
        t->largest = *budget;
    t->left -= done;
    *budget -= done;
    if (!t->left)
        lane_work_stop(w);
}

static void idle_step(struct lane_work *w, uint32_t *budget)
{
    (void)budget;
    container_of(w, struct task, work)->steps++;
}

static void task_start(struct lanes *l, struct task *t, uint32_t amount, enum lane lane)
{
    *t = (struct task){.left = amount};
    lane_work_init(&t->work, task_step);
    lanes_start(l, &t->work, lane);
}

static void test_works_share_a_turn(void **state)
{
    (void)state;
    struct lanes l;
    struct task a, b, other;
    lanes_init(&l);
    task_start(&l, &a, 10000, LANE_PRESENCE);
    task_start(&l, &b, 10000, LANE_PRESENCE);
    task_start(&l, &other, 10, LANE_BULK);
    lanes_run(&l, lanes_turn_budget);
    assert_int_equal(10000 - a.left, lanes_turn_budget[LANE_PRESENCE] / 2);
    assert_int_equal(a.left, b.left);
    assert_int_equal(other.left, 0);
    assert_false(lane_work_is_started(&other.work));
    assert_false(lanes_are_empty(&l));
    uint32_t turns = 1;
    for (; !lanes_are_empty(&l); turns++)
        lanes_run(&l, lanes_turn_budget);
    assert_int_equal(a.left + b.left, 0);
    assert_int_equal(turns,
                     (20000 + lanes_turn_budget[LANE_PRESENCE] - 1) / lanes_turn_budget[LANE_PRESENCE]);
}

static void test_small_budget_is_kept(void **state)
{
    (void)state;
    struct lanes l;
    struct task a;
    lanes_init(&l);
    task_start(&l, &a, 100, LANE_BULK);
    lanes_start(&l, &a.work, LANE_PRESENCE); /* it is in a lane already: it stays there */
    lanes_run(&l, (uint32_t[LANE_COUNT]){[LANE_PRESENCE] = 50, [LANE_BULK] = 3});
    assert_int_equal(a.left, 97);
    assert_int_equal(a.largest, 3);
    lanes_run(&l, (uint32_t[LANE_COUNT]){0});
    assert_int_equal(a.left, 97);
    lane_work_stop(&a.work);
    assert_true(lanes_are_empty(&l));
}

static void test_a_work_without_progress_does_not_hold_the_turn(void **state)
{
    (void)state;
    struct lanes l;
    struct task idle = {0}, a;
    lanes_init(&l);
    lane_work_init(&idle.work, idle_step);
    lanes_start(&l, &idle.work, LANE_PRESENCE);
    task_start(&l, &a, 5, LANE_PRESENCE);
    lanes_run(&l, (uint32_t[LANE_COUNT]){[LANE_PRESENCE] = 8});
    assert_int_equal(a.left, 0);
    assert_int_equal(idle.steps, 3);
    lane_work_stop(&idle.work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_works_share_a_turn),
        cmocka_unit_test(test_small_budget_is_kept),
        cmocka_unit_test(test_a_work_without_progress_does_not_hold_the_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
