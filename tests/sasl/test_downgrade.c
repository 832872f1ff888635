/* SPDX-License-Identifier: Apache-2.0 */
/* The hash over what was announced (XEP-0474): its example, its parts, and that SCRAM's challenge tells it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "sasl/downgrade.h"

#define BOTH_SHA_1 (1u << SASL_SCRAM_SHA_1 | 1u << SASL_SCRAM_SHA_1_PLUS)

static const struct sasl_bindings both = {
    .is_tls = true, .tls_exporter_len = 32, .tls_server_end_point_len = 32};
static const struct sasl_bindings end_point = {.is_tls = true, .tls_server_end_point_len = 32};

struct row {
    const char *name;
    uint32_t offered;
    const struct sasl_bindings *bindings;
    const char *text; /* what is hashed */
};

static const struct row rows[] = {
    {"the XEP's example", BOTH_SHA_1, &both,
     "SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-exporter\x1etls-server-end-point"},
    {"one type", BOTH_SHA_1, &end_point, "SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-server-end-point"},
    {"types without a mechanism for them", 1u << SASL_SCRAM_SHA_1, &both, "SCRAM-SHA-1"},
    {"in the order of octets", 1u << SASL_SCRAM_SHA_256 | 1u << SASL_SCRAM_SHA_1 | 1u << SASL_PLAIN, &both,
     "PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-256"},
};

static void test_hash(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t digest[SASL_HASH_BYTES_MAX], wanted[SASL_HASH_BYTES_MAX];
        for (int hash = SASL_SHA_256; hash <= SASL_SHA_1; hash++) {
            assert_int_equal(
                sasl_downgrade_hash((enum sasl_hash)hash, rows[i].offered, rows[i].bindings, digest), 0);
            assert_int_equal(sasl_hash_digest((enum sasl_hash)hash, span_of(rows[i].text), wanted), 0);
            if (memcmp(digest, wanted, sasl_hash_bytes((enum sasl_hash)hash)) != 0)
                fail_msg("%s", rows[i].name);
        }
    }
}

static void test_challenge_tells(void **state)
{
    static const uint8_t secret[32] = {1};
    (void)state;
    struct sasl_exchange *x = sasl_exchange_new(SASL_SCRAM_SHA_1, BOTH_SHA_1, SPAN("example.com"), &both,
                                                secret, SASL_ITERATIONS_DEFAULT);
    assert_int_equal(sasl_respond(x, SPAN("n,,n=juliet,r=abc")), SASL_WANT_KEYS);
    assert_int_equal(sasl_provide(x, NULL), SASL_CHALLENGE);
    struct span out = sasl_exchange_out(x), wanted = SPAN(",h=G6k/rBLDqgOhRRaCuuatSDFkJ08=");
    assert_true(out.len > wanted.len && span_equal(span_skip(out, out.len - wanted.len), wanted));
    sasl_exchange_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_challenge_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
