/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "session/entity.h"

static struct entity *take(struct entity_table *t, const char *text)
{
    struct jid jid = jid_of_prepared(span_of(text));
    return entity_take(t, &jid);
}

static struct entity *find(const struct entity_table *t, const char *text)
{
    struct jid jid = jid_of_prepared(span_of(text));
    return entity_find(t, &jid);
}

static void test_same_bare_jid_is_the_same_entity(void **unused)
{
    (void)unused;
    struct entity_table t;
    entity_table_init(&t);
    assert_null(find(&t, "juliet@example.com"));
    struct entity *bare = take(&t, "juliet@example.com");
    struct entity *full = take(&t, "juliet@example.com/balcony");
    struct entity *domain = take(&t, "example.com");
    struct entity *domain_full = take(&t, "example.com/juliet");
    struct entity *other = take(&t, "romeo@example.com");
    assert_ptr_equal(bare, full);
    assert_ptr_equal(domain, domain_full);
    assert_ptr_not_equal(bare, domain);
    assert_ptr_not_equal(bare, other);
    assert_ptr_equal(find(&t, "juliet@example.com/chamber"), bare);
    assert_int_equal(bare->references, 2); /* finding takes none */
    assert_true(span_is(entity_text(bare), "juliet@example.com"));
    assert_true(span_is(entity_text(domain), "example.com"));
    struct jid jid = entity_jid(bare);
    assert_true(span_is(jid_local(&jid), "juliet") && span_is(jid_domain(&jid), "example.com"));
    assert_true(span_is(jid_full(&jid), "juliet@example.com"));
    jid = entity_jid(domain);
    assert_true(span_is(jid_bare(&jid), "example.com") && jid.local_len == 0);
    assert_int_equal(bare->node.hash, entity_hash(SPAN("juliet@example.com")));
    entity_give(&t, bare);
    entity_give(&t, full);
    entity_give(&t, domain);
    entity_give(&t, domain_full);
    entity_give(&t, other);
    entity_give(&t, NULL);
    assert_int_equal(t.table.count, 0);
    entity_table_fini(&t);
}

static void test_entity_lives_as_long_as_its_references(void **unused)
{
    (void)unused;
    struct entity_table t;
    entity_table_init(&t);
    struct entity *e = take(&t, "a@b");
    assert_ptr_equal(entity_ref(e), e);
    entity_give(&t, e);
    assert_ptr_equal(find(&t, "a@b"), e);
    entity_give(&t, e);
    assert_null(find(&t, "a@b"));
    entity_table_fini(&t);
}

#define MANY 20000

static void test_many(void **unused)
{
    (void)unused;
    static struct entity *all[MANY];
    struct entity_table t;
    char text[64];
    entity_table_init(&t);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "user%d@example.com", i);
        all[i] = take(&t, text);
        assert_non_null(all[i]);
    }
    assert_int_equal(t.table.count, MANY);
    for (int i = 0; i < MANY; i += 2)
        entity_give(&t, all[i]);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "user%d@example.com/phone", i);
        assert_ptr_equal(find(&t, text), i % 2 ? all[i] : NULL);
    }
    for (int i = 1; i < MANY; i += 2)
        entity_give(&t, all[i]);
    entity_table_fini(&t);
}

/* Every worker is somebody's home, and none has far more than its part. */
static void test_homes(void **unused)
{
    (void)unused;
    for (uint32_t workers = 1; workers <= 64; workers++) {
        uint32_t homes[64] = {0};
        for (uint32_t i = 0; i < 200 * workers; i++) {
            char text[32];
            int len = snprintf(text, sizeof text, "user%u@example.com", i);
            uint32_t home = entity_home(entity_hash(span_make(text, (size_t)len)), workers);
            assert_true(home < workers);
            homes[home]++;
        }
        for (uint32_t i = 0; i < workers; i++) /* mean 200, deviation 14: ten deviations on each side */
            assert_in_range(homes[i], 60, 340);
    }
    assert_int_equal(entity_home(UINT64_MAX, 7), 6);
    assert_int_equal(entity_home(0, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bare_jid_is_the_same_entity),
        cmocka_unit_test(test_entity_lives_as_long_as_its_references),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_homes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
