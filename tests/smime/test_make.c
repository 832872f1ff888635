/* SPDX-License-Identifier: Apache-2.0 */
/* What we make, OpenSSL's CMS reads; what it encrypts, we open; and what was touched, nobody. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sasl/sasl.h"
#include "smime/certificate.h"
#include "smime/identity.h"
#include "world.h"

static int setup(void **state)
{
    (void)state;
    return smime_library_begin();
}

static struct smime_identity *identity_of(const struct ca_made *who)
{
    struct smime_identity *identity = NULL;
    struct buffer message = {0};
    if (smime_identity_new(who->pem, who->key_pem, (struct span){0}, &identity, &message) != 0)
        fail_msg("%.*s", (int)message.len, message.ptr);
    return identity;
}

/* As a mail program would: the whole entity to the library's own MIME reader. */
static void test_signed_is_read_by_the_library(void **state)
{
    static const struct {
        const char *key;
        struct smime_sign_options options;
    } rows[] = {
        {"P-256", {.signing_time_s = NOW_S}},
        {"P-256", {.is_opaque = true}},
        {"RSA-2048", {0}},
        {"RSA-2048", {.pss = true}},
        {"RSA-2048", {.legacy = true}},
        {"P-384", {.without_certificate = true}},
    };
    struct buffer content = world_message();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *who = ca_person(world_root(), rows[i].key, JULIET);
        struct buffer object = world_sign(who, &rows[i].options, buffer_span(&content));
        BIO *in = BIO_new_mem_buf(object.ptr, (int)object.len), *part = NULL, *out = BIO_new(BIO_s_mem());
        STACK_OF(X509) *certificates = sk_X509_new_null();
        char *bytes;
        sk_X509_push(certificates, who->certificate);
        CMS_ContentInfo *cms = SMIME_read_CMS(in, &part);
        assert_non_null(cms);
        assert_int_equal(
            CMS_verify(cms, certificates, NULL, part, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY), 1);
        long len = BIO_get_mem_data(out, &bytes);
        assert_true(span_equal(span_make(bytes, (size_t)len), buffer_span(&content)));
        CMS_ContentInfo_free(cms);
        BIO_free(in);
        BIO_free(part);
        BIO_free(out);
        sk_X509_free(certificates);
        buffer_fini(&object);
        ca_free(who);
    }
    buffer_fini(&content);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *key;
        struct smime_sign_options options;
        const char *content;
    } rows[] = {
        {"P-256", {.legacy = true}, "Content-Type: text/plain\r\n\r\nx"},
        {"ED25519", {.legacy = true}, "Content-Type: text/plain\r\n\r\nx"},
        {"RSA-2048", {.legacy = true, .pss = true}, "Content-Type: text/plain\r\n\r\nx"},
        {"P-256", {0}, "Content-Type: text/plain\n\nx"},
        {"P-256", {0}, "\r\nContent-Type: text/plain\r\n\r\nx"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *who = ca_person(world_root(), rows[i].key, JULIET);
        struct smime_identity *identity = identity_of(who);
        struct buffer out = {0}, message = {0};
        assert_int_equal(smime_sign(identity, &rows[i].options, span_of(rows[i].content), &out, &message),
                         -EINVAL);
        assert_true(message.len > 0 && out.len == 0);
        buffer_fini(&out);
        buffer_fini(&message);
        smime_identity_free(identity);
        ca_free(who);
    }
}

static void test_identities(void **state)
{
    struct ca_made *juliet = ca_person(world_root(), "P-256", JULIET),
                   *romeo = ca_person(world_root(), "P-256", ROMEO);
    const struct {
        struct span certificate, key, chain;
        int result;
    } rows[] = {
        {juliet->pem, juliet->key_pem, {0}, 0},      {juliet->pem, juliet->key_pem, world_root()->pem, 0},
        {juliet->pem, romeo->key_pem, {0}, -EINVAL}, {juliet->key_pem, juliet->key_pem, {0}, -EINVAL},
        {juliet->pem, juliet->pem, {0}, -EINVAL},    {juliet->pem, juliet->key_pem, SPAN("x"), -EINVAL},
        {{0}, juliet->key_pem, {0}, -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct smime_identity *identity = NULL;
        struct buffer message = {0};
        assert_int_equal(
            smime_identity_new(rows[i].certificate, rows[i].key, rows[i].chain, &identity, &message),
            rows[i].result);
        smime_identity_free(identity);
        buffer_fini(&message);
    }
    ca_free(juliet);
    ca_free(romeo);
}

/* The chain goes with the signature, so that who knows the root alone can follow it. */
static void test_chain_goes_along(void **state)
{
    struct ca_made *between =
        ca_issue(&(struct ca_recipe){.common_name = "between", .is_ca = true}, world_root());
    struct ca_made *who = ca_person(between, "P-256", JULIET);
    struct smime_trust *trust = world_trust(SMIME_PURPOSE_REQUIRE, false, world_root(), NULL);
    struct smime_claim claim = world_claim();
    struct smime_identity *identity = NULL;
    struct buffer content = world_message(), with = {0}, message = {0};
    struct smime_sign_options options = {0};
    (void)state;
    assert_int_equal(smime_identity_new(who->pem, who->key_pem, between->pem, &identity, &message), 0);
    assert_int_equal(smime_sign(identity, &options, buffer_span(&content), &with, &message), 0);
    struct buffer without = world_sign(who, &options, buffer_span(&content));
    assert_reason(world_reason(trust, NULL, &claim, buffer_span(&with)), SMIME_OK);
    assert_reason(world_reason(trust, NULL, &claim, buffer_span(&without)), SMIME_CHAIN);
    smime_identity_free(identity);
    smime_trust_unref(trust);
    ca_free(who);
    ca_free(between);
    buffer_fini(&content);
    buffer_fini(&with);
    buffer_fini(&without);
}

static int decrypt(const struct smime_identity *identity, bool legacy, struct span object, struct buffer *out)
{
    struct buffer message = {0};
    int r = smime_decrypt(identity, legacy, object, out, &message);
    assert_int_equal(message.len > 0, r != 0);
    if (r != 0)
        assert_int_equal(out->len, 0);
    buffer_fini(&message);
    return r;
}

static struct buffer encrypted(struct span recipients, bool legacy, struct span content)
{
    struct smime_encrypt_options options = {.legacy = legacy};
    struct buffer out = {0}, message = {0};
    if (smime_encrypt(recipients, &options, content, &out, &message) != 0)
        fail_msg("%.*s", (int)message.len, message.ptr);
    return out;
}

static void test_encrypted_and_opened(void **state)
{
    struct ca_made *ec = ca_person(world_root(), "P-256", JULIET),
                   *rsa = ca_person(world_root(), "RSA-2048", ROMEO);
    struct ca_made *other = ca_person(world_root(), "P-256", ROMEO);
    struct smime_identity *ec_identity = identity_of(ec), *rsa_identity = identity_of(rsa),
                          *other_identity = identity_of(other);
    struct buffer content = world_message(), recipients = {0};
    (void)state;
    buffer_append(&recipients, ec->pem);
    buffer_append(&recipients, rsa->pem);
    for (int legacy = 0; legacy < 2; legacy++) {
        struct buffer object = encrypted(buffer_span(&recipients), legacy, buffer_span(&content));
        struct buffer first = {0}, second = {0}, third = {0};
        assert_int_equal(decrypt(ec_identity, legacy, buffer_span(&object), &first), 0);
        assert_true(span_equal(buffer_span(&first), buffer_span(&content)));
        assert_int_equal(decrypt(rsa_identity, legacy, buffer_span(&object), &second), 0);
        assert_true(span_equal(buffer_span(&second), buffer_span(&content)));
        assert_int_equal(decrypt(other_identity, legacy, buffer_span(&object), &third), -EACCES);
        if (legacy) { /* off unless it is asked for */
            assert_int_equal(decrypt(rsa_identity, false, buffer_span(&object), &third), -EACCES);
            assert_int_equal(decrypt(ec_identity, false, buffer_span(&object), &third), -EACCES);
        }
        buffer_fini(&object);
        buffer_fini(&first);
        buffer_fini(&second);
        buffer_fini(&third);
    }
    smime_identity_free(ec_identity);
    smime_identity_free(rsa_identity);
    smime_identity_free(other_identity);
    ca_free(ec);
    ca_free(rsa);
    ca_free(other);
    buffer_fini(&recipients);
    buffer_fini(&content);
}

static void test_recipients(void **state)
{
    static const struct {
        struct ca_recipe recipe;
        int result;
    } rows[] = {
        {{.key = "P-256"}, 0},
        {{.key = "P-256", .key_usage = "keyAgreement"}, 0},
        {{.key = "P-256", .key_usage = "digitalSignature"}, -EINVAL},
        {{.key = "RSA-2048", .key_usage = "keyEncipherment"}, 0},
        {{.key = "RSA-2048", .key_usage = "digitalSignature,keyAgreement"}, -EINVAL},
        {{.key = "ED25519"}, -EINVAL},
    };
    struct smime_encrypt_options options = {0};
    struct buffer content = world_message(), many = {0}, out = {0}, message = {0};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *who = ca_issue(&rows[i].recipe, world_root());
        if (smime_encrypt(who->pem, &options, buffer_span(&content), &out, &message) != rows[i].result)
            fail_msg("row %zu", i);
        for (int n = 0; i == 0 && n <= SMIME_RECIPIENTS_MAX; n++)
            buffer_append(&many, who->pem);
        ca_free(who);
    }
    assert_int_equal(smime_encrypt(buffer_span(&many), &options, buffer_span(&content), &out, &message),
                     -EINVAL);
    assert_int_equal(smime_encrypt((struct span){0}, &options, buffer_span(&content), &out, &message),
                     -EINVAL);
    buffer_fini(&content);
    buffer_fini(&many);
    buffer_fini(&out);
    buffer_fini(&message);
}

/* The DER of an object that we made, and an object around DER. */
static struct buffer der_of(struct span object)
{
    struct buffer base64 = {0}, der = {0};
    for (const char *p = memmem(object.ptr, object.len, "\r\n\r\n", 4); p < object.ptr + object.len; p++)
        if (*p != '\r' && *p != '\n')
            buffer_append_char(&base64, *p);
    assert_int_equal(sasl_base64_decode(buffer_span(&base64), &der), 0);
    buffer_fini(&base64);
    return der;
}

static int open_der(const struct smime_identity *identity, bool legacy, struct span der, struct buffer *out)
{
    struct buffer object = {0};
    sasl_base64_encode(der, &object);
    int r = decrypt(identity, legacy, buffer_span(&object), out);
    buffer_fini(&object);
    return r;
}

/* Any octet changed: opened as it was, or not at all; and never one of the text or its tag. */
static void test_touched(void **state)
{
    struct ca_made *who = ca_person(world_root(), "P-256", JULIET);
    struct smime_identity *identity = identity_of(who);
    struct buffer content = world_message();
    struct buffer object = encrypted(who->pem, false, buffer_span(&content));
    struct buffer der = der_of(buffer_span(&object));
    uint32_t tag = der.len - 16, text = tag - 2 - content.len; /* where each begins */
    (void)state;
    for (uint32_t at = 0; at < der.len; at++) {
        struct buffer out = {0};
        der.ptr[at] ^= 1;
        int r = open_der(identity, false, buffer_span(&der), &out);
        if (r == 0)
            assert_true(span_equal(buffer_span(&out), buffer_span(&content)));
        if (at >= tag || (at >= text && at < text + content.len))
            assert_int_equal(r, -EACCES);
        der.ptr[at] ^= 1;
        buffer_fini(&out);
    }
    for (uint32_t len = 0; len < der.len; len++) {
        struct buffer out = {0};
        assert_true(open_der(identity, false, span_make(der.ptr, len), &out) < 0);
        buffer_fini(&out);
    }
    smime_identity_free(identity);
    ca_free(who);
    buffer_fini(&content);
    buffer_fini(&object);
    buffer_fini(&der);
}

/* A tag cut short, and said to be so: one in 2^32 would be forged (RFC 5084 allows 12 to 16). */
static void test_short_tag(void **state)
{
    struct ca_made *who = ca_person(world_root(), "P-256", JULIET);
    struct smime_identity *identity = identity_of(who);
    struct buffer content = world_message();
    struct buffer object = encrypted(who->pem, false, buffer_span(&content));
    struct buffer der = der_of(buffer_span(&object)), out = {0};
    char *parameter = memmem(der.ptr, der.len, "\x02\x01\x10\x80", 4); /* aes-ICVlen 16 */
    (void)state;
    assert_non_null(parameter);
    assert_int_equal(open_der(identity, false, buffer_span(&der), &out), 0);
    buffer_clear(&out);
    for (int len = 0; len < 20; len++) {
        parameter[2] = (char)len;
        assert_int_equal(open_der(identity, false, buffer_span(&der), &out), len == 16 ? 0 : -EACCES);
        buffer_clear(&out);
    }
    buffer_fini(&out);
    smime_identity_free(identity);
    ca_free(who);
    buffer_fini(&content);
    buffer_fini(&object);
    buffer_fini(&der);
}

/* Take `cut` octets off the tag, which is the last of it, and say so in every length around it. */
static void tag_cut(struct buffer *der, char *parameter, int cut)
{
    static const uint32_t headers[] = {0, 17, 21}; /* ContentInfo, its [0], AuthEnvelopedData */
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        unsigned char *at = (unsigned char *)der->ptr + headers[i];
        assert_int_equal(at[1], 0x82);
        unsigned int len = (unsigned int)(at[2] << 8 | at[3]) - (unsigned int)cut;
        at[2] = (unsigned char)(len >> 8);
        at[3] = (unsigned char)len;
    }
    der->ptr[der->len - 17] = (char)(16 - cut);
    parameter[2] = (char)(16 - cut);
    der->len -= (uint32_t)cut;
}

/* One that is short and says so, all else as it should be: nothing but its length speaks against it. */
static void test_tag_that_says_it_is_short(void **state)
{
    static const struct {
        int cut, result;
    } rows[] = {{0, 0}, {1, 0}, {4, 0}, {5, -EACCES}, {8, -EACCES}, {12, -EACCES}, {16, -EACCES}};
    struct ca_made *who = ca_person(world_root(), "P-256", JULIET);
    struct smime_identity *identity = identity_of(who);
    struct buffer content = world_message();
    struct buffer object = encrypted(who->pem, false, buffer_span(&content));
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer der = der_of(buffer_span(&object)), out = {0};
        tag_cut(&der, memmem(der.ptr, der.len, "\x02\x01\x10\x80", 4), rows[i].cut);
        if (open_der(identity, false, buffer_span(&der), &out) != rows[i].result)
            fail_msg("a tag of %d octets", 16 - rows[i].cut);
        buffer_fini(&der);
        buffer_fini(&out);
    }
    smime_identity_free(identity);
    ca_free(who);
    buffer_fini(&content);
    buffer_fini(&object);
}

static void test_no_encrypted_object(void **state)
{
    struct ca_made *who = ca_person(world_root(), "P-256", JULIET);
    struct smime_identity *identity = identity_of(who);
    struct buffer content = world_message();
    struct buffer object =
        world_sign(who, &(struct smime_sign_options){.is_opaque = true}, buffer_span(&content));
    struct buffer out = {0};
    (void)state;
    assert_int_equal(decrypt(identity, false, buffer_span(&object), &out), -EINVAL);
    assert_int_equal(decrypt(identity, false, SPAN(""), &out), -EINVAL);
    assert_int_equal(decrypt(identity, false, SPAN("Content-Type: text/plain\n\nhello"), &out), -EINVAL);
    buffer_fini(&object);
    buffer_fini(&content);
    buffer_fini(&out);
    smime_identity_free(identity);
    ca_free(who);
}

/* Encrypted by the library with what it takes by itself. */
static void test_encrypted_by_the_library(void **state)
{
    static const struct {
        const char *key;
        bool is_gcm;
        int today, legacy;
    } rows[] = {
        {"P-256", true, 0, 0},
        {"RSA-2048", true, -EACCES, 0}, /* v1.5 */
        {"P-256", false, -EACCES, 0},
        {"RSA-2048", false, -EACCES, 0},
    };
    struct buffer content = world_message();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *who = ca_person(world_root(), rows[i].key, JULIET);
        struct smime_identity *identity = identity_of(who);
        STACK_OF(X509) *to = sk_X509_new_null();
        BIO *in = BIO_new_mem_buf(content.ptr, (int)content.len);
        unsigned char *der = NULL;
        struct buffer out = {0};
        sk_X509_push(to, who->certificate);
        CMS_ContentInfo *cms =
            CMS_encrypt(to, in, rows[i].is_gcm ? EVP_aes_128_gcm() : EVP_aes_128_cbc(), CMS_BINARY);
        int len = i2d_CMS_ContentInfo(cms, &der);
        assert_int_equal(open_der(identity, false, span_make((char *)der, (size_t)len), &out), rows[i].today);
        buffer_clear(&out);
        assert_int_equal(open_der(identity, true, span_make((char *)der, (size_t)len), &out), rows[i].legacy);
        assert_true(span_equal(buffer_span(&out), buffer_span(&content)));
        OPENSSL_free(der);
        CMS_ContentInfo_free(cms);
        BIO_free(in);
        sk_X509_free(to);
        buffer_fini(&out);
        smime_identity_free(identity);
        ca_free(who);
    }
    buffer_fini(&content);
}

/* The verifier tells what is encrypted, and looks no further. */
static void test_encrypted_is_classified(void **state)
{
    struct ca_made *who = ca_person(world_root(), "P-256", JULIET);
    struct smime_trust *trust = world_trust(SMIME_PURPOSE_REQUIRE, false, world_root(), NULL);
    struct smime_claim claim = world_claim();
    struct buffer content = world_message();
    (void)state;
    for (int legacy = 0; legacy < 2; legacy++) {
        struct buffer object = encrypted(who->pem, legacy, buffer_span(&content));
        struct smime_verdict verdict;
        assert_int_equal(smime_verify(trust, NULL, &claim, buffer_span(&object), &verdict), 0);
        assert_reason(verdict.reason, SMIME_NO_SIGNATURE);
        assert_int_equal(verdict.form, SMIME_FORM_ENCRYPTED);
        assert_false(verdict.has_signer);
        buffer_fini(&object);
    }
    smime_trust_unref(trust);
    ca_free(who);
    buffer_fini(&content);
}

static void test_request(void **state)
{
    static const char *const keys[] = {"P-256", "RSA-2048", "ED25519"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct ca_made *who = ca_person(world_root(), keys[i], JULIET);
        struct buffer out = {0}, message = {0};
        assert_int_equal(smime_request(SPAN("J\xc3\xbcrgen@example.com/a"), who->key_pem, &out, &message), 0);
        BIO *in = BIO_new_mem_buf(out.ptr, (int)out.len);
        X509_REQ *request = PEM_read_bio_X509_REQ(in, NULL, NULL, NULL);
        assert_non_null(request);
        assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
        /* An authority that copies what is asked for makes a certificate with these names and this purpose. */
        struct ca_made *made = ca_issue(&(struct ca_recipe){.same_key = who}, world_root());
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
        for (int e = 0; e < sk_X509_EXTENSION_num(extensions); e++)
            X509_add_ext(made->certificate, sk_X509_EXTENSION_value(extensions, e), -1);
        X509_sign(made->certificate, world_root()->key, EVP_sha256());
        struct buffer der = {0};
        struct certificate *c = NULL;
        identity_der_put(&der, made->certificate);
        assert_int_equal(certificate_new(buffer_span(&der), &c), 0);
        assert_int_equal(c->name_count, 4);
        for (const char *name = c->names; name < c->names + 4 * sizeof "j\xc3\xbcrgen@example.com";
             name += strlen(name) + 1)
            assert_string_equal(name, "j\xc3\xbcrgen@example.com");
        assert_int_equal(c->purposes.set, PURPOSE_IM);
        assert_int_equal(c->key_usage_reason, SMIME_OK);
        certificate_unref(c);
        buffer_fini(&der);
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
        X509_REQ_free(request);
        BIO_free(in);
        ca_free(made);
        ca_free(who);
        buffer_fini(&out);
    }
    struct buffer out = {0}, message = {0};
    assert_int_equal(smime_request(SPAN("example.com"), SPAN(""), &out, &message), -EINVAL);
    assert_int_equal(smime_request(SPAN(JULIET), SPAN(""), &out, &message), -EINVAL);
    buffer_fini(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_is_read_by_the_library),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_chain_goes_along),
        cmocka_unit_test(test_encrypted_and_opened),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_touched),
        cmocka_unit_test(test_short_tag),
        cmocka_unit_test(test_tag_that_says_it_is_short),
        cmocka_unit_test(test_no_encrypted_object),
        cmocka_unit_test(test_encrypted_by_the_library),
        cmocka_unit_test(test_encrypted_is_classified),
        cmocka_unit_test(test_request),
    };
    return cmocka_run_group_tests_name("smime make", tests, setup, NULL);
}
