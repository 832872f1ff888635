/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/cms.h>

#include "sasl/sasl.h"
#include "world.h"

static struct smime_trust *legacy_trust;

static int setup(void **state)
{
    world_begin(state);
    legacy_trust = world_trust(SMIME_PURPOSE_LEGACY, true, world_root(), NULL);
    return 0;
}

static int teardown(void **state)
{
    smime_trust_unref(legacy_trust);
    return world_end(state);
}

static struct smime_verdict verdict_of(const struct smime_trust *by, const struct smime_claim *claim,
                                       struct span text)
{
    struct smime_verdict verdict;
    assert_int_equal(smime_verify(by, NULL, claim, text, &verdict), 0);
    return verdict;
}

static void test_algorithms(void **state)
{
    static const struct {
        const char *key;
        struct smime_sign_options options;
        enum smime_reason today, legacy;
    } rows[] = {
        {"P-256", {0}, SMIME_OK, SMIME_OK},
        {"P-384", {0}, SMIME_OK, SMIME_OK},
        {"RSA-2048", {0}, SMIME_OK, SMIME_OK},
        {"RSA-2048", {.pss = true}, SMIME_OK, SMIME_OK},
        {"RSA-2048", {.legacy = true}, SMIME_ALG_REFUSED, SMIME_OK},
        {"RSA-1024", {0}, SMIME_KEY_TOO_SMALL, SMIME_KEY_TOO_SMALL},
        {"ED25519", {0}, SMIME_OK, SMIME_OK},
        {"ED25519", {.is_opaque = true}, SMIME_OK, SMIME_OK},
        {"P-256", {.is_opaque = true, .signing_time_s = NOW_S}, SMIME_OK, SMIME_OK},
        {"secp256k1", {0}, SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
    };
    struct buffer content = world_message();
    struct smime_claim claim = world_claim();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *who = ca_person(world_root(), rows[i].key, JULIET);
        struct buffer object = world_sign(who, &rows[i].options, buffer_span(&content));
        struct smime_verdict verdict = verdict_of(world_usual_trust, &claim, buffer_span(&object));
        assert_reason(verdict.reason, rows[i].today);
        assert_int_equal(verdict.form, rows[i].options.is_opaque ? SMIME_FORM_OPAQUE : SMIME_FORM_SIGNED);
        if (verdict.reason == SMIME_OK) {
            assert_int_equal(verdict.content, SMIME_CONTENT_MESSAGE);
            assert_int_equal(verdict.eku, SMIME_EKU_IM);
            assert_true(verdict.has_signer && verdict.has_stamp);
            assert_string_equal(verdict.jid, JULIET);
            assert_int_equal(verdict.stamp.seconds, NOW_S);
        }
        assert_reason(verdict_of(legacy_trust, &claim, buffer_span(&object)).reason, rows[i].legacy);
        buffer_fini(&object);
        ca_free(who);
    }
    buffer_fini(&content);
}

/* As it comes out of XML: LF for CRLF, blank lines in front. */
static void test_from_xml(void **state)
{
    struct buffer content = world_message(), text = {0};
    struct buffer object = world_sign(world_juliet, &(struct smime_sign_options){0}, buffer_span(&content));
    struct smime_claim claim = world_claim();
    (void)state;
    buffer_literal(&text, "\n \n");
    for (uint32_t i = 0; i < object.len; i++)
        if (object.ptr[i] != '\r')
            buffer_append_char(&text, object.ptr[i]);
    assert_reason(world_reason(world_usual_trust, NULL, &claim, buffer_span(&text)), SMIME_OK);
    buffer_fini(&text);
    buffer_fini(&object);
    buffer_fini(&content);
}

/* No bit of it can change and leave it good, but where nothing depends on it. */
static void test_each_octet_changed(void **state)
{
    struct buffer content = world_message();
    struct buffer object = world_sign(world_juliet, &(struct smime_sign_options){.signing_time_s = NOW_S},
                                      buffer_span(&content));
    struct smime_claim claim = world_claim();
    struct smime_verdict whole = verdict_of(world_usual_trust, &claim, buffer_span(&object));
    char *at = memmem(object.ptr, object.len, content.ptr, content.len);
    (void)state;
    assert_non_null(at);
    for (uint32_t i = 0; i < object.len; i++) {
        char was = object.ptr[i];
        bool is_content = object.ptr + i >= at && object.ptr + i < at + content.len;
        object.ptr[i] ^= 1;
        struct smime_verdict verdict = verdict_of(world_usual_trust, &claim, buffer_span(&object));
        if (is_content && was != '\r' && was != '\n')
            assert_reason(verdict.reason, SMIME_DIGEST_MISMATCH);
        if (verdict.reason == SMIME_OK)
            assert_memory_equal(verdict.digest, whole.digest, sizeof whole.digest);
        object.ptr[i] = was;
    }
    buffer_fini(&object);
    buffer_fini(&content);
}

/* And at every prefix it is less than it was. */
static void test_every_prefix(void **state)
{
    struct buffer content = world_message();
    struct smime_claim claim = world_claim();
    (void)state;
    for (int is_opaque = 0; is_opaque < 2; is_opaque++) {
        struct buffer object = world_sign(world_juliet, &(struct smime_sign_options){.is_opaque = is_opaque},
                                          buffer_span(&content));
        for (uint32_t len = 0; len + 8 < object.len; len++) {
            char *copy = malloc(len ? len : 1); /* its end is the allocation's: reading on is seen */
            memcpy(copy, object.ptr, len);
            assert_true(world_reason(world_usual_trust, NULL, &claim, span_make(copy, len)) != SMIME_OK);
            free(copy);
        }
        buffer_fini(&object);
    }
    buffer_fini(&content);
}

static void test_certificates(void **state)
{
    static const struct {
        struct ca_recipe recipe;
        enum smime_reason reasons[3]; /* require, strict, legacy */
    } rows[] = {
        {{.names = "im:" JULIET, .eku = "imUri"}, {SMIME_OK, SMIME_OK, SMIME_OK}},
        {{.names = "im:" JULIET, .eku = "imUri", .eku_is_critical = true}, {SMIME_OK, SMIME_OK, SMIME_OK}},
        {{.names = "im:" JULIET}, {SMIME_EKU_MISSING, SMIME_EKU_MISSING, SMIME_OK}},
        {{.names = "im:" JULIET, .eku = "any"}, {SMIME_EKU_WRONG, SMIME_EKU_WRONG, SMIME_OK}},
        {{.names = "im:" JULIET, .eku = "emailProtection"}, {SMIME_EKU_WRONG, SMIME_EKU_WRONG, SMIME_OK}},
        {{.names = "im:" JULIET, .eku = "clientAuth"}, {SMIME_EKU_WRONG, SMIME_EKU_WRONG, SMIME_EKU_WRONG}},
        {{.names = "im:" JULIET, .eku = "imUri clientAuth"}, {SMIME_OK, SMIME_EKU_MIXED, SMIME_OK}},
        {{.names = "im:" JULIET, .eku = "imUri serverAuth"}, {SMIME_OK, SMIME_EKU_MIXED, SMIME_OK}},
        {{.names = "im:" JULIET, .eku = "imUri emailProtection"}, {SMIME_OK, SMIME_OK, SMIME_OK}},
        {{.names = "im:" JULIET, .eku = "1.2.3.4"}, {SMIME_EKU_WRONG, SMIME_EKU_WRONG, SMIME_EKU_WRONG}},
        {{.names = "im:" JULIET, .eku = "imUri", .key_usage = "critical,nonRepudiation"},
         {SMIME_OK, SMIME_OK, SMIME_OK}},
        {{.names = "im:" JULIET, .eku = "imUri", .key_usage = "critical,keyAgreement"},
         {SMIME_KU_WRONG, SMIME_KU_WRONG, SMIME_KU_WRONG}},
        {{.names = "im:" JULIET, .eku = "imUri", .is_ca = true}, {SMIME_CHAIN, SMIME_CHAIN, SMIME_CHAIN}},
        {{.names = "im:" JULIET, .eku = "imUri", .ends_s = NOW_S - 1},
         {SMIME_EXPIRED, SMIME_EXPIRED, SMIME_EXPIRED}},
        {{.names = "im:" JULIET, .eku = "imUri", .starts_s = NOW_S + 1},
         {SMIME_NOT_YET_VALID, SMIME_NOT_YET_VALID, SMIME_NOT_YET_VALID}},
        /* What is out of date is called that, whatever it was for. */
        {{.names = "im:" JULIET, .eku = "clientAuth", .ends_s = NOW_S - 1},
         {SMIME_EXPIRED, SMIME_EXPIRED, SMIME_EXPIRED}},
        {{.names = "im:" JULIET, .eku = "imUri", .hash = "SHA1"}, {SMIME_CHAIN, SMIME_CHAIN, SMIME_CHAIN}},
        {{.names = "im:tybalt@example.com", .eku = "imUri"},
         {SMIME_NAME_MISMATCH, SMIME_NAME_MISMATCH, SMIME_NAME_MISMATCH}},
        {{.names = "email=" JULIET, .eku = "imUri"},
         {SMIME_NAME_MISMATCH, SMIME_NAME_MISMATCH, SMIME_NAME_MISMATCH}},
        {{.common_name = JULIET, .eku = "imUri"},
         {SMIME_NAME_MISMATCH, SMIME_NAME_MISMATCH, SMIME_NAME_MISMATCH}},
        {{.names = "im:tybalt@example.com xmppaddr=" JULIET, .eku = "imUri"}, {SMIME_OK, SMIME_OK, SMIME_OK}},
    };
    struct smime_trust *trusts[3];
    struct buffer content = world_message();
    struct smime_claim claim = world_claim();
    (void)state;
    for (int mode = 0; mode < 3; mode++)
        trusts[mode] = world_trust((enum smime_purpose)mode, false, world_root(), NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *who = ca_issue(&rows[i].recipe, world_root());
        struct buffer object = world_sign(who, &(struct smime_sign_options){0}, buffer_span(&content));
        for (int mode = 0; mode < 3; mode++) {
            struct smime_cache *cache = smime_cache_new(4);
            for (int again = 0; again < 2; again++) { /* the second time by what the cache has */
                enum smime_reason found = world_reason(trusts[mode], cache, &claim, buffer_span(&object));
                if (found != rows[i].reasons[mode])
                    print_error("row %zu, mode %d, time %d\n", i, mode, again);
                assert_reason(found, rows[i].reasons[mode]);
            }
            smime_cache_free(cache);
        }
        buffer_fini(&object);
        ca_free(who);
    }
    for (int mode = 0; mode < 3; mode++)
        smime_trust_unref(trusts[mode]);
    buffer_fini(&content);
}

static void test_forms(void **state)
{
    static const char *const none[] = {"", "\n \n", "Content-Type: text/plain\n\nhello\n",
                                       "Content-Type: message/cpim\n\nFrom: <im:a@b>\n"};
    static const struct {
        const char *text;
        enum smime_reason reason;
    } bad[] = {
        {"hello", SMIME_BAD_MIME},
        {"Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=b\n\n--b\na: b\n\n\n--b\n"
         "Content-Type: application/pgp-signature\n\n\n--b--\n",
         SMIME_BAD_MIME},
        {"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n--b\na: b\n\n\n--b\n"
         "Content-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\nMAA=\n--b--\n",
         SMIME_BAD_CMS},
        {"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\nMAA=\n", SMIME_BAD_CMS},
        {"Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=b\n\n--b\na: b\n\n\n--b\n"
         "Content-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\nMAA=\n--b--\n",
         SMIME_BAD_MIME},
        {"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n--b\na: b\n\n\n--b\n"
         "Content-Type: application/pgp-signature\nContent-Transfer-Encoding: base64\n\nMAA=\n--b--\n",
         SMIME_BAD_MIME},
        {"MAA=", SMIME_BAD_CMS},
        /* With lengths left open: signed and cut short; enveloped, which is not read any further. */
        {"MIAGCSqGSIb3DQEHAqCAMIACAQEx", SMIME_BAD_CMS},
        {"MIAGCSqGSIb3DQEHA6CAMIACAQEx", SMIME_NO_SIGNATURE},
    };
    struct smime_claim claim = world_claim();
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct smime_verdict verdict = verdict_of(world_usual_trust, &claim, span_of(none[i]));
        assert_reason(verdict.reason, SMIME_NO_SIGNATURE);
        assert_int_equal(verdict.form, SMIME_FORM_NONE);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_reason(world_reason(world_usual_trust, NULL, &claim, span_of(bad[i].text)), bad[i].reason);
    struct buffer large = {0};
    while (large.len <= SMIME_TEXT_BYTES_MAX)
        buffer_literal(&large, " ");
    assert_reason(world_reason(world_usual_trust, NULL, &claim, buffer_span(&large)), SMIME_TOO_LARGE);
    buffer_fini(&large);
}

/* A text beside the signature, and another within it: which one is shown? */
static void test_two_contents(void **state)
{
    struct smime_claim claim = world_claim();
    struct buffer content = world_message(), text = {0};
    struct buffer object =
        world_sign(world_juliet, &(struct smime_sign_options){.is_opaque = true}, buffer_span(&content));
    const char *base64 = (const char *)memmem(object.ptr, object.len, "\r\n\r\n", 4) + 4;
    (void)state;
    buffer_literal(
        &text,
        "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n--b\n");
    buffer_append(&text, buffer_span(&content));
    buffer_literal(&text,
                   "\n--b\nContent-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\n");
    buffer_append(&text, span_make(base64, (size_t)(object.ptr + object.len - base64)));
    buffer_literal(&text, "--b--\n");
    assert_reason(world_reason(world_usual_trust, NULL, &claim, buffer_span(&object)), SMIME_OK);
    assert_reason(world_reason(world_usual_trust, NULL, &claim, buffer_span(&text)), SMIME_BAD_CMS);
    buffer_fini(&text);
    buffer_fini(&object);
    buffer_fini(&content);
}

/* An object of OpenSSL's, as base64 alone; frees it. */
static struct buffer text_of(CMS_ContentInfo *cms)
{
    struct buffer text = {0};
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    assert_true(len > 0);
    sasl_base64_encode(span_make((char *)der, (size_t)len), &text);
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    return text;
}

/* Signed by OpenSSL, by each of those, as they stand. */
static CMS_ContentInfo *signed_by(const struct ca_made *const *who, int count, unsigned int flags)
{
    struct buffer content = world_message();
    BIO *in = BIO_new_mem_buf(content.ptr, (int)content.len);
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_BINARY | CMS_PARTIAL | flags);
    for (int i = 0; i < count; i++)
        assert_non_null(CMS_add1_signer(cms, who[i]->certificate, who[i]->key, NULL, CMS_BINARY | flags));
    assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
    BIO_free(in);
    buffer_fini(&content);
    return cms;
}

static void test_two_signers(void **state)
{
    struct ca_made *tybalt = ca_person(world_root(), "P-256", "tybalt@example.com");
    struct ca_made *unknown = ca_person(world_root(), "P-256", "tybalt@example.com");
    const struct ca_made *pairs[][2] = {{world_juliet, tybalt}, {tybalt, world_juliet}};
    struct smime_claim strict = world_claim(), lenient = strict;
    (void)state;
    lenient.is_strict = false;
    for (int i = 0; i < 2; i++) {
        struct buffer text = text_of(signed_by(pairs[i], 2, 0));
        assert_reason(world_reason(world_usual_trust, NULL, &strict, buffer_span(&text)), SMIME_BAD_CMS);
        struct smime_verdict verdict = verdict_of(world_usual_trust, &lenient, buffer_span(&text));
        assert_reason(verdict.reason, SMIME_OK);
        assert_string_equal(verdict.jid, JULIET);
        buffer_fini(&text);
    }
    /* One that does not hold, whoever's it is, and one of which nothing is known, spoil it. */
    for (int which = 0; which < 2; which++) {
        CMS_ContentInfo *cms = signed_by(pairs[0], 2, 0);
        CMS_SignerInfo *info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), which);
        ASN1_OCTET_STRING *signature = CMS_SignerInfo_get0_signature(info);
        ((unsigned char *)ASN1_STRING_get0_data(signature))[ASN1_STRING_length(signature) - 1] ^= 1;
        struct buffer text = text_of(cms);
        assert_reason(world_reason(world_usual_trust, NULL, &lenient, buffer_span(&text)), SMIME_SIG_INVALID);
        buffer_fini(&text);
    }
    CMS_ContentInfo *cms = signed_by((const struct ca_made *[]){world_juliet, unknown}, 2, CMS_NOCERTS);
    CMS_add1_cert(cms, world_juliet->certificate);
    struct buffer text = text_of(cms);
    assert_reason(world_reason(world_usual_trust, NULL, &lenient, buffer_span(&text)), SMIME_NO_CERT);
    buffer_fini(&text);
    ca_free(tybalt);
    ca_free(unknown);
}

static void test_key_identifier(void **state)
{
    struct smime_cache *cache = smime_cache_new(4);
    struct smime_claim claim = world_claim();
    struct buffer with = text_of(signed_by((const struct ca_made *[]){world_juliet}, 1, CMS_USE_KEYID));
    struct buffer without =
        text_of(signed_by((const struct ca_made *[]){world_juliet}, 1, CMS_USE_KEYID | CMS_NOCERTS));
    (void)state;
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&without)), SMIME_NO_CERT);
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&with)), SMIME_OK);
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&without)), SMIME_OK);
    smime_cache_free(cache);
    buffer_fini(&with);
    buffer_fini(&without);
}

/* One key, two certificates, both known: an object that brings none counts by the one that is in force, whichever was known first. */
static void test_key_renewed(void **state)
{
    static const struct {
        const char *name;
        struct {
            int starts, ends, known; /* days from now */
        } certificates[2];
    } rows[] = {
        {"the older is over", {{-60, -10, -30}, {-31, 300, -30}}},
        {"the newer has not begun", {{-60, 300, -1}, {10, 300, 20}}},
        {"both are in force", {{-60, 300, -1}, {-10, 300, -1}}},
    };
    const int64_t day_s = 86400;
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct smime_cache *cache = smime_cache_new(4);
        struct smime_claim claim = world_claim();
        struct ca_made *made[2] = {0};
        for (int n = 0; n < 2; n++) {
            const struct ca_recipe recipe = {.same_key = made[0],
                                             .names = "im:" JULIET,
                                             .eku = "imUri",
                                             .key_usage = "critical,digitalSignature",
                                             .starts_s = NOW_S + rows[i / 2].certificates[n].starts * day_s,
                                             .ends_s = NOW_S + rows[i / 2].certificates[n].ends * day_s};
            made[n] = ca_issue(&recipe, world_root());
        }
        struct buffer without =
            text_of(signed_by((const struct ca_made *[]){made[0]}, 1, CMS_USE_KEYID | CMS_NOCERTS));
        for (int n = 0; n < 2; n++) { /* the text is of another time: only the chain counts */
            int which = i % 2 ? 1 - n : n;
            struct buffer with =
                text_of(signed_by((const struct ca_made *[]){made[which]}, 1, CMS_USE_KEYID));
            struct smime_claim then = claim;
            then.now.seconds += rows[i / 2].certificates[which].known * day_s;
            world_reason(world_usual_trust, cache, &then, buffer_span(&with));
            buffer_fini(&with);
        }
        assert_int_equal(smime_cache_counters_read(cache).chain_misses, 2);
        if (world_reason(world_usual_trust, cache, &claim, buffer_span(&without)) != SMIME_OK)
            fail_msg("%s, %s: not good", rows[i / 2].name, i % 2 ? "the newer first" : "the older first");
        /* And of those that the operator has named; also where only the older was seen. */
        const struct smime_trust_settings settings = {.purpose = SMIME_PURPOSE_REQUIRE};
        struct smime_cache *seen = smime_cache_new(4);
        struct buffer named = {0}, message = {0};
        struct smime_trust *named_trust = NULL;
        for (int n = 0; n < 2; n++)
            buffer_append(&named, made[i % 2 ? 1 - n : n]->pem);
        assert_int_equal(smime_trust_new(&settings, world_root()->pem, buffer_span(&named), (struct span){0},
                                         &named_trust, &message),
                         0);
        assert_reason(world_reason(named_trust, NULL, &claim, buffer_span(&without)), SMIME_OK);
        struct buffer older = text_of(signed_by((const struct ca_made *[]){made[0]}, 1, CMS_USE_KEYID));
        struct smime_claim then = claim;
        then.now.seconds += rows[i / 2].certificates[0].known * day_s;
        world_reason(named_trust, seen, &then, buffer_span(&older));
        assert_reason(world_reason(named_trust, seen, &claim, buffer_span(&without)), SMIME_OK);
        smime_trust_unref(named_trust);
        smime_cache_free(seen);
        buffer_fini(&older);
        buffer_fini(&named);
        smime_cache_free(cache);
        buffer_fini(&without);
        ca_free(made[0]);
        ca_free(made[1]);
    }
}

/* Another certificate under the signer's issuer and serial number. */
static enum smime_reason with_another_certificate(const struct ca_recipe *recipe, unsigned int flags)
{
    struct ca_recipe complete = *recipe;
    struct smime_claim claim = world_claim();
    complete.names = "im:" JULIET;
    complete.eku = "imUri";
    complete.serial = ca_serial(world_juliet);
    struct ca_made *other = ca_issue(&complete, world_root());
    CMS_ContentInfo *cms = signed_by((const struct ca_made *[]){world_juliet}, 1, CMS_NOCERTS | flags);
    assert_int_equal(CMS_add1_cert(cms, other->certificate), 1);
    struct buffer text = text_of(cms);
    enum smime_reason reason = world_reason(world_usual_trust, NULL, &claim, buffer_span(&text));
    buffer_fini(&text);
    ca_free(other);
    return reason;
}

static void test_another_certificate(void **state)
{
    (void)state;
    assert_reason(with_another_certificate(&(struct ca_recipe){.same_key = world_juliet}, 0), SMIME_OK);
    /* The signature says which certificate it means (RFC 5035). */
    assert_reason(with_another_certificate(&(struct ca_recipe){.same_key = world_juliet}, CMS_CADES),
                  SMIME_SIG_INVALID);
    assert_reason(with_another_certificate(&(struct ca_recipe){.key = "P-256"}, 0), SMIME_SIG_INVALID);
    assert_reason(with_another_certificate(&(struct ca_recipe){.key = "ED25519"}, 0), SMIME_SIG_INVALID);
    /* Not even tried: the size of a key is looked at before it is used. */
    assert_reason(with_another_certificate(&(struct ca_recipe){.key = "BARE-RSA-16384"}, 0),
                  SMIME_ALG_REFUSED);
    assert_reason(with_another_certificate(&(struct ca_recipe){.key = "BARE-RSA-1024"}, 0),
                  SMIME_KEY_TOO_SMALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithms),          cmocka_unit_test(test_from_xml),
        cmocka_unit_test(test_each_octet_changed),  cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_certificates),        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_two_contents),        cmocka_unit_test(test_two_signers),
        cmocka_unit_test(test_key_identifier),      cmocka_unit_test(test_key_renewed),
        cmocka_unit_test(test_another_certificate),
    };
    return cmocka_run_group_tests_name("smime verify", tests, setup, teardown);
}
