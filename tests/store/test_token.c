/* SPDX-License-Identifier: Apache-2.0 */
/* Log-in tokens: which one is good, what its use does to the others, and what makes them go. */
#include "fixture.h"

#include <stdio.h>

#include "store/token.h"

#define ALICE SPAN("alice@a")
#define EXPR SPAN("HT-SHA-256-EXPR")
#define NOW_S 1000

static struct store_db *db_with_account(struct fixture *f)
{
    struct store_db *db = fixture_db(f);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(store_account_put(db, ALICE, &credentials, false), 0);
    return db;
}

/* A token made of one letter. */
static struct span token_of(char letter)
{
    static char text[STORE_TOKEN_BYTES];
    memset(text, letter, sizeof text);
    return span_make(text, sizeof text);
}

static bool is_of(const void *context, struct span token)
{
    return token.ptr[0] == *(const char *)context;
}

static void give(struct store_db *db, const char *client, char letter, uint64_t expires_s,
                 uint32_t clients_max)
{
    assert_int_equal(
        store_token_put(db, ALICE, span_of(client), EXPR, token_of(letter), expires_s, clients_max), 0);
}

static int use_as(struct store_db *db, struct span jid, struct store_token_proof proof, char letter)
{
    char token[STORE_TOKEN_BYTES + 1];
    uint64_t expires_s = 0;
    if (!proof.client.len)
        proof.client = SPAN("phone");
    if (!proof.mechanism.len)
        proof.mechanism = EXPR;
    if (!proof.now_s)
        proof.now_s = NOW_S;
    proof.is_shown = is_of;
    proof.context = &letter;
    int outcome = store_token_use(db, jid, &proof, token, &expires_s);
    if (outcome == 0) {
        assert_true(span_equal(span_of(token), token_of(letter)));
        assert_true(expires_s > proof.now_s);
    }
    return outcome;
}

static int use(struct store_db *db, char letter)
{
    return use_as(db, ALICE, (struct store_token_proof){0}, letter);
}

static void test_whose_and_for_what(void **state)
{
    struct store_db *db = db_with_account(*state);
    assert_int_equal(use(db, 'a'), STORE_NOT_FOUND);
    give(db, "phone", 'a', 2000, 8);
    assert_int_equal(use(db, 'b'), STORE_NOT_FOUND);
    assert_int_equal(use_as(db, SPAN("bob@a"), (struct store_token_proof){0}, 'a'), STORE_NOT_FOUND);
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.client = SPAN("desk")}, 'a'),
                     STORE_NOT_FOUND);
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.mechanism = SPAN("HT-SHA-256-NONE")}, 'a'),
                     STORE_NOT_FOUND);
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.now_s = 1999}, 'a'), 0);
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.now_s = 2000}, 'a'), STORE_TOKEN_EXPIRED);
    assert_int_equal(store_token_put(db, SPAN("bob@a"), SPAN("phone"), EXPR, token_of('a'), 2000, 8),
                     STORE_NOT_FOUND);
    store_db_close(db);
}

/* The old one is good until the new one is used, and a third takes the place of one that was never used. */
static void test_rotation(void **state)
{
    struct store_db *db = db_with_account(*state);
    give(db, "phone", 'a', 2000, 8);
    assert_int_equal(use(db, 'a'), 0);
    give(db, "phone", 'b', 3000, 8);
    assert_int_equal(use(db, 'a'), 0);
    give(db, "phone", 'c', 3000, 8);
    assert_int_equal(use(db, 'b'), STORE_NOT_FOUND);
    assert_int_equal(use(db, 'a'), 0);
    assert_int_equal(use(db, 'c'), 0);
    assert_int_equal(use(db, 'a'), STORE_NOT_FOUND);
    assert_int_equal(use(db, 'c'), 0);
    store_db_close(db);
}

static int use_counted(struct store_db *db, uint64_t count, char letter)
{
    return use_as(db, ALICE, (struct store_token_proof){.count = count}, letter);
}

static void test_counts_grow(void **state)
{
    struct store_db *db = db_with_account(*state);
    give(db, "phone", 'a', 2000, 8);
    assert_int_equal(use_counted(db, 1, 'a'), 0);
    assert_int_equal(use_counted(db, 1, 'a'), STORE_NOT_FOUND);
    assert_int_equal(use_counted(db, 7, 'a'), 0);
    assert_int_equal(use_counted(db, 6, 'a'), STORE_NOT_FOUND);
    assert_int_equal(use_counted(db, UINT64_MAX, 'a'), STORE_NOT_FOUND);
    assert_int_equal(use(db, 'a'), 0);
    assert_int_equal(use_counted(db, 7, 'a'), STORE_NOT_FOUND);
    give(db, "phone", 'b', 2000, 8); /* a new one is counted anew */
    assert_int_equal(use_counted(db, 1, 'b'), 0);
    store_db_close(db);
}

static void test_invalidation(void **state)
{
    struct store_db *db = db_with_account(*state);
    give(db, "phone", 'a', 2000, 8);
    assert_int_equal(use(db, 'a'), 0);
    give(db, "phone", 'b', 2000, 8);
    give(db, "desk", 'd', 2000, 8);
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.is_invalidated = true}, 'x'),
                     STORE_NOT_FOUND);
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.is_invalidated = true}, 'a'), 0);
    assert_int_equal(use(db, 'a'), STORE_NOT_FOUND);
    assert_int_equal(use(db, 'b'), STORE_NOT_FOUND);
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.client = SPAN("desk")}, 'd'), 0);
    store_db_close(db);
}

static void test_clients_are_limited(void **state)
{
    struct store_db *db = db_with_account(*state);
    give(db, "phone", 'a', 3000, 2);
    give(db, "desk", 'b', 2000, 2);
    give(db, "tablet", 'c', 4000, 2); /* the desk's expires first */
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.client = SPAN("desk")}, 'b'),
                     STORE_NOT_FOUND);
    assert_int_equal(use(db, 'a'), 0);
    give(db, "desk", 'd', 1500, 2); /* whoever has just got one keeps it */
    assert_int_equal(use_as(db, ALICE, (struct store_token_proof){.client = SPAN("desk")}, 'd'), 0);
    assert_int_equal(use(db, 'a'), STORE_NOT_FOUND);
    store_db_close(db);
}

static void test_they_go(void **state)
{
    struct store_db *db = db_with_account(*state);
    struct sasl_credentials credentials = fixture_credentials(2);
    give(db, "phone", 'a', 2000, 8);
    assert_int_equal(store_account_put(db, ALICE, &credentials, true), 0); /* a new password */
    assert_int_equal(use(db, 'a'), STORE_NOT_FOUND);
    give(db, "phone", 'b', 2000, 8);
    assert_int_equal(store_account_remove(db, ALICE), 0);
    assert_int_equal(store_account_put(db, ALICE, &credentials, false), 0);
    assert_int_equal(use(db, 'b'), STORE_NOT_FOUND);
    store_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whose_and_for_what, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_rotation, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_counts_grow, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_invalidation, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_clients_are_limited, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_they_go, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
