/* SPDX-License-Identifier: Apache-2.0 */
/* The checker: finds what is missing, doubled, late, misdelivered or invented, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "checker.h"

/* 0 and 1 watch each other, 2 watches 0, everybody watches itself; 3 watches nobody. */
static const struct checker_edge edges[] = {{0, 1}, {1, 0}, {2, 0}, {0, 0}, {1, 1}, {2, 2}, {1, 0}};
#define SESSIONS 4
#define SEQUENCE_MAX 130

enum action { END, PUBLISH, DELIVER, LEAVE, TOLERATE, SILENCE, RETURN };

struct step {
    enum action action;
    uint32_t a, b, sequence; /* publisher; or watcher, publisher, sequence */
};

struct row {
    const char *name;
    struct step steps[12];
    uint64_t counts[VIOLATION_KINDS]; /* missing, duplicate, reordered, misdelivered, unexpected, garbled */
};

static const struct row rows[] = {
    {"all well", {{PUBLISH, 0}, {DELIVER, 0, 0, 0}, {DELIVER, 1, 0, 0}, {DELIVER, 2, 0, 0}}, {0}},
    {"in order per sender only",
     {{PUBLISH, 0},
      {PUBLISH, 1},
      {DELIVER, 0, 1, 0},
      {DELIVER, 1, 1, 0},
      {DELIVER, 1, 0, 0},
      {DELIVER, 0, 0, 0},
      {DELIVER, 2, 0, 0}},
     {0}},
    {"one missing", {{PUBLISH, 0}, {DELIVER, 0, 0, 0}, {DELIVER, 2, 0, 0}}, {[VIOLATION_MISSING] = 1}},
    {"one of two missing", {{PUBLISH, 2}, {PUBLISH, 2}, {DELIVER, 2, 2, 1}}, {[VIOLATION_MISSING] = 1}},
    {"duplicate",
     {{PUBLISH, 2}, {PUBLISH, 2}, {DELIVER, 2, 2, 0}, {DELIVER, 2, 2, 1}, {DELIVER, 2, 2, 1}},
     {[VIOLATION_DUPLICATE] = 1}},
    {"duplicate of an old one",
     {{PUBLISH, 2}, {PUBLISH, 2}, {DELIVER, 2, 2, 0}, {DELIVER, 2, 2, 1}, {DELIVER, 2, 2, 0}},
     {[VIOLATION_DUPLICATE] = 1}},
    {"two swapped",
     {{PUBLISH, 2}, {PUBLISH, 2}, {DELIVER, 2, 2, 1}, {DELIVER, 2, 2, 0}},
     {[VIOLATION_REORDERED] = 1}},
    {"late after two",
     {{PUBLISH, 2}, {PUBLISH, 2}, {PUBLISH, 2}, {DELIVER, 2, 2, 1}, {DELIVER, 2, 2, 2}, {DELIVER, 2, 2, 0}},
     {[VIOLATION_REORDERED] = 1}},
    {"to one who does not watch",
     {{PUBLISH, 2}, {DELIVER, 2, 2, 0}, {DELIVER, 0, 2, 0}, {DELIVER, 3, 2, 0}},
     {[VIOLATION_MISDELIVERED] = 2}},
    /* 2 watches 0: it goes, misses one, and is told the last when it is back. */
    {"back again, told the last",
     {{LEAVE, 2},
      {PUBLISH, 0},
      {PUBLISH, 0},
      {DELIVER, 0, 0, 0},
      {DELIVER, 0, 0, 1},
      {DELIVER, 1, 0, 0},
      {DELIVER, 1, 0, 1},
      {RETURN, 2},
      {DELIVER, 2, 0, 1}},
     {0}},
    {"back again, not told",
     {{LEAVE, 2}, {PUBLISH, 0}, {DELIVER, 0, 0, 0}, {DELIVER, 1, 0, 0}, {RETURN, 2}},
     {[VIOLATION_MISSING] = 1}},
    {"back again, told twice",
     {{LEAVE, 1},
      {PUBLISH, 2},
      {PUBLISH, 2},
      {DELIVER, 2, 2, 0},
      {DELIVER, 2, 2, 1},
      {LEAVE, 2},
      {RETURN, 2},
      {DELIVER, 2, 2, 1},
      {DELIVER, 2, 2, 1}},
     {[VIOLATION_DUPLICATE] = 1}},
    {"back again, told an old one that it missed",
     {{LEAVE, 2}, {PUBLISH, 2}, {PUBLISH, 2}, {RETURN, 2}, {DELIVER, 2, 2, 0}, {DELIVER, 2, 2, 1}},
     {[VIOLATION_UNEXPECTED] = 1}},
    {"back again, nothing of who is offline",
     {{PUBLISH, 0},
      {DELIVER, 0, 0, 0},
      {DELIVER, 1, 0, 0},
      {DELIVER, 2, 0, 0},
      {LEAVE, 2},
      {SILENCE, 0},
      {RETURN, 2}},
     {0}},
    {"who comes may be told twice while that is tolerated",
     {{TOLERATE, 1},
      {PUBLISH, 2},
      {DELIVER, 2, 2, 0},
      {SILENCE, 2},
      {PUBLISH, 2},
      {DELIVER, 2, 2, 1},
      {DELIVER, 2, 2, 1}},
     {0}},
    {"an ordinary change may not",
     {{TOLERATE, 1}, {PUBLISH, 2}, {DELIVER, 2, 2, 0}, {PUBLISH, 2}, {DELIVER, 2, 2, 1}, {DELIVER, 2, 2, 1}},
     {[VIOLATION_DUPLICATE] = 1}},
    {"never sent", {{PUBLISH, 2}, {DELIVER, 2, 2, 0}, {DELIVER, 2, 2, 1}}, {[VIOLATION_UNEXPECTED] = 1}},
    {"before it was sent",
     {{DELIVER, 2, 2, 0}, {PUBLISH, 2}, {DELIVER, 2, 2, 0}},
     {[VIOLATION_UNEXPECTED] = 1}},
    {"whoever left misses nothing", {{LEAVE, 1}, {PUBLISH, 0}, {DELIVER, 0, 0, 0}, {DELIVER, 2, 0, 0}}, {0}},
    {"first presence twice at log-in is tolerated",
     {{TOLERATE, 1}, {PUBLISH, 2}, {DELIVER, 2, 2, 0}, {DELIVER, 2, 2, 0}},
     {0}},
    {"but not behind a later one",
     {{TOLERATE, 1}, {PUBLISH, 2}, {PUBLISH, 2}, {DELIVER, 2, 2, 0}, {DELIVER, 2, 2, 1}, {DELIVER, 2, 2, 0}},
     {[VIOLATION_DUPLICATE] = 1}},
    {"and not a second one",
     {{TOLERATE, 1}, {PUBLISH, 2}, {PUBLISH, 2}, {DELIVER, 2, 2, 0}, {DELIVER, 2, 2, 1}, {DELIVER, 2, 2, 1}},
     {[VIOLATION_DUPLICATE] = 1}},
};

static struct checker *fresh(void)
{
    struct checker *c = checker_new(SESSIONS, edges, sizeof edges / sizeof *edges, SEQUENCE_MAX);
    assert_non_null(c);
    return c;
}

static void play(struct checker *c, const struct step *step)
{
    switch (step->action) {
    case PUBLISH:
        checker_publish(c, step->a);
        break;
    case DELIVER:
        checker_deliver(c, step->a, step->b, step->sequence);
        break;
    case LEAVE:
        checker_leave(c, step->a);
        break;
    case TOLERATE:
        c->tolerates_repeats = step->a;
        break;
    case SILENCE:
        checker_silence(c, step->a);
        break;
    case RETURN:
        checker_return(c, step->a);
        break;
    case END:
        break;
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct checker *c = fresh();
        for (size_t i = 0; i < sizeof rows[r].steps / sizeof *rows[r].steps; i++)
            play(c, &rows[r].steps[i]);
        bool complete = checker_is_complete(c);
        checker_finish(c);
        for (int kind = 0; kind < VIOLATION_KINDS; kind++)
            if (c->violation_count[kind] != rows[r].counts[kind])
                fail_msg("%s: %s %d instead of %d", rows[r].name, violation_name((enum violation_kind)kind),
                         (int)c->violation_count[kind], (int)rows[r].counts[kind]);
        assert_int_equal(complete, rows[r].counts[VIOLATION_MISSING] == 0);
        checker_free(c);
    }
}

/* Every sequence has its own bit, also beyond the first word. */
static void test_long_run(void **state)
{
    (void)state;
    for (uint32_t left_out = 0; left_out <= SEQUENCE_MAX; left_out++) {
        struct checker *c = fresh();
        for (uint32_t i = 0; i <= SEQUENCE_MAX; i++) {
            assert_int_equal(checker_publish(c, 2), i);
            if (i != left_out)
                assert_true(checker_deliver(c, 2, 2, i));
        }
        assert_false(checker_is_complete(c));
        checker_finish(c);
        assert_int_equal(checker_violations(c), 1);
        assert_int_equal(c->kept[0].kind, VIOLATION_MISSING);
        assert_int_equal(c->kept[0].sequence, left_out);
        checker_free(c);
    }
}

static void test_audience(void **state)
{
    (void)state;
    struct checker *c = fresh();
    assert_true(checker_watches(c, 2, 0));
    assert_false(checker_watches(c, 0, 2));
    assert_false(checker_watches(c, 3, 3));
    checker_leave(c, 1);
    checker_publish(c, 0);
    assert_int_equal(c->expected, 2);
    assert_int_equal(c->due[0], 2);
    assert_int_equal(c->owed[0], 1);
    assert_int_equal(c->owed[1], 0);
    assert_false(checker_has_seen(c, 2, 0));
    checker_deliver(c, 2, 0, 0);
    assert_true(checker_has_seen(c, 2, 0));
    assert_int_equal(c->due[0], 1);
    assert_int_equal(c->owed[2], 0);
    checker_free(c);
}

/* All are counted, the first are kept. */
static void test_many_violations(void **state)
{
    (void)state;
    struct checker *c = fresh();
    for (int i = 0; i < 2 * CHECKER_VIOLATIONS_KEPT; i++)
        checker_deliver(c, 3, 0, 0);
    assert_int_equal(checker_violations(c), 2 * CHECKER_VIOLATIONS_KEPT);
    assert_int_equal(c->kept_count, CHECKER_VIOLATIONS_KEPT);
    checker_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_long_run),
        cmocka_unit_test(test_audience),
        cmocka_unit_test(test_many_violations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
