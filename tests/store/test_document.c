/* SPDX-License-Identifier: Apache-2.0 */
#include "store/document.h"

#include "fixture.h"

static struct store_db *db_with_account(struct fixture *f)
{
    struct store_db *db = fixture_db(f);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(store_account_put(db, SPAN("alice@a"), &credentials, false), 0);
    return db;
}

static int put(struct store_db *db, const char *jid, enum store_document_kind kind, const char *name,
               const char *text, uint64_t bytes_max)
{
    struct store_document document = {span_of(name), span_of(text)};
    return store_documents_put(db, span_of(jid), kind, &document, 1, bytes_max);
}

/* "-": there is none. */
static void expect(struct store_db *db, const char *jid, enum store_document_kind kind, const char *name,
                   const char *expected)
{
    struct arena arena;
    struct span text = SPAN("-");
    arena_init(&arena);
    int result = store_document_get(db, span_of(jid), kind, span_of(name), &arena, &text);
    assert_int_equal(result, *expected == '-' ? STORE_NOT_FOUND : 0);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
    arena_fini(&arena);
}

static void test_kept_by_kind_and_name(void **state)
{
    struct store_db *db = db_with_account(*state);
    expect(db, "alice@a", STORE_VCARD, "", "-");
    assert_int_equal(put(db, "alice@a", STORE_VCARD, "", "v", UINT64_MAX), 0);
    assert_int_equal(put(db, "alice@a", STORE_PRIVATE, "", "p", UINT64_MAX), 0);
    assert_int_equal(put(db, "alice@a", STORE_PRIVATE, "n", "\xc3\xa4", UINT64_MAX), 0);
    expect(db, "alice@a", STORE_VCARD, "", "v");
    expect(db, "alice@a", STORE_PRIVATE, "", "p");
    expect(db, "alice@a", STORE_PRIVATE, "n", "\xc3\xa4");
    assert_int_equal(put(db, "alice@a", STORE_PRIVATE, "n", "", UINT64_MAX), 0);
    expect(db, "alice@a", STORE_PRIVATE, "n", "-");
    expect(db, "bob@a", STORE_VCARD, "", "-");
    assert_int_equal(put(db, "bob@a", STORE_VCARD, "", "v", UINT64_MAX), STORE_NOT_FOUND);
    store_db_close(db);
}

static void test_limit_counts_the_kind_and_what_is_replaced(void **state)
{
    struct store_db *db = db_with_account(*state);
    const uint64_t one = STORE_DOCUMENT_BYTES + 2; /* a name of one byte, and a text of one */
    assert_int_equal(put(db, "alice@a", STORE_VCARD, "", "much that does not count", UINT64_MAX), 0);
    assert_int_equal(put(db, "alice@a", STORE_PRIVATE, "a", "1", one - 1), STORE_FULL);
    assert_int_equal(put(db, "alice@a", STORE_PRIVATE, "a", "1", one), 0);
    assert_int_equal(put(db, "alice@a", STORE_PRIVATE, "a", "2", one), 0);
    assert_int_equal(put(db, "alice@a", STORE_PRIVATE, "b", "1", 2 * one - 1), STORE_FULL);
    assert_int_equal(put(db, "alice@a", STORE_PRIVATE, "\xc3\xa4", "1", 2 * one),
                     STORE_FULL); /* bytes, not characters */
    /* All or none. */
    struct store_document two[] = {{SPAN("a"), {0}}, {SPAN("b"), SPAN("123")}};
    assert_int_equal(store_documents_put(db, SPAN("alice@a"), STORE_PRIVATE, two, 2, one + 1), STORE_FULL);
    expect(db, "alice@a", STORE_PRIVATE, "a", "2");
    assert_int_equal(store_documents_put(db, SPAN("alice@a"), STORE_PRIVATE, two, 2, one + 2), 0);
    expect(db, "alice@a", STORE_PRIVATE, "a", "-");
    expect(db, "alice@a", STORE_PRIVATE, "b", "123");
    store_db_close(db);
}

static void test_gone_with_the_account(void **state)
{
    struct store_db *db = db_with_account(*state);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(put(db, "alice@a", STORE_VCARD, "", "v", UINT64_MAX), 0);
    assert_int_equal(store_account_remove(db, SPAN("alice@a")), 0);
    assert_int_equal(store_account_put(db, SPAN("alice@a"), &credentials, false), 0);
    expect(db, "alice@a", STORE_VCARD, "", "-");
    store_db_close(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kept_by_kind_and_name),
        TEST(test_limit_counts_the_kind_and_what_is_replaced),
        TEST(test_gone_with_the_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
