/* SPDX-License-Identifier: Apache-2.0 */
/* What else may come in a record, and when it ends: alerts, KeyUpdate, wrong types and lengths, floods,
 * worn-out keys. */
#include "tls/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "record_fixture.h"

/* One record of a content, by version. */
static const struct content_row {
    const char *name;
    uint16_t version;
    uint8_t type;
    struct span content;
    size_t padding;
    int outcome;
    uint8_t alert;
} contents[] = {
    {"data", TLS13, DATA, {"x", 1}, 0, 0, 0},
    {"data, padded", TLS13, DATA, {"x", 1}, 255, 0, 0},
    {"data, empty", TLS13, DATA, {"", 0}, 0, 0, 0},
    {"data, empty, padded", TLS13, DATA, {"", 0}, 1000, 0, 0},
    {"data, ends in zeros", TLS13, DATA, {"x\0\0", 3}, 9, 0, 0},
    {"data, padded to the limit", TLS13, DATA, {"x", 1}, 16383, 0, 0},
    {"data, padded over the limit", TLS13, DATA, {"x", 1}, 16384, RECORD_BAD, TLS_ALERT_RECORD_OVERFLOW},
    {"data, longest", TLS13, DATA, {filler, 16384}, 0, 0, 0},
    {"data, too long", TLS13, DATA, {filler, 16385}, 0, RECORD_BAD, TLS_ALERT_RECORD_OVERFLOW},
    {"close_notify", TLS13, ALERT, {"\1\0", 2}, 0, RECORD_CLOSED, 0},
    {"close_notify, padded", TLS13, ALERT, {"\1\0", 2}, 30, RECORD_CLOSED, 0},
    {"close_notify, called fatal", TLS13, ALERT, {"\2\0", 2}, 0, RECORD_CLOSED, 0},
    {"user_canceled", TLS13, ALERT, {"\1\x5a", 2}, 0, 0, 0},
    {"fatal alert", TLS13, ALERT, {"\2\x14", 2}, 0, RECORD_BAD, TLS_ALERT_NONE},
    {"error alert called a warning", TLS13, ALERT, {"\1\x14", 2}, 0, RECORD_BAD, TLS_ALERT_NONE},
    {"unknown alert", TLS13, ALERT, {"\1\xfe", 2}, 0, RECORD_BAD, TLS_ALERT_NONE},
    {"alert, empty", TLS13, ALERT, {"", 0}, 5, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"alert, short", TLS13, ALERT, {"\1", 1}, 0, RECORD_BAD, TLS_ALERT_DECODE_ERROR},
    {"alert, two in one", TLS13, ALERT, {"\1\0\1\0", 4}, 0, RECORD_BAD, TLS_ALERT_DECODE_ERROR},
    {"KeyUpdate", TLS13, HANDSHAKE, {"\x18\0\0\1\0", 5}, 0, 0, 0},
    {"KeyUpdate, padded", TLS13, HANDSHAKE, {"\x18\0\0\1\0", 5}, 7, 0, 0},
    {"KeyUpdate with request", TLS13, HANDSHAKE, {"\x18\0\0\1\1", 5}, 0, RECORD_REPLY, 0},
    {"KeyUpdate with neither",
     TLS13,
     HANDSHAKE,
     {"\x18\0\0\1\2", 5},
     0,
     RECORD_BAD,
     TLS_ALERT_ILLEGAL_PARAMETER},
    {"KeyUpdate of wrong length",
     TLS13,
     HANDSHAKE,
     {"\x18\0\0\2\0\0", 6},
     0,
     RECORD_BAD,
     TLS_ALERT_DECODE_ERROR},
    {"KeyUpdate, empty", TLS13, HANDSHAKE, {"\x18\0\0\0\0", 5}, 0, RECORD_BAD, TLS_ALERT_DECODE_ERROR},
    {"KeyUpdate, cut", TLS13, HANDSHAKE, {"\x18\0\0\1", 4}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"KeyUpdate, two in one",
     TLS13,
     HANDSHAKE,
     {"\x18\0\0\1\0\x18\0\0\1\0", 10},
     0,
     RECORD_BAD,
     TLS_ALERT_UNEXPECTED_MESSAGE},
    {"handshake, empty", TLS13, HANDSHAKE, {"", 0}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"NewSessionTicket", TLS13, HANDSHAKE, {"\4\0\0\1\0", 5}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"ClientHello", TLS13, HANDSHAKE, {"\1\0\0\1\0", 5}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"Finished", TLS13, HANDSHAKE, {"\x14\0\0\1\0", 5}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"sealed ChangeCipherSpec", TLS13, CCS, {"\1", 1}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"heartbeat", TLS13, 24, {"x", 1}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"type 0: nothing but zeros", TLS13, 0, {"", 0}, 40, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},

    {"data", TLS12, DATA, {"x", 1}, 0, 0, 0},
    {"data, empty", TLS12, DATA, {"", 0}, 0, 0, 0},
    {"data, longest", TLS12, DATA, {filler, 16384}, 0, 0, 0},
    {"data, too long", TLS12, DATA, {filler, 16385}, 0, RECORD_BAD, TLS_ALERT_RECORD_OVERFLOW},
    {"close_notify", TLS12, ALERT, {"\1\0", 2}, 0, RECORD_CLOSED, 0},
    {"warning", TLS12, ALERT, {"\1\x64", 2}, 0, 0, 0},
    {"fatal alert", TLS12, ALERT, {"\2\x14", 2}, 0, RECORD_BAD, TLS_ALERT_NONE},
    {"alert, empty", TLS12, ALERT, {"", 0}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"alert, long", TLS12, ALERT, {"\1\0\0", 3}, 0, RECORD_BAD, TLS_ALERT_DECODE_ERROR},
    {"renegotiation", TLS12, HANDSHAKE, {"\1\0\0\1\0", 5}, 0, RECORD_BAD, TLS_ALERT_NO_RENEGOTIATION},
    {"KeyUpdate is none of 1.2",
     TLS12,
     HANDSHAKE,
     {"\x18\0\0\1\0", 5},
     0,
     RECORD_BAD,
     TLS_ALERT_UNEXPECTED_MESSAGE},
    {"handshake, empty", TLS12, HANDSHAKE, {"", 0}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"ChangeCipherSpec", TLS12, CCS, {"\1", 1}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
    {"heartbeat", TLS12, 24, {"x", 1}, 0, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
};

static void contents_and_outcomes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        const struct content_row *row = &contents[i];
        for (size_t j = 0; j < SUITES; j++) {
            if (suites[j].version != row->version)
                continue;
            struct fixture f = fixture_make(row->version, suites[j].suite);
            struct buffer wire = {0}, got = {0}, reply = {0};
            size_t used = 0;
            raw_seal_content(&f.seal, row->type, row->content, row->padding, &wire);
            int outcome = open_guarded(f.record, buffer_span(&wire), &got, &used, &reply);
            if (outcome != row->outcome || used != wire.len)
                fail_msg("%s, %s: outcome %d, used %zu", row->name, suites[j].name, outcome, used);
            if (outcome == RECORD_BAD && record_bad_alert(f.record) != row->alert)
                fail_msg("%s, %s: alert %d", row->name, suites[j].name, record_bad_alert(f.record));
            if (!span_equal(buffer_span(&got),
                            row->type == DATA && outcome == 0 ? row->content : span_make("", 0)))
                fail_msg("%s, %s: content", row->name, suites[j].name);
            if ((reply.len > 0) != (outcome == RECORD_REPLY))
                fail_msg("%s, %s: reply", row->name, suites[j].name);
            buffer_fini(&wire);
            buffer_fini(&got);
            buffer_fini(&reply);
            record_free(f.record);
        }
    }
}

/* What is refused by its header or size before there is anything to decrypt. */
static void outsides(void **state)
{
    static const struct {
        const char *name;
        uint16_t version;
        struct span in;
        int outcome;
        uint8_t alert;
    } rows[] = {
        {"plain ChangeCipherSpec", TLS13, {"\x14\3\3\0\1\1", 6}, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
        {"plain alert", TLS13, {"\x15\3\3\0\2\2\x28", 7}, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
        {"plain ClientHello", TLS13, {"\x16\3\1\1\0", 5}, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
        {"plain text", TLS13, {"<presence/>", 11}, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
        {"too long", TLS13, {"\x17\3\3\x41\1", 5}, RECORD_BAD, TLS_ALERT_RECORD_OVERFLOW},
        {"longest", TLS13, {"\x17\3\3\x41\0", 5}, RECORD_MORE, 0},
        {"no body", TLS13, {"\x17\3\3\0\0", 5}, RECORD_BAD, TLS_ALERT_BAD_RECORD_MAC},
        {"less than a tag",
         TLS13,
         {"\x17\3\3\0\x0f"
          "123456789012345",
          20},
         RECORD_BAD,
         TLS_ALERT_BAD_RECORD_MAC},
        {"a tag of nothing",
         TLS13,
         {"\x17\3\3\0\x10"
          "1234567890123456",
          21},
         RECORD_BAD,
         TLS_ALERT_BAD_RECORD_MAC},
        {"plain ChangeCipherSpec", TLS12, {"\x14\3\3\0\1\1", 6}, RECORD_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
        {"plain alert", TLS12, {"\x15\3\3\0\2\2\x28", 7}, RECORD_BAD, TLS_ALERT_BAD_RECORD_MAC},
        {"too long", TLS12, {"\x17\3\3\x41\1", 5}, RECORD_BAD, TLS_ALERT_RECORD_OVERFLOW},
        {"no body", TLS12, {"\x17\3\3\0\0", 5}, RECORD_BAD, TLS_ALERT_BAD_RECORD_MAC},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f = fixture_make(rows[i].version, TLS_AES_128_GCM);
        struct buffer got = {0}, reply = {0};
        size_t used = 0;
        int outcome = open_guarded(f.record, rows[i].in, &got, &used, &reply);
        if (outcome != rows[i].outcome ||
            (outcome == RECORD_BAD && record_bad_alert(f.record) != rows[i].alert))
            fail_msg("%s: outcome %d, alert %d", rows[i].name, outcome, record_bad_alert(f.record));
        assert_int_equal(used, outcome == RECORD_BAD ? rows[i].in.len : 0);
        record_free(f.record);
    }
}

/* Nothing but zeros inside has no type at all. */
static void empty_inner_text(void **state)
{
    struct fixture f = fixture_make(TLS13, TLS_AES_128_GCM);
    struct buffer wire = {0}, got = {0}, reply = {0};
    size_t used;
    (void)state;
    raw_seal(&f.seal, DATA, span_make("", 0), &wire);
    assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply), RECORD_BAD);
    assert_int_equal(record_bad_alert(f.record), TLS_ALERT_UNEXPECTED_MESSAGE);
    buffer_fini(&wire);
    record_free(f.record);
}

/* The client opens our KeyUpdate, which must not ask for one in turn, and follows. */
static void key_update_follow(struct fixture *f, struct span *wire)
{
    struct buffer got = {0};
    uint8_t type = 0;
    assert_true(raw_open(&f->open, wire, &type, &got));
    assert_int_equal(type, HANDSHAKE);
    assert_true(span_equal(buffer_span(&got), span_make("\x18\0\0\1\0", 5)));
    raw_key_update(&f->open);
    buffer_fini(&got);
}

static void key_updates(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES && suites[i].version == TLS13; i++) {
        struct fixture f = fixture_make(TLS13, suites[i].suite);
        for (int round = 0; round < 200; round++) {
            bool asks = round % 3 == 1;
            struct buffer wire = {0}, got = {0}, reply = {0};
            size_t used;
            data_passes(&f, suites[i].name);
            raw_seal_content(&f.seal, HANDSHAKE, span_make(asks ? "\x18\0\0\1\1" : "\x18\0\0\1\0", 5), 0,
                             &wire);
            raw_key_update(&f.seal);
            assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply),
                             asks ? RECORD_REPLY : 0);
            if (asks) {
                struct span left = buffer_span(&reply);
                key_update_follow(&f, &left);
                assert_int_equal(left.len, 0);
            }
            assert_int_equal(got.len, 0);
            buffer_fini(&wire);
            buffer_fini(&reply);
        }
        data_passes(&f, suites[i].name);

        /* Under the old key nothing is accepted any more. */
        struct raw_key old = f.seal;
        struct buffer wire = {0}, got = {0}, reply = {0};
        size_t used;
        raw_seal_content(&f.seal, HANDSHAKE, span_make("\x18\0\0\1\0", 5), 0, &wire);
        old.direction.sequence++;
        assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply), 0);
        buffer_clear(&wire);
        raw_seal_content(&old, DATA, SPAN("late"), 0, &wire);
        assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply), RECORD_BAD);
        buffer_fini(&wire);
        record_free(f.record);
    }
}

/* Ahead of 2^24 records the own key is changed, told to the client ahead. */
static void own_key_rotates(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES && suites[i].version == TLS13; i++) {
        struct tls_secrets s;
        raw_secrets_make(&s, TLS13, suites[i].suite);
        s.send.sequence = (1 << 24) - 1;
        struct fixture f = fixture_of(&s);
        struct buffer wire = {0};
        data_passes(&f, "the last under the old key");
        assert_int_equal(f.open.direction.sequence, 1 << 24);
        assert_int_equal(seal(f.record, SPAN("new"), &wire), 0);
        struct span left = buffer_span(&wire);
        struct buffer got = {0};
        uint8_t type;
        key_update_follow(&f, &left);
        assert_true(raw_open(&f.open, &left, &type, &got));
        assert_true(span_is(buffer_span(&got), "new"));
        assert_int_equal(left.len, 0);
        data_passes(&f, "and on");
        assert_int_equal(f.open.direction.sequence, 2);
        buffer_fini(&wire);
        buffer_fini(&got);
        record_free(f.record);
    }
}

/* A key that may not be used again is not, in either direction, for no purpose. */
static void keys_end(void **state)
{
    static const struct {
        const char *name;
        uint16_t version;
        enum tls_suite suite;
        uint64_t last;
    } rows[] = {
        {"1.2 AES-128-GCM", TLS12, TLS_AES_128_GCM, 23726565},
        {"1.2 AES-256-GCM", TLS12, TLS_AES_256_GCM, 23726565},
        {"1.2 ChaCha20-Poly1305", TLS12, TLS_CHACHA20_POLY1305, UINT64_MAX - 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_secrets s;
        struct buffer out = {0};
        raw_secrets_make(&s, rows[i].version, rows[i].suite);
        s.send.sequence = rows[i].last;
        struct fixture f = fixture_of(&s);
        if (seal(f.record, SPAN("last"), &out) != 0)
            fail_msg("%s: too early", rows[i].name);
        if (seal(f.record, SPAN("too late"), &out) != -EKEYEXPIRED)
            fail_msg("%s: too late", rows[i].name);
        record_free(f.record);
        buffer_fini(&out);
    }
    for (size_t i = 0; i < SUITES; i++) {
        struct tls_secrets s;
        struct buffer out = {0}, wire = {0}, got = {0}, reply = {0};
        size_t used;
        raw_secrets_make(&s, suites[i].version, suites[i].suite);
        s.send.sequence = UINT64_MAX;
        s.receive.sequence = UINT64_MAX - 1;
        struct fixture f = fixture_of(&s);
        assert_int_equal(seal(f.record, SPAN("x"), &out), -EKEYEXPIRED);
        record_alert(f.record, worker, TLS_ALERT_CLOSE_NOTIFY, &out);
        assert_int_equal(out.len, 0);
        raw_seal_content(&f.seal, DATA, SPAN("last"), 0, &wire);
        assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply), 0);
        buffer_clear(&wire);
        raw_seal_content(&f.seal, DATA, SPAN("too late"), 0, &wire);
        assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply), RECORD_BAD);
        assert_int_equal(record_bad_alert(f.record), TLS_ALERT_INTERNAL_ERROR);
        buffer_fini(&wire);
        buffer_fini(&got);
        record_free(f.record);
    }
}

/* Lawful one by one, refused in a row, forgiven when data comes between. */
static void floods(void **state)
{
    static const struct {
        const char *name;
        uint16_t version;
        uint8_t type;
        struct span content;
        int allowed;
    } rows[] = {
        {"empty records", TLS13, DATA, {"", 0}, 32},
        {"empty records", TLS12, DATA, {"", 0}, 32},
        {"user_canceled", TLS13, ALERT, {"\1\x5a", 2}, 32},
        {"warnings", TLS12, ALERT, {"\1\x5a", 2}, 32},
        {"KeyUpdates", TLS13, HANDSHAKE, {"\x18\0\0\1\0", 5}, 64},
        {"KeyUpdates with request", TLS13, HANDSHAKE, {"\x18\0\0\1\1", 5}, 64},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f = fixture_make(rows[i].version, TLS_AES_128_GCM);
        struct buffer wire = {0}, got = {0}, reply = {0};
        size_t used;
        for (int j = 0; j <= 2 * rows[i].allowed; j++) {
            buffer_clear(&wire);
            if (j == rows[i].allowed) {
                raw_seal_content(&f.seal, DATA, SPAN("x"), 0, &wire);
                assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply), 0);
                continue;
            }
            raw_seal_content(&f.seal, rows[i].type, rows[i].content, 0, &wire);
            if (rows[i].type == HANDSHAKE)
                raw_key_update(&f.seal);
            int outcome = open_guarded(f.record, buffer_span(&wire), &got, &used, &reply);
            if (outcome != 0 && outcome != RECORD_REPLY)
                fail_msg("%s: refused at %d", rows[i].name, j);
        }
        buffer_clear(&wire);
        raw_seal_content(&f.seal, rows[i].type, rows[i].content, 0, &wire);
        if (open_guarded(f.record, buffer_span(&wire), &got, &used, &reply) != RECORD_BAD)
            fail_msg("%s: without end", rows[i].name);
        assert_int_equal(record_bad_alert(f.record), TLS_ALERT_UNEXPECTED_MESSAGE);
        buffer_fini(&wire);
        buffer_fini(&got);
        buffer_fini(&reply);
        record_free(f.record);
    }
}

static void alerts(void **state)
{
    static const struct {
        uint8_t description, level;
    } rows[] = {{TLS_ALERT_CLOSE_NOTIFY, 1}, {TLS_ALERT_BAD_RECORD_MAC, 2}, {TLS_ALERT_INTERNAL_ERROR, 2}};
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct fixture f = fixture_make(suites[i].version, suites[i].suite);
        struct buffer out = {0};
        record_alert(f.record, worker, TLS_ALERT_NONE, &out);
        assert_int_equal(out.len, 0);
        buffer_literal(&out, "before ");
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++)
            record_alert(f.record, worker, rows[j].description, &out);
        struct span left = span_skip(buffer_span(&out), 7);
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
            const char want[2] = {(char)rows[j].level, (char)rows[j].description};
            struct buffer got = {0};
            uint8_t type = 0;
            assert_true(raw_open(&f.open, &left, &type, &got));
            assert_int_equal(type, ALERT);
            assert_true(span_equal(buffer_span(&got), span_make(want, 2)));
            buffer_fini(&got);
        }
        assert_int_equal(left.len, 0);
        buffer_fini(&out);
        record_free(f.record);
    }
}

/* The end is the end: a closed or failed input stays so, whatever comes; our own side goes on. */
static void input_stays_ended(void **state)
{
    (void)state;
    for (int is_closed = 0; is_closed <= 1; is_closed++) {
        struct fixture f = fixture_make(TLS13, TLS_AES_128_GCM);
        struct buffer wire = {0}, got = {0}, reply = {0};
        int want = is_closed ? RECORD_CLOSED : RECORD_BAD;
        size_t used;
        raw_seal_content(&f.seal, ALERT, span_make(is_closed ? "\1\0" : "\2\x0a", 2), 0, &wire);
        raw_seal_content(&f.seal, DATA, SPAN("after the end"), 0, &wire);
        assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply), want);
        assert_int_equal(used, wire.len);
        buffer_clear(&wire);
        raw_seal_content(&f.seal, DATA, SPAN("still after the end"), 0, &wire);
        assert_int_equal(open_guarded(f.record, buffer_span(&wire), &got, &used, &reply), want);
        assert_int_equal(used, wire.len);
        assert_int_equal(open_guarded(f.record, span_make("", 0), &got, &used, &reply), want);
        assert_int_equal(got.len, 0);

        uint8_t type;
        buffer_clear(&wire);
        assert_int_equal(seal(f.record, SPAN("good bye"), &wire), 0);
        struct span left = buffer_span(&wire);
        assert_true(raw_open(&f.open, &left, &type, &got));
        buffer_fini(&wire);
        buffer_fini(&got);
        record_free(f.record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_and_outcomes),
        cmocka_unit_test(outsides),
        cmocka_unit_test(empty_inner_text),
        cmocka_unit_test(key_updates),
        cmocka_unit_test(own_key_rotates),
        cmocka_unit_test(keys_end),
        cmocka_unit_test(floods),
        cmocka_unit_test(alerts),
        cmocka_unit_test(input_stays_ended),
    };
    return cmocka_run_group_tests(tests, worker_make, worker_drop);
}
