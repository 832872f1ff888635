/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/watched.h"

static uint64_t now_ms = 1000000;

/* The linker puts it in the clock's place. */
uint64_t __wrap_clock_now_ms(void);
uint64_t __wrap_clock_now_ms(void)
{
    return now_ms;
}

static void test_one_looks_at_times(void **state)
{
    struct watched w;
    (void)state;
    watched_init(&w);
    assert_false(watched_begin(&w)); /* the owner has just read them */
    now_ms += 4999;
    assert_false(watched_begin(&w));
    now_ms += 1;
    assert_true(watched_begin(&w));
    now_ms += 60000;
    assert_false(watched_begin(&w)); /* somebody is at it */
    watched_end(&w);
    assert_true(watched_begin(&w));
    watched_end(&w);
    assert_false(watched_begin(&w));
    watched_fini(&w);
}

static void test_news(void **state)
{
    static const struct {
        uint64_t digest;
        int error;
        bool is_news;
        uint64_t seen, read, failed;
    } rows[] = {
        {5, 0, true, 5, 1, 0},       {6, -EINVAL, true, 5, 1, 1}, {6, -EINVAL, false, 5, 1, 1},
        {7, -EINVAL, true, 5, 1, 2}, {6, -EINVAL, true, 5, 1, 3}, {6, 0, true, 6, 2, 3},
        {7, 0, true, 7, 3, 3},       {6, -ENOENT, true, 7, 3, 4},
    };
    struct watched w;
    (void)state;
    watched_init(&w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(watched_is_news(&w, rows[i].digest, rows[i].error), rows[i].is_news);
        assert_int_equal(w.seen, rows[i].seen);
        assert_int_equal(w.read, rows[i].read);
        assert_int_equal(w.failed, rows[i].failed);
    }
    watched_fini(&w);
}

static void test_digest(void **state)
{
    char path[] = "/tmp/muster-watched-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_int_equal(watched_digest(NULL), 1);
    uint64_t empty = watched_digest(path);
    assert_int_not_equal(empty, 1);
    assert_int_equal(watched_digest(path), empty);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_not_equal(watched_digest(path), empty);
    close(fd);
    unlink(path);
    assert_int_equal(watched_digest(path), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_looks_at_times),
        cmocka_unit_test(test_news),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests_name("watched", tests, NULL, NULL);
}
