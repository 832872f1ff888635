/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect_cms.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* What a BIO has gathered, as a line. */
static void bio_line(const struct lines *l, const char *label, BIO *text)
{
    char *bytes;
    long len = BIO_get_mem_data(text, &bytes);
    if (len > 0)
        line_add(l, label, span_make(bytes, (size_t)len));
    (void)BIO_reset(text);
}

static void algorithm_line(const struct lines *l, const char *label, const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *name;
    char text[128];
    X509_ALGOR_get0(&name, NULL, NULL, algorithm);
    OBJ_obj2txt(text, sizeof text, name, 0);
    line_add(l, label, span_of(text));
}

static void identifier_lines(const struct lines *l, BIO *text, const ASN1_OCTET_STRING *key_id,
                             const X509_NAME *issuer, const ASN1_INTEGER *serial)
{
    if (key_id)
        i2a_ASN1_STRING(text, key_id, V_ASN1_OCTET_STRING);
    bio_line(l, "subject key identifier", text);
    if (issuer)
        X509_NAME_print_ex(text, issuer, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    bio_line(l, "issuer", text);
    if (serial)
        i2a_ASN1_INTEGER(text, serial);
    bio_line(l, "serial number", text);
}

static void extension_line(const struct lines *l, BIO *text, const X509 *x, int nid, const char *label)
{
    int at = X509_get_ext_by_NID(x, nid, -1);
    X509_EXTENSION *extension = at >= 0 ? X509_get_ext(x, at) : NULL;
    if (!extension)
        return;
    if (X509_EXTENSION_get_critical(extension))
        BIO_puts(text, "critical, ");
    if (!X509V3_EXT_print(text, extension, 0, 0))
        BIO_puts(text, "malformed");
    bio_line(l, label, text);
}

static void certificate_lines(const struct lines *l, BIO *text, const X509 *x)
{
    X509_NAME_print_ex(text, X509_get_subject_name(x), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    bio_line(l, "subject", text);
    identifier_lines(l, text, NULL, X509_get_issuer_name(x), X509_get0_serialNumber(x));
    ASN1_TIME_print(text, X509_get0_notBefore(x));
    BIO_puts(text, " to ");
    ASN1_TIME_print(text, X509_get0_notAfter(x));
    bio_line(l, "valid", text);
    EVP_PKEY *key = X509_get0_pubkey(x);
    if (key)
        line_printf(l, "key", "%s, %d bits", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key));
    extension_line(l, text, x, NID_subject_alt_name, "names");
    extension_line(l, text, x, NID_ext_key_usage, "purposes");
    extension_line(l, text, x, NID_key_usage, "usage");
    extension_line(l, text, x, NID_basic_constraints, "constraints");
}

static void signing_time_line(const struct lines *l, BIO *text, CMS_SignerInfo *signer)
{
    int at = CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1);
    X509_ATTRIBUTE *attribute = at >= 0 ? CMS_signed_get_attr(signer, at) : NULL;
    ASN1_TYPE *value = attribute ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
    if (value && (value->type == V_ASN1_UTCTIME || value->type == V_ASN1_GENERALIZEDTIME))
        ASN1_TIME_print(text, value->value.asn1_string);
    bio_line(l, "signing time, by the signer", text);
}

static void signed_lines(const struct lines *l, BIO *text, CMS_ContentInfo *cms, struct buffer *content)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    STACK_OF(X509) *certificates = CMS_get1_certs(cms);
    struct lines within = lines_within(l);
    for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
        CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, i);
        X509_ALGOR *digest, *signature;
        ASN1_OCTET_STRING *key_id = NULL;
        X509_NAME *issuer = NULL;
        ASN1_INTEGER *serial = NULL;
        CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, &signature);
        CMS_SignerInfo_get0_signer_id(signer, &key_id, &issuer, &serial);
        line_printf(l, "signer", "%d", i + 1);
        algorithm_line(&within, "digest", digest);
        algorithm_line(&within, "signature", signature);
        identifier_lines(&within, text, key_id, issuer, serial);
        signing_time_line(&within, text, signer);
    }
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        line_printf(l, "certificate", "%d", i + 1);
        certificate_lines(&within, text, sk_X509_value(certificates, i));
    }
    ASN1_OCTET_STRING **octets = CMS_get0_content(cms);
    if (octets && *octets)
        buffer_append(content, span_make((const char *)ASN1_STRING_get0_data(*octets),
                                         (size_t)ASN1_STRING_length(*octets)));
    sk_X509_pop_free(certificates, X509_free);
}

static void recipient_lines(const struct lines *l, BIO *text, CMS_RecipientInfo *recipient)
{
    ASN1_OCTET_STRING *key_id = NULL;
    X509_NAME *issuer = NULL;
    ASN1_INTEGER *serial = NULL;
    X509_ALGOR *algorithm = NULL;
    if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_TRANS) {
        CMS_RecipientInfo_ktri_get0_algs(recipient, NULL, NULL, &algorithm);
        CMS_RecipientInfo_ktri_get0_signer_id(recipient, &key_id, &issuer, &serial);
        algorithm_line(l, "key transport", algorithm);
        identifier_lines(l, text, key_id, issuer, serial);
        return;
    }
    if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_AGREE) {
        line_add(l, "of another kind", (struct span){0});
        return;
    }
    CMS_RecipientInfo_kari_get0_alg(recipient, &algorithm, NULL);
    algorithm_line(l, "key agreement", algorithm);
    STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(recipient);
    for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++) {
        CMS_RecipientEncryptedKey_get0_id(sk_CMS_RecipientEncryptedKey_value(keys, i), &key_id, NULL, NULL,
                                          &issuer, &serial);
        identifier_lines(l, text, key_id, issuer, serial);
    }
}

/* The next element's content: false where there is none. */
static bool element_enter(struct span *rest, int tag, struct span *ret_content)
{
    const unsigned char *p = (const unsigned char *)rest->ptr;
    long len;
    int found, class;
    if (rest->len == 0 || rest->len > LONG_MAX)
        return false;
    int form = ASN1_get_object(&p, &len, &found, &class, (long)rest->len);
    if (form & 0x80 || form & 1 || (tag >= 0 && found != tag))
        return false;
    *ret_content = span_make((const char *)p, (size_t)len);
    *rest = span_skip(*rest, (size_t)((const char *)p - rest->ptr) + (size_t)len);
    return true;
}

/* ContentInfo, [0], (Auth)EnvelopedData: version, [0] originator, recipients, and then a SEQUENCE of a type and the algorithm, which
 * OpenSSL does not give out. */
static void cipher_line(const struct lines *l, struct span der)
{
    struct span info, data, explicit_data, skipped, encrypted;
    if (!element_enter(&der, V_ASN1_SEQUENCE, &info) || !element_enter(&info, V_ASN1_OBJECT, &skipped) ||
        !element_enter(&info, 0, &explicit_data) || !element_enter(&explicit_data, V_ASN1_SEQUENCE, &data) ||
        !element_enter(&data, V_ASN1_INTEGER, &skipped))
        return;
    element_enter(&data, 0, &skipped);
    if (!element_enter(&data, V_ASN1_SET, &skipped) || !element_enter(&data, V_ASN1_SEQUENCE, &encrypted) ||
        !element_enter(&encrypted, V_ASN1_OBJECT, &skipped))
        return;
    const unsigned char *at = (const unsigned char *)encrypted.ptr;
    X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &at, (long)encrypted.len);
    if (algorithm)
        algorithm_line(l, "content encryption", algorithm);
    X509_ALGOR_free(algorithm);
}

void inspect_cms(const struct lines *l, struct span der, struct buffer *content)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    CMS_ContentInfo *cms =
        der.len && der.len < LONG_MAX ? d2i_CMS_ContentInfo(NULL, &at, (long)der.len) : NULL;
    BIO *text = BIO_new(BIO_s_mem());
    if (!cms || !text) {
        line_add(l, "not a CMS object", (struct span){0});
    } else {
        char type[128];
        OBJ_obj2txt(type, sizeof type, CMS_get0_type(cms), 0);
        line_printf(l, "cms", "%s, %zu octets", type, der.len);
        struct lines within = lines_within(l);
        if (OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed)
            signed_lines(&within, text, cms, content);
        STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(cms);
        if (recipients)
            cipher_line(&within, der);
        for (int i = 0; i < sk_CMS_RecipientInfo_num(recipients); i++) {
            struct lines below = lines_within(&within);
            line_printf(&within, "recipient", "%d", i + 1);
            recipient_lines(&below, text, sk_CMS_RecipientInfo_value(recipients, i));
        }
    }
    BIO_free(text);
    CMS_ContentInfo_free(cms);
}
