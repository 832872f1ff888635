/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/bells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

/* More than are ever held. */
#define BELLS 100

static int bell_make(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

/* How often it was rung since it was last asked. */
static uint64_t rung(int fd)
{
    eventfd_t count = 0;
    return eventfd_read(fd, &count) == 0 ? count : 0;
}

static void test_at_once_unless_held(void **state)
{
    (void)state;
    int fd = bell_make();
    bells_ring(fd);
    assert_int_equal(rung(fd), 1);
    bells_hold();
    bells_ring(fd);
    assert_int_equal(rung(fd), 0);
    bells_release();
    assert_int_equal(rung(fd), 1);
    bells_ring(fd);
    assert_int_equal(rung(fd), 1);
    bells_hold();
    bells_release();
    assert_int_equal(rung(fd), 0);
    close(fd);
}

/* None is forgotten: what finds no room rings at once. */
static void test_many(void **state)
{
    (void)state;
    int fds[BELLS];
    unsigned early = 0;
    bells_hold();
    for (unsigned i = 0; i < BELLS; i++) {
        fds[i] = bell_make();
        bells_ring(fds[i]);
        early += rung(fds[i]) == 1;
    }
    assert_true(early > 0 && early < BELLS);
    bells_release();
    for (unsigned i = 0; i < BELLS; i++) {
        early += rung(fds[i]) == 1;
        close(fds[i]);
    }
    assert_int_equal(early, BELLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once_unless_held),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
