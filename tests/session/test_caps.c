/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "session/caps.h"

static const struct span features[] = {
    {"a+notify", 8}, {"b", 1}, {"c+notify", 8}, {"+notify", 7}, {"d+notifyx", 9}};
#define FEATURES (sizeof features / sizeof *features)

static struct caps *known(struct caps_table *t, const char *key)
{
    struct caps *c = caps_take(t, span_of(key));
    assert_non_null(c);
    if (!c->is_known)
        assert_int_equal(caps_know(c, features, FEATURES), 0);
    return c;
}

static void test_what_is_wanted(void **unused)
{
    (void)unused;
    struct caps_table t;
    caps_table_init(&t, 10);
    struct caps *c = caps_take(&t, SPAN("k"));
    assert_null(caps_node_find(&t, SPAN("a")));
    assert_int_equal(caps_know(c, features, FEATURES), 0);
    assert_true(caps_want(c, caps_node_find(&t, SPAN("a"))));
    assert_true(caps_want(c, caps_node_find(&t, SPAN("c"))));
    assert_null(caps_node_find(&t, SPAN("b")));
    assert_null(caps_node_find(&t, SPAN("")));
    assert_null(caps_node_find(&t, SPAN("d")));
    struct caps *other = caps_take(&t, SPAN("other"));
    assert_int_equal(caps_know(other, features + 2, 1), 0);
    assert_false(caps_want(other, caps_node_find(&t, SPAN("a"))));
    assert_true(caps_want(other, caps_node_find(&t, SPAN("c"))));
    assert_false(caps_want(NULL, caps_node_find(&t, SPAN("c"))));
    caps_unref(c);
    caps_unref(other);
    caps_table_fini(&t);
}

/* What is not known yet is shared while somebody has it; what is known is found until others are claimed
 * after it. */
static void test_who_is_remembered(void **unused)
{
    (void)unused;
    struct caps_table t;
    caps_table_init(&t, 2);
    struct caps *first = caps_take(&t, SPAN("first"));
    assert_ptr_equal(caps_take(&t, SPAN("first")), first);
    caps_unref(first);
    caps_unref(first);
    assert_int_equal(t.entries.count, 0);
    caps_unref(known(&t, "first"));
    caps_unref(known(&t, "second"));
    first = known(&t, "first"); /* is the newer one now */
    caps_unref(known(&t, "third"));
    assert_int_equal(t.recent_count, 2);
    assert_ptr_equal(caps_take(&t, SPAN("first")), first);
    caps_unref(first);
    struct caps *second = caps_take(&t, SPAN("second"));
    assert_false(second->is_known);
    caps_unref(second);
    caps_unref(known(&t, "fourth"));
    caps_unref(known(&t, "fifth")); /* first is forgotten, but not by who has it */
    assert_true(caps_want(first, caps_node_find(&t, SPAN("a"))));
    caps_unref(first);
    assert_int_equal(t.recent_count, 2);
    caps_table_fini(&t);
}

/* Of nobody else's: never found, never kept. */
static void test_its_own(void **unused)
{
    (void)unused;
    struct caps_table t;
    caps_table_init(&t, 2);
    struct caps *a = known(&t, ""), *b = known(&t, "");
    assert_ptr_not_equal(a, b);
    assert_int_equal(t.entries.count, 0);
    caps_unref(a);
    assert_non_null(caps_node_find(&t, SPAN("a")));
    caps_unref(b);
    assert_null(caps_node_find(&t, SPAN("a")));
    caps_table_fini(&t);
}

static void test_many_nodes(void **unused)
{
    (void)unused;
    struct caps_table t;
    struct span many[CAPS_NODES_MAX + 5];
    char texts[CAPS_NODES_MAX + 5][24];
    caps_table_init(&t, 2);
    for (unsigned i = 0; i < CAPS_NODES_MAX + 5; i++) {
        snprintf(texts[i], sizeof texts[i], "n%03u+notify", i);
        many[i] = span_of(texts[i]);
    }
    struct caps *c = caps_take(&t, SPAN("k"));
    assert_int_equal(caps_know(c, many, CAPS_NODES_MAX + 5), 0);
    assert_int_equal(c->count, CAPS_NODES_MAX);
    for (unsigned i = 0; i < CAPS_NODES_MAX; i++)
        assert_true(caps_want(c, caps_node_find(&t, span_make(texts[i], 4))));
    assert_null(caps_node_find(&t, span_make(texts[CAPS_NODES_MAX], 4)));
    caps_unref(c);
    caps_table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wanted),
        cmocka_unit_test(test_who_is_remembered),
        cmocka_unit_test(test_its_own),
        cmocka_unit_test(test_many_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
