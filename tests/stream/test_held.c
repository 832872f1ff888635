/* SPDX-License-Identifier: Apache-2.0 */
/* What is held against a model: a plain list, searched from the start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "stanza/stanza.h"
#include "stream/held.h"

#define PUBLISHERS 50
#define STEPS 20000

static uint64_t state = 88172645463325252ull;

static uint32_t random_below(uint32_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % bound;
}

static struct frame *said(uint32_t publisher, struct span id)
{
    char jid[32];
    snprintf(jid, sizeof jid, "p%u@localhost/r", publisher);
    struct frame *f = stanza_presence_frame(PRESENCE_AVAILABLE, span_of(jid), (struct span){0}, id);
    assert_non_null(f);
    return f;
}

struct model {
    struct frame *frames[PUBLISHERS]; /* a reference each */
    uint32_t publishers[PUBLISHERS];
    uint32_t count;
    uint64_t bytes;
};

static struct frame *model_remove(struct model *m, uint32_t at)
{
    struct frame *f = m->frames[at];
    m->bytes -= f->len;
    m->count--;
    for (uint32_t i = at; i < m->count; i++) {
        m->frames[i] = m->frames[i + 1];
        m->publishers[i] = m->publishers[i + 1];
    }
    return f;
}

static int model_put(struct model *m, struct frame *f, uint32_t publisher)
{
    int outcome = 0;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->publishers[i] == publisher) {
            frame_unref(model_remove(m, i));
            outcome = HELD_REPLACED;
            break;
        }
    m->frames[m->count] = frame_ref(f);
    m->publishers[m->count++] = publisher;
    m->bytes += f->len;
    return outcome;
}

static void take_both(struct held *h, struct model *m)
{
    struct frame *got = held_take(h, &(uint32_t){0});
    if (!m->count) {
        assert_null(got);
        return;
    }
    struct frame *expected = model_remove(m, 0);
    assert_ptr_equal(got, expected);
    frame_unref(expected);
    assert_int_equal(atomic_load(&got->references), 1); /* nothing else of it is kept */
    frame_unref(got);
}

static void test_random(void **unused)
{
    (void)unused;
    static const char padding[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    struct held *h = held_new();
    struct model m = {.count = 0};
    assert_non_null(h);
    for (unsigned i = 0; i < STEPS; i++) {
        /* now it fills, now it empties */
        if (random_below(100) < (i / 2000 % 2 ? 70u : 30u)) {
            take_both(h, &m);
        } else {
            uint32_t publisher = random_below(PUBLISHERS);
            struct frame *f = said(publisher, span_make(padding, random_below(sizeof padding)));
            int expected = model_put(&m, f, publisher);
            assert_int_equal(held_put(h, f, presence_frame_publisher(f)), expected);
        }
        assert_int_equal(held_count(h), m.count);
        assert_int_equal(h->bytes, m.bytes);
    }
    while (m.count)
        take_both(h, &m);
    take_both(h, &m);
    assert_int_equal(h->bytes, 0);
    assert_null(held_free(h));
}

/* With what is no broadcast: in order, and a broadcast that takes an earlier one's place goes behind it. */
static void test_others(void **unused)
{
    (void)unused;
    struct held *h = held_new();
    uint32_t said_s = 0;
    assert_non_null(h);
    struct frame *first = said(1, SPAN("1")), *second = said(2, SPAN("2")), *third = said(1, SPAN("3"));
    struct frame *message = frame_new(SPAN("<message/>"), FRAME_NO_HEAD, FRAME_MESSAGE);
    assert_int_equal(held_put(h, first, presence_frame_publisher(first)), 0);
    assert_int_equal(held_put(h, second, presence_frame_publisher(second)), 0);
    assert_int_equal(held_append(h, message, 77), 0);
    assert_int_equal(held_append(h, frame_ref(message), 78), 0);
    assert_int_equal(held_put(h, third, presence_frame_publisher(third)), HELD_REPLACED);
    assert_int_equal(held_count(h), 2);
    assert_int_equal(held_length(h), 4);
    assert_int_equal(h->bytes, second->len + third->len + 2 * message->len);
    struct frame *const expected[] = {second, message, message, third};
    static const uint32_t times[] = {0, 77, 78, 0};
    for (size_t i = 0; i < 4; i++) {
        struct frame *f = held_take(h, &said_s);
        assert_ptr_equal(f, expected[i]);
        assert_int_equal(said_s, times[i]);
        frame_unref(f);
    }
    assert_null(held_take(h, &said_s));
    assert_int_equal(held_length(h), 0);
    assert_int_equal(h->bytes, 0);
    held_free(h);
}

static void test_free_gives_back(void **unused)
{
    (void)unused;
    struct frame *f = said(1, SPAN("x"));
    struct held *h = held_new();
    assert_non_null(h);
    assert_int_equal(held_put(h, frame_ref(f), presence_frame_publisher(f)), 0);
    assert_int_equal(atomic_load(&f->references), 2);
    assert_null(held_free(h));
    assert_int_equal(atomic_load(&f->references), 1);
    frame_unref(f);
    assert_null(held_free(NULL));
}

/* Any resource of the account, and no account whose address begins alike. */
static void test_accounts(void **unused)
{
    (void)unused;
    static const char *const publishers[] = {"p1@localhost.example/r", "p11@localhost/r", "p2@localhost/r"};
    struct held *h = held_new();
    for (size_t i = 0; i < sizeof publishers / sizeof publishers[0]; i++) {
        struct span jid = span_of(publishers[i]);
        struct frame *f = stanza_presence_frame(PRESENCE_AVAILABLE, jid, (struct span){0}, (struct span){0});
        assert_int_equal(held_put(h, f, presence_frame_publisher(f)), 0);
    }
    assert_true(held_has_account(h, SPAN("p2@localhost")));
    assert_true(held_has_account(h, SPAN("p1@localhost.example")));
    assert_false(held_has_account(h, SPAN("p1@localhost")));
    assert_false(held_has_account(h, SPAN("1@localhost")));
    held_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_free_gives_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
