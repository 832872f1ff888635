/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe says of this kernel is what a loop finds here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "ring/loop.h"
#include "ring/probe.h"

static void nothing(void *context)
{
    (void)context;
}

static void test_it_agrees_with_a_loop(void **state)
{
    (void)state;
    struct loop *l = NULL;
    char message[256] = "";
    const struct loop_owner nobody = {nothing, NULL};
    int error = loop_new(&nobody, &l, message, sizeof message);
    loop_free(l);
    struct ring_abilities a;
    ring_probe(&a);
    assert_int_equal(a.setup == 0 && a.buffers == 0, error == 0);
    if (error)
        skip();
    assert_int_equal(a.plain, 0);
    assert_string_equal(a.refused_flags, "");
    assert_int_equal(a.receive, 0);
    assert_int_equal(a.doorbell, 0);
    assert_true(a.region <= 0); /* tried, whatever came of it */
}

static void test_it_leaves_nothing_behind(void **state)
{
    (void)state;
    struct ring_abilities a;
    int before = dup(0);
    close(before);
    ring_probe(&a);
    int after = dup(0); /* the lowest that is free */
    close(after);
    assert_int_equal(after, before);
}

/* No descriptor is to be had: it says so, and what hangs on it was not tried. */
static void test_what_is_not_there_is_said(void **state)
{
    (void)state;
    struct rlimit limit, none;
    struct ring_abilities a;
    getrlimit(RLIMIT_NOFILE, &limit);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    ring_probe(&a);
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_true(a.plain < 0);
    assert_int_equal(a.setup, RING_UNTRIED);
    assert_int_equal(a.buffers, RING_UNTRIED);
    assert_int_equal(a.receive, RING_UNTRIED);
    assert_int_equal(a.doorbell, RING_UNTRIED);
    assert_int_equal(a.region, RING_UNTRIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_agrees_with_a_loop),
        cmocka_unit_test(test_it_leaves_nothing_behind),
        cmocka_unit_test(test_what_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
