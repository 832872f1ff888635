/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' certificates against what they are for, and against revocation lists: in the handshake, and when they are looked at again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "peer.h"
#include "tls/client.h"

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char folder[256], path[300];
};

static X509 *signed_make(EVP_PKEY *key, long serial, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
                         const char *extension, const char *value)
{
    X509 *x = X509_new();
    X509V3_CTX context;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                               -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    X509_set_pubkey(x, key);
    X509V3_set_ctx(&context, issuer ? issuer : x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf(NULL, &context, extension, value);
    assert_non_null(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
    return x;
}

static EVP_PKEY *key_make(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    assert_non_null(key);
    return key;
}

static void authority_init(struct authority *a)
{
    scratch_make(a->folder);
    a->key = key_make();
    a->certificate =
        signed_make(a->key, 1, "authority", NULL, a->key, "basicConstraints", "critical,CA:TRUE");
    snprintf(a->path, sizeof a->path, "%s/ca.pem", a->folder);
    FILE *f = fopen(a->path, "w");
    assert_int_equal(PEM_write_X509(f, a->certificate), 1);
    fclose(f);
}

static void authority_fini(struct authority *a)
{
    scratch_remove(a->folder);
    EVP_PKEY_free(a->key);
    X509_free(a->certificate);
}

/* A list at `path` that is of use from and until then, with `serial` on it unless that is 0. */
static void list_write(const struct authority *a, const char *path, bool is_der, long from_s, long until_s,
                       long serial)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *made = X509_gmtime_adj(NULL, from_s), *next = X509_gmtime_adj(NULL, until_s);
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(a->certificate));
    X509_CRL_set1_lastUpdate(list, made);
    X509_CRL_set1_nextUpdate(list, next);
    if (serial) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        ASN1_INTEGER_set(number, serial);
        X509_REVOKED_set_serialNumber(entry, number);
        X509_REVOKED_set_revocationDate(entry, made);
        X509_CRL_add0_revoked(list, entry);
        ASN1_INTEGER_free(number);
    }
    assert_true(X509_CRL_sort(list) && X509_CRL_sign(list, a->key, EVP_sha256()) > 0);
    FILE *f = fopen(path, "w");
    assert_int_equal(is_der ? i2d_X509_CRL_fp(f, list) : PEM_write_X509_CRL(f, list), 1);
    fclose(f);
    X509_CRL_free(list);
    ASN1_TIME_free(made);
    ASN1_TIME_free(next);
}

/* What `a` vouches for, with a certificate of its own; in place of `old` if that is one. */
static struct tls_context *context_for(const struct authority *a, const struct tls_settings *revocation,
                                       struct tls_context *old, struct buffer *message)
{
    static const struct certificate_recipe recipe = {"P-256", "SHA256", -60, 3600};
    char certificate[300], key[300];
    struct tls_settings settings = *revocation;
    struct tls_context *context = NULL;
    certificate_make(a->folder, "server", &recipe);
    snprintf(certificate, sizeof certificate, "%s/server.pem", a->folder);
    snprintf(key, sizeof key, "%s/server.key", a->folder);
    settings.certificate_path = certificate;
    settings.key_path = key;
    settings.allow_tls12 = true;
    settings.client_authorities_path = a->path;
    if (old)
        tls_context_renew(old, &settings, &context, message);
    else
        tls_context_new(&settings, &context, message);
    return context;
}

static struct tls_context *context_of(const struct authority *a, const struct tls_settings *revocation,
                                      struct buffer *message)
{
    return context_for(a, revocation, NULL, message);
}

#define SERIAL 7
#define ADDRESS "otherName:1.3.6.1.5.5.7.8.5;UTF8:juliet@localhost"

/* A client with a certificate for `purposes` (extended key usage; NULL: it does not say). */
static void client_init_for(struct peer *p, const struct authority *a, int version, const char *purposes)
{
    EVP_PKEY *key = key_make();
    X509 *x = signed_make(key, SERIAL, "client", a->certificate, a->key, "subjectAltName", ADDRESS);
    if (purposes) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, purposes);
        assert_true(e && X509_add_ext(x, e, -1) && X509_sign(x, a->key, EVP_sha256()) > 0);
        X509_EXTENSION_free(e);
    }
    peer_init(p, version, NULL);
    assert_int_equal(SSL_CTX_use_certificate(p->ctx, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(p->ctx, key), 1);
    peer_again(p);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void client_init(struct peer *p, const struct authority *a, int version)
{
    client_init_for(p, a, version, NULL);
}

/* What the server takes of its certificate; NULL: nothing. */
static struct tls_client *client_shows(struct peer *p, struct tls_context *context)
{
    struct connection c;
    char reason[128];
    if (connection_open(&c, p, context, false, 0, reason) != 0)
        fail_msg("%s", reason);
    connection_close(&c);
    return c.bindings.client;
}

/* RFC 9734: who may sign messages with a certificate may not log in with it for that alone. */
static void every_purpose(void **state)
{
    (void)state;
    static const struct {
        const char *purposes;
        bool is_good;
    } rows[] = {
        {NULL, true},
        {"clientAuth", true},
        {"1.3.6.1.5.5.7.3.40", false},
        {"critical,1.3.6.1.5.5.7.3.40", false},
        {"1.3.6.1.5.5.7.3.40,clientAuth", true},
        {"1.3.6.1.5.5.7.3.40,emailProtection", false},
        {"serverAuth", false},
        {"emailProtection", false},
    };
    struct authority a;
    struct buffer message = {0};
    authority_init(&a);
    struct tls_settings settings = {0};
    struct tls_context *context = context_of(&a, &settings, &message);
    assert_non_null(context);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer p;
        client_init_for(&p, &a, TLS1_3_VERSION, rows[i].purposes);
        struct tls_client *c = client_shows(&p, context);
        if ((c != NULL) != rows[i].is_good)
            fail_msg("%s: the certificate is %s", rows[i].purposes, c ? "good" : "not");
        tls_client_unref(c);
        peer_fini(&p);
    }
    tls_context_unref(context);
    authority_fini(&a);
}

enum { NONE = 1, GOOD = 2, REVOKED = 4, STALE = 8, EARLY = 16, DER = 32 };

static void list_make(const struct authority *a, const char *path, int kind)
{
    long from_s = kind & EARLY ? 600 : -600, until_s = kind & STALE ? -300 : 1200;
    if (kind != NONE)
        list_write(a, path, kind & DER, from_s, until_s, kind & REVOKED ? SERIAL : SERIAL + 1);
}

static void every_kind_of_list(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int kind;
        bool is_soft, is_hard; /* does the certificate count? */
    } rows[] = {
        {"another is revoked", GOOD, true, true},
        {"it is revoked", REVOKED, false, false},
        {"it is revoked, in DER", REVOKED | DER, false, false},
        {"another is, in DER", GOOD | DER, true, true},
        {"out of date", STALE, true, false},
        {"out of date, and it is on it", STALE | REVOKED, false, false},
        {"of the future", EARLY, true, false},
    };
    struct authority a;
    char path[300];
    authority_init(&a);
    snprintf(path, sizeof path, "%s/list.crl", a.folder);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int mode = TLS_REVOCATION_OFF; mode <= TLS_REVOCATION_HARD; mode++) {
            struct buffer message = {0};
            bool is_good = mode == TLS_REVOCATION_OFF ||
                           (mode == TLS_REVOCATION_SOFT ? rows[i].is_soft : rows[i].is_hard);
            struct peer p;
            list_make(&a, path, rows[i].kind);
            struct tls_settings settings = {.client_lists_path = path,
                                            .client_list_mode = (enum tls_revocation)mode};
            struct tls_context *context = context_of(&a, &settings, &message);
            if (!context)
                fail_msg("%s: %.*s", rows[i].name, (int)message.len, message.ptr);
            client_init(&p, &a, TLS1_3_VERSION);
            struct tls_client *c = client_shows(&p, context);
            if ((c != NULL) != is_good)
                fail_msg("%s, mode %d: the certificate is %s", rows[i].name, mode, c ? "good" : "not");
            bool is_seen =
                rows[i].kind & REVOKED && (mode == TLS_REVOCATION_SOFT || (mode && !(rows[i].kind & STALE)));
            assert_int_equal(tls_context_client_counters(context).revoked, is_seen);
            tls_client_unref(c);
            peer_fini(&p);
            tls_context_unref(context);
        }
    authority_fini(&a);
}

/* What was let in before is found by the same lists later, in a daemon that has read others since. */
static void looked_at_again(void **state)
{
    (void)state;
    static const int kinds[] = {GOOD, REVOKED, STALE};
    static const enum tls_client_status wanted[] = {TLS_CLIENT_GOOD, TLS_CLIENT_REVOKED, TLS_CLIENT_UNKNOWN};
    struct authority a;
    struct peer p;
    struct buffer message = {0};
    char path[300];
    authority_init(&a);
    snprintf(path, sizeof path, "%s/list.crl", a.folder);
    struct tls_settings settings = {.client_lists_path = path, .client_list_mode = TLS_REVOCATION_HARD};
    list_make(&a, path, GOOD);
    struct tls_context *context = context_of(&a, &settings, &message);
    client_init(&p, &a, TLS1_3_VERSION);
    struct tls_client *c = client_shows(&p, context);
    assert_non_null(c);
    assert_true(c->chain.len > 0);
    assert_int_equal(p.tickets, 0); /* it is to show its chain each time */
    for (int i = 0; i < 3; i++) {
        struct tls_client_look look = {0};
        list_make(&a, path, kinds[i]);
        struct tls_context *later = context_of(&a, &settings, &message);
        assert_int_equal(tls_client_check(later, c, &look), wanted[i]);
        assert_int_equal(look.until_s > 0, wanted[i] == TLS_CLIENT_GOOD);
        assert_int_equal(tls_client_check(later, c, &look), wanted[i]);
        tls_context_unref(later);
    }
    tls_client_unref(c);
    peer_fini(&p);
    tls_context_unref(context);
    authority_fini(&a);
}

/* What was found good by an authority that is gone is looked at anew, though no list has changed and none says until when. */
static void authority_taken_away(void **state)
{
    (void)state;
    struct authority a, other;
    struct peer p;
    struct buffer message = {0};
    struct tls_client_look look = {0};
    char path[300];
    authority_init(&a);
    authority_init(&other);
    snprintf(path, sizeof path, "%s/list.crl", a.folder);
    list_make(&a, path, GOOD);
    struct tls_settings settings = {.client_lists_path = path, .client_list_mode = TLS_REVOCATION_SOFT};
    struct tls_context *context = context_of(&a, &settings, &message);
    client_init(&p, &a, TLS1_3_VERSION);
    struct tls_client *c = client_shows(&p, context);
    assert_non_null(c);
    assert_int_equal(tls_client_check(context, c, &look), TLS_CLIENT_GOOD);
    struct tls_context *same = context_for(&a, &settings, context, &message);
    assert_int_equal(tls_client_check(same, c, &look), TLS_CLIENT_GOOD);
    struct tls_context *later = context_for(&other, &settings, same, &message);
    assert_int_equal(tls_client_check(later, c, &look), TLS_CLIENT_REVOKED);
    tls_client_unref(c);
    peer_fini(&p);
    tls_context_unref(context);
    tls_context_unref(same);
    tls_context_unref(later);
    authority_fini(&a);
    authority_fini(&other);
}

/* TLS 1.2 promises its ticket before it sees the certificate: who resumes has none. */
static void resumed_without_a_chain(void **state)
{
    (void)state;
    struct authority a;
    struct buffer message = {0};
    char path[300];
    authority_init(&a);
    snprintf(path, sizeof path, "%s/list.crl", a.folder);
    list_make(&a, path, GOOD);
    for (int is_on = 0; is_on <= 1; is_on++) {
        struct peer p;
        struct tls_settings settings = {.client_lists_path = is_on ? path : NULL,
                                        .client_list_mode = TLS_REVOCATION_HARD};
        struct tls_context *context = context_of(&a, &settings, &message);
        client_init(&p, &a, TLS1_2_VERSION);
        struct tls_client *first = client_shows(&p, context);
        assert_non_null(first);
        peer_again(&p);
        struct tls_client *second = client_shows(&p, context);
        assert_true(SSL_session_reused(p.ssl));
        assert_int_equal(second != NULL, !is_on);
        tls_client_unref(first);
        tls_client_unref(second);
        peer_fini(&p);
        tls_context_unref(context);
    }
    authority_fini(&a);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    struct authority a;
    char path[300];
    authority_init(&a);
    snprintf(path, sizeof path, "%s/list.crl", a.folder);
    const struct {
        const char *text, *path, *wanted;
    } rows[] = {
        {NULL, path, "No such file"},
        {"", path, "neither PEM nor DER"},
        {"rubbish", path, "neither PEM nor DER"},
        {"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", path, "neither PEM nor DER"},
        {"rubbish", a.folder, "neither PEM nor DER"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer message = {0};
        struct tls_settings settings = {.client_lists_path = rows[i].path,
                                        .client_list_mode = TLS_REVOCATION_SOFT};
        if (rows[i].text) {
            FILE *f = fopen(path, "w");
            fputs(rows[i].text, f);
            fclose(f);
        }
        assert_null(context_of(&a, &settings, &message));
        buffer_append(&message, span_make("", 1));
        if (!strstr(message.ptr, rows[i].wanted))
            fail_msg("row %zu: %s", i, message.ptr);
        buffer_fini(&message);
    }
    struct buffer message = {0};
    struct tls_settings settings = {.client_ocsp_mode = TLS_REVOCATION_SOFT,
                                    .client_ocsp_responder = "https://localhost/"};
    assert_null(context_of(&a, &settings, &message));
    assert_true(message.len > 0);
    buffer_fini(&message);
    authority_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_purpose),           cmocka_unit_test(every_kind_of_list),
        cmocka_unit_test(looked_at_again),         cmocka_unit_test(authority_taken_away),
        cmocka_unit_test(resumed_without_a_chain), cmocka_unit_test(what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
