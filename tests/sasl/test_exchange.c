/* SPDX-License-Identifier: Apache-2.0 */
/* Whole exchanges as a stream drives them: every mechanism, right and wrong, and that a name that does not
 * exist looks like one that does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "sasl/sasl.h"

#define ALL_MECHANISMS ((1u << SASL_MECHANISM_COUNT) - 1)
#define WITHOUT_PLUS (1u << SASL_SCRAM_SHA_256 | 1u << SASL_SCRAM_SHA_1 | 1u << SASL_PLAIN)

static const uint8_t secret[32] = "an installation's secret, 32 oct";
static const struct sasl_bindings bindings = {
    .is_tls = true,
    .tls_exporter_len = 32,
    .tls_server_end_point_len = 32,
    .tls_exporter = "exporter: thirty-two octets long",
    .tls_server_end_point = "certificate's hash as endpoint..",
};

/* One account, "juliet" with "r0m30". */
static struct sasl_credentials juliet;

static int setup(void **state)
{
    (void)state;
    return sasl_credentials_make(SPAN("r0m30"), SASL_ITERATIONS_MIN, &juliet);
}

static struct sasl_exchange *exchange_new(enum sasl_mechanism mechanism, uint32_t offered)
{
    return sasl_exchange_new(mechanism, offered, SPAN("example.com"), &bindings, secret,
                             SASL_ITERATIONS_DEFAULT);
}

/* What a store would say. */
static enum sasl_outcome provide(struct sasl_exchange *x)
{
    bool is_juliet = span_is(sasl_exchange_username(x), "juliet");

    return sasl_provide(x, is_juliet ? &juliet : NULL);
}

struct scram_row {
    const char *name;
    enum sasl_mechanism mechanism;
    uint32_t offered;
    const char *header; /* gs2 */
    const char *bare;   /* client-first-message-bare */
    const char *binding;
    const char *password;
    enum sasl_error error;
};

#define EXPORTER "exporter: thirty-two octets long"
#define END_POINT "certificate's hash as endpoint.."

static const struct scram_row scram_rows[] = {
    {"SHA-256", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,,", "n=juliet,r=abc", "", "r0m30", SASL_ERROR_NONE},
    {"SHA-1", SASL_SCRAM_SHA_1, ALL_MECHANISMS, "n,,", "n=juliet,r=abc", "", "r0m30", SASL_ERROR_NONE},
    {"SHA-256-PLUS by exporter", SASL_SCRAM_SHA_256_PLUS, ALL_MECHANISMS, "p=tls-exporter,,",
     "n=juliet,r=abc", EXPORTER, "r0m30", SASL_ERROR_NONE},
    {"SHA-256-PLUS by end point", SASL_SCRAM_SHA_256_PLUS, ALL_MECHANISMS, "p=tls-server-end-point,,",
     "n=juliet,r=abc", END_POINT, "r0m30", SASL_ERROR_NONE},
    {"SHA-1-PLUS by exporter", SASL_SCRAM_SHA_1_PLUS, ALL_MECHANISMS, "p=tls-exporter,,", "n=juliet,r=abc",
     EXPORTER, "r0m30", SASL_ERROR_NONE},
    {"SHA-1-PLUS by end point", SASL_SCRAM_SHA_1_PLUS, ALL_MECHANISMS, "p=tls-server-end-point,,",
     "n=juliet,r=abc", END_POINT, "r0m30", SASL_ERROR_NONE},
    {"other channel", SASL_SCRAM_SHA_256_PLUS, ALL_MECHANISMS, "p=tls-exporter,,", "n=juliet,r=abc",
     "Exporter: thirty-two octets long", "r0m30", SASL_NOT_AUTHORIZED},
    {"the other type's binding", SASL_SCRAM_SHA_256_PLUS, ALL_MECHANISMS, "p=tls-server-end-point,,",
     "n=juliet,r=abc", EXPORTER, "r0m30", SASL_NOT_AUTHORIZED},
    {"binding left out", SASL_SCRAM_SHA_256_PLUS, ALL_MECHANISMS, "p=tls-exporter,,", "n=juliet,r=abc", "",
     "r0m30", SASL_NOT_AUTHORIZED},
    {"binding where none was asked", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,,", "n=juliet,r=abc", EXPORTER,
     "r0m30", SASL_NOT_AUTHORIZED},
    {"tls-unique", SASL_SCRAM_SHA_256_PLUS, ALL_MECHANISMS, "p=tls-unique,,", "n=juliet,r=abc", "x", "r0m30",
     SASL_NOT_AUTHORIZED},
    {"downgrade", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "y,,", "n=juliet,r=abc", "", "r0m30",
     SASL_NOT_AUTHORIZED},
    {"y, and no -PLUS offered", SASL_SCRAM_SHA_256, WITHOUT_PLUS, "y,,", "n=juliet,r=abc", "", "r0m30",
     SASL_ERROR_NONE},
    {"mechanism not offered", SASL_SCRAM_SHA_256_PLUS, WITHOUT_PLUS, "p=tls-exporter,,", "n=juliet,r=abc",
     EXPORTER, "r0m30", SASL_INVALID_MECHANISM},
    {"wrong password", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,,", "n=juliet,r=abc", "", "r0m3o",
     SASL_NOT_AUTHORIZED},
    {"wrong password, SHA-1", SASL_SCRAM_SHA_1, ALL_MECHANISMS, "n,,", "n=juliet,r=abc", "", "",
     SASL_NOT_AUTHORIZED},
    {"unknown user", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,,", "n=romeo,r=abc", "", "r0m30",
     SASL_NOT_AUTHORIZED},
    {"name in capitals", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,,", "n=JULIET,r=abc", "", "r0m30",
     SASL_ERROR_NONE},
    {"name no account can have", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,,", "n=ju liet,r=abc", "", "r0m30",
     SASL_NOT_AUTHORIZED},
    {"name not UTF-8", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,,", "n=\xFF,r=abc", "", "r0m30",
     SASL_NOT_AUTHORIZED},
    {"own authzid", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,a=juliet@example.com,", "n=juliet,r=abc", "",
     "r0m30", SASL_ERROR_NONE},
    {"own authzid in capitals", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,a=Juliet@Example.COM.,",
     "n=juliet,r=abc", "", "r0m30", SASL_ERROR_NONE},
    {"another's authzid", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,a=romeo@example.com,", "n=juliet,r=abc", "",
     "r0m30", SASL_INVALID_AUTHZID},
    {"authzid at another domain", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,a=juliet@example.net,",
     "n=juliet,r=abc", "", "r0m30", SASL_INVALID_AUTHZID},
    {"authzid with resource", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,a=juliet@example.com/x,",
     "n=juliet,r=abc", "", "r0m30", SASL_INVALID_AUTHZID},
    {"authzid without local part", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,a=example.com,", "n=juliet,r=abc",
     "", "r0m30", SASL_INVALID_AUTHZID},
    {"authzid no JID", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,a=@,", "n=juliet,r=abc", "", "r0m30",
     SASL_INVALID_AUTHZID},
    {"domain for a name no account can have", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,a=example.com,",
     "n=ju liet,r=abc", "", "r0m30", SASL_INVALID_AUTHZID},
    {"malformed", SASL_SCRAM_SHA_256, ALL_MECHANISMS, "n,", "n=juliet,r=abc", "", "r0m30",
     SASL_MALFORMED_REQUEST},
};

/* Play a row; the outcome of the last step taken. */
static enum sasl_outcome play_scram(struct sasl_exchange *x, const struct scram_row *row)
{
    struct buffer first, cbind_input, final, expected;
    enum sasl_outcome outcome;

    buffer_init(&first);
    buffer_init(&cbind_input);
    buffer_init(&final);
    buffer_init(&expected);
    buffer_append(&first, span_of(row->header));
    buffer_append(&first, span_of(row->bare));
    buffer_append(&cbind_input, span_of(row->header));
    buffer_append(&cbind_input, span_of(row->binding));
    outcome = sasl_respond(x, buffer_span(&first));
    if (outcome == SASL_WANT_KEYS)
        outcome = provide(x);
    if (outcome == SASL_CHALLENGE) {
        bool is_sha1 = row->mechanism == SASL_SCRAM_SHA_1 || row->mechanism == SASL_SCRAM_SHA_1_PLUS;
        client_final(is_sha1 ? CLIENT_SHA_1 : CLIENT_SHA_256, row->password, span_of(row->bare),
                     sasl_exchange_out(x), buffer_span(&cbind_input), "", &final, &expected);
        outcome = sasl_respond(x, buffer_span(&final));
    }
    if (outcome == SASL_SUCCESS && !span_equal(sasl_exchange_out(x), buffer_span(&expected)))
        fail_msg("%s: the server does not prove itself", row->name);
    buffer_fini(&first);
    buffer_fini(&cbind_input);
    buffer_fini(&final);
    buffer_fini(&expected);
    return outcome;
}

static void test_scram(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scram_rows) / sizeof(scram_rows[0]); i++) {
        const struct scram_row *row = &scram_rows[i];
        struct sasl_exchange *x = exchange_new(row->mechanism, row->offered);
        enum sasl_outcome outcome = play_scram(x, row);

        if (outcome != (row->error ? SASL_FAILURE : SASL_SUCCESS))
            fail_msg("%s: outcome %d", row->name, (int)outcome);
        if (row->error && sasl_exchange_error(x) != row->error)
            fail_msg("%s: %s", row->name, sasl_error_name(sasl_exchange_error(x)));
        if (row->error)
            assert_int_equal(sasl_exchange_out(x).len, 0);
        else
            assert_true(span_is(sasl_exchange_username(x), "juliet"));
        /* It is over, whatever comes. */
        assert_int_equal(sasl_respond(x, SPAN("n,,n=juliet,r=abc")), SASL_FAILURE);
        sasl_exchange_free(x);
    }
}

/* A connection without the binding values cannot do -PLUS. */
static void test_no_bindings(void **state)
{
    const struct sasl_bindings none = {.is_tls = true};
    struct sasl_exchange *x = sasl_exchange_new(SASL_SCRAM_SHA_256_PLUS, ALL_MECHANISMS, SPAN("example.com"),
                                                &none, secret, SASL_ITERATIONS_DEFAULT);

    (void)state;
    assert_int_equal(sasl_respond(x, SPAN("p=tls-exporter,,n=juliet,r=abc")), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(x), SASL_NOT_AUTHORIZED);
    sasl_exchange_free(x);
}

/* Start an exchange for `name` and cut the challenge; the exchange is left to the caller. */
static struct sasl_exchange *challenge_for(enum sasl_mechanism mechanism, const char *name,
                                           struct client_challenge *ret)
{
    struct sasl_exchange *x = exchange_new(mechanism, ALL_MECHANISMS);
    char message[64];

    snprintf(message, sizeof(message), "n,,n=%s,r=abc", name);
    assert_int_equal(sasl_respond(x, span_of(message)), SASL_WANT_KEYS);
    assert_int_equal(provide(x), SASL_CHALLENGE);
    assert_true(client_challenge_cut(sasl_exchange_out(x), ret));
    return x;
}

static void test_unknown_user_looks_known(void **state)
{
    static const char *const unknown[] = {"romeo", "tybal", "ju liet", "\xFF"};
    struct client_challenge known, first, second, sha1;
    struct sasl_exchange *k = challenge_for(SASL_SCRAM_SHA_256, "juliet", &known);

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        struct sasl_exchange *a = challenge_for(SASL_SCRAM_SHA_256, unknown[i], &first);
        struct sasl_exchange *b = challenge_for(SASL_SCRAM_SHA_256, unknown[i], &second);
        struct sasl_exchange *c = challenge_for(SASL_SCRAM_SHA_1, unknown[i], &sha1);

        assert_int_equal(sasl_exchange_out(a).len, sasl_exchange_out(k).len);
        assert_int_equal(first.nonce.len, known.nonce.len);
        assert_int_equal(first.salt_text.len, known.salt_text.len);
        assert_int_equal(first.iterations, known.iterations);
        assert_true(span_equal(first.salt_text, second.salt_text));
        assert_false(span_equal(first.nonce, second.nonce));
        assert_false(span_equal(first.salt_text, sha1.salt_text));
        assert_false(span_equal(first.salt_text, known.salt_text));
        sasl_exchange_free(a);
        sasl_exchange_free(b);
        sasl_exchange_free(c);
    }
    sasl_exchange_free(k);
}

/* The salt follows the name as it is prepared, and the installation. */
static void test_unknown_salt_depends(void **state)
{
    static const uint8_t other_secret[32] = "another one";
    struct client_challenge lower, upper, other_name, other_place;
    struct sasl_exchange *a = challenge_for(SASL_SCRAM_SHA_256, "romeo", &lower);
    struct sasl_exchange *b = challenge_for(SASL_SCRAM_SHA_256, "ROMEO", &upper);
    struct sasl_exchange *c = challenge_for(SASL_SCRAM_SHA_256, "tybalt", &other_name);
    struct sasl_exchange *d = sasl_exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS, SPAN("example.com"),
                                                &bindings, other_secret, SASL_ITERATIONS_DEFAULT);

    (void)state;
    assert_int_equal(sasl_respond(d, SPAN("n,,n=romeo,r=abc")), SASL_WANT_KEYS);
    assert_int_equal(sasl_provide(d, NULL), SASL_CHALLENGE);
    assert_true(client_challenge_cut(sasl_exchange_out(d), &other_place));
    assert_true(span_equal(lower.salt_text, upper.salt_text));
    assert_false(span_equal(lower.salt_text, other_name.salt_text));
    assert_false(span_equal(lower.salt_text, other_place.salt_text));
    sasl_exchange_free(a);
    sasl_exchange_free(b);
    sasl_exchange_free(c);
    sasl_exchange_free(d);
}

/* A stored key of zeros is what stands in for an unknown user: no proof may meet it. */
static void test_account_without_keys_for_the_hash(void **state)
{
    struct sasl_credentials no_sha256 = {.sha1 = juliet.sha1};
    struct client_challenge as_unknown, c;
    struct sasl_exchange *x = exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS);
    struct sasl_exchange *y = exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS);

    (void)state;
    assert_int_equal(sasl_respond(x, SPAN("n,,n=juliet,r=abc")), SASL_WANT_KEYS);
    assert_int_equal(sasl_provide(x, &no_sha256), SASL_CHALLENGE);
    assert_true(client_challenge_cut(sasl_exchange_out(x), &c));
    assert_int_equal(sasl_respond(y, SPAN("n,,n=juliet,r=abc")), SASL_WANT_KEYS);
    assert_int_equal(sasl_provide(y, NULL), SASL_CHALLENGE);
    assert_true(client_challenge_cut(sasl_exchange_out(y), &as_unknown));
    assert_true(span_equal(c.salt_text, as_unknown.salt_text));
    sasl_exchange_free(x);
    sasl_exchange_free(y);
}

/* Credentials for a name that is none are not used, even if a store has some. */
static void test_credentials_for_no_name(void **state)
{
    struct buffer final, expected;
    struct sasl_exchange *x = exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS);

    (void)state;
    buffer_init(&final);
    buffer_init(&expected);
    assert_int_equal(sasl_respond(x, SPAN("n,,n=ju liet,r=abc")), SASL_WANT_KEYS);
    assert_int_equal(sasl_exchange_username(x).len, 0);
    assert_int_equal(sasl_provide(x, &juliet), SASL_CHALLENGE);
    client_final(CLIENT_SHA_256, "r0m30", SPAN("n=ju liet,r=abc"), sasl_exchange_out(x), SPAN("n,,"), "",
                 &final, &expected);
    assert_int_equal(sasl_respond(x, buffer_span(&final)), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(x), SASL_NOT_AUTHORIZED);
    buffer_fini(&final);
    buffer_fini(&expected);
    sasl_exchange_free(x);
}

struct plain_row {
    const char *name;
    struct span message;
    enum sasl_error error;
};

static const struct plain_row plain_rows[] = {
    {"good", SPAN("\0juliet\0r0m30"), SASL_ERROR_NONE},
    {"name in capitals", SPAN("\0Juliet\0r0m30"), SASL_ERROR_NONE},
    {"own authzid", SPAN("juliet@example.com\0juliet\0r0m30"), SASL_ERROR_NONE},
    {"another's authzid", SPAN("romeo@example.com\0juliet\0r0m30"), SASL_INVALID_AUTHZID},
    {"authzid without domain", SPAN("juliet\0juliet\0r0m30"), SASL_INVALID_AUTHZID},
    {"wrong password", SPAN("\0juliet\0r0m3"), SASL_NOT_AUTHORIZED},
    {"password and more", SPAN("\0juliet\0r0m30x"), SASL_NOT_AUTHORIZED},
    {"password in other case", SPAN("\0juliet\0R0M30"), SASL_NOT_AUTHORIZED},
    {"unknown user", SPAN("\0romeo\0r0m30"), SASL_NOT_AUTHORIZED},
    {"name no account can have", SPAN("\0ju liet\0r0m30"), SASL_NOT_AUTHORIZED},
    {"password that cannot be prepared", SPAN("\0juliet\0r0m30\n"), SASL_NOT_AUTHORIZED},
    {"password not UTF-8", SPAN("\0juliet\0\xFF"), SASL_NOT_AUTHORIZED},
    {"no NUL", SPAN("juliet"), SASL_MALFORMED_REQUEST},
    {"one NUL", SPAN("juliet\0r0m30"), SASL_MALFORMED_REQUEST},
    {"three NULs", SPAN("\0juliet\0r0m30\0"), SASL_MALFORMED_REQUEST},
    {"NULs only", SPAN("\0\0"), SASL_MALFORMED_REQUEST},
    {"no name", SPAN("\0\0r0m30"), SASL_MALFORMED_REQUEST},
    {"no password", SPAN("\0juliet\0"), SASL_MALFORMED_REQUEST},
};

static enum sasl_outcome play_plain(struct sasl_exchange *x, struct span message)
{
    enum sasl_outcome outcome = sasl_respond(x, message);

    return outcome == SASL_WANT_PASSWORD_CHECK ? provide(x) : outcome;
}

static void test_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(plain_rows) / sizeof(plain_rows[0]); i++) {
        const struct plain_row *row = &plain_rows[i];
        struct sasl_exchange *x = exchange_new(SASL_PLAIN, ALL_MECHANISMS);
        enum sasl_outcome outcome = play_plain(x, row->message);

        if (outcome != (row->error ? SASL_FAILURE : SASL_SUCCESS))
            fail_msg("%s: outcome %d", row->name, (int)outcome);
        if (row->error && sasl_exchange_error(x) != row->error)
            fail_msg("%s: %s", row->name, sasl_error_name(sasl_exchange_error(x)));
        assert_int_equal(sasl_exchange_out(x).len, 0);
        sasl_exchange_free(x);
    }
}

/* A password is prepared before it is compared: composed and decomposed are one. */
static void test_plain_prepares_password(void **state)
{
    struct sasl_credentials made;
    struct sasl_exchange *x = exchange_new(SASL_PLAIN, ALL_MECHANISMS);

    (void)state;
    assert_int_equal(sasl_credentials_make(SPAN("caf\u00E9"), SASL_ITERATIONS_MIN, &made), 0);
    assert_int_equal(sasl_respond(x, SPAN("\0juliet\0cafe\u0301")), SASL_WANT_PASSWORD_CHECK);
    assert_int_equal(sasl_provide(x, &made), SASL_SUCCESS);
    sasl_exchange_free(x);
}

static void test_plain_with_sha1_keys_only(void **state)
{
    struct sasl_credentials no_sha256 = {.sha1 = juliet.sha1}, no_keys = {0};
    struct sasl_exchange *x = exchange_new(SASL_PLAIN, ALL_MECHANISMS);
    struct sasl_exchange *y = exchange_new(SASL_PLAIN, ALL_MECHANISMS);

    (void)state;
    assert_int_equal(sasl_respond(x, SPAN("\0juliet\0r0m30")), SASL_WANT_PASSWORD_CHECK);
    assert_int_equal(sasl_provide(x, &no_sha256), SASL_SUCCESS);
    assert_int_equal(sasl_respond(y, SPAN("\0juliet\0r0m30")), SASL_WANT_PASSWORD_CHECK);
    assert_int_equal(sasl_provide(y, &no_keys), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(y), SASL_NOT_AUTHORIZED);
    sasl_exchange_free(x);
    sasl_exchange_free(y);
}

static void test_plain_in_the_clear(void **state)
{
    const struct sasl_bindings clear = {.is_tls = false};
    struct sasl_exchange *x = sasl_exchange_new(SASL_PLAIN, ALL_MECHANISMS, SPAN("example.com"), &clear,
                                                secret, SASL_ITERATIONS_DEFAULT);

    (void)state;
    assert_int_equal(sasl_respond(x, SPAN("\0juliet\0r0m30")), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(x), SASL_ENCRYPTION_REQUIRED);
    sasl_exchange_free(x);
}

static void test_no_initial_response(void **state)
{
    (void)state;
    for (int m = SASL_EXTERNAL + 1; m < SASL_MECHANISM_COUNT;
         m++) { /* to EXTERNAL an empty message says something */
        struct sasl_exchange *x = exchange_new((enum sasl_mechanism)m, ALL_MECHANISMS);

        assert_int_equal(sasl_respond(x, (struct span){0}), SASL_CHALLENGE);
        assert_int_equal(sasl_exchange_out(x).len, 0);
        if (m == SASL_SCRAM_SHA_256) {
            assert_int_equal(sasl_respond(x, SPAN("n,,n=juliet,r=abc")), SASL_WANT_KEYS);
        } else {
            assert_int_equal(sasl_respond(x, (struct span){0}), SASL_FAILURE);
            assert_int_equal(sasl_exchange_error(x), SASL_MALFORMED_REQUEST);
        }
        sasl_exchange_free(x);
    }
}

static void test_out_of_turn(void **state)
{
    struct sasl_exchange *x = exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS);

    (void)state;
    assert_int_equal(sasl_respond(x, SPAN("n,,n=juliet,r=abc")), SASL_WANT_KEYS);
    assert_int_equal(sasl_respond(x, SPAN("n,,n=juliet,r=abc")), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(x), SASL_MALFORMED_REQUEST);
    assert_int_equal(sasl_provide(x, &juliet), SASL_FAILURE); /* the look-up comes back late */
    sasl_exchange_free(x);
    assert_null(sasl_exchange_free(NULL));
}

static void test_message_lengths(void **state)
{
    char message[SASL_MESSAGE_BYTES_MAX + 1];
    struct sasl_exchange *x;

    (void)state;
    memset(message, 'a', sizeof(message));
    memcpy(message, "n,,n=juliet,r=", 14);
    x = exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS);
    assert_int_equal(sasl_respond(x, span_make(message, SASL_MESSAGE_BYTES_MAX)), SASL_WANT_KEYS);
    assert_int_equal(provide(x), SASL_CHALLENGE);
    sasl_exchange_free(x);
    x = exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS);
    assert_int_equal(sasl_respond(x, span_make(message, SASL_MESSAGE_BYTES_MAX + 1)), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(x), SASL_MALFORMED_REQUEST);
    sasl_exchange_free(x);

    /* The longest name: no account's, and still answered like one. */
    memset(message, 'a', sizeof(message));
    memcpy(message, "n,,n=", 5);
    memcpy(message + SASL_MESSAGE_BYTES_MAX - 4, ",r=a", 4);
    x = exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS);
    assert_int_equal(sasl_respond(x, span_make(message, SASL_MESSAGE_BYTES_MAX)), SASL_WANT_KEYS);
    assert_int_equal(provide(x), SASL_CHALLENGE);
    sasl_exchange_free(x);
}

/* NUL is in no SCRAM message (RFC 5802 s. 7). */
static void test_nul(void **state)
{
    struct sasl_exchange *x = exchange_new(SASL_SCRAM_SHA_256, ALL_MECHANISMS);

    (void)state;
    assert_int_equal(sasl_respond(x, SPAN("n,,n=jul\0iet,r=abc")), SASL_FAILURE);
    assert_int_equal(sasl_exchange_error(x), SASL_MALFORMED_REQUEST);
    sasl_exchange_free(x);
}

/* PLAIN at every prefix, at an unreadable page. */
static void test_plain_prefixes_at_guard_page(void **state)
{
    const struct span whole = SPAN("\0juliet\0r0m30");
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t shortest = strlen("-juliet-r");
    char *room = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(room != MAP_FAILED);
    assert_int_equal(mprotect(room + page, page, PROT_NONE), 0);
    for (size_t len = 1; len <= whole.len; len++) {
        struct sasl_exchange *x = exchange_new(SASL_PLAIN, ALL_MECHANISMS);
        char *at = memcpy(room + page - len, whole.ptr, len);

        assert_int_equal(sasl_respond(x, span_make(at, len)),
                         len >= shortest ? SASL_WANT_PASSWORD_CHECK : SASL_FAILURE);
        sasl_exchange_free(x);
    }
    munmap(room, 2 * page);
}

struct external_row {
    const char *addresses[3]; /* of the certificate */
    const char *authzid;
    const char *username; /* NULL: invalid-authzid */
};

static const struct external_row external_rows[] = {
    {{"juliet@example.com"}, "", "juliet"},
    {{"juliet@example.com"}, "juliet@example.com", "juliet"},
    {{"JULIET@Example.com"}, "Juliet@example.com", "juliet"},
    {{"juliet@example.com"}, "romeo@example.com", NULL},
    {{"juliet@example.com"}, "juliet@example.com/balcony", NULL},
    {{"juliet@example.com"}, "example.com", NULL},
    {{"juliet@example.com"}, "@", NULL},
    {{"juliet@example.com", "romeo@example.com"}, "", NULL},
    {{"juliet@example.com", "romeo@example.com"}, "romeo@example.com", "romeo"},
    {{"juliet@example.com", "JULIET@example.com"}, "", "juliet"},
    {{"juliet@example.com", "juliet@example.net"}, "", "juliet"},
    {{"juliet@example.net"}, "", NULL},
    {{"juliet@example.net"}, "juliet@example.net", NULL},
    {{"example.com", "juliet@example.com/r", "@"}, "", NULL},
    {{NULL}, "", NULL},
    {{NULL}, "juliet@example.com", NULL},
};

static void test_external(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof external_rows / sizeof *external_rows; i++) {
        const struct external_row *row = &external_rows[i];
        struct sasl_exchange *x = exchange_new(SASL_EXTERNAL, ALL_MECHANISMS);
        for (int a = 0; a < 3 && row->addresses[a]; a++)
            sasl_exchange_certify(x, span_of(row->addresses[a]));
        enum sasl_outcome outcome = sasl_respond(x, span_of(row->authzid));
        if (outcome != (row->username ? SASL_WANT_KEYS : SASL_FAILURE))
            fail_msg("row %zu: outcome %d", i, outcome);
        if (row->username) {
            assert_true(span_equal(sasl_exchange_username(x), span_of(row->username)));
            assert_int_equal(provide(x), strcmp(row->username, "juliet") == 0 ? SASL_SUCCESS : SASL_FAILURE);
        } else {
            assert_int_equal(sasl_exchange_error(x), SASL_INVALID_AUTHZID);
        }
        sasl_exchange_free(x);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(sasl_mechanism_names[SASL_SCRAM_SHA_256_PLUS], "SCRAM-SHA-256-PLUS");
    assert_string_equal(sasl_mechanism_names[SASL_PLAIN], "PLAIN");
    for (int e = SASL_ABORTED; e <= SASL_TEMPORARY_AUTH_FAILURE; e++)
        assert_non_null(sasl_error_name((enum sasl_error)e));
    assert_string_equal(sasl_error_name(SASL_NOT_AUTHORIZED), "not-authorized");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scram),
        cmocka_unit_test(test_no_bindings),
        cmocka_unit_test(test_unknown_user_looks_known),
        cmocka_unit_test(test_unknown_salt_depends),
        cmocka_unit_test(test_account_without_keys_for_the_hash),
        cmocka_unit_test(test_credentials_for_no_name),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_plain_prepares_password),
        cmocka_unit_test(test_plain_with_sha1_keys_only),
        cmocka_unit_test(test_plain_in_the_clear),
        cmocka_unit_test(test_no_initial_response),
        cmocka_unit_test(test_out_of_turn),
        cmocka_unit_test(test_message_lengths),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_plain_prefixes_at_guard_page),
        cmocka_unit_test(test_external),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
