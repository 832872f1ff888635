/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/identity.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "sasl/sasl.h"
#include "smime/mime.h"

/* RFC 2045 s. 6.8 allows 76; PEM's readers want 64. */
#define BASE64_LINE_BYTES 64

int make_fail(struct buffer *message, int r, const char *text)
{
    buffer_printf(message, "%s", r == -ENOMEM ? "no memory" : text);
    return r;
}

/* A key with a password is refused, not asked about on some terminal. */
static int no_password(char *text, int size, int is_for_writing, void *unused)
{
    (void)text, (void)size, (void)is_for_writing, (void)unused;
    return -1;
}

EVP_PKEY *identity_key_read(struct span pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

STACK_OF(X509) * identity_certificates_read(struct span pem)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
    X509 *x = NULL;
    bool is_whole = all && bio;
    while (is_whole && (x = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
        is_whole = sk_X509_push(all, x) > 0;
        if (!is_whole)
            X509_free(x);
    }
    if (!is_whole || sk_X509_num(all) == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        sk_X509_pop_free(all, X509_free);
        all = NULL;
    }
    BIO_free(bio);
    ERR_clear_error();
    return all;
}

void identity_der_put(struct buffer *out, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    if (len > 0)
        buffer_append(out, span_make((char *)der, (size_t)len));
    else
        out->failed = true;
    OPENSSL_free(der);
}

static int identity_fill(struct smime_identity *i, struct span certificate, struct span key,
                         struct span chain, struct buffer *message)
{
    STACK_OF(X509) *first = identity_certificates_read(certificate);
    if (!first)
        return make_fail(message, -EINVAL, "certificate: none (PEM), or one that cannot be read");
    i->certificate = sk_X509_shift(first);
    i->chain = first; /* what follows the certificate in its file belongs to its chain */
    i->key = identity_key_read(key);
    if (!i->key)
        return make_fail(message, -EINVAL, "key: none (PEM), one that cannot be read, or with a password");
    if (X509_check_private_key(i->certificate, i->key) != 1) {
        ERR_clear_error();
        return make_fail(message, -EINVAL, "the key is not the certificate's");
    }
    if (chain.len > 0) {
        STACK_OF(X509) *more = identity_certificates_read(chain);
        if (!more)
            return make_fail(message, -EINVAL, "chain: no certificate (PEM), or one that cannot be read");
        for (X509 *x; (x = sk_X509_shift(more));)
            if (sk_X509_push(i->chain, x) <= 0)
                X509_free(x);
        sk_X509_free(more);
    }
    identity_der_put(&i->der, i->certificate);
    return buffer_ok(&i->der) ? 0 : make_fail(message, -ENOMEM, "");
}

int smime_identity_new(struct span certificate, struct span key, struct span chain,
                       struct smime_identity **ret_identity, struct buffer *ret_message)
{
    struct smime_identity *i = calloc(1, sizeof *i);
    if (!i)
        return make_fail(ret_message, -ENOMEM, "");
    int r = identity_fill(i, certificate, key, chain, ret_message);
    if (r != 0) {
        smime_identity_free(i);
        return r;
    }
    *ret_identity = i;
    return 0;
}

struct smime_identity *smime_identity_free(struct smime_identity *i)
{
    if (!i)
        return NULL;
    X509_free(i->certificate);
    EVP_PKEY_free(i->key);
    sk_X509_pop_free(i->chain, X509_free);
    buffer_fini(&i->der);
    free(i);
    return NULL;
}

void make_base64(struct buffer *out, struct span der)
{
    struct buffer text = {0};
    sasl_base64_encode(der, &text);
    out->failed |= text.failed;
    for (uint32_t at = 0; at < text.len; at += BASE64_LINE_BYTES) {
        uint32_t len = text.len - at < BASE64_LINE_BYTES ? text.len - at : BASE64_LINE_BYTES;
        buffer_append(out, span_make(text.ptr + at, len));
        buffer_literal(out, "\r\n");
    }
    buffer_fini(&text);
}

int make_canonical_check(struct span content, struct buffer *message)
{
    struct buffer canonical = {0};
    int r = smime_canonical(content, &canonical);
    if (r == 0 && !span_equal(buffer_span(&canonical), content))
        r = -EINVAL;
    buffer_fini(&canonical);
    return r == 0 ? 0
                  : make_fail(message, r,
                              "content: its lines do not all end in CRLF, or it begins with an empty one");
}

void make_entity(struct buffer *out, const char *smime_type, struct span der)
{
    buffer_printf(out,
                  "Content-Type: application/pkcs7-mime; smime-type=%s; name=\"smime.p7m\"\r\n"
                  "Content-Transfer-Encoding: base64\r\n"
                  "Content-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n",
                  smime_type);
    make_base64(out, der);
}
