/* SPDX-License-Identifier: Apache-2.0 */
#include "ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define IM_URI_OID "1.3.6.1.5.5.7.3.40"

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "tests/smime/ca: %s\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

/* A modulus without known factors: what reads it must refuse it for its size, so nobody will miss the private half. */
static EVP_PKEY *bare_rsa(int bits)
{
    EVP_PKEY *key = NULL;
    BIGNUM *n = BN_new(), *e = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    must(n && e && builder && ctx && BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1 &&
             BN_set_word(e, 65537) == 1 && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
             OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1,
         "bare key");
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    must(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1,
         "bare key");
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *fixed_ed25519(unsigned char number)
{
    unsigned char bytes[32] = {number};
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes, sizeof bytes);
}

static EVP_PKEY *fixed_p256(unsigned char number)
{
    unsigned char point[65];
    EVP_PKEY *key = NULL;
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *public = EC_POINT_new(group);
    BIGNUM *private = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    must(BN_set_word(private, number) == 1 && EC_POINT_mul(group, public, private, NULL, NULL, NULL) == 1 &&
             EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL) ==
                 sizeof point &&
             OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
             OSSL_PARAM_BLD_push_BN_pad(builder, OSSL_PKEY_PARAM_PRIV_KEY, private, 32) == 1 &&
             OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1,
         "fixed key");
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    must(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1,
         "fixed key");
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    BN_free(private);
    EC_POINT_free(public);
    EC_GROUP_free(group);
    return key;
}

static EVP_PKEY *key_make(const char *name)
{
    EVP_PKEY *key;
    if (!name)
        name = "P-256";
    if (strncmp(name, "BARE-RSA-", 9) == 0)
        key = bare_rsa(atoi(name + 9));
    else if (strncmp(name, "FIXED-ED25519-", 14) == 0)
        key = fixed_ed25519((unsigned char)atoi(name + 14));
    else if (strncmp(name, "FIXED-P-256-", 12) == 0)
        key = fixed_p256((unsigned char)atoi(name + 12));
    else if (strncmp(name, "RSA-", 4) == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(name + 4));
    else if (strcmp(name, "ED25519") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", name);
    must(key != NULL, name);
    return key;
}

/* Take the next word off `*text`; its length, 0 at the end. */
static size_t word_take(const char **text, const char **ret_word)
{
    *text += strspn(*text, " ");
    *ret_word = *text;
    size_t len = strcspn(*text, " ");
    *text += len;
    return len;
}

static void string_set(ASN1_STRING *out, const char *text, size_t len)
{
    char *bytes = malloc(len + 1);
    size_t n = 0;
    must(bytes != NULL, "memory");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' && i + 1 < len)
            bytes[n++] = text[++i] == '0' ? '\0' : text[i] == 's' ? ' ' : text[i];
        else
            bytes[n++] = text[i];
    }
    must(ASN1_STRING_set(out, bytes, (int)n) == 1, "name");
    free(bytes);
}

static GENERAL_NAME *other_name(const char *text, size_t len, int type)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_STRING *string = ASN1_STRING_type_new(type);
    must(name && value && string, "memory");
    string_set(string, text, len);
    ASN1_TYPE_set(value, type, string);
    must(GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_XmppAddr), value) == 1, "otherName");
    return name;
}

static GENERAL_NAME *general_name(const char *word, size_t len)
{
    static const struct {
        const char *prefix;
        int type; /* of GENERAL_NAME; or -1 and -2: otherName */
    } kinds[] = {
        {"xmppaddr=", -1}, {"xmppaddr-ia5=", -2}, {"email=", GEN_EMAIL}, {"dns=", GEN_DNS}, {"", GEN_URI}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t skip = strlen(kinds[i].prefix);
        if (len < skip || strncmp(word, kinds[i].prefix, skip) != 0)
            continue;
        if (kinds[i].type < 0)
            return other_name(word + skip, len - skip,
                              kinds[i].type == -1 ? V_ASN1_UTF8STRING : V_ASN1_IA5STRING);
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *string = ASN1_IA5STRING_new();
        must(name && string, "memory");
        string_set(string, word + skip, len - skip);
        GENERAL_NAME_set0_value(name, kinds[i].type, string);
        return name;
    }
    abort();
}

static void names_add(X509 *x, const char *names, bool is_critical)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    const char *word;
    size_t len;
    while ((len = word_take(&names, &word)) > 0)
        must(sk_GENERAL_NAME_push(all, general_name(word, len)) > 0, "name");
    must(X509_add1_ext_i2d(x, NID_subject_alt_name, all, is_critical, 0) == 1, "subjectAltName");
    GENERAL_NAMES_free(all);
}

static void eku_add(X509 *x, const char *purposes, bool is_critical)
{
    EXTENDED_KEY_USAGE *all = EXTENDED_KEY_USAGE_new();
    const char *word;
    char text[128];
    size_t len;
    while ((len = word_take(&purposes, &word)) > 0) {
        snprintf(text, sizeof text, "%.*s", (int)len, word);
        const char *spelled = strcmp(text, "imUri") == 0 ? IM_URI_OID
                              : strcmp(text, "any") == 0 ? "anyExtendedKeyUsage"
                                                         : text;
        ASN1_OBJECT *purpose = OBJ_txt2obj(spelled, 0);
        must(purpose && sk_ASN1_OBJECT_push(all, purpose) > 0, text);
    }
    must(X509_add1_ext_i2d(x, NID_ext_key_usage, all, is_critical, 0) == 1, "extendedKeyUsage");
    EXTENDED_KEY_USAGE_free(all);
}

static void extension_add(X509 *x, X509 *issuer, int nid, const char *text)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, text);
    must(extension && X509_add_ext(x, extension, -1) == 1, text);
    X509_EXTENSION_free(extension);
}

static void extensions_add(X509 *x, X509 *issuer, const struct ca_recipe *recipe)
{
    char text[256];
    if (recipe->is_ca) {
        snprintf(text, sizeof text, "critical,CA:TRUE");
        if (recipe->path_length > 0)
            snprintf(text, sizeof text, "critical,CA:TRUE,pathlen:%d", recipe->path_length - 1);
        extension_add(x, issuer, NID_basic_constraints, text);
    }
    extension_add(x, issuer, NID_subject_key_identifier, "hash");
    if (issuer != x)
        extension_add(x, issuer, NID_authority_key_identifier, "keyid:always");
    if (recipe->key_usage)
        extension_add(x, issuer, NID_key_usage, recipe->key_usage);
    if (recipe->names)
        names_add(x, recipe->names, recipe->has_empty_subject);
    if (recipe->eku)
        eku_add(x, recipe->eku, recipe->eku_is_critical);
    if (recipe->ocsp_url) {
        snprintf(text, sizeof text, "OCSP;URI:%s", recipe->ocsp_url);
        extension_add(x, issuer, NID_info_access, text);
    }
}

static struct span bio_take(BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    char *copy = calloc(1, (size_t)len + 1);
    must(copy != NULL, "memory");
    memcpy(copy, bytes, (size_t)len);
    BIO_free(bio);
    return span_make(copy, (size_t)len);
}

static void pem_write(struct ca_made *made, bool has_private)
{
    BIO *bio = BIO_new(BIO_s_mem());
    must(PEM_write_bio_X509(bio, made->certificate) == 1, "PEM");
    made->pem = bio_take(bio);
    if (!has_private)
        return;
    bio = BIO_new(BIO_s_mem());
    must(PEM_write_bio_PrivateKey(bio, made->key, NULL, NULL, 0, NULL, NULL) == 1, "PEM");
    made->key_pem = bio_take(bio);
}

static const EVP_MD *hash_for(EVP_PKEY *key, const char *name)
{
    if (EVP_PKEY_is_a(key, "ED25519"))
        return NULL;
    return EVP_get_digestbyname(name ? name : "SHA256");
}

struct ca_made *ca_issue(const struct ca_recipe *recipe, const struct ca_made *issuer)
{
    static uint64_t next_serial = 1000;
    struct ca_made *made = calloc(1, sizeof *made);
    must(made != NULL, "memory");
    X509 *x = made->certificate = X509_new();
    if (recipe->same_key) {
        made->key = recipe->same_key->key;
        EVP_PKEY_up_ref(made->key);
    } else {
        made->key = key_make(recipe->key);
    }
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), recipe->serial ? recipe->serial : next_serial++);
    must(ASN1_TIME_set(X509_getm_notBefore(x), recipe->starts_s ? recipe->starts_s : CA_STARTS_S) &&
             ASN1_TIME_set(X509_getm_notAfter(x), recipe->ends_s ? recipe->ends_s : CA_ENDS_S),
         "time");
    const char *name = recipe->common_name ? recipe->common_name : "test";
    if (!recipe->has_empty_subject)
        must(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                        (const unsigned char *)name, -1, -1, 0) == 1,
             "subject");
    X509 *above = issuer ? issuer->certificate : x;
    EVP_PKEY *signer = issuer ? issuer->key : made->key;
    must(X509_set_issuer_name(x, X509_get_subject_name(above)) == 1 && X509_set_pubkey(x, made->key) == 1,
         "key");
    extensions_add(x, above, recipe);
    must(X509_sign(x, signer, hash_for(signer, recipe->hash)) > 0, "signature");
    bool is_bare = recipe->key && strncmp(recipe->key, "BARE-", 5) == 0;
    pem_write(made, !is_bare && !(recipe->same_key && recipe->same_key->key_pem.len == 0));
    return made;
}

struct ca_made *ca_free(struct ca_made *made)
{
    if (!made)
        return NULL;
    X509_free(made->certificate);
    EVP_PKEY_free(made->key);
    free((char *)made->pem.ptr);
    free((char *)made->key_pem.ptr);
    free(made);
    return NULL;
}

char *ca_crl(const struct ca_made *issuer, const uint64_t *serials, uint32_t count, int64_t this_update_s,
             int64_t next_update_s)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *this_update = ASN1_TIME_set(NULL, this_update_s);
    ASN1_TIME *next_update = ASN1_TIME_set(NULL, next_update_s);
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    must(crl && this_update && next_update && number, "memory");
    must(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
             X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)) == 1 &&
             X509_CRL_set1_lastUpdate(crl, this_update) == 1 &&
             X509_CRL_set1_nextUpdate(crl, next_update) == 1,
         "list");
    for (uint32_t i = 0; i < count; i++) {
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER_set_uint64(number, serials[i]);
        must(X509_REVOKED_set_serialNumber(revoked, number) == 1 &&
                 X509_REVOKED_set_revocationDate(revoked, this_update) == 1 &&
                 X509_CRL_add0_revoked(crl, revoked) == 1,
             "entry of a list");
    }
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer->certificate, NULL, NULL, crl, 0);
    X509_EXTENSION *key_id = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    ASN1_INTEGER_set_uint64(number, 1);
    must(key_id && X509_CRL_add_ext(crl, key_id, -1) == 1 &&
             X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1 && X509_CRL_sort(crl) == 1 &&
             X509_CRL_sign(crl, issuer->key, hash_for(issuer->key, NULL)) > 0,
         "list");
    BIO *bio = BIO_new(BIO_s_mem());
    must(PEM_write_bio_X509_CRL(bio, crl) == 1, "PEM");
    X509_EXTENSION_free(key_id);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(this_update);
    ASN1_TIME_free(next_update);
    X509_CRL_free(crl);
    return (char *)bio_take(bio).ptr;
}

uint64_t ca_serial(const struct ca_made *made)
{
    uint64_t serial = 0;
    must(ASN1_INTEGER_get_uint64(&serial, X509_get0_serialNumber(made->certificate)) == 1, "serial number");
    return serial;
}

struct ca_made *ca_authority(const char *common_name)
{
    return ca_issue(&(struct ca_recipe){.common_name = common_name,
                                        .is_ca = true,
                                        .key_usage = "critical,keyCertSign,cRLSign"},
                    NULL);
}

struct ca_made *ca_person(const struct ca_made *issuer, const char *key, const char *jid)
{
    char names[512];
    snprintf(names, sizeof names, "xmppaddr=%s im:%s pres:%s xmpp:%s", jid, jid, jid, jid);
    return ca_issue(&(struct ca_recipe){.key = key,
                                        .common_name = jid,
                                        .names = names,
                                        .eku = "imUri",
                                        .key_usage = key && strstr(key, "RSA")
                                                         ? "critical,digitalSignature,keyEncipherment"
                                                     : key && strstr(key, "ED25519")
                                                         ? "critical,digitalSignature"
                                                         : "critical,digitalSignature,keyAgreement"},
                    issuer);
}
