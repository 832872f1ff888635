/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "stanza/stanza.h"
#include "stream/management.h"

static void on_expired(struct timer *t)
{
    (void)t;
    fail();
}

static struct management *made(void)
{
    struct management *m = management_new(NULL, 1000, on_expired);
    assert_non_null(m);
    return m;
}

static void send_kind(struct management *m, unsigned number, enum frame_kind kind)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%u", number);
    struct frame *f = frame_new(span_make(text, (size_t)len), FRAME_NO_HEAD, (uint16_t)kind);
    assert_non_null(f);
    assert_int_equal(management_sent(m, f, number), 0);
    frame_unref(f); /* it keeps its own */
}

static void send_some(struct management *m, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        send_kind(m, i, FRAME_MESSAGE);
}

/* The numbers that were not acknowledged. */
static void expect_left(const struct management *m, unsigned from, unsigned to)
{
    assert_int_equal(m->count, to - from);
    assert_int_equal(m->stanzas, to - from);
    uint64_t bytes = 0;
    for (unsigned i = from; i < to; i++) {
        const struct unacked *u = management_at(m, i - from);
        assert_int_equal(u->sent_s, i);
        bytes += u->frame->len;
    }
    assert_int_equal(m->bytes, bytes);
}

static void test_counts(void **state)
{
    (void)state;
    struct management *m = made();
    assert_int_equal(management_ack(m, 0), 0);
    assert_int_equal(management_ack(m, 1), MANAGEMENT_TOO_HIGH);
    send_some(m, 0, 100);
    assert_int_equal(management_ack(m, 101), MANAGEMENT_TOO_HIGH);
    expect_left(m, 0, 100);
    for (unsigned h = 0; h <= 100; h += 4) {
        assert_int_equal(management_ack(m, h), 0);
        assert_int_equal(management_ack(m, h), 0); /* nothing new */
        expect_left(m, h, 100);
    }
    assert_null(m->unacked);
    assert_int_equal(management_ack(m, 99), MANAGEMENT_TOO_HIGH); /* backwards */
    assert_int_equal(m->acked, 100);
    /* round and round the ring, at every fill */
    for (unsigned i = 100; i < 1000; i++) {
        send_kind(m, i, FRAME_OTHER);
        if (i % 7 == 0)
            assert_int_equal(management_ack(m, i - 2), 0);
    }
    expect_left(m, 992, 1000);
    management_free(m);
}

/* h is modulo 2^32 (s. 4). */
static void test_wraps(void **state)
{
    (void)state;
    static const uint32_t starts[] = {UINT32_MAX, UINT32_MAX - 1, UINT32_MAX - 9, INT32_MAX};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        for (uint32_t first = 0; first <= 10; first++)
            for (uint32_t second = first; second <= 11; second++) {
                struct management *m = made();
                m->acked = starts[i];
                send_some(m, 0, 10);
                assert_int_equal(management_ack(m, starts[i] + first), 0);
                expect_left(m, first, 10);
                assert_int_equal(management_ack(m, starts[i] + second),
                                 second > 10 ? MANAGEMENT_TOO_HIGH : 0);
                expect_left(m, second > 10 ? first : second, 10);
                assert_int_equal(management_ack(m, starts[i] - 1), MANAGEMENT_TOO_HIGH);
                management_free(m);
            }
}

/* A stanza in several frames is one, and goes as one. */
static void test_parts(void **state)
{
    (void)state;
    struct management *m = made();
    send_kind(m, 0, FRAME_MESSAGE);
    send_kind(m, 1, FRAME_OTHER);
    send_kind(m, 2, FRAME_PART);
    send_kind(m, 3, FRAME_PART);
    send_kind(m, 4, FRAME_PRESENCE);
    assert_int_equal(m->stanzas, 3);
    assert_int_equal(m->count, 5);
    assert_int_equal(management_ack(m, 1), 0);
    assert_int_equal(m->count, 4);
    assert_int_equal(management_ack(m, 1), 0);
    assert_int_equal(m->count, 4);
    assert_int_equal(management_ack(m, 2), 0);
    assert_int_equal(m->count, 1);
    assert_int_equal(management_at(m, 0)->sent_s, 4);
    assert_int_equal(management_ack(m, 4), MANAGEMENT_TOO_HIGH);
    send_kind(m, 5, FRAME_OTHER);
    send_kind(m, 6, FRAME_PART);
    assert_int_equal(management_ack(m, 4), 0);
    assert_int_equal(m->count, 0);
    assert_int_equal(m->bytes, 0);
    management_free(m);
}

static void test_take(void **state)
{
    (void)state;
    struct management *m = made();
    uint32_t sent_s;
    assert_null(management_take(m, &sent_s));
    send_some(m, 0, 20);
    assert_int_equal(management_ack(m, 5), 0);
    for (unsigned i = 5; i < 20; i++) {
        struct frame *f = management_take(m, &sent_s);
        assert_non_null(f);
        assert_int_equal(sent_s, i);
        frame_unref(f);
    }
    assert_null(management_take(m, &sent_s));
    assert_int_equal(m->stanzas, 0);
    management_free(m);
}

static void test_ids_differ(void **state)
{
    (void)state;
    struct management *a = made(), *b = made();
    assert_int_equal(strlen(a->id), MANAGEMENT_ID_LEN);
    assert_int_equal(strspn(a->id, "0123456789abcdef"), MANAGEMENT_ID_LEN);
    assert_string_not_equal(a->id, b->id);
    management_free(a);
    management_free(b);
}

static void test_count_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
        uint32_t count;
    } rows[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"00042", true, 42},
        {"4294967295", true, UINT32_MAX},
        {"4294967296", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
        {"1.0", false, 0},
        {"+1", false, 0},
        {"99999999999999999999999", false, 0},
        {"18446744073709551617", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t count = 12345;
        assert_int_equal(management_count_read(span_of(rows[i].text), &count), rows[i].is_good);
        assert_int_equal(count, rows[i].is_good ? rows[i].count : 12345);
    }
    assert_false(management_count_read((struct span){0}, &(uint32_t){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts), cmocka_unit_test(test_wraps),      cmocka_unit_test(test_parts),
        cmocka_unit_test(test_take),   cmocka_unit_test(test_ids_differ), cmocka_unit_test(test_count_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
