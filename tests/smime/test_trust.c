/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "smime/chain.h"
#include "smime/trust_openssl.h"
#include "world.h"

static int setup(void **state)
{
    (void)state;
    return smime_library_begin();
}

static void test_library(void **state)
{
    (void)state;
    assert_int_equal(smime_library_begin(), 0); /* again: nothing happens */
    if (OpenSSL_version_num() >= 0x30000160L)
        assert_null(smime_library_warning());
    else
        assert_non_null(smime_library_warning());
}

static void test_texts(void **state)
{
    struct smime_trust_settings settings = {.purpose = SMIME_PURPOSE_REQUIRE};
    struct span good = world_root()->pem, empty = {0},
                broken = SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    struct buffer mixed = {0};
    (void)state;
    buffer_append(&mixed, good);
    buffer_append(&mixed, broken);
    const struct {
        struct span anchors, intermediates, crls;
        int result;
    } rows[] = {
        {good, empty, empty, 0},         {good, good, empty, 0},
        {empty, empty, empty, -EINVAL},  {SPAN("hello\n"), empty, empty, -EINVAL},
        {broken, empty, empty, -EINVAL}, {buffer_span(&mixed), empty, empty, -EINVAL},
        {good, broken, empty, -EINVAL},  {good, empty, SPAN("hello\n"), -EINVAL},
        {good, empty, good, -EINVAL}, /* a certificate is no list */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct smime_trust *trust = NULL;
        struct buffer message = {0};
        assert_int_equal(smime_trust_new(&settings, rows[i].anchors, rows[i].intermediates, rows[i].crls,
                                         &trust, &message),
                         rows[i].result);
        assert_int_equal(message.len > 0, rows[i].result != 0);
        smime_trust_unref(trust);
        buffer_fini(&message);
    }
    buffer_fini(&mixed);
}

static enum smime_reason verdict(const struct smime_trust *trust, const struct ca_made *leaf,
                                 const struct ca_made *between, int64_t now_s, int64_t *ret_until_s)
{
    struct certificate *c = world_certificate(leaf);
    STACK_OF(X509) *others = sk_X509_new_null();
    if (between)
        sk_X509_push(others, between->certificate);
    struct chain_verdict v = chain_verify(trust, c, others, now_s);
    if (v.reason == SMIME_OK && ret_until_s)
        *ret_until_s = v.until_s;
    sk_X509_pop_free(v.above, X509_free);
    sk_X509_free(others);
    certificate_unref(c);
    return v.reason;
}

/* An authority below the root: what its own certificate says decides. */
static void test_intermediates(void **state)
{
    static const struct {
        struct ca_recipe between;
        enum smime_reason reason;
    } rows[] = {
        {{.is_ca = true, .key_usage = "critical,keyCertSign"}, SMIME_OK},
        {{.is_ca = true, .eku = "imUri"}, SMIME_OK},
        {{.is_ca = true, .eku = "any"}, SMIME_OK},
        {{.is_ca = true, .eku = "imUri clientAuth"}, SMIME_OK},
        {{.is_ca = true, .eku = "clientAuth serverAuth"}, SMIME_CHAIN},
        {{.is_ca = true, .eku = "emailProtection"}, SMIME_CHAIN},
        {{.is_ca = true, .key_usage = "critical,digitalSignature"}, SMIME_CHAIN},
        {{.is_ca = false}, SMIME_CHAIN},
        {{.is_ca = false, .key_usage = "critical,keyCertSign"}, SMIME_CHAIN},
        {{.is_ca = true, .key = "RSA-1024"}, SMIME_CHAIN},
        {{.is_ca = true, .hash = "SHA1"}, SMIME_CHAIN},
        {{.is_ca = true, .ends_s = NOW_S - 1}, SMIME_EXPIRED},
        {{.is_ca = true, .starts_s = NOW_S + 1}, SMIME_NOT_YET_VALID},
    };
    struct smime_trust *trust = world_trust(SMIME_PURPOSE_REQUIRE, false, world_root(), NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_recipe recipe = rows[i].between;
        recipe.common_name = "between";
        struct ca_made *between = ca_issue(&recipe, world_root());
        struct ca_made *leaf = ca_person(between, "P-256", JULIET);
        enum smime_reason found = verdict(trust, leaf, between, NOW_S, NULL);
        if (found != rows[i].reason)
            print_error("row %zu\n", i);
        assert_reason(found, rows[i].reason);
        assert_reason(verdict(trust, leaf, NULL, NOW_S, NULL), SMIME_CHAIN); /* nobody has it */
        ca_free(leaf);
        ca_free(between);
    }
    smime_trust_unref(trust);
}

static void test_given_intermediates(void **state)
{
    struct smime_trust_settings settings = {.purpose = SMIME_PURPOSE_REQUIRE};
    struct ca_made *between =
        ca_issue(&(struct ca_recipe){.common_name = "between", .is_ca = true}, world_root());
    struct ca_made *leaf = ca_person(between, "P-256", JULIET);
    struct smime_trust *trust = NULL;
    struct buffer message = {0};
    (void)state;
    assert_int_equal(
        smime_trust_new(&settings, world_root()->pem, between->pem, (struct span){0}, &trust, &message), 0);
    assert_reason(verdict(trust, leaf, NULL, NOW_S, NULL), SMIME_OK);
    smime_trust_unref(trust);
    ca_free(leaf);
    ca_free(between);
}

static void test_path_length(void **state)
{
    struct smime_trust *trust = world_trust(SMIME_PURPOSE_REQUIRE, false, world_root(), NULL);
    struct ca_made *upper =
        ca_issue(&(struct ca_recipe){.common_name = "upper", .is_ca = true, .path_length = 1}, world_root());
    struct ca_made *lower = ca_issue(&(struct ca_recipe){.common_name = "lower", .is_ca = true}, upper);
    struct ca_made *leaf = ca_person(lower, "P-256", JULIET);
    struct certificate *c = world_certificate(leaf);
    STACK_OF(X509) *others = sk_X509_new_null();
    (void)state;
    sk_X509_push(others, upper->certificate);
    sk_X509_push(others, lower->certificate);
    assert_reason(chain_verify(trust, c, others, NOW_S).reason, SMIME_CHAIN);
    sk_X509_free(others);
    certificate_unref(c);
    smime_trust_unref(trust);
    ca_free(leaf);
    ca_free(lower);
    ca_free(upper);
}

static void test_until(void **state)
{
    struct smime_trust *trust = world_trust(SMIME_PURPOSE_REQUIRE, false, world_root(), NULL);
    struct ca_made *leaf = ca_issue(
        &(struct ca_recipe){.names = "im:" JULIET, .eku = "imUri", .ends_s = NOW_S + 60}, world_root());
    struct ca_made *longer = ca_person(world_root(), "P-256", JULIET);
    int64_t until = 0;
    (void)state;
    assert_reason(verdict(trust, leaf, NULL, NOW_S, &until), SMIME_OK);
    assert_int_equal(until, NOW_S + 60);
    assert_reason(verdict(trust, longer, NULL, NOW_S, &until), SMIME_OK);
    assert_int_equal(until, NOW_S + CHAIN_KEEP_S);
    ca_free(leaf);
    ca_free(longer);
    smime_trust_unref(trust);
}

static void test_lists(void **state)
{
    struct ca_made *good = ca_person(world_root(), "P-256", JULIET),
                   *bad = ca_person(world_root(), "P-256", JULIET);
    struct ca_made *stranger = ca_authority("stranger");
    uint64_t serial = ca_serial(bad);
    int64_t until = 0;
    (void)state;
    char *list = ca_crl(world_root(), &serial, 1, NOW_S - 60, NOW_S + 600);
    struct smime_trust *trust = world_trust(SMIME_PURPOSE_REQUIRE, false, world_root(), list);
    assert_reason(verdict(trust, good, NULL, NOW_S, &until), SMIME_OK);
    assert_int_equal(until, NOW_S + 600);
    assert_reason(verdict(trust, bad, NULL, NOW_S, NULL), SMIME_REVOKED);
    assert_reason(verdict(trust, good, NULL, NOW_S + 601, NULL), SMIME_CHAIN); /* out of date */
    smime_trust_unref(trust);
    free(list);
    /* Lists, but none of this authority. */
    list = ca_crl(stranger, NULL, 0, NOW_S - 60, NOW_S + 600);
    trust = world_trust(SMIME_PURPOSE_REQUIRE, false, world_root(), list);
    assert_reason(verdict(trust, good, NULL, NOW_S, NULL), SMIME_CHAIN);
    smime_trust_unref(trust);
    free(list);
    ca_free(stranger);
    ca_free(good);
    ca_free(bad);
}

struct answers {
    enum smime_revocation leaf, above;
    uint64_t until_s;
    uint32_t asked;
    const struct ca_made *leaf_made;
};

static enum smime_revocation answer(void *context, X509 *certificate, X509 *issuer, X509_STORE *authorities,
                                    uint64_t *ret_until_s)
{
    struct answers *a = context;
    assert_non_null(authorities);
    assert_int_equal(X509_check_issued(issuer, certificate), X509_V_OK);
    a->asked++;
    *ret_until_s = a->until_s;
    return X509_cmp(certificate, a->leaf_made->certificate) == 0 ? a->leaf : a->above;
}

static void test_hook(void **state)
{
    static const struct {
        enum smime_revocation leaf, above;
        enum smime_reason reason;
        uint32_t asked;
    } rows[] = {
        {SMIME_REVOCATION_GOOD, SMIME_REVOCATION_GOOD, SMIME_OK, 2},
        {SMIME_REVOCATION_REVOKED, SMIME_REVOCATION_GOOD, SMIME_REVOKED, 1},
        {SMIME_REVOCATION_GOOD, SMIME_REVOCATION_REVOKED, SMIME_REVOKED, 2},
        {SMIME_REVOCATION_UNKNOWN, SMIME_REVOCATION_GOOD, SMIME_CHAIN, 1},
        {SMIME_REVOCATION_GOOD, SMIME_REVOCATION_UNKNOWN, SMIME_CHAIN, 2},
    };
    struct smime_trust_settings settings = {.purpose = SMIME_PURPOSE_REQUIRE};
    struct ca_made *between =
        ca_issue(&(struct ca_recipe){.common_name = "between", .is_ca = true}, world_root());
    struct ca_made *leaf = ca_person(between, "P-256", JULIET);
    struct answers answers = {.leaf_made = leaf, .until_s = NOW_S + 90};
    struct smime_revocation_hook hook = {answer, &answers};
    struct smime_trust *trust = NULL;
    struct buffer message = {0};
    (void)state;
    assert_int_equal(
        smime_trust_new_openssl(&settings, world_root()->pem, between->pem, NULL, &hook, &trust, &message),
        0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t until = 0;
        answers.asked = 0;
        answers.leaf = rows[i].leaf;
        answers.above = rows[i].above;
        assert_reason(verdict(trust, leaf, NULL, NOW_S, &until), rows[i].reason);
        assert_int_equal(answers.asked, rows[i].asked);
        if (rows[i].reason == SMIME_OK)
            assert_int_equal(until, NOW_S + 90);
    }
    /* Nobody is asked about what is not good anyway. */
    answers.asked = 0;
    assert_reason(verdict(trust, leaf, NULL, CA_ENDS_S + 1, NULL), SMIME_EXPIRED);
    assert_int_equal(answers.asked, 0);
    smime_trust_unref(trust);
    ca_free(leaf);
    ca_free(between);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library),       cmocka_unit_test(test_texts),
        cmocka_unit_test(test_intermediates), cmocka_unit_test(test_given_intermediates),
        cmocka_unit_test(test_path_length),   cmocka_unit_test(test_until),
        cmocka_unit_test(test_lists),         cmocka_unit_test(test_hook),
    };
    return cmocka_run_group_tests_name("smime trust", tests, setup, NULL);
}
