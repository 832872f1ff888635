/* SPDX-License-Identifier: Apache-2.0 */
/* HT-SHA-256 (draft-schmaus-kitten-sasl-ht) as a stream drives it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "sasl/sasl.h"

#define ALL_MECHANISMS ((1u << SASL_MECHANISM_COUNT) - 1)
#define EXPORTER "exporter: thirty-two octets long"
#define END_POINT "certificate's hash as endpoint.."
#define TOKEN "secret-token:fast-Oeie4nohPai9aGho"

static const uint8_t secret[32] = {1};
static const struct sasl_bindings bindings = {
    .is_tls = true,
    .tls_exporter_len = 32,
    .tls_server_end_point_len = 32,
    .tls_exporter = EXPORTER,
    .tls_server_end_point = END_POINT,
};
static const struct sasl_bindings no_bindings = {.is_tls = true};

static void hash(struct span token, const char *role, const char *binding, char *ret /* 32 */)
{
    char text[128];
    int len = snprintf(text, sizeof text, "%s%s", role, binding);
    HMAC(EVP_sha256(), token.ptr, (int)token.len, (const unsigned char *)text, (size_t)len,
         (unsigned char *)ret, NULL);
}

/* The client's message, of 7 + 32 bytes. */
static struct span message_of(struct span token, const char *binding)
{
    static char message[7 + 32] = "juliet";
    hash(token, "Initiator", binding, message + 7);
    return span_make(message, sizeof message);
}

static struct sasl_exchange *begun(enum sasl_mechanism m, const struct sasl_bindings *b, struct span message)
{
    struct sasl_exchange *x =
        sasl_exchange_new(m, ALL_MECHANISMS, SPAN("example.com"), b, secret, SASL_ITERATIONS_DEFAULT);
    assert_int_equal(sasl_respond(x, message), SASL_WANT_TOKEN);
    assert_true(span_is(sasl_exchange_username(x), "juliet"));
    return x;
}

struct row {
    enum sasl_mechanism mechanism;
    const char *binding; /* that the client has */
    bool is_good;
};

static const struct row rows[] = {
    {SASL_HT_SHA_256_EXPR, EXPORTER, true},  {SASL_HT_SHA_256_ENDP, END_POINT, true},
    {SASL_HT_SHA_256_NONE, "", true},        {SASL_HT_SHA_256_EXPR, END_POINT, false},
    {SASL_HT_SHA_256_ENDP, EXPORTER, false}, {SASL_HT_SHA_256_NONE, EXPORTER, false},
    {SASL_HT_SHA_256_EXPR, "", false},
};

static void test_bindings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sasl_exchange *x =
            begun(rows[i].mechanism, &bindings, message_of(SPAN(TOKEN), rows[i].binding));
        char answer[32];
        assert_int_equal(sasl_token_is_shown(x, SPAN(TOKEN)), rows[i].is_good);
        assert_false(sasl_token_is_shown(x, SPAN("another token")));
        assert_int_equal(sasl_provide_token(x, SPAN(TOKEN), false),
                         rows[i].is_good ? SASL_SUCCESS : SASL_FAILURE);
        if (rows[i].is_good) {
            hash(SPAN(TOKEN), "Responder", rows[i].binding, answer);
            assert_true(span_equal(sasl_exchange_out(x), span_make(answer, sizeof answer)));
        } else {
            assert_int_equal(sasl_exchange_error(x), SASL_NOT_AUTHORIZED);
            assert_int_equal(sasl_exchange_out(x).len, 0);
        }
        sasl_exchange_free(x);
    }
}

/* Whoever hashes with nothing knows nothing. */
static void test_no_token(void **state)
{
    (void)state;
    struct sasl_exchange *x = begun(SASL_HT_SHA_256_NONE, &bindings, message_of(SPAN(""), ""));
    assert_int_equal(sasl_provide_token(x, SPAN(""), false), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(x), SASL_NOT_AUTHORIZED);
    assert_int_equal(sasl_provide_token(x, SPAN(TOKEN), false), SASL_FAILURE); /* no second try */
    sasl_exchange_free(x);
    x = begun(SASL_HT_SHA_256_NONE, &bindings, message_of(SPAN(TOKEN), ""));
    assert_int_equal(sasl_provide_token(x, SPAN(TOKEN), true), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(x), SASL_CREDENTIALS_EXPIRED);
    sasl_exchange_free(x);
}

static enum sasl_error refused(enum sasl_mechanism m, const struct sasl_bindings *b, struct span message)
{
    struct sasl_exchange *x =
        sasl_exchange_new(m, ALL_MECHANISMS, SPAN("example.com"), b, secret, SASL_ITERATIONS_DEFAULT);
    assert_int_equal(sasl_respond(x, message), SASL_FAILURE);
    enum sasl_error error = sasl_exchange_error(x);
    sasl_exchange_free(x);
    return error;
}

static void test_messages(void **state)
{
    (void)state;
    struct span good = message_of(SPAN(TOKEN), "");
    for (size_t len = 1; len < good.len; len++)
        assert_int_equal(refused(SASL_HT_SHA_256_NONE, &bindings, span_make(good.ptr, len)),
                         SASL_MALFORMED_REQUEST);
    assert_int_equal(refused(SASL_HT_SHA_256_NONE, &bindings, span_skip(good, 6)),
                     SASL_MALFORMED_REQUEST); /* no name */
    assert_int_equal(refused(SASL_HT_SHA_256_EXPR, &no_bindings, good), SASL_NOT_AUTHORIZED);
    assert_int_equal(refused(SASL_HT_SHA_256_ENDP, &no_bindings, good), SASL_NOT_AUTHORIZED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_no_token),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
