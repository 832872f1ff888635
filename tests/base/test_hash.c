/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"

static void test_hash_depends_on_every_byte_and_the_length(void **unused)
{
    (void)unused;
    char bytes[40] = {0};
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint64_t hash = hash_bytes(span_make(bytes, len));
        assert_int_equal(hash, hash_bytes(span_make(bytes, len)));
        for (size_t i = 0; i < len; i++) {
            for (int bit = 0; bit < 8; bit++) {
                bytes[i] ^= (char)(1 << bit);
                assert_int_not_equal(hash, hash_bytes(span_make(bytes, len)));
                bytes[i] ^= (char)(1 << bit);
            }
        }
        if (len > 0) /* zeros only: the length alone differs */
            assert_int_not_equal(hash, hash_bytes(span_make(bytes, len - 1)));
    }
}

/* Both halves are used (buckets by the low bits, homes by the high ones): neither may be lumpy. */
static void test_hash_spreads(void **unused)
{
    (void)unused;
    enum { BUCKETS = 64, KEYS = 64 * 400 };
    int low[BUCKETS] = {0}, high[BUCKETS] = {0};
    for (int i = 0; i < KEYS; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "user%d@example.com", i);
        uint64_t hash = hash_bytes(span_make(text, (size_t)len));
        low[hash % BUCKETS]++;
        high[hash >> 58]++;
    }
    for (int i = 0; i < BUCKETS; i++) { /* mean 400, deviation 20 */
        assert_in_range(low[i], 200, 600);
        assert_in_range(high[i], 200, 600);
    }
}

struct thing {
    int number;
    struct hash_node node;
    bool is_in, is_seen;
};

static void test_empty_table(void **unused)
{
    (void)unused;
    struct hash_table t;
    hash_table_init(&t);
    assert_null(hash_table_first(&t, 1));
    assert_null(hash_table_next(&t, NULL));
    hash_table_fini(&t);
}

static void test_equal_hashes_are_all_found(void **unused)
{
    (void)unused;
    struct hash_table t;
    struct thing things[5] = {{1}, {2}, {3}, {4}, {5}};
    static const uint64_t hashes[5] = {7, 7 + 16, 7, 7 + (1ull << 40),
                                       7}; /* the same bucket, three the same hash */
    hash_table_init(&t);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hash_table_insert(&t, &things[i].node, hashes[i]), 0);
    int sum = 0, count = 0;
    for (struct hash_node *n = hash_table_first(&t, 7); n; n = hash_node_next(n), count++)
        sum += container_of(n, struct thing, node)->number;
    assert_int_equal(count, 3);
    assert_int_equal(sum, 1 + 3 + 5);
    hash_table_remove(&t, &things[2].node);
    count = 0;
    for (struct hash_node *n = hash_table_first(&t, 7); n; n = hash_node_next(n))
        count++;
    assert_int_equal(count, 2);
    assert_ptr_equal(hash_table_first(&t, 7 + 16), &things[1].node);
    assert_null(hash_node_next(&things[1].node));
    assert_null(hash_table_first(&t, 8));
    hash_table_fini(&t);
}

/* Random insertions and removals against flags; a walk visits each node once. */
static void test_random_operations_agree_with_a_model(void **unused)
{
    (void)unused;
    enum { COUNT = 500 };
    static struct thing things[COUNT];
    struct hash_table t;
    unsigned seed = 9;
    uint32_t in = 0;
    hash_table_init(&t);
    for (int step = 0; step < 20000; step++) {
        struct thing *thing = &things[rand_r(&seed) % COUNT];
        thing->number = (int)(thing - things);
        if (thing->is_in)
            hash_table_remove(&t, &thing->node);
        else
            assert_int_equal(
                hash_table_insert(&t, &thing->node, (uint64_t)thing->number * 0x9e3779b97f4a7c15u), 0);
        thing->is_in = !thing->is_in;
        in += thing->is_in ? 1 : (uint32_t)-1;
        assert_int_equal(t.count, in);
        if (step % 100)
            continue;
        uint32_t seen = 0;
        for (struct hash_node *n = hash_table_next(&t, NULL); n; n = hash_table_next(&t, n), seen++) {
            struct thing *at = container_of(n, struct thing, node);
            assert_true(at->is_in && !at->is_seen);
            at->is_seen = true;
        }
        assert_int_equal(seen, in);
        for (int i = 0; i < COUNT; i++) {
            const struct hash_node *n = hash_table_first(&t, (uint64_t)i * 0x9e3779b97f4a7c15u);
            assert_ptr_equal(n, things[i].is_in ? &things[i].node : NULL);
            things[i].is_seen = false;
        }
    }
    /* A walk that removes as it goes: the next is taken first. */
    for (struct hash_node *n = hash_table_next(&t, NULL), *next; n; n = next) {
        next = hash_table_next(&t, n);
        hash_table_remove(&t, n);
    }
    assert_int_equal(t.count, 0);
    hash_table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_depends_on_every_byte_and_the_length),
        cmocka_unit_test(test_hash_spreads),
        cmocka_unit_test(test_empty_table),
        cmocka_unit_test(test_equal_hashes_are_all_found),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
