/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smime/freshness.h"

/* Of which a key may have SHARE, where that matters. */
#define MOST 64
#define SHARE 4
#define NOW 1000000

/* One object: of the key, from and to whom, made when, and which. Letters stand for keys and digests. */
struct object {
    char key, digest;
    const char *from, *to;
    int64_t seconds; /* from NOW */
    uint32_t nanoseconds;
};

static enum smime_reason check(struct freshness *f, struct object o, int64_t now, bool is_strict)
{
    uint8_t key_id[32], digest[32];
    memset(key_id, o.key, sizeof key_id);
    memset(digest, o.digest, sizeof digest);
    struct freshness_item item = {.key_id = key_id,
                                  .from = span_of(o.from),
                                  .to = span_of(o.to),
                                  .stamp = {NOW + o.seconds, o.nanoseconds},
                                  .digest = digest};
    return freshness_check(f, &item, (struct moment){NOW + now, 500000000}, is_strict);
}

#define STEPS_MAX 6

/* What comes, when (seconds from NOW and a half), and what becomes of it. */
static const struct {
    const char *name;
    struct {
        int64_t now;
        struct object object;
        enum smime_reason reason;
    } steps[STEPS_MAX];
} rows[] = {
    {"rising",
     {{0, {'k', '1', "a@b/c", "d@e", 0, 0}, SMIME_OK},
      {0, {'k', '2', "a@b/c", "d@e", 0, 1}, SMIME_OK},
      {1, {'k', '3', "a@b/c", "d@e", 1, 0}, SMIME_OK}}},
    {"5:00 old (I12)", {{0, {'k', '1', "a@b/c", "d@e", -300, 500000000}, SMIME_OK}}},
    {"older", {{0, {'k', '1', "a@b/c", "d@e", -300, 499999999}, SMIME_OLD_TIMESTAMP}}},
    {"-5:01 (I12)", {{0, {'k', '1', "a@b/c", "d@e", -301, 500000000}, SMIME_OLD_TIMESTAMP}}},
    {"5:00 ahead", {{0, {'k', '1', "a@b/c", "d@e", 300, 500000000}, SMIME_OK}}},
    {"farther", {{0, {'k', '1', "a@b/c", "d@e", 300, 500000001}, SMIME_FUTURE_TIMESTAMP}}},
    {"+5:01 (I12)", {{0, {'k', '1', "a@b/c", "d@e", 301, 500000000}, SMIME_FUTURE_TIMESTAMP}}},
    {"equal (I12)",
     {{0, {'k', '1', "a@b/c", "d@e", 0, 5}, SMIME_OK},
      {0, {'k', '2', "a@b/c", "d@e", 0, 5}, SMIME_DECREASING_TIMESTAMP}}},
    {"decreasing (I12)",
     {{0, {'k', '1', "a@b/c", "d@e", 0, 5}, SMIME_OK},
      {0, {'k', '2', "a@b/c", "d@e", 0, 4}, SMIME_DECREASING_TIMESTAMP}}},
    {"what was refused changes nothing",
     {{0, {'k', '1', "a@b/c", "d@e", 0, 5}, SMIME_OK},
      {0, {'k', '2', "a@b/c", "d@e", 301, 0}, SMIME_FUTURE_TIMESTAMP},
      {0, {'k', '3', "a@b/c", "d@e", 0, 4}, SMIME_DECREASING_TIMESTAMP},
      {0, {'k', '3', "a@b/c", "d@e", 0, 6}, SMIME_OK}}},
    {"replay (I13)",
     {{0, {'k', '1', "a@b/c", "d@e", 0, 0}, SMIME_OK},
      {1, {'k', '1', "a@b/c", "d@e", 0, 0}, SMIME_REPLAY},
      {301, {'k', '1', "a@b/c", "d@e", 0, 0}, SMIME_REPLAY},
      {600, {'k', '1', "a@b/c", "d@e", 0, 0}, SMIME_REPLAY},
      {601, {'k', '1', "a@b/c", "d@e", 0, 0}, SMIME_OLD_TIMESTAMP}}},
    {"replay of what came early",
     {{0, {'k', '1', "a@b/c", "d@e", 300, 0}, SMIME_OK},
      {600, {'k', '1', "a@b/c", "d@e", 300, 0}, SMIME_REPLAY}}},
    {"replay from another device",
     {{0, {'k', '1', "a@b/c", "d@e", 0, 0}, SMIME_OK}, {0, {'k', '1', "a@b/x", "d@e", 0, 0}, SMIME_REPLAY}}},
    {"the same to another",
     {{0, {'k', '1', "a@b/c", "d@e", 0, 0}, SMIME_OK}, {0, {'k', '1', "a@b/c", "x@e", 0, 0}, SMIME_OK}}},
    {"two devices 2 s apart (V20)",
     {{0, {'k', '1', "a@b/c", "d@e", 2, 0}, SMIME_OK},
      {0, {'k', '2', "a@b/x", "d@e", 0, 0}, SMIME_OK},
      {1, {'k', '3', "a@b/c", "d@e", 3, 0}, SMIME_OK},
      {1, {'k', '4', "a@b/x", "d@e", 1, 0}, SMIME_OK}}},
    {"another key",
     {{0, {'k', '1', "a@b/c", "d@e", 2, 0}, SMIME_OK}, {0, {'l', '1', "a@b/c", "d@e", 1, 0}, SMIME_OK}}},
    {"addresses that run together",
     {{0, {'k', '1', "a@b/c", "d@e", 2, 0}, SMIME_OK}, {0, {'k', '2', "a@b/cd", "@e", 1, 0}, SMIME_OK}}},
    {"stamps are forgotten after 10 minutes",
     {{0, {'k', '1', "a@b/c", "d@e", 300, 0}, SMIME_OK},
      {600, {'k', '2', "a@b/c", "d@e", 300, 500000000}, SMIME_OK},
      {600, {'k', '3', "a@b/c", "d@e", 300, 500000000}, SMIME_DECREASING_TIMESTAMP},
      {1201, {'k', '4', "a@b/c", "d@e", 1000, 0}, SMIME_OK}}},
    {"and not before",
     {{0, {'k', '1', "a@b/c", "d@e", 300, 9}, SMIME_OK},
      {599, {'k', '2', "a@b/c", "d@e", 300, 8}, SMIME_DECREASING_TIMESTAMP}}},
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int strict = 0; strict < 2; strict++) {
            struct freshness *f = freshness_new(2 * MOST);
            for (int k = 0; k < STEPS_MAX && rows[i].steps[k].object.key; k++) {
                enum smime_reason r = check(f, rows[i].steps[k].object, rows[i].steps[k].now, strict);
                if (r != rows[i].steps[k].reason)
                    fail_msg("%s, step %d: %s", rows[i].name, k, smime_reason_name(r));
            }
            freshness_free(f);
        }
}

static struct object nth(int i)
{
    return (struct object){(char)('k' + i / SHARE), (char)('A' + i), "a@b/c", "d@e", i, 0};
}

/* Seen digests fill their shelf; one key and sender have one stamp. */
static void test_full_of_digests(void **unused)
{
    (void)unused;
    for (int strict = 0; strict < 2; strict++) {
        struct freshness *f = freshness_new(MOST);
        for (int i = 0; i < MOST; i++)
            assert_int_equal(check(f, nth(i), 0, strict), SMIME_OK);
        assert_int_equal(freshness_counters_read(f).kept, MOST + MOST / SHARE);
        assert_int_equal(check(f, nth(MOST), 0, strict), strict ? SMIME_BUSY : SMIME_OK);
        assert_int_equal(freshness_counters_read(f).kept, MOST + MOST / SHARE + !strict);
        assert_int_equal(freshness_counters_read(f).forgotten, strict ? 0 : 1);
        /* What is still known is a replay; of what was forgotten, the stamp tells. */
        assert_int_equal(check(f, nth(1), 0, strict), SMIME_REPLAY);
        assert_int_equal(check(f, nth(0), 0, strict), strict ? SMIME_REPLAY : SMIME_DECREASING_TIMESTAMP);
        /* Busy has left nothing behind; and in time there is room again. */
        if (strict)
            assert_int_equal(check(f, nth(MOST), 0, false), SMIME_OK);
        assert_int_equal(check(f, (struct object){'k', 'z', "a@b/c", "d@e", 900, 0}, 601, strict), SMIME_OK);
        assert_int_equal(freshness_counters_read(f).kept, 2);
        freshness_free(f);
    }
}

static void test_full_of_stamps(void **unused)
{
    char from[] = "a@b/0";
    struct object o = {'k', '0', from, "d@e", 0, 0};
    (void)unused;
    struct freshness *f = freshness_new(MOST);
    for (int i = 0; i < MOST; i++) {
        from[4] = o.digest = (char)('0' + i);
        o.key = (char)('k' + i / (SHARE - 1));
        assert_int_equal(check(f, o, i, true), SMIME_OK);
    }
    /* The first has spoken again, so it is not the oldest any more. */
    o = (struct object){'k', 'x', "a@b/0", "d@e", 1, 0};
    assert_int_equal(check(f, o, MOST, false), SMIME_OK);
    o = (struct object){'z', 'y', "a@b/new", "d@e", 1, 0};
    assert_int_equal(check(f, o, MOST, true), SMIME_BUSY);
    assert_int_equal(check(f, o, MOST, false), SMIME_OK);
    o = (struct object){'k', 'z', "a@b/0", "d@e", 1, 0};
    assert_int_equal(check(f, o, MOST, false), SMIME_DECREASING_TIMESTAMP);
    o = (struct object){'k', 'z', "a@b/1", "d@e", 0, 0};
    assert_int_equal(check(f, o, MOST, false), SMIME_OK);
    assert_int_equal(freshness_counters_read(f).kept, 2 * MOST);
    freshness_free(f);
}

/* One key's objects fill its share, not the shelf: others are not held up by it, and in time it has room again. */
static void test_share(void **unused)
{
    struct freshness *f = freshness_new(MOST);
    (void)unused;
    for (int i = 0; i < SHARE; i++)
        assert_int_equal(check(f, (struct object){'k', (char)('A' + i), "a@b/c", "d@e", i, 0}, 0, true),
                         SMIME_OK);
    assert_int_equal(check(f, (struct object){'k', 'x', "a@b/other", "d@e", 9, 0}, 0, true), SMIME_BUSY);
    assert_int_equal(check(f, (struct object){'q', 'x', "a@b/other", "d@e", 9, 0}, 0, true), SMIME_OK);
    assert_int_equal(check(f, (struct object){'k', 'y', "a@b/c", "d@e", 9, 0}, 0, false), SMIME_BUSY);
    assert_int_equal(check(f, (struct object){'k', 'z', "a@b/c", "d@e", 601, 0}, 601, true), SMIME_OK);
    freshness_free(f);
}

/* Nothing may be kept: nobody is let in where that is a must, nor else. */
static void test_none(void **unused)
{
    struct freshness *f = freshness_new(0);
    (void)unused;
    assert_int_equal(check(f, nth(0), 0, true), SMIME_BUSY);
    assert_int_equal(check(f, nth(0), 0, false), SMIME_BUSY);
    freshness_free(f);
    assert_null(freshness_free(NULL));
}

static void test_text(void **unused)
{
    struct buffer text = {0}, again = {0};
    struct freshness *f = freshness_new(MOST), *g = freshness_new(MOST), *small = freshness_new(1);
    (void)unused;
    assert_int_equal(freshness_write(f, &text), 0);
    assert_int_equal(text.len, 0);
    assert_int_equal(check(f, nth(0), 0, true), SMIME_OK);
    assert_int_equal(check(f, nth(1), 100, true), SMIME_OK);
    assert_int_equal(freshness_write(f, &text), 0);
    assert_int_equal(freshness_read(g, buffer_span(&text)), 0);
    assert_int_equal(freshness_write(g, &again), 0);
    assert_true(text.len > 0 && span_equal(buffer_span(&text), buffer_span(&again)));
    assert_int_equal(check(g, nth(0), 100, true), SMIME_REPLAY);
    assert_int_equal(check(g, (struct object){'k', 'z', "a@b/c", "d@e", 1, 0}, 100, true),
                     SMIME_DECREASING_TIMESTAMP);
    /* Who has less room keeps what is youngest. */
    assert_int_equal(freshness_read(small, buffer_span(&text)), 0);
    assert_int_equal(freshness_counters_read(small).forgotten, 1);
    assert_int_equal(check(small, nth(1), 100, true), SMIME_REPLAY);
    /* And ages are what they were. */
    assert_int_equal(check(g, (struct object){'k', 'z', "x@b/c", "d@e", 600, 0}, 601, true), SMIME_OK);
    assert_int_equal(freshness_counters_read(g).kept, 4);
    /* Every prefix is refused, but at a line's end. */
    for (uint32_t cut = 0; cut < text.len; cut++) {
        struct freshness *h = freshness_new(MOST);
        int r = freshness_read(h, span_make(text.ptr, cut));
        assert_int_equal(r, cut == 0 || text.ptr[cut - 1] == '\n' ? 0 : -EINVAL);
        freshness_free(h);
    }
    freshness_free(f);
    freshness_free(g);
    freshness_free(small);
    buffer_fini(&text);
    buffer_fini(&again);
}

#define NAME "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define MOMENTS " 2026-07-01T11:45:36Z 2026-07-01T11:45:36Z\n"

static void test_text_bad(void **unused)
{
    static const char *const bad[] = {
        "\n",
        "x\n",
        "seen " NAME MOMENTS,
        "stamp " NAME "00" MOMENTS,
        "stamp 0011" MOMENTS,
        "stamp " NAME " 2026-07-01T11:45:36Z\n",
        "stamp " NAME " 2026-07-01T11:45:36Z now\n",
        "stamp " NAME " now 2026-07-01T11:45:36Z\n",
        "stamp " NAME " 2026-07-01T11:45:36Z 2026-07-01T11:45:36Z \n",
        "stamp " NAME MOMENTS "stamp " NAME MOMENTS,
        "stamp " NAME MOMENTS "\n",
    };
    (void)unused;
    struct freshness *f = freshness_new(MOST);
    assert_int_equal(freshness_read(f, SPAN("stamp " NAME MOMENTS "digest " NAME MOMENTS)), 0);
    freshness_free(f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f = freshness_new(MOST);
        if (freshness_read(f, span_of(bad[i])) != -EINVAL)
            fail_msg("row %zu is read", i);
        freshness_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),           cmocka_unit_test(test_full_of_digests),
        cmocka_unit_test(test_full_of_stamps), cmocka_unit_test(test_share),
        cmocka_unit_test(test_none),           cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
