/* SPDX-License-Identifier: Apache-2.0 */
/* EnvelopedData and AuthEnvelopedData, by OpenSSL's CMS, and the checks around it that it leaves to its callers. */
#include "smime/make.h"

#include <errno.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "smime/der.h"
#include "smime/identity.h"
#include "smime/mime.h"
#include "smime/verify.h"

/* A tag of GCM in octets (RFC 5084 s. 3.2): a shorter one can be guessed. */
#define TAG_BYTES_MIN 12
#define TAG_BYTES_MAX 16

static bool is_recipient_good(X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    uint32_t usage = X509_get_key_usage(certificate); /* all, where there is no extension */
    return key && ((EVP_PKEY_is_a(key, "RSA") && (usage & KU_KEY_ENCIPHERMENT)) ||
                   (EVP_PKEY_is_a(key, "EC") && (usage & KU_KEY_AGREEMENT)));
}

static bool key_way_set(EVP_PKEY_CTX *ctx, bool is_rsa, bool legacy)
{
    if (!is_rsa) /* else it is SHA-1 */
        return EVP_PKEY_CTX_ctrl_str(ctx, "ecdh_kdf_md", "sha256") == 1;
    return legacy || (EVP_PKEY_CTX_ctrl_str(ctx, "rsa_padding_mode", "oaep") == 1 &&
                      EVP_PKEY_CTX_ctrl_str(ctx, "rsa_oaep_md", "sha256") == 1);
}

static int recipients_add(CMS_ContentInfo *cms, STACK_OF(X509) * recipients, bool legacy,
                          struct buffer *message)
{
    if (sk_X509_num(recipients) > SMIME_RECIPIENTS_MAX)
        return make_fail(message, -EINVAL, "too many recipients");
    for (int i = 0; i < sk_X509_num(recipients); i++) {
        X509 *x = sk_X509_value(recipients, i);
        if (!is_recipient_good(x))
            return make_fail(message, -EINVAL,
                             "recipient: neither RSA nor EC, or keyUsage does not allow encryption");
        CMS_RecipientInfo *info = CMS_add1_recipient_cert(cms, x, CMS_KEY_PARAM);
        EVP_PKEY_CTX *ctx = info ? CMS_RecipientInfo_get0_pkey_ctx(info) : NULL;
        if (!ctx || !key_way_set(ctx, EVP_PKEY_is_a(X509_get0_pubkey(x), "RSA"), legacy))
            return make_fail(message, -EINVAL, "recipient: the key cannot be used");
    }
    return 0;
}

static int der_write(CMS_ContentInfo *cms, const char *smime_type, struct buffer *out)
{
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    if (len <= 0)
        return -ENOMEM;
    make_entity(out, smime_type, span_make((char *)der, (size_t)len));
    OPENSSL_free(der);
    return buffer_ok(out) ? 0 : -ENOMEM;
}

static int encrypt(STACK_OF(X509) * recipients, bool legacy, struct span content, struct buffer *out,
                   struct buffer *message)
{
    BIO *in = BIO_new_mem_buf(content.ptr, (int)content.len);
    CMS_ContentInfo *cms =
        CMS_encrypt(NULL, NULL, legacy ? EVP_aes_128_cbc() : EVP_aes_256_gcm(), CMS_BINARY | CMS_PARTIAL);
    int r = in && cms ? recipients_add(cms, recipients, legacy, message) : make_fail(message, -ENOMEM, "");
    if (r == 0 && CMS_final(cms, in, NULL, CMS_BINARY) != 1)
        r = make_fail(message, -EINVAL, "encryption failed");
    if (r == 0 && der_write(cms, legacy ? "enveloped-data" : "authEnveloped-data", out) != 0)
        r = make_fail(message, -ENOMEM, "");
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    ERR_clear_error();
    return r;
}

int smime_encrypt(struct span recipients, const struct smime_encrypt_options *options, struct span content,
                  struct buffer *out, struct buffer *ret_message)
{
    int r = make_canonical_check(content, ret_message);
    if (r != 0)
        return r;
    STACK_OF(X509) *all = identity_certificates_read(recipients);
    if (!all)
        return make_fail(ret_message, -EINVAL,
                         "recipients: no certificate (PEM), or one that cannot be read");
    r = encrypt(all, options->legacy, content, out, ret_message);
    sk_X509_pop_free(all, X509_free);
    return r;
}

/* AuthEnvelopedData (RFC 5083 s. 2.1), as the library writes it again: is the tag as long as it says, and long enough? */
static bool is_tag_good(struct span der)
{
    struct span info, value, all, encrypted, algorithm, parameters, tag;
    uint32_t version, tag_bytes = TAG_BYTES_MIN; /* RFC 5084 s. 3.2: the default */
    if (!der_take(&der, DER_SEQUENCE, &info) || !der_take(&info, DER_OID, &value) ||
        !der_take(&info, DER_CONTEXT_CONSTRUCTED, &value) || !der_take(&value, DER_SEQUENCE, &all) ||
        !der_take_uint(&all, &version))
        return false;
    der_take(&all, DER_CONTEXT_CONSTRUCTED, &value); /* originatorInfo */
    if (!der_take(&all, DER_SET, &value) || !der_take(&all, DER_SEQUENCE, &encrypted) ||
        !der_take(&encrypted, DER_OID, &value) || !der_take(&encrypted, DER_SEQUENCE, &algorithm) ||
        !der_take(&algorithm, DER_OID, &value) || !der_take(&algorithm, DER_SEQUENCE, &parameters) ||
        !der_take(&parameters, DER_OCTETS, &value))
        return false;
    if (parameters.len > 0 && !der_take_uint(&parameters, &tag_bytes))
        return false;
    der_take(&all, DER_CONTEXT_CONSTRUCTED + 1, &value); /* authAttrs */
    return der_take(&all, DER_OCTETS, &tag) && tag.len == tag_bytes && tag_bytes >= TAG_BYTES_MIN &&
           tag_bytes <= TAG_BYTES_MAX;
}

static bool is_content_allowed(CMS_ContentInfo *cms, bool legacy)
{
    unsigned char *der = NULL;
    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_id_smime_ct_authEnvelopedData)
        return legacy; /* CBC */
    int len = i2d_CMS_ContentInfo(cms, &der);
    bool is_good = len > 0 && is_tag_good(span_make((char *)der, (size_t)len));
    OPENSSL_free(der);
    return is_good;
}

static bool is_transport_allowed(CMS_RecipientInfo *info, bool legacy)
{
    X509_ALGOR *algorithm;
    const ASN1_OBJECT *oid;
    if (CMS_RecipientInfo_type(info) == CMS_RECIPINFO_AGREE)
        return true;
    if (CMS_RecipientInfo_type(info) != CMS_RECIPINFO_TRANS ||
        CMS_RecipientInfo_ktri_get0_algs(info, NULL, NULL, &algorithm) != 1)
        return false;
    X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
    return legacy || OBJ_obj2nid(oid) == NID_rsaesOaep;
}

static bool are_recipients_allowed(CMS_ContentInfo *cms, bool legacy)
{
    STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);
    int count = sk_CMS_RecipientInfo_num(all);
    for (int i = 0; i < count; i++)
        if (!is_transport_allowed(sk_CMS_RecipientInfo_value(all, i), legacy))
            return false;
    return count > 0 && count <= SMIME_RECIPIENTS_MAX;
}

/* Always with the certificate: so only its recipient is tried, and what a failure of RSA v1.5 leaves is a made-up key, not an answer (RFC 3218). */
static int open_object(const struct smime_identity *recipient, bool legacy, CMS_ContentInfo *cms,
                       struct buffer *out)
{
    int r = -EACCES;
    char *bytes;
    BIO *plain = BIO_new(BIO_s_mem());
    if (!plain)
        return -ENOMEM;
    if (is_content_allowed(cms, legacy) && are_recipients_allowed(cms, legacy) &&
        CMS_decrypt(cms, recipient->key, recipient->certificate, NULL, plain, CMS_BINARY) == 1) {
        long len = BIO_get_mem_data(plain, &bytes);
        buffer_append(out, span_make(bytes, (size_t)len));
        r = buffer_ok(out) ? 0 : -ENOMEM;
    }
    BIO_free(plain);
    return r;
}

static int der_read(struct span object, struct buffer *der)
{
    struct buffer text = {0};
    struct mime_entity entity;
    int r = smime_canonical(object, &text);
    if (r == 0 && mime_read(buffer_span(&text), &entity) != 0) /* base64 alone (RFC 3923 s. 3.3) */
        entity = (struct mime_entity){.encoding = MIME_ENCODING_BASE64, .body = buffer_span(&text)};
    if (r == 0)
        r = mime_decode(&entity, der);
    if (r == 0 && (der->len == 0 || der->len > SMIME_DER_BYTES_MAX))
        r = -EINVAL;
    buffer_fini(&text);
    return r > 0 ? -EINVAL : r;
}

static CMS_ContentInfo *object_parse(struct span der)
{
    const unsigned char *bytes = (const unsigned char *)der.ptr, *end = bytes + der.len;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &bytes, (long)der.len);
    int type = cms ? OBJ_obj2nid(CMS_get0_type(cms)) : NID_undef;
    if (cms && bytes == end && (type == NID_pkcs7_enveloped || type == NID_id_smime_ct_authEnvelopedData))
        return cms;
    CMS_ContentInfo_free(cms);
    return NULL;
}

int smime_decrypt(const struct smime_identity *recipient, bool legacy_algorithms, struct span object,
                  struct buffer *out, struct buffer *ret_message)
{
    struct buffer der = {0};
    int r = der_read(object, &der);
    if (r == 0) {
        CMS_ContentInfo *cms = object_parse(buffer_span(&der));
        r = cms ? open_object(recipient, legacy_algorithms, cms, out) : -EINVAL;
        CMS_ContentInfo_free(cms);
    }
    ERR_clear_error();
    buffer_fini(&der);
    return r == 0 ? 0
                  : make_fail(ret_message, r, r == -EACCES ? "it cannot be opened" : "no encrypted object");
}
