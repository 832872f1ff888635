/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/message.h"
#include "presence/account.h"

#define SESSIONS 4

struct fixture {
    struct entity_table entities;
    struct account *account;
    struct session sessions[SESSIONS];
};

static void fixture_init(struct fixture *f)
{
    struct jid jid = {.text = "alice@localhost", .local_len = 5, .domain_len = 9};
    *f = (struct fixture){.account = calloc(1, account_bytes(2))};
    entity_table_init(&f->entities);
    assert_int_equal(account_init(f->account, entity_take(&f->entities, &jid)), 0);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        char resource[8];
        snprintf(resource, sizeof resource, "r%u", i);
        assert_int_equal(
            session_init(&f->sessions[i], f->account, SPAN("alice@localhost"), span_of(resource), i + 1), 0);
        list_append(&f->account->sessions, &f->sessions[i].link);
        f->account->session_count++;
    }
}

static void fixture_fini(struct fixture *f)
{
    for (uint32_t i = 0; i < SESSIONS; i++)
        session_fini(&f->sessions[i]);
    account_fini(f->account, &f->entities);
    free(f->account);
    entity_table_fini(&f->entities);
}

static void be_available(struct fixture *f, int i, int8_t priority, uint32_t order)
{
    if (!f->sessions[i].presence)
        f->sessions[i].presence = frame_new(SPAN("<presence/>"), 9, 0);
    f->sessions[i].priority = priority;
    f->sessions[i].available_order = order;
}

static void test_entity_and_head(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f);
    assert_ptr_equal(f.account->entity->account, f.account);
    assert_true(span_is(span_make(f.account->head->bytes, f.account->head->len), " to='alice@localhost'"));
    fixture_fini(&f);
}

static void test_session_by_resource(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f);
    assert_ptr_equal(account_session(f.account, SPAN("r2")), &f.sessions[2]);
    assert_null(account_session(f.account, SPAN("r")));
    assert_null(account_session(f.account, SPAN("")));
    assert_true(span_is(session_resource(&f.sessions[3]), "r3"));
    assert_true(span_is(session_jid(&f.sessions[3]), "alice@localhost/r3"));
    fixture_fini(&f);
}

static void test_most_available(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        int8_t priorities[SESSIONS]; /* -128: not available */
        uint32_t orders[SESSIONS];
        int most; /* -1: none */
        uint32_t non_negative;
    } rows[] = {
        {"none available", {-128, -128, -128, -128}, {0}, -1, 0},
        {"only negative", {-1, -128, -127, -128}, {1, 0, 2, 0}, -1, 0},
        {"zero is not negative", {-1, 0, -128, -128}, {2, 1, 0, 0}, 1, 1},
        {"the highest", {1, 7, 3, -128}, {3, 1, 2, 0}, 1, 3},
        {"the newest of equals", {5, 5, 5, 4}, {1, 3, 2, 4}, 1, 4},
        {"the newest is the first", {5, 5, -128, -1}, {9, 3, 0, 10}, 0, 2},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct fixture f;
        fixture_init(&f);
        for (int i = 0; i < SESSIONS; i++)
            if (rows[row].priorities[i] != -128)
                be_available(&f, i, rows[row].priorities[i], rows[row].orders[i]);
        struct session *most = account_most_available(f.account);
        if (rows[row].most < 0)
            assert_null(most);
        else
            assert_ptr_equal(most, &f.sessions[rows[row].most]);
        assert_int_equal(account_non_negative_count(f.account), rows[row].non_negative);
        fixture_fini(&f);
    }
}

static void test_pending_is_in_order(void **unused)
{
    (void)unused;
    struct fixture f;
    struct message messages[5];
    fixture_init(&f);
    assert_null(account_pending_take(f.account));
    account_pend(f.account, &messages[0]);
    account_pend(f.account, &messages[1]);
    assert_ptr_equal(account_pending_take(f.account), &messages[0]);
    account_pend(f.account, &messages[2]);
    assert_ptr_equal(account_pending_take(f.account), &messages[1]);
    assert_ptr_equal(account_pending_take(f.account), &messages[2]);
    assert_null(account_pending_take(f.account));
    account_pend(f.account, &messages[3]);
    account_pend(f.account, &messages[4]);
    assert_ptr_equal(account_pending_take(f.account), &messages[3]);
    assert_ptr_equal(account_pending_take(f.account), &messages[4]);
    assert_null(f.account->pending);
    fixture_fini(&f);
}

/* The walk survives the end of the session it stands on. */
static void test_each_session_may_leave(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f);
    int seen = 0;
    account_each_session(s, f.account)
    {
        list_remove(&s->link);
        seen++;
    }
    assert_int_equal(seen, SESSIONS);
    assert_true(list_empty(&f.account->sessions));
    fixture_fini(&f);
}

/* BUSY until the last of what makes it so has ended; only walked, it is what it was. */
static void test_changes_and_walks(void **unused)
{
    struct fixture f;
    (void)unused;
    fixture_init(&f);
    struct account *a = f.account;
    assert_true(account_is_changing(a)); /* LOADING */
    a->state = ACCOUNT_READY;
    assert_false(account_is_changing(a));
    assert_true(account_is_settled(a));
    account_walk_begins(a);
    assert_int_equal(a->state, ACCOUNT_BUSY);
    assert_false(account_is_settled(a));
    assert_false(account_is_changing(a));
    account_change_begins(a);
    account_walk_begins(a);
    assert_true(account_is_changing(a));
    account_walk_ends(a);
    account_walk_ends(a);
    assert_true(account_is_changing(a));
    assert_int_equal(a->state, ACCOUNT_BUSY);
    account_walk_begins(a);
    account_change_ends(a);
    assert_int_equal(a->state, ACCOUNT_BUSY);
    assert_false(account_is_changing(a));
    account_walk_ends(a);
    assert_int_equal(a->state, ACCOUNT_READY);
    fixture_fini(&f);
}

static void test_sessions_by_number(void **unused)
{
    struct fixture f;
    (void)unused;
    fixture_init(&f);
    for (uint32_t i = 0; i < SESSIONS; i++)
        assert_ptr_equal(account_session_numbered(f.account, i + 1), &f.sessions[i]);
    assert_null(account_session_numbered(f.account, 0));
    assert_null(account_session_numbered(f.account, SESSIONS + 1));
    fixture_fini(&f);
}

static void test_directed(void **unused)
{
    (void)unused;
    struct fixture f;
    char text[64];
    fixture_init(&f);
    struct session *s = &f.sessions[0];
    assert_int_equal(directed_add(s, SPAN("bob@localhost"), 2), 0);
    assert_int_equal(directed_add(s, SPAN("bob@localhost"), 2), 0); /* once is enough */
    assert_int_equal(directed_add(s, SPAN("bob@localhost/r"), 2), 0);
    assert_int_equal(directed_add(s, SPAN("carol@localhost"), 2), DIRECTED_FULL);
    assert_int_equal(directed_add(s, SPAN("bob@localhost"), 2), 0); /* full, but there already */
    assert_true(directed_has(s, SPAN("bob@localhost")));
    assert_true(directed_has(s, SPAN("bob@localhost/r")));
    assert_false(directed_has(s, SPAN("carol@localhost")));
    assert_false(directed_has(s, SPAN("bob@localhos")));
    directed_remove(s, SPAN("nobody@localhost"));
    directed_remove(s, SPAN("bob@localhost"));
    assert_false(directed_has(s, SPAN("bob@localhost")));
    assert_int_equal(directed_add(s, SPAN("carol@localhost"), 2), 0);
    size_t first = directed_take(s, text, sizeof text), second = directed_take(s, text, sizeof text);
    assert_int_equal(first + second, strlen("bob@localhost/r") + strlen("carol@localhost"));
    assert_int_equal(directed_take(s, text, sizeof text), 0);
    assert_int_equal(directed_add(s, SPAN("left@localhost"), 2), 0); /* freed with the session */
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entity_and_head),        cmocka_unit_test(test_session_by_resource),
        cmocka_unit_test(test_most_available),         cmocka_unit_test(test_pending_is_in_order),
        cmocka_unit_test(test_each_session_may_leave), cmocka_unit_test(test_directed),
        cmocka_unit_test(test_changes_and_walks),      cmocka_unit_test(test_sessions_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
