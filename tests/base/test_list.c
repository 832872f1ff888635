/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct thing {
    int before;
    struct list link;
    int number;
};

static struct thing things[6];

static void set_up(struct list *l, int from, int count)
{
    list_init(l);
    for (int i = from; i < from + count; i++) {
        things[i].number = i;
        list_append(l, &things[i].link);
    }
}

/* The numbers in the list as one decimal, forwards; checks the way back too. */
static int numbers(const struct list *l)
{
    int forwards = 0, backwards = 0, place = 1;
    for (const struct list *n = l->next; n != l; n = n->next)
        forwards = forwards * 10 + container_of(n, struct thing, link)->number;
    for (const struct list *n = l->prev; n != l; n = n->prev) {
        backwards += container_of(n, struct thing, link)->number * place;
        place *= 10;
    }
    assert_int_equal(forwards, backwards);
    return forwards;
}

static void test_append_take_remove(void **unused)
{
    (void)unused;
    struct list l;
    list_init(&l);
    assert_true(list_empty(&l));
    assert_null(list_take(&l));
    set_up(&l, 1, 5);
    assert_false(list_empty(&l));
    assert_int_equal(numbers(&l), 12345);
    assert_ptr_equal(list_take(&l), &things[1].link);
    list_remove(&things[3].link);
    assert_int_equal(numbers(&l), 245);
    list_remove(&things[3].link); /* twice is harmless */
    list_remove(&things[5].link);
    list_append(&l, &things[3].link);
    assert_int_equal(numbers(&l), 243);
    list_take(&l);
    list_take(&l);
    list_take(&l);
    assert_true(list_empty(&l));
}

static void test_splice(void **unused)
{
    (void)unused;
    struct list to, from;
    set_up(&to, 1, 2);
    set_up(&from, 3, 3);
    list_splice(&to, &from);
    assert_int_equal(numbers(&to), 12345);
    assert_true(list_empty(&from));
    list_splice(&to, &from);
    assert_int_equal(numbers(&to), 12345);
    list_splice(&from, &to);
    assert_int_equal(numbers(&from), 12345);
    assert_true(list_empty(&to));
}

static void test_each_may_remove_its_node(void **unused)
{
    (void)unused;
    struct list l;
    int seen = 0;
    set_up(&l, 1, 5);
    list_each(node, &l)
    {
        int number = container_of(node, struct thing, link)->number;
        seen = seen * 10 + number;
        if (number % 2)
            list_remove(node);
    }
    assert_int_equal(seen, 12345);
    assert_int_equal(numbers(&l), 24);
    list_init(&l);
    list_each(node, &l)
    {
        (void)node;
        fail();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_take_remove),
        cmocka_unit_test(test_splice),
        cmocka_unit_test(test_each_may_remove_its_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
