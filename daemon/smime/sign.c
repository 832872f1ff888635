/* SPDX-License-Identifier: Apache-2.0 */
/* SignedData, written: one signer, with signed attributes (RFC 5652 s. 5), by one way for all algorithms. */
#include "smime/make.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "smime/algorithms.h"
#include "smime/der.h"
#include "smime/identity.h"

#define OID_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_SIGNED "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define OID_CONTENT_TYPE "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
#define OID_MESSAGE_DIGEST "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"
#define OID_SIGNING_TIME "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"
#define OID_SIGNING_CERTIFICATE_V2 "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f"

enum { ATTRIBUTES_MAX = 4 };
/* 128 random bits in hexadecimal: no text has them by chance, and nobody can have put them there. */
#define BOUNDARY_RANDOM_BYTES 16

struct signing {
    const struct smime_identity *signer;
    const struct smime_sign_options *options;
    enum signature_scheme scheme;
    enum digest digest;
};

static int scheme_choose(struct signing *s, struct buffer *message)
{
    const EVP_PKEY *key = s->signer->key;
    s->digest = s->options->legacy ? DIGEST_SHA1 : DIGEST_SHA256;
    if (EVP_PKEY_is_a(key, "RSA")) {
        s->scheme = s->options->pss ? SIGNATURE_PSS : SIGNATURE_RSA;
    } else if (EVP_PKEY_is_a(key, "EC")) {
        s->scheme = SIGNATURE_ECDSA;
    } else if (EVP_PKEY_is_a(key, "ED25519")) {
        s->scheme = SIGNATURE_ED25519;
        s->digest = s->options->legacy ? DIGEST_SHA1 : DIGEST_SHA512;
    } else {
        return make_fail(message, -EINVAL, "key: neither RSA nor EC nor Ed25519");
    }
    if (algorithms_signature_identifier(s->scheme, s->digest).len == 0)
        return make_fail(message, -EINVAL, "legacy algorithms are those of RSA keys, without PSS");
    return 0;
}

static void digest_put(struct buffer *out, enum digest digest, struct span text)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len;
    if (EVP_Digest(text.ptr, text.len, hash, &len, algorithms_digest(digest), NULL) == 1)
        der_put(out, DER_OCTETS, span_make((char *)hash, len));
    else
        out->failed = true;
}

/* Put the value that `*inner` holds around itself and empty it: SEQUENCE within SEQUENCE is written from the inside. */
static void wrap(struct buffer *inner, uint8_t tag)
{
    struct buffer outer = {0};
    der_put(&outer, tag, buffer_span(inner));
    outer.failed |= inner->failed;
    buffer_fini(inner);
    *inner = outer;
}

static void attribute_make(struct buffer *out, struct span oid, struct buffer *value)
{
    wrap(value, DER_SET);
    buffer_append(out, oid);
    buffer_append(out, buffer_span(value));
    out->failed |= value->failed;
    wrap(out, DER_SEQUENCE);
    buffer_fini(value);
}

static int compare(const void *a, const void *b)
{
    const struct buffer *x = a, *y = b;
    uint32_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->ptr, y->ptr, len);
    return order ? order : (int)x->len - (int)y->len;
}

/* The signed attributes as what is signed: a SET OF, in DER's order. */
static void attributes_make(const struct signing *s, struct span content, struct buffer *out)
{
    struct buffer all[ATTRIBUTES_MAX] = {0}, value = {0};
    int count = 0;
    buffer_literal(&value, OID_DATA);
    attribute_make(&all[count++], SPAN(OID_CONTENT_TYPE), &value);
    digest_put(&value, s->digest, content);
    attribute_make(&all[count++], SPAN(OID_MESSAGE_DIGEST), &value);
    if (s->options->signing_time_s != 0) {
        der_put_time(&value, s->options->signing_time_s);
        attribute_make(&all[count++], SPAN(OID_SIGNING_TIME), &value);
    }
    if (!s->options
             ->legacy) { /* which certificate is meant (RFC 5035 s. 3): ESSCertIDv2 in a list in SigningCertificateV2 */
        digest_put(&value, DIGEST_SHA256, buffer_span(&s->signer->der));
        wrap(&value, DER_SEQUENCE);
        wrap(&value, DER_SEQUENCE);
        wrap(&value, DER_SEQUENCE);
        attribute_make(&all[count++], SPAN(OID_SIGNING_CERTIFICATE_V2), &value);
    }
    for (int i = 0; i < count; i++)
        out->failed |= all[i].failed;
    if (buffer_ok(out))
        qsort(all, (size_t)count, sizeof all[0], compare);
    for (int i = 0; i < count; i++) {
        buffer_append(out, buffer_span(&all[i]));
        buffer_fini(&all[i]);
    }
    wrap(out, DER_SET);
}

static bool sign(const struct signing *s, struct span text, struct buffer *out)
{
    bool is_done = false;
    size_t len = 0;
    EVP_PKEY_CTX *key_ctx;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = s->scheme == SIGNATURE_ED25519 ? NULL : algorithms_digest(s->digest);
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    if (ctx && EVP_DigestSignInit(ctx, &key_ctx, md, NULL, s->signer->key) == 1 &&
        (s->scheme != SIGNATURE_PSS ||
         (EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
          EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
        EVP_DigestSign(ctx, NULL, &len, bytes, text.len) == 1) {
        char *room = buffer_reserve(out, len);
        is_done = room && EVP_DigestSign(ctx, (unsigned char *)room, &len, bytes, text.len) == 1;
        if (is_done)
            out->len += (uint32_t)len;
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return is_done;
}

/* IssuerAndSerialNumber. */
static void identifier_put(struct buffer *out, X509 *certificate)
{
    unsigned char *issuer = NULL, *serial = NULL;
    struct buffer both = {0};
    int issuer_len = i2d_X509_NAME(X509_get_issuer_name(certificate), &issuer);
    int serial_len = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &serial);
    if (issuer_len > 0 && serial_len > 0) {
        buffer_append(&both, span_make((char *)issuer, (size_t)issuer_len));
        buffer_append(&both, span_make((char *)serial, (size_t)serial_len));
        der_put(out, DER_SEQUENCE, buffer_span(&both));
    }
    out->failed |= both.failed || issuer_len <= 0 || serial_len <= 0;
    OPENSSL_free(issuer);
    OPENSSL_free(serial);
    buffer_fini(&both);
}

/* SignerInfo, in the SET of signers. */
static int signer_make(const struct signing *s, struct span content, struct buffer *out,
                       struct buffer *message)
{
    struct buffer attributes = {0}, signature = {0};
    attributes_make(s, content, &attributes);
    int r = !buffer_ok(&attributes) ? -ENOMEM : !sign(s, buffer_span(&attributes), &signature) ? -EINVAL : 0;
    if (r == 0) {
        attributes.ptr[0] = (char)DER_CONTEXT_CONSTRUCTED; /* as it is sent: [0] IMPLICIT */
        der_put_uint(out, 1);
        identifier_put(out, s->signer->certificate);
        buffer_append(out, algorithms_digest_identifier(s->digest));
        buffer_append(out, buffer_span(&attributes));
        buffer_append(out, algorithms_signature_identifier(s->scheme, s->digest));
        der_put(out, DER_OCTETS, buffer_span(&signature));
        wrap(out, DER_SEQUENCE);
        wrap(out, DER_SET);
        r = buffer_ok(out) ? 0 : -ENOMEM;
    }
    buffer_fini(&attributes);
    buffer_fini(&signature);
    return r == 0 ? 0 : make_fail(message, r, "the key does not sign (in this way)");
}

static void encapsulated_put(struct buffer *out, bool is_opaque, struct span content)
{
    struct buffer info = {0}, octets = {0};
    buffer_literal(&info, OID_DATA);
    if (is_opaque) {
        der_put(&octets, DER_OCTETS, content);
        der_put(&info, DER_CONTEXT_CONSTRUCTED, buffer_span(&octets));
    }
    der_put(out, DER_SEQUENCE, buffer_span(&info));
    out->failed |= info.failed || octets.failed;
    buffer_fini(&info);
    buffer_fini(&octets);
}

static void certificates_put(struct buffer *out, const struct smime_identity *signer)
{
    struct buffer all = {0};
    buffer_append(&all, buffer_span(&signer->der));
    for (int i = 0; i < sk_X509_num(signer->chain); i++)
        identity_der_put(&all, sk_X509_value(signer->chain, i));
    der_put(out, DER_CONTEXT_CONSTRUCTED, buffer_span(&all));
    out->failed |= all.failed;
    buffer_fini(&all);
}

static int signed_make(const struct signing *s, struct span content, struct buffer *out,
                       struct buffer *message)
{
    struct buffer signers = {0};
    int r = signer_make(s, content, &signers, message);
    if (r == 0) {
        der_put_uint(out, 1);
        der_put(out, DER_SET, algorithms_digest_identifier(s->digest));
        encapsulated_put(out, s->options->is_opaque, content);
        if (!s->options->without_certificate)
            certificates_put(out, s->signer);
        buffer_append(out, buffer_span(&signers));
        wrap(out, DER_SEQUENCE); /* SignedData, explicitly [0] in ContentInfo */
        wrap(out, DER_CONTEXT_CONSTRUCTED);
        struct buffer info = {0};
        buffer_literal(&info, OID_SIGNED);
        buffer_append(&info, buffer_span(out));
        info.failed |= out->failed;
        wrap(&info, DER_SEQUENCE);
        buffer_fini(out);
        *out = info;
        r = buffer_ok(out) ? 0 : make_fail(message, -ENOMEM, "");
    }
    buffer_fini(&signers);
    return r;
}

static const char *micalg(enum digest digest)
{
    return digest == DIGEST_SHA1 ? "sha-1" : digest == DIGEST_SHA512 ? "sha-512" : "sha-256";
}

static int multipart_make(struct buffer *out, enum digest digest, struct span content, struct span der)
{
    unsigned char random[BOUNDARY_RANDOM_BYTES];
    char boundary[2 * BOUNDARY_RANDOM_BYTES + 1];
    if (RAND_bytes(random, sizeof random) != 1)
        return -EINVAL;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(boundary + 2 * i, 3, "%02x", random[i]);
    buffer_printf(out,
                  "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=\"%s\"; "
                  "boundary=\"%s\"\r\n\r\n--%s\r\n",
                  micalg(digest), boundary, boundary);
    buffer_append(out, content);
    buffer_printf(out,
                  "\r\n--%s\r\n"
                  "Content-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n"
                  "Content-Transfer-Encoding: base64\r\n"
                  "Content-Disposition: attachment; handling=required; filename=\"smime.p7s\"\r\n\r\n",
                  boundary);
    make_base64(out, der);
    buffer_printf(out, "--%s--\r\n", boundary);
    return 0;
}

int smime_sign(const struct smime_identity *signer, const struct smime_sign_options *options,
               struct span content, struct buffer *out, struct buffer *ret_message)
{
    struct signing s = {.signer = signer, .options = options};
    struct buffer der = {0};
    int r = make_canonical_check(content, ret_message);
    if (r == 0)
        r = scheme_choose(&s, ret_message);
    if (r == 0)
        r = signed_make(&s, content, &der, ret_message);
    if (r == 0 && options->is_opaque)
        make_entity(out, "signed-data", buffer_span(&der));
    else if (r == 0 && (r = multipart_make(out, s.digest, content, buffer_span(&der))) != 0)
        make_fail(ret_message, r, "no randomness");
    if (r == 0 && !buffer_ok(out))
        r = make_fail(ret_message, -ENOMEM, "");
    buffer_fini(&der);
    return r;
}
