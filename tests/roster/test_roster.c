/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "roster/roster.h"

static struct entity *take(struct entity_table *t, uint32_t number)
{
    char text[64];
    int len = snprintf(text, sizeof text, "contact%u@example.com", number);
    struct jid jid = jid_of_prepared(span_make(text, (size_t)len));
    struct entity *e = entity_take(t, &jid);
    assert_non_null(e);
    return e;
}

static void test_small_roster(void **unused)
{
    (void)unused;
    struct entity_table t;
    struct roster r;
    struct roster_item *item, *moved;
    entity_table_init(&t);
    roster_init(&r);
    struct entity *a = take(&t, 1), *b = take(&t, 2), *c = take(&t, 3);
    assert_null(roster_find(&r, a));
    assert_int_equal(roster_bytes(&r), 0);
    assert_int_equal(roster_add(&r, a, 2, &item), 0);
    assert_ptr_equal(item->contact, a);
    assert_int_equal(a->references, 2);
    assert_int_equal(item->state, SUBSCRIPTION_NONE);
    assert_false(item->is_listed || item->is_approved);
    assert_int_equal(item->watch_slot, 0);
    assert_null(item->text);
    item->watch_slot = 11;
    assert_int_equal(roster_add(&r, b, 2, &item), 0);
    item->watch_slot = 22;
    struct roster_item *unchanged = item;
    assert_int_equal(roster_add(&r, c, 2, &item), ROSTER_FULL);
    assert_ptr_equal(item, unchanged);
    assert_int_equal(c->references, 1);
    assert_int_equal(r.count, 2);

    roster_remove(&r, roster_find(&r, a), &t, &moved); /* b moves into a's place */
    assert_non_null(moved);
    assert_ptr_equal(moved->contact, b);
    assert_int_equal(moved->watch_slot, 22);
    assert_ptr_equal(roster_find(&r, b), moved);
    assert_null(roster_find(&r, a));
    assert_int_equal(a->references, 1);
    roster_remove(&r, moved, &t, &moved);
    assert_null(moved); /* the last one: nothing moves */
    assert_int_equal(r.count, 0);

    assert_int_equal(roster_add(&r, c, 1, &item), 0);
    roster_fini(&r, &t);
    assert_int_equal(c->references, 1);
    entity_give(&t, a);
    entity_give(&t, b);
    entity_give(&t, c);
    entity_table_fini(&t);
}

static void test_texts(void **unused)
{
    (void)unused;
    struct entity_table t;
    struct roster r;
    struct roster_item *item, *moved;
    entity_table_init(&t);
    roster_init(&r);
    struct entity *a = take(&t, 1);
    assert_int_equal(roster_add(&r, a, 10, &item), 0);
    assert_int_equal(roster_item_name(item).len, 0);
    assert_int_equal(roster_item_groups(item).len, 0);
    assert_int_equal(roster_item_request(item).len, 0);
    size_t before = roster_bytes(&r);

    assert_int_equal(roster_item_set_text(item, SPAN("Nurse"), SPAN("Servants\nAll\n"), SPAN("<presence/>")),
                     0);
    assert_true(span_is(roster_item_name(item), "Nurse"));
    assert_true(span_is(roster_item_groups(item), "Servants\nAll\n"));
    assert_true(span_is(roster_item_request(item), "<presence/>"));
    assert_true(roster_bytes(&r) >= before + 5 + 13 + 11);

    /* New texts may borrow from the present ones. */
    assert_int_equal(
        roster_item_set_text(item, SPAN("N"), roster_item_groups(item), roster_item_request(item)), 0);
    assert_true(span_is(roster_item_name(item), "N"));
    assert_true(span_is(roster_item_groups(item), "Servants\nAll\n"));
    assert_true(span_is(roster_item_request(item), "<presence/>"));

    assert_int_equal(roster_item_set_text(item, SPAN(""), (struct span){0}, SPAN("r")), 0);
    assert_int_equal(roster_item_name(item).len, 0);
    assert_int_equal(roster_item_groups(item).len, 0);
    assert_true(span_is(roster_item_request(item), "r"));

    assert_int_equal(roster_item_set_text(item, SPAN(""), SPAN(""), SPAN("")), 0);
    assert_null(item->text); /* nothing to say costs nothing */
    assert_int_equal(roster_bytes(&r), before);
    assert_int_equal(roster_item_set_text(item, SPAN("x"), SPAN(""), SPAN("")), 0);
    roster_remove(&r, item, &t, &moved); /* and the text goes with its item: the leak checker looks */
    roster_fini(&r, &t);
    entity_give(&t, a);
    entity_table_fini(&t);
}

/* The model: which contacts are in, and what is kept with them. */
#define CONTACTS 700
struct model {
    bool is_in[CONTACTS];
    uint32_t slot[CONTACTS];
    uint32_t count;
};

static void check(const struct roster *r, struct entity *const contacts[], const struct model *m)
{
    assert_int_equal(r->count, m->count);
    for (uint32_t i = 0; i < CONTACTS; i++) {
        const struct roster_item *item = roster_find(r, contacts[i]);
        assert_int_equal(item != NULL, m->is_in[i]);
        assert_int_equal(contacts[i]->references, m->is_in[i] ? 2 : 1);
        if (!item)
            continue;
        assert_ptr_equal(item->contact, contacts[i]);
        assert_int_equal(item->watch_slot, m->slot[i]);
        assert_int_equal(roster_item_name(item).len, m->slot[i] % 5);
        assert_in_range(item - r->items, 0, r->count - 1);
    }
}

static void add(struct roster *r, struct entity *contact, struct model *m, uint32_t i, uint32_t slot)
{
    struct roster_item *item;
    assert_int_equal(roster_add(r, contact, CONTACTS, &item), 0);
    item->watch_slot = slot;
    assert_int_equal(roster_item_set_text(item, span_make("abcde", slot % 5), SPAN(""), SPAN("")), 0);
    m->is_in[i] = true;
    m->slot[i] = slot;
    m->count++;
}

static void remove_item(struct roster *r, struct entity_table *t, struct entity *contact, struct model *m,
                        uint32_t i)
{
    struct roster_item *item = roster_find(r, contact), *moved = item;
    const struct entity *last = r->items[r->count - 1].contact;
    roster_remove(r, item, t, &moved);
    if (last == contact) {
        assert_null(moved);
    } else {
        assert_non_null(moved);
        assert_ptr_equal(moved->contact, last);
        assert_ptr_equal(roster_find(r, last), moved);
    }
    m->is_in[i] = false;
    m->count--;
}

/* Tides of additions and removals of different strength, so that it grows over and shrinks under every
 * boundary. The hashes are seeded anew in every process, so runs differ; the operations come from rand_r. */
static void test_random_operations_agree_with_a_model(void **unused)
{
    (void)unused;
    struct entity_table t;
    struct roster r;
    static struct entity *contacts[CONTACTS];
    struct model m = {0};
    unsigned seed = 4711;
    entity_table_init(&t);
    roster_init(&r);
    for (uint32_t i = 0; i < CONTACTS; i++)
        contacts[i] = take(&t, i);
    for (uint32_t step = 0; step < 60000; step++) {
        uint32_t i = (uint32_t)rand_r(&seed) % CONTACTS;
        uint32_t wanted = (step / 2000) * 37 % 100; /* percent of the contacts that should be in */
        bool is_more_wanted = (uint32_t)rand_r(&seed) % 100 < wanted;
        if (is_more_wanted && !m.is_in[i])
            add(&r, contacts[i], &m, i, step);
        else if (!is_more_wanted && m.is_in[i])
            remove_item(&r, &t, contacts[i], &m, i);
        if (step % 97 == 0)
            check(&r, contacts, &m);
    }
    /* Empty it: what it holds shrinks with it. */
    for (uint32_t i = 0; i < CONTACTS; i++) {
        if (!m.is_in[i])
            add(&r, contacts[i], &m, i, i);
    }
    size_t full = roster_bytes(&r);
    for (uint32_t i = 0; i < CONTACTS; i++) {
        remove_item(&r, &t, contacts[i], &m, i);
        if (i % 13 == 0)
            check(&r, contacts, &m);
    }
    assert_true(roster_bytes(&r) < full / 20);
    roster_fini(&r, &t);
    for (uint32_t i = 0; i < CONTACTS; i++)
        entity_give(&t, contacts[i]);
    entity_table_fini(&t);
}

#define MANY 100000

/* A large roster: what it costs a contact, and that looking up is no walk (a walk would take 5e9 steps
 * here). */
static void test_large_roster(void **unused)
{
    (void)unused;
    struct entity_table t;
    struct roster r;
    struct roster_item *item, *moved;
    struct entity **contacts = calloc(MANY, sizeof *contacts);
    entity_table_init(&t);
    roster_init(&r);
    for (uint32_t i = 0; i < MANY; i++) {
        contacts[i] = take(&t, i);
        assert_int_equal(roster_add(&r, contacts[i], MANY, &item), 0);
    }
    assert_int_equal(roster_add(&r, take(&t, MANY), MANY, &item), ROSTER_FULL);
    assert_true(roster_bytes(&r) <= MANY * (2 * sizeof(struct roster_item) + 4 * sizeof(uint32_t)));
    for (uint32_t i = 0; i < MANY; i++)
        assert_ptr_equal(roster_find(&r, contacts[i])->contact, contacts[i]);
    for (uint32_t i = 0; i < MANY; i += 2)
        roster_remove(&r, roster_find(&r, contacts[i]), &t, &moved);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(roster_find(&r, contacts[i]) != NULL, i % 2);
    roster_fini(&r, &t);
    for (uint32_t i = 0; i < MANY; i++)
        entity_give(&t, contacts[i]);
    free(contacts);
    struct jid jid = jid_of_prepared(SPAN("contact100000@example.com"));
    entity_give(&t, entity_find(&t, &jid));
    entity_table_fini(&t);
}

/* A roster of a known size is made without growing, and given back some at a time. */
static void test_reserve_and_give_back(void **unused)
{
    static const uint32_t counts[] = {0, 1, 16, 17, 1000};
    (void)unused;
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        uint32_t count = counts[n], given = 0;
        struct entity_table t;
        struct roster r;
        struct roster_item *item;
        entity_table_init(&t);
        roster_init(&r);
        assert_int_equal(roster_reserve(&r, count), 0);
        const struct roster_item *items = r.items;
        const uint32_t *index = r.index;
        for (uint32_t i = 0; i < count; i++) {
            struct entity *e = take(&t, i);
            assert_int_equal(roster_add(&r, e, count, &item), 0);
            entity_give(&t, e);
        }
        assert_ptr_equal(r.items, items);
        assert_ptr_equal(r.index, index);
        while (r.count) {
            uint32_t some = roster_fini_some(&r, &t, 7);
            assert_in_range(some, 1, 7);
            given += some;
            assert_int_equal(t.table.count, r.count);
        }
        assert_int_equal(given, count);
        assert_int_equal(roster_fini_some(&r, &t, 7), 0);
        roster_fini(&r, &t);
        entity_table_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_roster),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
        cmocka_unit_test(test_large_roster),
        cmocka_unit_test(test_reserve_and_give_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
