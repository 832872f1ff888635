/* SPDX-License-Identifier: Apache-2.0 */
#include "store/avatar.h"

#include "fixture.h"
#include "store/document.h"

#define ALICE SPAN("alice@a")
#define HASH "a9993e364706816aba3e25717850c26c9cd0d89d" /* of "abc" */

static const struct pep_limits limits = {.nodes = 3, .items = 10, .item_bytes = 1000, .account_bytes = 4000};

static struct store_db *db_with_alice(struct fixture *f)
{
    struct store_db *db = fixture_db(f);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(store_account_put(db, ALICE, &credentials, false), 0);
    return db;
}

static void publish(struct store_db *db, const char *node, const char *id, const char *payload,
                    uint8_t access)
{
    struct pep_config config;
    const struct pep_options options = {.config = {.access = access}, .given = PEP_GIVEN_ACCESS};
    const struct pep_item item = {.id = span_of(id), .payload = span_of(payload), .published = 7};
    assert_int_equal(store_pep_publish(db, ALICE, span_of(node), &item, &options, &limits, &config), 0);
}

static struct store_photo photo_abc(void)
{
    struct store_photo photo = {
        .type = SPAN("image/png"), .base64 = SPAN("YWJj"), .photo = {.hash = HASH, .bytes = 3}};
    return photo;
}

static int put(struct store_db *db, const struct pep_limits *l)
{
    struct arena arena;
    struct store_avatar avatar = {0};
    struct pep_item item;
    struct pep_config config;
    const struct store_photo photo = photo_abc();
    arena_init(&arena);
    assert_int_equal(store_db_begin(db), 0);
    int outcome = store_avatar_put(db, ALICE, &photo, l, &arena, &avatar, &item, &config);
    assert_int_equal(store_db_commit(db), 0);
    if (!outcome) {
        assert_true(avatar.is_told);
        assert_string_equal(avatar.hash, HASH);
        assert_true(span_is(item.id, HASH));
    }
    arena_fini(&arena);
    return outcome;
}

static void expect_row(struct store_db *db, int outcome, const char *hash)
{
    struct store_avatar avatar;
    assert_int_equal(store_avatar_find(db, ALICE, &avatar), outcome);
    if (outcome)
        return;
    assert_true(avatar.is_told);
    assert_string_equal(avatar.hash, hash);
}

static void test_put_is_all_or_nothing(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct pep_limits one = limits;
    struct pep_config config;
    expect_row(db, STORE_NOT_FOUND, "");
    one.nodes = 1;
    assert_int_equal(put(db, &one), PEP_TOO_MANY);
    assert_int_equal(store_pep_config(db, ALICE, SPAN(AVATAR_DATA), PEP_WHITELIST, &config), STORE_NOT_FOUND);
    expect_row(db, STORE_NOT_FOUND, "");
    assert_int_equal(put(db, &limits), 0);
    expect_row(db, 0, HASH);
    /* what it makes is open, as a vCard is */
    assert_int_equal(store_pep_config(db, ALICE, SPAN(AVATAR_DATA), PEP_OPEN, &config), 0);
    assert_int_equal(store_pep_config(db, ALICE, SPAN(AVATAR_METADATA), PEP_OPEN, &config), 0);
    store_db_close(db);
}

static void test_put_into_nodes_that_nobody_sees(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct arena arena;
    struct pep_items items;
    uint32_t total;
    const struct pep_wanted wanted = {.items_max = 5, .bytes_max = 5};
    arena_init(&arena);
    publish(db, AVATAR_DATA, "mine", "<data xmlns='" AVATAR_DATA "'>ZGVm</data>", PEP_WHITELIST);
    assert_int_equal(put(db, &limits), PEP_UNFIT);
    expect_row(db, STORE_NOT_FOUND, "");
    assert_int_equal(
        store_pep_items(db, ALICE, SPAN(AVATAR_DATA), PEP_WHITELIST, &wanted, &arena, &items, &total), 0);
    assert_true(items.count == 1 && span_is(items.first->id, "mine"));
    arena_fini(&arena);
    store_db_close(db);
}

static void test_photo_by_rank(void **state)
{
    static const struct {
        uint8_t data, metadata;
        bool is_seen[3]; /* by pep_access, as a rank */
    } rows[] = {
        {PEP_OPEN, PEP_OPEN, {true, true, true}},
        {PEP_PRESENCE, PEP_OPEN, {true, true, false}},
        {PEP_OPEN, PEP_PRESENCE, {true, true, false}},
        {PEP_OPEN, PEP_WHITELIST, {false, false, false}}, /* the metadata are shown to nobody: no avatar */
        {PEP_WHITELIST, PEP_OPEN, {false, false, false}},
    };
    struct store_db *db = db_with_alice(*state);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct store_avatar avatar;
        struct store_photo photo;
        struct pep_config config;
        struct arena arena;
        arena_init(&arena);
        publish(db, AVATAR_DATA, HASH, "<data xmlns='" AVATAR_DATA "'>\nYWJj\n</data>", rows[i].data);
        publish(db, AVATAR_METADATA, HASH,
                "<metadata xmlns='" AVATAR_METADATA "'><info id='" HASH "' type='image/png'/></metadata>",
                rows[i].metadata);
        assert_int_equal(store_avatar_follow(db, ALICE, &arena, &avatar), 0);
        for (int rank = PEP_WHITELIST; rank <= PEP_OPEN; rank++) {
            int outcome = store_avatar_photo(db, ALICE, (enum pep_access)rank, &arena, &photo);
            assert_int_equal(outcome, rows[i].is_seen[rank] ? 0 : STORE_NOT_FOUND);
            if (!outcome)
                assert_true(span_is(photo.base64, "YWJj") && span_is(photo.type, "image/png"));
        }
        assert_int_equal(store_pep_delete(db, ALICE, SPAN(AVATAR_DATA), &config), 0);
        assert_int_equal(store_pep_delete(db, ALICE, SPAN(AVATAR_METADATA), &config), 0);
        arena_fini(&arena);
    }
    store_db_close(db);
}

static void test_clear(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct arena arena;
    struct store_avatar avatar = {0};
    struct pep_item item;
    struct pep_config config;
    arena_init(&arena);
    assert_int_equal(store_avatar_clear(db, ALICE, &limits, &arena, &avatar, &item, &config),
                     STORE_NOT_FOUND);
    assert_int_equal(put(db, &limits), 0);
    assert_int_equal(store_avatar_clear(db, ALICE, &limits, &arena, &avatar, &item, &config), 0);
    assert_true(avatar.is_told && !avatar.hash[0]);
    expect_row(db, 0, "");
    assert_int_equal(store_avatar_clear(db, ALICE, &limits, &arena, &avatar, &item, &config),
                     STORE_NOT_FOUND);
    arena_fini(&arena);
    store_db_close(db);
}

static void test_it_goes_with_its_account(void **state)
{
    struct store_db *db = db_with_alice(*state);
    struct sasl_credentials credentials = fixture_credentials(1);
    assert_int_equal(put(db, &limits), 0);
    assert_int_equal(store_account_remove(db, ALICE), 0);
    assert_int_equal(store_account_put(db, ALICE, &credentials, false), 0);
    expect_row(db, STORE_NOT_FOUND, "");
    store_db_close(db);
}

static void test_strip(void **state)
{
#define V(content) "<vCard xmlns='vcard-temp'>" content "</vCard>"
    static const struct {
        const char *vcard, *want;
    } rows[] = {
        {V("<FN>A</FN>"), V("<FN>A</FN>")},
        {V("<PHOTO><TYPE/></PHOTO>"), ""},
        {V("<FN>A</FN><PHOTO/>"), V("<FN>A</FN>")},
        {V("<PHOTO/><FN>A</FN><PHOTO>x</PHOTO><N/>"), V("<FN>A</FN><N/>")},
        {V("<PHOTO xmlns='other'/>"), V("<PHOTO xmlns='other'/>")},
        {"<v:vCard xmlns:v='vcard-temp'><v:FN/><v:PHOTO/></v:vCard>",
         "<v:vCard xmlns:v='vcard-temp'><v:FN/></v:vCard>"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena;
        struct span rest;
        arena_init(&arena);
        assert_int_equal(store_vcard_strip(&arena, span_of(rows[i].vcard), &rest), 0);
        assert_true(span_equal(rest, span_of(rows[i].want)));
        arena_fini(&arena);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_put_is_all_or_nothing),
        TEST(test_put_into_nodes_that_nobody_sees),
        TEST(test_photo_by_rank),
        TEST(test_clear),
        TEST(test_it_goes_with_its_account),
        TEST(test_strip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
