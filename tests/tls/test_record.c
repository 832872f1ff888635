/* SPDX-License-Identifier: Apache-2.0 */
/* The user-space record layer against a second implementation of the sealing (raw.c): application data of
 * every suite in every cut, and no forgery. */
#include "tls/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "record_fixture.h"

static void seals_what_a_client_opens(void **state)
{
    static const size_t lengths[] = {0, 1, 2, 15, 16, 17, 250, 4000, 16383, 16384};
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct fixture f = fixture_make(suites[i].version, suites[i].suite);
        for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
            struct span plain = span_make(filler + j, lengths[j]);
            struct buffer wire = {0}, got = {0};
            uint8_t type = 0;
            assert_int_equal(seal(f.record, plain, &wire), 0);
            struct span left = buffer_span(&wire);
            if (!raw_open(&f.open, &left, &type, &got) || left.len != 0 || type != DATA ||
                !span_equal(buffer_span(&got), plain))
                fail_msg("%s, %zu bytes", suites[i].name, lengths[j]);
            assert_true(wire.len - lengths[j] <= RECORD_OVERHEAD_MAX);
            buffer_fini(&wire);
            buffer_fini(&got);
        }
        record_free(f.record);
    }
}

static void sealed_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct record *r = fixture_make(suites[i].version, suites[i].suite).record;
        bool is_gcm12 = suites[i].version == TLS12 && suites[i].suite != TLS_CHACHA20_POLY1305;
        size_t overhead = suites[i].version == TLS13 ? 22 : is_gcm12 ? 29 : 21;
        assert_int_equal(record_head_bytes(r), is_gcm12 ? 13 : 5);
        assert_int_equal(record_sealed_bytes(r, 0), overhead);
        assert_int_equal(record_sealed_bytes(r, 16384), 16384 + overhead);
        assert_int_equal(record_sealed_bytes(r, 16385), 16385 + 2 * overhead);
        assert_int_equal(record_sealed_bytes(r, 3 * 16384), 3 * (16384 + overhead));
        record_free(r);
    }
}

/* Whole, at every prefix, against a guard page. */
static void opens_what_a_client_seals(void **state)
{
    static const size_t lengths[] = {0, 1, 16, 250, 4000, 16384};
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct fixture f = fixture_make(suites[i].version, suites[i].suite);
        for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
            struct span content = span_make(filler + j, lengths[j]);
            struct buffer wire = {0}, got = {0}, reply = {0};
            size_t used = 0;
            raw_seal_content(&f.seal, DATA, content, 0, &wire);
            size_t step = wire.len > 1000 ? 997 : 1;
            for (size_t prefix = 0; prefix < wire.len; prefix += step)
                if (open_guarded(f.record, span_make(wire.ptr, prefix), &got, &used, &reply) != RECORD_MORE)
                    fail_msg("%s, %zu bytes, prefix %zu", suites[i].name, lengths[j], prefix);
            assert_int_equal(used, 0);
            if (open_guarded(f.record, buffer_span(&wire), &got, &used, &reply) != 0 || used != wire.len ||
                !span_equal(buffer_span(&got), content))
                fail_msg("%s, %zu bytes", suites[i].name, lengths[j]);
            assert_int_equal(reply.len, 0);
            buffer_fini(&wire);
            buffer_fini(&got);
        }
        record_free(f.record);
    }
}

/* Only the first record is touched; a byte a record is slow but lawful. */
static void one_byte_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct fixture f = fixture_make(suites[i].version, suites[i].suite);
        struct buffer wire = {0}, got = {0}, reply = {0};
        for (int j = 0; j < 300; j++)
            raw_seal_content(&f.seal, DATA, span_make(filler + j, 1), 0, &wire);
        while (wire.len > 0) {
            struct span plain;
            size_t used = 0;
            assert_int_equal(record_open(f.record, worker, wire.ptr, wire.len, &plain, &used, &reply), 0);
            assert_int_equal(plain.len, 1);
            assert_true(plain.ptr >= wire.ptr && plain.ptr < wire.ptr + used);
            buffer_append(&got, plain);
            buffer_consume(&wire, used);
        }
        assert_true(span_equal(buffer_span(&got), span_make(filler, 300)));
        buffer_fini(&wire);
        buffer_fini(&got);
        record_free(f.record);
    }
}

/* Every single bit of a record is authenticated; the version in the header too, since the header is taken as
 * it came. */
static void forgeries(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct fixture f = fixture_make(suites[i].version, suites[i].suite);
        struct buffer good = {0}, got = {0}, reply = {0};
        raw_seal_content(&f.seal, DATA, SPAN("<presence/>"), 3, &good);
        struct tls_secrets s;
        raw_secrets_make(&s, suites[i].version, suites[i].suite);
        for (size_t bit = 0; bit < good.len * 8; bit++) {
            struct record *r = record_user_new(&s);
            size_t used = 0;
            good.ptr[bit / 8] ^= (char)(1 << bit % 8);
            int outcome = open_guarded(r, buffer_span(&good), &got, &used, &reply);
            bool is_longer = outcome == RECORD_MORE && (bit / 8 == 3 || bit / 8 == 4);
            if (!is_longer && (outcome != RECORD_BAD || used != good.len))
                fail_msg("%s, bit %zu: outcome %d", suites[i].name, bit, outcome);
            if (bit / 8 >= 5)
                assert_int_equal(record_bad_alert(r), TLS_ALERT_BAD_RECORD_MAC);
            good.ptr[bit / 8] ^= (char)(1 << bit % 8);
            record_free(r);
        }
        /* Replayed, it is a forgery too. */
        size_t used;
        assert_int_equal(open_guarded(f.record, buffer_span(&good), &got, &used, &reply), 0);
        assert_int_equal(open_guarded(f.record, buffer_span(&good), &got, &used, &reply), RECORD_BAD);
        assert_int_equal(record_bad_alert(f.record), TLS_ALERT_BAD_RECORD_MAC);
        buffer_fini(&good);
        buffer_fini(&got);
        record_free(f.record);
    }
}

static void seal_in_turn(struct fixture *f, int connections, int records)
{
    struct buffer out = {0};
    for (int i = 0; i < records; i++) {
        assert_int_equal(seal(f[i % connections].record, SPAN("presence"), &out), 0);
        f[i % connections].open.direction.sequence++; /* the client keeps count, too */
        buffer_consume(&out, out.len);
    }
    buffer_fini(&out);
}

/* A worker that seals for many in turn keeps more contexts, gives them up when they do not help or when it is
 * quiet, and never uses a wrong one. */
static void a_burst_takes_memory_and_gives_it_back(void **state)
{
    enum { CONNECTIONS = 5000, BURST = 1200, RECORDS = 20000 };
    static struct fixture f[CONNECTIONS];
    (void)state;
    for (int i = 0; i < CONNECTIONS; i++) {
        struct tls_secrets s;
        raw_secrets_make(&s, TLS13, TLS_AES_128_GCM);
        memcpy(s.send.key, &i, sizeof i);
        f[i] = fixture_of(&s);
    }
    assert_false(record_worker_is_large(worker));
    seal_in_turn(f, 16, RECORDS); /* few connections do not need it */
    assert_false(record_worker_is_large(worker));
    seal_in_turn(f, BURST, RECORDS);
    assert_true(record_worker_is_large(worker));
    for (int i = 0; i < BURST; i++)
        data_passes(&f[i], "large");
    seal_in_turn(f, BURST, RECORDS);
    record_worker_rest(worker, clock_now_ms()); /* it is not quiet */
    assert_true(record_worker_is_large(worker));
    record_worker_rest(worker, clock_now_ms() + 60000);
    assert_false(record_worker_is_large(worker));
    seal_in_turn(f, BURST, RECORDS);
    assert_true(record_worker_is_large(worker));
    seal_in_turn(f, CONNECTIONS, RECORDS); /* too many for it to help */
    assert_false(record_worker_is_large(worker));
    for (int i = 0; i < CONNECTIONS; i++) {
        data_passes(&f[i], "small again");
        record_free(f[i].record);
    }
}

/* Far more connections than a worker keeps keyed contexts, of all suites, some replaced by new ones in
 * between: the cached contexts never serve the wrong key. */
static void many_connections_one_worker(void **state)
{
    enum { CONNECTIONS = 300, ROUNDS = 3000 };
    static struct fixture f[CONNECTIONS];
    unsigned int seed = 1;
    (void)state;
    for (int i = 0; i < CONNECTIONS; i++)
        f[i] = fixture_make(suites[i % SUITES].version, suites[i % SUITES].suite);
    for (int round = 0; round < ROUNDS; round++) {
        int i = rand_r(&seed) % (round % 2 ? CONNECTIONS : 8);
        if (round % 7 == 0) {
            struct tls_secrets s;
            raw_secrets_make(&s, suites[i % SUITES].version, suites[i % SUITES].suite);
            s.send.key[0] ^= (uint8_t)round;
            s.receive.iv[11] ^= (uint8_t)round;
            record_free(f[i].record);
            f[i] = fixture_of(&s);
        }
        data_passes(&f[i], "many");
    }
    for (int i = 0; i < CONNECTIONS; i++)
        record_free(f[i].record);
    assert_null(record_free(NULL));
    assert_null(record_worker_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_what_a_client_opens),
        cmocka_unit_test(sealed_bytes),
        cmocka_unit_test(opens_what_a_client_seals),
        cmocka_unit_test(one_byte_records),
        cmocka_unit_test(forgeries),
        cmocka_unit_test(a_burst_takes_memory_and_gives_it_back),
        cmocka_unit_test(many_connections_one_worker),
    };
    return cmocka_run_group_tests(tests, worker_make, worker_drop);
}
