/* SPDX-License-Identifier: Apache-2.0 */
/* The queue against a model that is one long string: frames with and without gaps, heads of any length, takes
 * of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "net/outqueue.h"

#define ROUNDS 300
#define STEPS 400

static uint64_t state = 88172645463325252ull;

static uint32_t random_below(uint32_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % bound;
}

/* Of `len` bytes, no two alike nearby; a gap somewhere or none. */
static struct frame *frame_made(uint32_t len, uint16_t head_at)
{
    static char next = 0;
    char bytes[512];
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = next++;
    struct frame *f = frame_new(span_make(bytes, len), head_at, 0);
    assert_non_null(f);
    return f;
}

static void model_put(struct buffer *model, const struct frame *f, struct span head)
{
    uint32_t at = f->head_at == FRAME_NO_HEAD ? f->len : f->head_at;
    buffer_append(model, span_make(f->bytes, at));
    if (f->head_at != FRAME_NO_HEAD)
        buffer_append(model, head);
    buffer_append(model, span_make(f->bytes + at, f->len - at));
}

static void take_and_compare(struct outqueue *q, struct buffer *model, struct span head, size_t max)
{
    char *to = malloc(max + 1);
    size_t expected = model->len < max ? model->len : max;
    to[max] = '#';
    assert_int_equal(outqueue_ready(q, head, max), expected);
    assert_int_equal(outqueue_take(q, head, to, max), expected);
    if (expected)
        assert_memory_equal(to, model->ptr, expected);
    assert_int_equal(to[max], '#');
    buffer_consume(model, expected);
    free(to);
}

static void play(struct span head)
{
    struct outqueue q;
    struct buffer model = {0};
    struct frame *shared = frame_made(40, 9);
    outqueue_init(&q);
    for (int step = 0; step < STEPS; step++) {
        uint32_t kind = random_below(8);
        if (kind < 3) {
            uint32_t len = 1 + random_below(300);
            struct frame *f =
                frame_made(len, random_below(2) ? (uint16_t)random_below(len + 1) : FRAME_NO_HEAD);
            model_put(&model, f, head);
            assert_int_equal(outqueue_put(&q, f), 0);
        } else if (kind < 5) {
            model_put(&model, shared, head);
            assert_int_equal(outqueue_put(&q, frame_ref(shared)), 0);
        } else {
            take_and_compare(&q, &model, head, 1 + random_below(kind == 7 ? 5000 : 90));
        }
        assert_int_equal(q.count == 0, model.len == 0);
    }
    if (random_below(2)) {
        take_and_compare(&q, &model, head, model.len + 10);
        assert_int_equal(q.count, 0);
        assert_int_equal(q.bytes, 0);
        assert_null(q.frames); /* an empty queue holds no memory */
        assert_int_equal(shared->references, 1);
    }
    outqueue_fini(&q);
    assert_int_equal(shared->references, 1);
    frame_unref(shared);
    buffer_fini(&model);
}

static void test_random(void **unused)
{
    (void)unused;
    for (int round = 0; round < ROUNDS; round++) {
        play(SPAN(" to='alice@localhost'"));
        play((struct span){0});
        play(SPAN("!"));
    }
}

/* Every size of every take for every place of the gap. */
static void test_every_cut(void **unused)
{
    (void)unused;
    struct span head = SPAN("HEAD");
    for (uint16_t head_at = 0; head_at <= 10; head_at++)
        for (size_t max = 1; max <= 30; max++) {
            struct outqueue q;
            struct buffer model = {0};
            outqueue_init(&q);
            for (int i = 0; i < 3; i++) {
                struct frame *f = frame_made(10, head_at);
                model_put(&model, f, head);
                assert_int_equal(outqueue_put(&q, f), 0);
            }
            while (model.len)
                take_and_compare(&q, &model, head, max);
            take_and_compare(&q, &model, head, max);
            outqueue_fini(&q);
            buffer_fini(&model);
        }
}

static void test_bytes_are_counted(void **unused)
{
    (void)unused;
    struct outqueue q;
    char to[64];
    outqueue_init(&q);
    for (int i = 0; i < 5; i++)
        assert_int_equal(outqueue_put(&q, frame_made(10, 4)), 0);
    assert_int_equal(q.bytes, 50);
    assert_int_equal(outqueue_take(&q, SPAN("ab"), to, 13), 13);
    assert_int_equal(q.bytes, 40); /* whole frames only */
    assert_int_equal(outqueue_take(&q, SPAN("ab"), to, 11), 11);
    assert_int_equal(q.bytes, 30);
    assert_int_equal(outqueue_ready(&q, SPAN("ab"), SIZE_MAX / 2), 36);
    outqueue_fini(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_bytes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
