/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of DER and SignedData, one signature, with OpenSSL's own CMS as the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#include "sasl/sasl.h"
#include "smime/algorithms.h"
#include "smime/cms.h"
#include "smime/der.h"
#include "smime/signature.h"
#include "world.h"

static void test_der_lengths(void **state)
{
    static const struct {
        struct span in;
        bool is_good;
    } rows[] = {
        {{"\x04\x00", 2}, true},
        {{"\x04\x01x", 3}, true},
        {{"\x04\x01", 2}, false},          /* shorter than it says */
        {{"\x04\x81\x01x", 4}, false},     /* could be shorter */
        {{"\x04\x82\x00\x01x", 5}, false}, /* could be shorter */
        {{"\x24\x80\x00\x00", 4}, false},  /* indefinite */
        {{"\x04\x84\x00\x00\x00\x01x", 7}, false},
        {{"\x04\x83\xff\xff\xff", 5}, false},
        {{"\x1f\x20\x01x", 4}, false}, /* a tag of several octets */
        {{"\x04", 1}, false},
        {{"", 0}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span in = rows[i].in, value, whole;
        uint8_t tag;
        assert_int_equal(der_take_any(&in, &tag, &value, &whole), rows[i].is_good);
    }
}

static void test_der_back_and_forth(void **state)
{
    static const size_t lens[] = {0, 1, 127, 128, 255, 256, 65535};
    static const uint32_t numbers[] = {0, 1, 127, 128, 255, 256, 32767, 32768, 65536, INT32_MAX};
    char *bytes = calloc(1, 65535);
    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct buffer out = {0};
        struct span value;
        der_put(&out, DER_OCTETS, span_make(bytes, lens[i]));
        struct span in = buffer_span(&out);
        assert_true(der_take(&in, DER_OCTETS, &value));
        assert_int_equal(value.len, lens[i]);
        assert_int_equal(in.len, 0);
        buffer_fini(&out);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct buffer out = {0};
        uint32_t number = 7;
        der_put_uint(&out, numbers[i]);
        struct span in = buffer_span(&out);
        assert_true(der_take_uint(&in, &number));
        assert_int_equal(number, numbers[i]);
        buffer_fini(&out);
    }
    free(bytes);
}

static void test_der_times(void **state)
{
    static const struct {
        struct span in;
        bool is_good;
        int64_t s;
    } rows[] = {
        {{"\x17\x0d"
          "260701114536Z",
          15},
         true,
         NOW_S},
        {{"\x18\x0f"
          "20260701114536Z",
          17},
         true,
         NOW_S},
        {{"\x17\x0d"
          "491231235959Z",
          15},
         true,
         2524607999},
        {{"\x17\x0d"
          "500101000000Z",
          15},
         true,
         -631152000},
        {{"\x17\x0d"
          "260231114536Z",
          15},
         false,
         0}, /* no such day */
        {{"\x17\x0b"
          "2607011145Z",
          13},
         false,
         0},
        {{"\x17\x11"
          "260701114536+0100",
          19},
         false,
         0},
        {{"\x18\x11"
          "20260701114536.5Z",
          19},
         false,
         0},
        {{"\x17\x0d"
          "26070111453 Z",
          15},
         false,
         0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span in = rows[i].in;
        int64_t s = 0;
        assert_int_equal(der_take_time(&in, &s), rows[i].is_good);
        if (rows[i].is_good)
            assert_int_equal(s, rows[i].s);
    }
    struct buffer out = {0};
    der_put_time(&out, NOW_S);
    assert_true(span_equal(buffer_span(&out), rows[0].in));
    buffer_fini(&out);
}

/* The DER of an opaque object. */
static struct buffer der_of(struct span object)
{
    struct buffer base64 = {0}, der = {0};
    const char *body = memmem(object.ptr, object.len, "\r\n\r\n", 4);
    assert_non_null(body);
    for (const char *p = body; p < object.ptr + object.len; p++)
        if (*p != '\r' && *p != '\n')
            buffer_append_char(&base64, *p);
    assert_int_equal(sasl_base64_decode(buffer_span(&base64), &der), 0);
    buffer_fini(&base64);
    return der;
}

static struct buffer signed_der(const struct ca_made *who, struct smime_sign_options options)
{
    struct buffer content = world_message();
    options.is_opaque = true;
    struct buffer object = world_sign(who, &options, buffer_span(&content));
    struct buffer der = der_of(buffer_span(&object));
    buffer_fini(&object);
    buffer_fini(&content);
    return der;
}

static enum smime_reason our_word(struct span der, EVP_PKEY *key)
{
    struct cms_signed read;
    struct signature_algorithm algorithm;
    struct span content;
    enum cms_type type;
    if (cms_type_read(der, &type, &content) != 0 || type != CMS_SIGNED ||
        cms_signed_read(content, &read) != 0 || !read.has_content)
        return SMIME_BAD_CMS;
    enum smime_reason reason = algorithms_read(read.signers[0].digest_algorithm,
                                               read.signers[0].signature_algorithm, true, &algorithm);
    return reason == SMIME_OK ? signature_check(&read.signers[0], &algorithm, key, read.content) : reason;
}

static bool their_word(struct span der, X509 *certificate)
{
    const unsigned char *bytes = (const unsigned char *)der.ptr;
    STACK_OF(X509) *certificates = sk_X509_new_null();
    BIO *out = BIO_new(BIO_s_null());
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &bytes, (long)der.len);
    sk_X509_push(certificates, certificate);
    bool is_good = cms && bytes == (const unsigned char *)der.ptr + der.len &&
                   CMS_verify(cms, certificates, NULL, NULL, out,
                              CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN) == 1;
    CMS_ContentInfo_free(cms);
    BIO_free(out);
    sk_X509_free(certificates);
    ERR_clear_error();
    return is_good;
}

/* Every octet of an object changed in two ways: a text or signature that we find wrong, OpenSSL finds wrong, too. (What is no DER, or of algorithms
 * that we do not know, it may still like; and it looks for the certificate by a name, where we were given the key.) */
static void test_oracle(void **state)
{
    static const struct {
        const char *key;
        struct smime_sign_options options;
    } rows[] = {{"P-256", {.signing_time_s = NOW_S}},
                {"RSA-2048", {0}},
                {"RSA-2048", {.pss = true}},
                {"RSA-2048", {.legacy = true}}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *who = ca_person(world_root(), rows[i].key, JULIET);
        struct buffer der = signed_der(who, rows[i].options);
        assert_reason(our_word(buffer_span(&der), who->key), SMIME_OK);
        assert_true(their_word(buffer_span(&der), who->certificate));
        uint32_t both = 0;
        for (uint32_t at = 0; at < der.len; at++)
            for (int bit = 1; bit <= 0x80; bit <<= 7) {
                der.ptr[at] ^= (char)bit;
                enum smime_reason ours = our_word(buffer_span(&der), who->key);
                bool theirs = their_word(buffer_span(&der), who->certificate);
                both += ours == SMIME_OK && theirs;
                if (ours == SMIME_DIGEST_MISMATCH || ours == SMIME_SIG_INVALID)
                    assert_false(theirs);
                der.ptr[at] ^= (char)bit;
            }
        assert_true(both > 0); /* the certificates that are sent along, for one */
        buffer_fini(&der);
        ca_free(who);
    }
}

/* The rest holds, but the digest is shorter or longer than it should be, or the algorithm is another key's. */
static void test_signature_alone(void **state)
{
    struct ca_made *who = ca_person(world_root(), "P-256", JULIET);
    struct buffer der = signed_der(who, (struct smime_sign_options){0});
    struct cms_signed read;
    struct span content;
    enum cms_type type;
    (void)state;
    assert_int_equal(cms_type_read(buffer_span(&der), &type, &content), 0);
    assert_int_equal(cms_signed_read(content, &read), 0);
    struct cms_signer *signer = &read.signers[0];
    struct signature_algorithm algorithm = {.scheme = SIGNATURE_ECDSA, .digest = DIGEST_SHA256};
    assert_reason(signature_check(signer, &algorithm, who->key, read.content), SMIME_OK);
    for (int scheme = SIGNATURE_RSA; scheme <= SIGNATURE_ED25519; scheme++) {
        algorithm.scheme = (enum signature_scheme)scheme;
        assert_reason(signature_check(signer, &algorithm, who->key, read.content),
                      scheme == SIGNATURE_ECDSA ? SMIME_OK : SMIME_SIG_INVALID);
    }
    algorithm.scheme = SIGNATURE_ECDSA;
    for (int change = -1; change <= 1; change += 2) {
        signer->message_digest.len += (size_t)change;
        assert_reason(signature_check(signer, &algorithm, who->key, read.content), SMIME_DIGEST_MISMATCH);
        signer->message_digest.len -= (size_t)change;
    }
    buffer_fini(&der);
    ca_free(who);
}

/* Made by OpenSSL, with whatever else it puts in, read by us. */
static void test_made_by_the_library(void **state)
{
    static const char *const keys[] = {"P-256", "P-384", "RSA-2048"};
    static const unsigned int flags[] = {0, CMS_CADES, CMS_USE_KEYID, CMS_NOCERTS};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        for (size_t f = 0; f < sizeof flags / sizeof flags[0]; f++) {
            struct ca_made *who = ca_person(world_root(), keys[i], JULIET);
            struct buffer content = world_message();
            BIO *in = BIO_new_mem_buf(content.ptr, (int)content.len);
            CMS_ContentInfo *cms = CMS_sign(who->certificate, who->key, NULL, in, CMS_BINARY | flags[f]);
            unsigned char *der = NULL;
            assert_non_null(cms);
            int len = i2d_CMS_ContentInfo(cms, &der);
            assert_reason(our_word(span_make((char *)der, (size_t)len), who->key), SMIME_OK);
            OPENSSL_free(der);
            CMS_ContentInfo_free(cms);
            BIO_free(in);
            buffer_fini(&content);
            ca_free(who);
        }
}

static void test_every_prefix(void **state)
{
    struct ca_made *who = ca_person(world_root(), "P-256", JULIET);
    struct buffer der = signed_der(who, (struct smime_sign_options){.signing_time_s = NOW_S});
    (void)state;
    for (uint32_t len = 0; len < der.len; len++) {
        char *copy = malloc(len ? len : 1);
        memcpy(copy, der.ptr, len);
        assert_reason(our_word(span_make(copy, len), who->key), SMIME_BAD_CMS);
        free(copy);
    }
    buffer_append_char(&der, '\0');
    assert_reason(our_word(buffer_span(&der), who->key), SMIME_BAD_CMS);
    buffer_fini(&der);
    ca_free(who);
}

/* Put together by hand: SignedData around `certificates` and `signers`, with these digestAlgorithms in front. */
static struct buffer assemble_with(struct span digests, struct span certificates, struct span signers)
{
    struct buffer inner = {0}, out = {0};
    der_put_uint(&inner, 1);
    der_put(&inner, DER_SET, digests);
    der_put(&inner, DER_SEQUENCE, SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"));
    der_put(&inner, DER_CONTEXT_CONSTRUCTED, certificates);
    der_put(&inner, DER_SET, signers);
    der_put(&out, DER_SEQUENCE, buffer_span(&inner));
    buffer_fini(&inner);
    return out;
}

static struct buffer assemble(struct span certificates, struct span signers)
{
    return assemble_with(SPAN("\x30\x03\x06\x01\x2a"), certificates, signers);
}

/* One SignerInfo with these signed attributes (DER within the [0]; NULL: none at all). */
static struct buffer signer_with(const struct span *attributes)
{
    struct buffer inner = {0}, out = {0};
    der_put_uint(&inner, 3);
    der_put(&inner, DER_CONTEXT, SPAN("key"));
    der_put(&inner, DER_SEQUENCE, SPAN("\x06\x01\x2a"));
    if (attributes)
        der_put(&inner, DER_CONTEXT_CONSTRUCTED, *attributes);
    der_put(&inner, DER_SEQUENCE, SPAN("\x06\x01\x2a"));
    der_put(&inner, DER_OCTETS, SPAN("signature"));
    der_put(&out, DER_SEQUENCE, buffer_span(&inner));
    buffer_fini(&inner);
    return out;
}

#define PKCS9 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09"
#define TYPE "\x30\x18" PKCS9 "\x03\x31\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define TYPE_OTHER "\x30\x18" PKCS9 "\x03\x31\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define DIGEST "\x30\x11" PKCS9 "\x04\x31\x04\x04\x02hi"
#define DIGESTS "\x30\x15" PKCS9 "\x04\x31\x08\x04\x02hi\x04\x02ho"
#define TIME_BAD "\x30\x0f" PKCS9 "\x05\x31\x02\x05\x00"

static void test_attributes(void **state)
{
    static const struct {
        struct span attributes;
        int result;
    } rows[] = {
        {SPAN(TYPE DIGEST), 0},
        {SPAN(DIGEST TYPE), 0},
        {SPAN(TYPE), CMS_BAD},
        {SPAN(DIGEST), CMS_BAD},
        {SPAN(""), CMS_BAD},
        {SPAN(TYPE DIGEST DIGEST), CMS_BAD},
        {SPAN(TYPE TYPE DIGEST), CMS_BAD},
        {SPAN(TYPE DIGESTS), CMS_BAD},
        {SPAN(TYPE_OTHER DIGEST), CMS_BAD},
        {SPAN(TYPE DIGEST TIME_BAD), CMS_BAD},
        {SPAN(TYPE DIGEST "x"), CMS_BAD},
    };
    struct cms_signed read;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer signer = signer_with(&rows[i].attributes);
        struct buffer all = assemble((struct span){0}, buffer_span(&signer));
        if (cms_signed_read(buffer_span(&all), &read) != rows[i].result)
            fail_msg("row %zu", i);
        buffer_fini(&signer);
        buffer_fini(&all);
    }
    struct buffer signer = signer_with(NULL);
    struct buffer all = assemble((struct span){0}, buffer_span(&signer));
    assert_int_equal(cms_signed_read(buffer_span(&all), &read), CMS_BAD);
    buffer_fini(&signer);
    buffer_fini(&all);
}

/* The list in front, which nobody signs, against the signer's own. */
static void test_digests_in_front(void **state)
{
    static const struct {
        struct span digests;
        int result;
    } rows[] = {
        {SPAN("\x30\x03\x06\x01\x2a"), 0},
        {SPAN("\x30\x05\x06\x01\x2a\x05\x00"), 0},
        {SPAN("\x30\x03\x06\x01\x2b\x30\x03\x06\x01\x2a"), 0},
        {SPAN(""), CMS_BAD},
        {SPAN("\x30\x03\x06\x01\x2b"), CMS_BAD},
        {SPAN("\x30\x04\x06\x02\x2a\x2a"), CMS_BAD},
        {SPAN("\x20\x03\x06\x01\x2a"), CMS_BAD},
        {SPAN("\x30\x03\x06\x01\x2a\x30\x00"), CMS_BAD},
        {SPAN("\x30\x03\x04\x01\x2a"), CMS_BAD},
    };
    struct span attributes = SPAN(TYPE DIGEST);
    struct buffer signer = signer_with(&attributes);
    struct cms_signed read;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer all = assemble_with(rows[i].digests, (struct span){0}, buffer_span(&signer));
        if (cms_signed_read(buffer_span(&all), &read) != rows[i].result) {
            print_error("row %zu\n", i);
            fail();
        }
        buffer_fini(&all);
    }
    buffer_fini(&signer);
}

static void test_limits(void **state)
{
    struct span attributes = SPAN(TYPE DIGEST);
    struct buffer signer = signer_with(&attributes), signers = {0}, certificates = {0};
    struct cms_signed read;
    (void)state;
    for (uint32_t count = 0; count <= CMS_SIGNERS_MAX + 1; count++) {
        struct buffer all = assemble((struct span){0}, buffer_span(&signers));
        assert_int_equal(cms_signed_read(buffer_span(&all), &read),
                         count == 0 || count > CMS_SIGNERS_MAX ? CMS_BAD : 0);
        buffer_append(&signers, buffer_span(&signer));
        buffer_fini(&all);
    }
    for (uint32_t count = 0; count <= CMS_CERTIFICATES_MAX + 1; count++) {
        struct buffer all = assemble(buffer_span(&certificates), buffer_span(&signer));
        assert_int_equal(cms_signed_read(buffer_span(&all), &read),
                         count > CMS_CERTIFICATES_MAX ? CMS_BAD : 0);
        buffer_literal(&certificates, "\x30\x00");
        buffer_fini(&all);
    }
    buffer_fini(&signer);
    buffer_fini(&signers);
    buffer_fini(&certificates);
}

static void test_types(void **state)
{
#define PKCS7 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
#define SMIME_CT "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01"
    static const struct {
        struct span der;
        int result;
        enum cms_type type;
    } rows[] = {
        {SPAN("\x30\x0f" PKCS7 "\x02\xa0\x02\x30\x00"), 0, CMS_SIGNED},
        {SPAN("\x30\x0f" PKCS7 "\x03\xa0\x02\x30\x00"), 0, CMS_ENVELOPED},
        {SPAN("\x30\x11" SMIME_CT "\x17\xa0\x02\x30\x00"), 0, CMS_AUTH_ENVELOPED},
        {SPAN("\x30\x0f" PKCS7 "\x01\xa0\x02\x04\x00"), CMS_BAD, 0},    /* data */
        {SPAN("\x30\x0f" PKCS7 "\x05\xa0\x02\x30\x00"), CMS_BAD, 0},    /* digested */
        {SPAN("\x30\x0f" PKCS7 "\x06\xa0\x02\x30\x00"), CMS_BAD, 0},    /* encrypted */
        {SPAN("\x30\x11" SMIME_CT "\x09\xa0\x02\x30\x00"), CMS_BAD, 0}, /* compressed */
        {SPAN("\x30\x0f" PKCS7 "\x02\xa0\x02\x30\x00\x00"), CMS_BAD, 0},
        {SPAN("\x30\x0b" PKCS7 "\x02"), CMS_BAD, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span content;
        enum cms_type type;
        assert_int_equal(cms_type_read(rows[i].der, &type, &content), rows[i].result);
        if (rows[i].result == 0)
            assert_int_equal(type, rows[i].type);
    }
}

#define SHA "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" /* and 1: 256, 2: 384, 3: 512 */
#define SHA1 "\x06\x05\x2b\x0e\x03\x02\x1a"
#define MD5 "\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05"
#define RSA_WITH "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define ECDSA_WITH "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03"
#define ED25519_WITH "\x06\x03\x2b\x65\x70"
#define NOTHING "\x05\x00"
#define HASH_IS "\xa0\x0d\x30\x0b"
#define MASK_IS "\xa1\x1a\x30\x18" RSA_WITH "\x08\x30\x0b"
#define SALT_IS "\xa2\x03\x02\x01"

static void test_algorithms(void **state)
{
    static const struct {
        struct span digest, signature;
        enum smime_reason today, legacy;
    } rows[] = {
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x01" NOTHING), SMIME_OK, SMIME_OK},
        {SPAN(SHA "\x01" NOTHING), SPAN(RSA_WITH "\x0b" NOTHING), SMIME_OK, SMIME_OK},
        {SPAN(SHA "\x03"), SPAN(RSA_WITH "\x0d"), SMIME_OK, SMIME_OK},
        {SPAN(SHA "\x02"), SPAN(RSA_WITH "\x0b"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"
                  "\x04\x00"),
         SPAN(RSA_WITH "\x0b"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x0b\x04\x00"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x04"), SPAN(RSA_WITH "\x01"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED}, /* SHA-224 */
        {SPAN(SHA1), SPAN(RSA_WITH "\x01"), SMIME_ALG_REFUSED, SMIME_OK},
        {SPAN(SHA1 NOTHING), SPAN(RSA_WITH "\x05" NOTHING), SMIME_ALG_REFUSED, SMIME_OK},
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x05"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(MD5), SPAN(RSA_WITH "\x01"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(MD5), SPAN(RSA_WITH "\x04"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x04"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"), SPAN(ECDSA_WITH "\x02"), SMIME_OK, SMIME_OK},
        {SPAN(SHA "\x02"), SPAN(ECDSA_WITH "\x02"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x03"), SPAN(ED25519_WITH), SMIME_OK, SMIME_OK},
        {SPAN(SHA "\x01"), SPAN(ED25519_WITH), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x0a\x30\x30" HASH_IS SHA "\x01" MASK_IS SHA "\x01" SALT_IS "\x20"),
         SMIME_OK, SMIME_OK},
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x0a\x30\x2b" HASH_IS SHA "\x01" MASK_IS SHA "\x01"), SMIME_OK,
         SMIME_OK},
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x0a"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x0a\x30\x00"), SMIME_ALG_REFUSED,
         SMIME_ALG_REFUSED}, /* it is SHA-1 */
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x0a\x30\x30" HASH_IS SHA "\x02" MASK_IS SHA "\x01" SALT_IS "\x20"),
         SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"), SPAN(RSA_WITH "\x0a\x30\x30" HASH_IS SHA "\x01" MASK_IS SHA "\x02" SALT_IS "\x20"),
         SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"),
         SPAN(RSA_WITH "\x0a\x30\x35" HASH_IS SHA "\x01" MASK_IS SHA "\x01" SALT_IS
                       "\x20\xa3\x03\x02\x01\x02"),
         SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"), SPAN("\x06\x07\x2a\x86\x48\xce\x38\x04\x03"), SMIME_ALG_REFUSED,
         SMIME_ALG_REFUSED}, /* DSA */
        {SPAN(""), SPAN(RSA_WITH "\x01"), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
        {SPAN(SHA "\x01"), SPAN(""), SMIME_ALG_REFUSED, SMIME_ALG_REFUSED},
    };
    struct signature_algorithm found;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (algorithms_read(rows[i].digest, rows[i].signature, false, &found) != rows[i].today ||
            algorithms_read(rows[i].digest, rows[i].signature, true, &found) != rows[i].legacy)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_der_lengths),
        cmocka_unit_test(test_der_back_and_forth),
        cmocka_unit_test(test_der_times),
        cmocka_unit_test(test_oracle),
        cmocka_unit_test(test_made_by_the_library),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_digests_in_front),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_signature_alone),
        cmocka_unit_test(test_algorithms),
    };
    return cmocka_run_group_tests_name("smime cms", tests, NULL, NULL);
}
