/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <malloc.h>
#include <cmocka.h>

#include "presence/group.h"

/* What a member costs on the worker where it is at home, beyond its account and its address; the address and
 * 28 bytes are in the definition, once for all workers. */
#define MEMBER_BYTES_MAX 100

struct fixture {
    struct entity_table entities;
    struct group_book book;
    struct groups_here here;
    struct account **accounts;
    uint32_t count;
};

static void apply(struct fixture *f, struct span lines)
{
    struct group_change *c = NULL;
    assert_int_equal(group_book_apply(&f->book, lines, &c), 0);
    for (uint32_t i = 0; i < c->count; i++)
        assert_int_equal(groups_define(&f->here, &c->steps[i]), 0);
    group_change_free(c);
}

static void jid_make(char *text, size_t bytes, uint32_t i)
{
    snprintf(text, bytes, "user%05u@example.org", i);
}

/* Accounts, of which the first `members` are in group 1; group 2 is visible to group 1 and has nobody. */
static void fixture_init(struct fixture *f, uint32_t count, uint32_t members)
{
    struct buffer lines = {0};
    char text[32];
    *f = (struct fixture){.count = count};
    entity_table_init(&f->entities);
    group_book_init(&f->book, 1);
    groups_init(&f->here);
    f->accounts = calloc(count, sizeof(struct account *));
    for (uint32_t i = 0; i < count; i++) {
        struct jid jid;
        char storage[JID_BYTES_MAX];
        jid_make(text, sizeof text, i);
        assert_int_equal(jid_parse(span_of(text), storage, &jid), 0);
        f->accounts[i] = calloc(1, account_bytes(1));
        assert_int_equal(account_init(f->accounts[i], entity_take(&f->entities, &jid)), 0);
    }
    buffer_literal(&lines, "add\t1\t1\tone\tOne\t1\nadd\t2\t1\ttwo\tTwo\t1\n");
    for (uint32_t i = 0; i < members; i++) {
        jid_make(text, sizeof text, i);
        buffer_printf(&lines, "join\t1\t2\t%s\n", text);
    }
    apply(f, buffer_span(&lines));
    buffer_fini(&lines);
}

static void fixture_fini(struct fixture *f)
{
    for (uint32_t i = 0; i < f->here.count; i++)
        while (f->here.at[i]->members.count)
            group_list_remove(&f->here.at[i]->members, 0);
    for (uint32_t i = 0; i < f->count; i++) {
        account_fini(f->accounts[i], &f->entities);
        free(f->accounts[i]);
    }
    free(f->accounts);
    groups_fini(&f->here);
    group_book_fini(&f->book);
    entity_table_fini(&f->entities);
}

static void test_views(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f, 3, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(account_groups_load(f.accounts[i], &f.here), 0);
    struct account *a = f.accounts[0], *stranger = f.accounts[2];
    struct span other = entity_text(f.accounts[1]->entity), outside = entity_text(stranger->entity);
    assert_int_equal(a->group_count, 1);
    assert_int_equal(stranger->group_count, 0);
    assert_true(group_view(a, other).is_to && group_view(a, other).is_from);
    assert_false(group_view(a, entity_text(a->entity)).is_to);
    assert_false(group_view(a, outside).is_to || group_view(a, outside).is_from);
    assert_false(group_view(stranger, other).is_to || group_view(stranger, other).is_from);

    apply(&f, SPAN("join\t2\t3\tuser00002@example.org\n"));
    assert_int_equal(account_group_add(stranger, groups_find(&f.here, 2)), 0);
    assert_true(group_view(a, outside).is_to);
    assert_false(group_view(a, outside).is_from);
    assert_true(group_view(stranger, other).is_from);
    assert_false(group_view(stranger, other).is_to);

    apply(&f, SPAN("remove\t2\t0\t\n"));
    assert_false(group_view(a, outside).is_to);
    account_group_remove(stranger, account_group(stranger, groups_find(&f.here, 2)));
    groups_forget(&f.here, groups_find(&f.here, 2));
    assert_null(groups_find(&f.here, 2));
    assert_int_equal(groups_find(&f.here, 1)->sees_count, 1);
    fixture_fini(&f);
}

/* Whoever goes on behind the last stamp it has seen misses nobody and meets nobody twice. */
static void test_lists_keep_their_order(void **unused)
{
    (void)unused;
    struct group_list l = {0};
    for (uint64_t stamp = 10; stamp <= 200; stamp += 10)
        assert_int_equal(group_list_add(&l, NULL, NULL, stamp), 0);
    assert_int_equal(group_list_after(&l, 0), 0);
    assert_int_equal(group_list_after(&l, 10), 1);
    assert_int_equal(group_list_after(&l, 15), 1);
    assert_int_equal(group_list_after(&l, 200), 20);
    uint64_t seen = 0, sum = 0;
    for (unsigned step = 0; group_list_after(&l, seen) < l.count; step++) {
        seen = l.entries[group_list_after(&l, seen)].stamp;
        sum += seen;
        if (step % 3 == 0)
            group_list_remove(&l, group_list_after(&l, seen) - 1); /* the one just met */
        if (step == 4)
            group_list_remove(&l, 0);
    }
    assert_int_equal(sum, 2100);
    while (l.count)
        group_list_remove(&l, l.count - 1);
    assert_null(l.entries);
}

static size_t used(void)
{
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

static void test_memory(void **unused)
{
    (void)unused;
    static const uint32_t sizes[] = {1000, 3000, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct fixture f;
        fixture_init(&f, sizes[i], sizes[i]);
        struct group_here *here = groups_find(&f.here, 1);
        size_t before = used();
        for (uint32_t n = 0; n < f.count; n++) {
            assert_int_equal(account_groups_load(f.accounts[n], &f.here), 0);
            f.accounts[n]->groups[0].stamp = ++f.here.stamps;
            assert_int_equal(group_list_add(&here->members, f.accounts[n], NULL, f.here.stamps), 0);
        }
        size_t online = used() - before, before_chunks = used();
        for (uint32_t n = 0; n < group_chunk_count(here->group); n++)
            assert_non_null(group_chunk(here->group, n, true));
        print_message(
            "%u members: definition %.1f bytes each, once a process; online %.1f bytes each, at its home; "
            "roster items %.1f bytes each, once a process, when asked for\n",
            sizes[i], (double)group_bytes(here->group) / sizes[i], (double)online / sizes[i],
            (double)(used() - before_chunks) / sizes[i]);
        /* Under AddressSanitizer the allocator does not count. */
        assert_true(online <= (size_t)MEMBER_BYTES_MAX * sizes[i]);
        fixture_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_lists_keep_their_order),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("presence/group", tests, NULL, NULL);
}
