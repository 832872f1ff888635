/* SPDX-License-Identifier: Apache-2.0 */
/* The watch index against a plain matrix of who watches whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "presence/watch.h"

#define WATCHERS 9
#define PUBLISHERS 7
#define STEPS 20000

static uint64_t random_state = 4101842887655102017ull;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 2685821657736338717ull) >> 33) % bound;
}

struct fixture {
    struct entity_table entities;
    struct account *watchers[WATCHERS];
    struct entity *publishers[PUBLISHERS];
    bool is_watching[WATCHERS][PUBLISHERS];
    uint32_t incarnations[PUBLISHERS]; /* of the list; 0: there is none */
};

static struct entity *entity_made(struct fixture *f, char kind, unsigned i)
{
    char text[16];
    snprintf(text, sizeof text, "%c%u@l", kind, i);
    struct jid jid = {.text = text, .local_len = 2, .domain_len = 1};
    return entity_take(&f->entities, &jid);
}

static struct roster_item *item_of(struct fixture *f, unsigned w, unsigned p)
{
    return roster_find(&f->watchers[w]->roster, f->publishers[p]);
}

static void fixture_init(struct fixture *f, enum subscription_state state)
{
    *f = (struct fixture){0};
    entity_table_init(&f->entities);
    for (unsigned p = 0; p < PUBLISHERS; p++)
        f->publishers[p] = entity_made(f, 'p', p);
    for (unsigned w = 0; w < WATCHERS; w++) {
        f->watchers[w] = calloc(1, account_bytes(1));
        assert_int_equal(account_init(f->watchers[w], entity_made(f, 'w', w)), 0);
        for (unsigned p = 0; p < PUBLISHERS; p++) {
            struct roster_item *item;
            assert_int_equal(roster_add(&f->watchers[w]->roster, f->publishers[p], 100, &item), 0);
            item->state = (uint8_t)state;
        }
    }
}

static void fixture_fini(struct fixture *f)
{
    for (unsigned p = 0; p < PUBLISHERS; p++) {
        watch_drop(f->publishers[p], &f->entities);
        entity_give(&f->entities, f->publishers[p]);
    }
    for (unsigned w = 0; w < WATCHERS; w++) {
        account_fini(f->watchers[w], &f->entities);
        free(f->watchers[w]);
    }
    assert_int_equal(f->entities.table.count, 0);
    entity_table_fini(&f->entities);
}

static void compare(struct fixture *f)
{
    for (unsigned p = 0; p < PUBLISHERS; p++) {
        const struct watch *watch = f->publishers[p]->watch;
        uint32_t count = 0;
        for (unsigned w = 0; w < WATCHERS; w++) {
            uint32_t slot = item_of(f, w, p)->watch_slot;
            count += f->is_watching[w][p];
            assert_int_equal(slot != 0, f->is_watching[w][p]);
            if (slot)
                assert_ptr_equal(watch->watchers[slot - 1].account, f->watchers[w]);
        }
        assert_int_equal(watch ? watch->count : 0, count);
        if (!count)
            assert_null(watch);
        else
            assert_int_equal(watch->incarnation, f->incarnations[p]);
    }
}

static void forget_watchers(struct fixture *f, unsigned p)
{
    for (unsigned w = 0; w < WATCHERS; w++)
        f->is_watching[w][p] = false;
    f->incarnations[p] = 0;
}

static void step_add(struct fixture *f, unsigned w, unsigned p)
{
    uint32_t incarnation = f->incarnations[p] ? f->incarnations[p] : 1;
    if (random_below(20) == 0)
        incarnation++; /* the publisher went and came */
    if (f->incarnations[p] != incarnation)
        forget_watchers(f, p);
    int expected = f->is_watching[w][p] ? WATCH_THERE : 0;
    assert_int_equal(watch_add(f->publishers[p], incarnation, f->watchers[w], &f->entities), expected);
    f->is_watching[w][p] = true;
    f->incarnations[p] = incarnation;
}

static void test_random(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f, SUBSCRIPTION_TO);
    for (int step = 0; step < STEPS; step++) {
        unsigned w = random_below(WATCHERS), p = random_below(PUBLISHERS), kind = random_below(40);
        if (kind == 0) {
            watch_drop(f.publishers[p], &f.entities);
            forget_watchers(&f, p);
        } else if (kind < 18) {
            bool is_last = true;
            assert_int_equal(watch_remove(f.watchers[w], item_of(&f, w, p), &f.entities),
                             f.is_watching[w][p]);
            f.is_watching[w][p] = false;
            for (unsigned i = 0; i < WATCHERS; i++)
                is_last = is_last && !f.is_watching[i][p];
            if (is_last)
                f.incarnations[p] = 0;
        } else {
            step_add(&f, w, p);
        }
        compare(&f);
    }
    fixture_fini(&f);
}

static void test_only_who_wants_it(void **unused)
{
    (void)unused;
    for (int state = 0; state < SUBSCRIPTION_STATE_COUNT; state++) {
        struct fixture f;
        bool is_wanted =
            state == SUBSCRIPTION_TO || state == SUBSCRIPTION_TO_PENDING_IN || state == SUBSCRIPTION_BOTH;
        fixture_init(&f, (enum subscription_state)state);
        assert_int_equal(watch_add(f.publishers[0], 1, f.watchers[0], &f.entities),
                         is_wanted ? 0 : WATCH_UNWANTED);
        assert_int_equal(f.publishers[0]->watch != NULL, is_wanted);
        fixture_fini(&f);
    }
}

static void test_a_stranger(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f, SUBSCRIPTION_TO);
    struct entity *stranger = entity_made(&f, 's', 0);
    assert_int_equal(watch_add(stranger, 1, f.watchers[0], &f.entities), WATCH_UNWANTED);
    assert_null(stranger->watch);
    watch_drop(stranger, &f.entities);
    entity_give(&f.entities, stranger);
    fixture_fini(&f);
}

/* The subscription ends before the watch: the item goes with the watch, however that ends. */
static void test_a_blank_item_goes_with_its_watch(void **unused)
{
    (void)unused;
    for (int is_dropped = 0; is_dropped < 2; is_dropped++) {
        struct fixture f;
        fixture_init(&f, SUBSCRIPTION_TO);
        for (unsigned w = 0; w < 3; w++)
            assert_int_equal(watch_add(f.publishers[0], 1, f.watchers[w], &f.entities), 0);
        item_of(&f, 1, 0)->state = SUBSCRIPTION_NONE;
        item_of(&f, 1, 0)->is_listed = false;
        if (is_dropped)
            watch_drop(f.publishers[0], &f.entities);
        else
            assert_true(watch_remove(f.watchers[1], item_of(&f, 1, 0), &f.entities));
        assert_null(item_of(&f, 1, 0));
        assert_non_null(item_of(&f, 0, 0));
        assert_int_equal(f.watchers[1]->roster.count, PUBLISHERS - 1);
        watch_drop(f.publishers[0], &f.entities);
        fixture_fini(&f);
    }
}

/* Changes on their way while watchers come and go: each gets, in order and once, those made while it was there. */
static void test_changes_under_way(void **unused)
{
    (void)unused;
    struct fixture f;
    struct frame *frame = frame_new(SPAN("<presence/>"), 1, 0);
    const struct watch_change change = {.frame = frame};
    uint32_t made = 0, last[WATCHERS] = {0}, queues = 0;
    fixture_init(&f, SUBSCRIPTION_TO);
    struct entity *publisher = f.publishers[0];
    assert_int_equal(watch_add(publisher, 1, f.watchers[0], &f.entities),
                     0); /* stays, so that the list does */
    for (int step = 0; step < STEPS; step++) {
        struct watch *watch = publisher->watch;
        uint32_t w = 1 + random_below(WATCHERS - 1), kind = random_below(32);
        if (kind < 2) {
            assert_int_equal(watch_push(watch, &change, &queues), 0);
            made++;
        } else if (kind < 5 && watch_add(publisher, 1, f.watchers[w], &f.entities) == 0) {
            last[w] = made;
        } else if (kind < 6) {
            watch_remove(f.watchers[w], item_of(&f, w, 0), &f.entities);
        } else if (watch->queue) {
            struct watch_queue *q = watch->queue;
            if (q->cursor == watch->count) {
                watch_pop(watch);
                continue;
            }
            for (uint32_t i = 0; i < WATCHERS; i++) {
                if (watch->watchers[q->cursor].account != f.watchers[i] ||
                    !watch_is_due(watch, q->first, q->cursor))
                    continue;
                assert_int_equal(q->first->number, last[i] + 1);
                last[i]++;
            }
            q->cursor++;
        }
        assert_int_equal(queues, watch->queue != NULL);
    }
    assert_true(last[0] > STEPS / 40);
    assert_true(made - last[0] <
                20); /* it keeps pace: what was checked is more than a queue that only grows */
    watch_drop(publisher, &f.entities);
    assert_int_equal(queues, 0);
    assert_int_equal(frame->references, 1);
    frame_unref(frame);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_only_who_wants_it),
        cmocka_unit_test(test_a_stranger),
        cmocka_unit_test(test_changes_under_way),
        cmocka_unit_test(test_a_blank_item_goes_with_its_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
