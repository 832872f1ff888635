/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stanza/photo.h"
#include "stanza/stanza.h"

#define HASH "a9993e364706816aba3e25717850c26c9cd0d89d" /* of "abc" */

static void test_pictures(void **state)
{
    static const struct {
        const char *written, *base64, *hash;
        size_t bytes;
    } rows[] = {
        {"YWJj", "YWJj", HASH, 3},
        {"\n\tYW\r\n Jj\n", "YWJj", HASH, 3},
        {"YWJjZA==", "YWJjZA==", "81fe8bfe87576c3ecb22426f8e57847382917acf", 4},
        {"", "", NULL, 0},
        {" ", "", NULL, 0},
        {"=", "=", NULL, 0},
        {"YWJ", "YWJ", NULL, 0},
        {"YW-j", "YW-j", NULL, 0},
        {"YWJjZA=", "YWJjZA=", NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = {0};
        struct photo photo = {.bytes = 99};
        buffer_literal(&out, "before");
        assert_int_equal(photo_read(span_of(rows[i].written), &out, &photo), rows[i].hash ? 0 : PHOTO_BAD);
        assert_int_equal(photo.bytes, rows[i].hash ? rows[i].bytes : 99);
        if (rows[i].hash)
            assert_string_equal(photo.hash, rows[i].hash);
        assert_true(span_equal(span_skip(buffer_span(&out), 6), span_of(rows[i].base64)));
        buffer_fini(&out);
    }
}

#define X(photo) "<x xmlns='vcard-temp:x:update'>" photo "</x>"
#define HASHED X("<photo>" HASH "</photo>")
#define NONE X("<photo/>")
#define SAME NULL

static const struct {
    const char *said, *hashed, *none,
        *over; /* with a hash, without one, and in place of what was said before */
} rows[] = {
    {"<presence/>", "<presence>" HASHED "</presence>", "<presence>" NONE "</presence>",
     "<presence>" HASHED "</presence>"},
    {"<presence id='/'  />", "<presence id='/'  >" HASHED "</presence>",
     "<presence id='/'  >" NONE "</presence>", "<presence id='/'  >" HASHED "</presence>"},
    {"<presence a='>'><a/>t</presence>", "<presence a='>'><a/>" HASHED "</presence>",
     "<presence a='>'><a/>" NONE "</presence>", "<presence a='>'><a/>" HASHED "</presence>"},
    {"<presence>" X("") "<a/></presence>", "<presence><a/>" HASHED "</presence>",
     "<presence><a/>" NONE "</presence>", "<presence><a/>" HASHED "</presence>"},
    {"<presence><x xmlns=\"vcard-temp:x:update\"/><a/></presence>", "<presence><a/>" HASHED "</presence>",
     "<presence><a/>" NONE "</presence>", "<presence><a/>" HASHED "</presence>"},
    {"<presence>" NONE "<a/></presence>", SAME, SAME, "<presence><a/>" HASHED "</presence>"},
    {"<presence>" X("<photo></photo>") "</presence>", SAME, SAME, "<presence>" HASHED "</presence>"},
    {"<presence>" X("<photo>other</photo>") "</presence>", "<presence>" HASHED "</presence>", SAME,
     "<presence>" HASHED "</presence>"},
    {"<presence><a/>" HASHED "</presence>", SAME, SAME, SAME},
    {"<presence><x xmlns='other'><photo/></x></presence>",
     "<presence><x xmlns='other'><photo/></x>" HASHED "</presence>",
     "<presence><x xmlns='other'><photo/></x>" NONE "</presence>",
     "<presence><x xmlns='other'><photo/></x>" HASHED "</presence>"},
};

static void expect(struct frame *said, const char *hash, bool is_over, const char *want)
{
    struct frame *f = photo_frame(said, span_of(hash), is_over);
    assert_non_null(f);
    if (want) {
        assert_int_equal(f->len, strlen(want));
        assert_memory_equal(f->bytes, want, f->len);
        assert_int_equal(f->head_at, said->head_at);
        assert_int_equal(f->kind, said->kind);
    } else {
        assert_ptr_equal(f, said);
    }
    frame_unref(f);
}

static void test_presence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frame *said = frame_new(span_of(rows[i].said), 9, FRAME_PRESENCE);
        assert_non_null(said);
        expect(said, HASH, false, rows[i].hashed);
        expect(said, "", false, rows[i].none);
        expect(said, HASH, true, rows[i].over);
        frame_unref(said);
    }
}

static void test_withheld(void **state)
{
    static const struct {
        const char *said;
        bool is_withheld;
    } presences[] = {
        {"<presence/>", false},
        {"<presence>" X("") "</presence>", false},
        {"<presence>" HASHED "</presence>", false},
        {"<presence><a/>" NONE "</presence>", true},
        {"<presence><x xmlns='other'><photo/></x></presence>", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof presences / sizeof *presences; i++) {
        struct frame *f = frame_new(span_of(presences[i].said), 9, FRAME_PRESENCE);
        assert_non_null(f);
        assert_int_equal(photo_is_withheld(f), presences[i].is_withheld);
        frame_unref(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_withheld),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
