/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes that come to nothing: what is not agreed on, bytes that are none, and ends in the middle. */
#include "tls/handshake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "peer.h"

/* What is not agreed on: the client is told why by an alert, ours and its reason are at hand. */
static void refusals(void **state)
{
    static const struct {
        const char *name;
        int version;
        const char *suite;
        int alert; /* as the client's library calls it */
    } rows[] = {
        {"TLS 1.2 not allowed", TLS1_2_VERSION, NULL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION},
        {"CBC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE},
        {"RSA key exchange", TLS1_2_VERSION, "AES128-GCM-SHA256", SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE},
        {"CCM", TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256", SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connection c;
        struct peer p;
        char reason[128];
        peer_init(&p, rows[i].version, rows[i].suite);
        assert_int_equal(connection_open(&c, &p, i == 0 ? context13 : context12, false, 0, reason), TLS_BAD);
        if (ERR_GET_REASON(ERR_peek_last_error()) != rows[i].alert)
            fail_msg("%s: client got %s", rows[i].name, ERR_reason_error_string(ERR_peek_last_error()));
        assert_string_not_equal(reason, "in progress");
        peer_fini(&p);
    }
}

static void garbage(void **state)
{
    static const char ssl2[] = "\x80\x2e\x01\x00\x02";
    static const char hello_then_nothing[] = "\x16\x03\x01\x00\x05\x01\x00\x01\x00\x03";
    static const char too_long[] = "\x16\x03\x01\x41\x01";
    static const char longest[] = "\x16\x03\x01\x41\x00";
    static const char bad_message[] = "\x16\x03\x01\x00\x04\x02\x00\x00\x00";
    static const struct {
        const char *name;
        struct span in;
        int outcome;
        int alert; /* -1: none of ours is wanted */
    } rows[] = {
        {"nothing", {"", 0}, TLS_MORE, -1},
        {"half a header", {"\x16\x03\x01", 3}, TLS_MORE, -1},
        {"XML", {"<?xml version='1.0'?>", 21}, TLS_BAD, 10},
        {"HTTP", {"GET / HTTP/1.0\r\n\r\n", 18}, TLS_BAD, 10},
        {"one byte of something else", {"G", 1}, TLS_BAD, 10},
        {"SSL 2", {ssl2, 5}, TLS_BAD, 10},
        {"application data first", {"\x17\x03\x03\x00\x01x", 6}, TLS_BAD, 10},
        {"half a ClientHello", {hello_then_nothing, 10}, TLS_MORE, -1},
        {"record too long", {too_long, 5}, TLS_BAD, 22},
        {"record just short enough", {longest, 5}, TLS_MORE, -1},
        {"ServerHello", {bad_message, 9}, TLS_BAD, 10},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_handshake *h = tls_handshake_new(context13, false);
        struct buffer out = {0};
        size_t used = 99;
        int r = tls_handshake_step(h, rows[i].in, &used, &out);
        if (r != rows[i].outcome || used > rows[i].in.len)
            fail_msg("%s: outcome %d, used %zu, %s", rows[i].name, r, used, tls_handshake_reason(h));
        if (rows[i].alert >= 0 &&
            (out.len != 7 || out.ptr[0] != 21 || out.ptr[5] != 2 || out.ptr[6] != rows[i].alert))
            fail_msg("%s: not the alert", rows[i].name);
        if (rows[i].alert < 0)
            assert_int_equal(out.len, 0);
        if (r == TLS_BAD) {
            struct tls_secrets secrets;
            struct tls_bindings bindings;
            uint32_t len = out.len;
            assert_int_equal(tls_handshake_step(h, rows[i].in, &used, &out), TLS_BAD);
            assert_int_equal(out.len, len);
            assert_int_equal(tls_handshake_finish(h, &secrets, &bindings), -EINVAL);
        }
        tls_handshake_free(h);
        buffer_fini(&out);
    }
}

/* The client's second flight, spoilt in several ways, with handshake keys in use on both sides. */
static void second_flight_spoilt(void **state)
{
    enum spoil { SPOIL_BYTE, SPOIL_LENGTH, SPOIL_ALERT, SPOIL_FLOOD };
    static const struct {
        const char *name;
        enum spoil spoil;
    } rows[] = {
        {"one byte of Finished", SPOIL_BYTE},
        {"length of Finished", SPOIL_LENGTH},
        {"the client gives up", SPOIL_ALERT},
        {"ChangeCipherSpec without end", SPOIL_FLOOD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_handshake *h = tls_handshake_new(context13, false);
        struct buffer to_server = {0}, to_client = {0};
        struct peer p;
        size_t used = 0;
        peer_init(&p, TLS1_3_VERSION, NULL);
        peer_handshake(&p, span_make(NULL, 0), &to_server);
        assert_int_equal(tls_handshake_step(h, buffer_span(&to_server), &used, &to_client), TLS_MORE);
        buffer_clear(&to_server);
        assert_int_equal(peer_handshake(&p, buffer_span(&to_client), &to_server), 1);
        buffer_clear(&to_client);
        switch (rows[i].spoil) {
        case SPOIL_BYTE:
            to_server.ptr[to_server.len - 1] ^= 1;
            break;
        case SPOIL_LENGTH: /* behind the ChangeCipherSpec of 6 bytes */
            to_server.ptr[9] = 0x7f;
            break;
        case SPOIL_ALERT:
            to_server.len = 6;
            buffer_literal(&to_server, "\x15\x03\x03\x00\x02\x02\x28");
            break;
        case SPOIL_FLOOD:
            to_server.len = 6;
            for (int j = 0; j < 1000; j++)
                buffer_literal(&to_server, "\x14\x03\x03\x00\x01\x01");
            break;
        }
        if (tls_handshake_step(h, buffer_span(&to_server), &used, &to_client) != TLS_BAD)
            fail_msg("%s: accepted", rows[i].name);
        if (rows[i].spoil == SPOIL_BYTE || rows[i].spoil == SPOIL_LENGTH) {
            /* The alert is sealed as it should be: the client reads it. */
            struct buffer got = {0};
            peer_give(&p, buffer_span(&to_client));
            assert_int_equal(peer_read(&p, &got), SSL_ERROR_SSL);
            int alert = ERR_GET_REASON(ERR_peek_last_error());
            if (alert != (rows[i].spoil == SPOIL_BYTE ? SSL_R_SSLV3_ALERT_BAD_RECORD_MAC
                                                      : SSL_R_TLSV1_ALERT_RECORD_OVERFLOW))
                fail_msg("%s: %s (%s)", rows[i].name, ERR_reason_error_string(ERR_peek_last_error()),
                         tls_handshake_reason(h));
            buffer_fini(&got);
        }
        tls_handshake_free(h);
        peer_fini(&p);
        buffer_fini(&to_server);
        buffer_fini(&to_client);
    }
}

/* The socket may die at any point; freeing must find everything (the sanitizer looks). */
static void given_up_at_any_point(void **state)
{
    struct buffer to_server = {0}, to_client = {0};
    struct peer p;
    size_t used = 0;
    (void)state;
    assert_null(tls_handshake_free(NULL));
    tls_handshake_free(tls_handshake_new(context13, true));

    struct tls_handshake *h = tls_handshake_new(context13, true);
    peer_init(&p, TLS1_3_VERSION, NULL);
    peer_handshake(&p, span_make(NULL, 0), &to_server);
    tls_handshake_step(h, buffer_span(&to_server), &used, &to_client);
    tls_handshake_free(h);
    peer_fini(&p);
    buffer_fini(&to_server);
    buffer_fini(&to_client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(garbage),
        cmocka_unit_test(second_flight_spoilt),
        cmocka_unit_test(given_up_at_any_point),
    };
    return cmocka_run_group_tests(tests, contexts_make, contexts_drop);
}
