/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a client's messages: the first byte chooses the mechanism and what is known, a line feed parts
 * the first message from the second. Nobody who does not know the password gets in, and every failure has a
 * reason. */
#include <stdlib.h>

#include "sasl/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No password leads to these: success is a bug. */
static const struct sasl_credentials account = {
    .sha256 = {.hash_bytes = 32, .iterations = 1, .stored_key = {1, 2, 3}, .server_key = {4, 5, 6}},
    .sha1 = {.hash_bytes = 20, .iterations = 1, .stored_key = {7, 8, 9}, .server_key = {10, 11, 12}},
};

static const struct sasl_bindings bindings = {
    .is_tls = true,
    .tls_exporter_len = 32,
    .tls_server_end_point_len = 20,
};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_base64(struct span in)
{
    struct buffer octets, text;

    buffer_init(&octets);
    buffer_init(&text);
    if (sasl_base64_decode(in, &octets) == 0 && in.len > 0) {
        sasl_base64_encode(buffer_span(&octets), &text);
        check(span_equal(buffer_span(&text), in));
    }
    buffer_fini(&octets);
    buffer_fini(&text);
}

static void check_outcome(const struct sasl_exchange *x, enum sasl_outcome outcome)
{
    check(outcome != SASL_SUCCESS);
    if (outcome == SASL_FAILURE) {
        check(sasl_exchange_error(x) != SASL_ERROR_NONE && sasl_error_name(sasl_exchange_error(x)));
        check(sasl_exchange_out(x).len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[32] = {42};
    if (size == 0)
        return 0;

    struct span first = span_make((const char *)data + 1, size - 1);
    const char *line_feed = first.len ? memchr(first.ptr, '\n', first.len) : NULL;
    struct span second = {0};
    if (line_feed) {
        second = span_skip(first, (size_t)(line_feed - first.ptr) + 1);
        first.len = (size_t)(line_feed - first.ptr);
    }
    check_base64(first);

    uint32_t offered = data[0] & 0x80 ? 1u << SASL_SCRAM_SHA_256 | 1u << SASL_PLAIN : ~0u;
    struct sasl_exchange *x =
        sasl_exchange_new((enum sasl_mechanism)(data[0] % SASL_MECHANISM_COUNT), offered, SPAN("example.com"),
                          &bindings, secret, SASL_ITERATIONS_DEFAULT);
    sasl_exchange_certify(x, second);
    enum sasl_outcome outcome = sasl_respond(x, first);
    check_outcome(x, outcome);
    if (data[0] % SASL_MECHANISM_COUNT == SASL_EXTERNAL && outcome == SASL_WANT_KEYS) {
        check(sasl_exchange_username(x).len > 0); /* only of an account that exists is it known whose it is */
        check_outcome(x, sasl_provide(x, NULL));
        sasl_exchange_free(x);
        return 0;
    }
    if (outcome == SASL_WANT_KEYS || outcome == SASL_WANT_PASSWORD_CHECK) {
        outcome = sasl_provide(x, data[0] & 0x40 ? NULL : &account);
        check_outcome(x, outcome);
    }
    if (outcome == SASL_WANT_TOKEN) {
        outcome = sasl_provide_token(x, data[0] & 0x40 ? (struct span){0} : SPAN("nobody knows this one"),
                                     data[0] & 0x20);
        check_outcome(x, outcome);
    }
    if (outcome == SASL_CHALLENGE)
        check_outcome(x, sasl_respond(x, second));
    sasl_exchange_free(x);
    return 0;
}
