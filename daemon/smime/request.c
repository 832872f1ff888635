/* SPDX-License-Identifier: Apache-2.0 */
/* A request for a certificate (RFC 2986) that says all there is to say of a person here. */
#include "smime/make.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "jid/jid.h"
#include "smime/identity.h"
#include "smime/purpose.h"
#include "smime/uri.h"

/* ub-common-name (RFC 5280, appendix A). */
#define COMMON_NAME_BYTES_MAX 64

static bool uri_add(GENERAL_NAMES *names, const char *scheme, struct span jid)
{
    struct buffer text = {0};
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *string = ASN1_IA5STRING_new();
    uri_write(&text, span_of(scheme), jid);
    bool is_done =
        name && string && buffer_ok(&text) && ASN1_STRING_set(string, text.ptr, (int)text.len) == 1;
    buffer_fini(&text);
    if (is_done) {
        GENERAL_NAME_set0_value(name, GEN_URI, string);
        is_done = sk_GENERAL_NAME_push(names, name) > 0;
    } else {
        ASN1_IA5STRING_free(string);
    }
    if (!is_done)
        GENERAL_NAME_free(name);
    return is_done;
}

static bool address_add(GENERAL_NAMES *names, struct span jid)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_UTF8STRING *string = ASN1_UTF8STRING_new();
    bool is_done = name && value && string && ASN1_STRING_set(string, jid.ptr, (int)jid.len) == 1;
    if (is_done) {
        ASN1_TYPE_set(value, V_ASN1_UTF8STRING, string);
        is_done = GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_XmppAddr), value) == 1 &&
                  sk_GENERAL_NAME_push(names, name) > 0;
    } else {
        ASN1_UTF8STRING_free(string);
        ASN1_TYPE_free(value);
    }
    if (!is_done)
        GENERAL_NAME_free(name);
    return is_done;
}

static bool names_add(STACK_OF(X509_EXTENSION) * *extensions, struct span jid)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool is_done = names && address_add(names, jid) && uri_add(names, "im", jid) &&
                   uri_add(names, "pres", jid) && uri_add(names, "xmpp", jid) &&
                   X509V3_add1_i2d(extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return is_done;
}

static bool purpose_add(STACK_OF(X509_EXTENSION) * *extensions)
{
    EXTENDED_KEY_USAGE *purposes = EXTENDED_KEY_USAGE_new();
    ASN1_OBJECT *purpose = OBJ_txt2obj(PURPOSE_IM_OID, 1);
    bool is_done = purposes && purpose && sk_ASN1_OBJECT_push(purposes, purpose) > 0;
    if (!is_done)
        ASN1_OBJECT_free(purpose);
    is_done = is_done && X509V3_add1_i2d(extensions, NID_ext_key_usage, purposes, 0, X509V3_ADD_DEFAULT) == 1;
    EXTENDED_KEY_USAGE_free(purposes);
    return is_done;
}

static bool usage_add(STACK_OF(X509_EXTENSION) * *extensions, const EVP_PKEY *key)
{
    const char *usage = EVP_PKEY_is_a(key, "RSA")  ? "critical,digitalSignature,keyEncipherment"
                        : EVP_PKEY_is_a(key, "EC") ? "critical,digitalSignature,keyAgreement"
                                                   : "critical,digitalSignature";
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);
    bool is_done = extension && X509v3_add_ext(extensions, extension, -1) != NULL;
    X509_EXTENSION_free(extension);
    return is_done;
}

static bool request_fill(X509_REQ *request, struct span jid, EVP_PKEY *key)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    bool is_done = names_add(&extensions, jid) && purpose_add(&extensions) && usage_add(&extensions, key) &&
                   X509_REQ_add_extensions(request, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (is_done &&
        jid.len <= COMMON_NAME_BYTES_MAX) /* for people who look: no program reads it (RFC 3923 s. 6.3) */
        is_done = X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                                             (const unsigned char *)jid.ptr, (int)jid.len, -1, 0) == 1;
    return is_done && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
           X509_REQ_set_pubkey(request, key) == 1 &&
           X509_REQ_sign(request, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0;
}

static int request_write(X509_REQ *request, struct buffer *out)
{
    char *bytes;
    BIO *bio = BIO_new(BIO_s_mem());
    int r = bio && PEM_write_bio_X509_REQ(bio, request) == 1 ? 0 : -ENOMEM;
    if (r == 0) {
        long len = BIO_get_mem_data(bio, &bytes);
        buffer_append(out, span_make(bytes, (size_t)len));
        r = buffer_ok(out) ? 0 : -ENOMEM;
    }
    BIO_free(bio);
    return r;
}

int smime_request(struct span jid, struct span key, struct buffer *out, struct buffer *ret_message)
{
    char storage[JID_BYTES_MAX];
    struct jid parsed;
    if (jid_parse(jid, storage, &parsed) != 0 || parsed.local_len == 0)
        return make_fail(ret_message, -EINVAL, "no JID of a person");
    EVP_PKEY *pair = identity_key_read(key);
    if (!pair)
        return make_fail(ret_message, -EINVAL,
                         "key: none (PEM), one that cannot be read, or with a password");
    X509_REQ *request = X509_REQ_new();
    int r = !request ? make_fail(ret_message, -ENOMEM, "")
            : !request_fill(request, jid_bare(&parsed), pair)
                ? make_fail(ret_message, -EINVAL, "the key does not sign")
            : request_write(request, out) != 0 ? make_fail(ret_message, -ENOMEM, "")
                                               : 0;
    X509_REQ_free(request);
    EVP_PKEY_free(pair);
    ERR_clear_error();
    return r;
}
