/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys as operators leave them: what loads, what does not, and whether the message names the
 * file. */
#include "tls/context.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/log.h"
#include "peer.h"
#include "tls/context_openssl.h"

static char dir[256];

/* The certificates were made this long ago at most. */
#define DATES_SLACK_S 60

static const struct {
    const char *name;
    struct certificate_recipe recipe;
    const char *end_point_hash; /* NULL: undefined */
} recipes[] = {
    {"ec", {"P-256", "SHA256", -60, 3600}, "SHA256"},
    {"ec384", {"P-384", "SHA384", -60, 3600}, "SHA384"},
    {"rsa", {NULL, "SHA256", -60, 3600}, "SHA256"},
    {"rsa512", {NULL, "SHA512", -60, 3600}, "SHA512"},
    {"sha1", {"P-256", "SHA1", -60, 3600}, "SHA256"},
    {"ed25519", {"ED25519", NULL, -60, 3600}, NULL},
    {"expired", {"P-256", "SHA256", -7200, -3600}, "SHA256"},
    {"tomorrow", {"P-256", "SHA256", 86400, 172800}, "SHA256"},
};
enum { RECIPES = sizeof(recipes) / sizeof(recipes[0]) };

static void file_write(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void encrypted_key_write(void)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/encrypted.key", dir);
    FILE *f = fopen(path, "w");
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    assert_non_null(f);
    assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
    fclose(f);
    EVP_PKEY_free(key);
}

static int files_make(void **state)
{
    (void)state;
    log_level_set(LOG_LEVEL_ERROR); /* the dates are meant to be wrong here */
    scratch_make(dir);
    for (size_t i = 0; i < RECIPES; i++)
        certificate_make(dir, recipes[i].name, &recipes[i].recipe);
    file_write("empty.pem", "");
    file_write("empty.key", "");
    file_write("text.pem", "this is not a certificate\n");
    file_write("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    file_write("text.key", "this is not a key\n");
    encrypted_key_write();
    return 0;
}

static int files_drop(void **state)
{
    (void)state;
    scratch_remove(dir);
    return 0;
}

static int load(const char *certificate, const char *key, struct tls_context **ret_context,
                struct buffer *ret_message)
{
    char certificate_path[512], key_path[512];
    snprintf(certificate_path, sizeof(certificate_path), "%s/%s", dir, certificate);
    snprintf(key_path, sizeof(key_path), "%s/%s", dir, key);
    struct tls_settings settings = {.certificate_path = certificate_path, .key_path = key_path};
    return tls_context_new(&settings, ret_context, ret_message);
}

static void good_ones_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < RECIPES; i++) {
        struct tls_context *context = NULL;
        struct buffer message = {0};
        char certificate[64], key[64];
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned int digest_len = 0;

        snprintf(certificate, sizeof(certificate), "%s.pem", recipes[i].name);
        snprintf(key, sizeof(key), "%s.key", recipes[i].name);
        if (load(certificate, key, &context, &message) != 0)
            fail_msg("%s: %.*s", recipes[i].name, (int)message.len, message.ptr);
        assert_int_equal(message.len, 0);
        if (recipes[i].end_point_hash)
            X509_digest(SSL_CTX_get0_certificate(context->ctx),
                        EVP_get_digestbyname(recipes[i].end_point_hash), digest, &digest_len);
        if (context->end_point_len != digest_len || memcmp(context->end_point, digest, digest_len) != 0)
            fail_msg("%s: tls-server-end-point", recipes[i].name);

        time_t now = time(NULL), begin = 0, end = 0;
        assert_true(tls_context_dates(context, &begin, &end));
        assert_in_range(now + recipes[i].recipe.starts_s - begin, 0, DATES_SLACK_S);
        assert_in_range(now + recipes[i].recipe.ends_s - end, 0, DATES_SLACK_S);

        /* Counted: the last one frees. */
        assert_ptr_equal(tls_context_ref(context), context);
        assert_null(tls_context_unref(context));
        assert_null(tls_context_unref(context));
        buffer_fini(&message);
    }
    assert_null(tls_context_unref(NULL));
}

/* Is `part` somewhere in `whole`? */
static bool holds(struct span whole, const char *part)
{
    return memmem(whole.ptr, whole.len, part, strlen(part)) != NULL;
}

static void bad_ones_say_why(void **state)
{
    static const struct {
        const char *certificate, *key;
        int error;
        const char *names, *says;
    } rows[] = {
        {"nowhere.pem", "ec.key", -ENOENT, "nowhere.pem", "No such file"},
        {"ec.pem", "nowhere.key", -ENOENT, "nowhere.key", "No such file"},
        {"empty.pem", "ec.key", -EINVAL, "empty.pem", "not a usable PEM certificate"},
        {"text.pem", "ec.key", -EINVAL, "text.pem", "not a usable PEM certificate"},
        {"cut.pem", "ec.key", -EINVAL, "cut.pem", "not a usable PEM certificate"},
        {"ec.key", "ec.key", -EINVAL, "ec.key", "not a usable PEM certificate"},
        {"ec.pem", "empty.key", -EINVAL, "empty.key", "not a PEM private key"},
        {"ec.pem", "text.key", -EINVAL, "text.key", "not a PEM private key"},
        {"ec.pem", "ec.pem", -EINVAL, "ec.pem", "not a PEM private key"},
        {"ec.pem", "encrypted.key", -EINVAL, "encrypted.key", "passphrase"},
        {"ec.pem", "expired.key", -EINVAL, "expired.key", "does not belong to certificate"},
        {"ec.pem", "rsa.key", -EINVAL, "rsa.key", "does not belong to certificate"},
        {"rsa.pem", "ec.key", -EINVAL, "ec.key", "does not belong to certificate"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_context *context = NULL;
        struct buffer message = {0};
        int r = load(rows[i].certificate, rows[i].key, &context, &message);
        struct span text = buffer_span(&message);
        if (r != rows[i].error || context || !holds(text, rows[i].names) || !holds(text, rows[i].says) ||
            holds(text, "\n"))
            fail_msg("%s and %s: %d, %.*s", rows[i].certificate, rows[i].key, r, (int)text.len, text.ptr);
        buffer_fini(&message);
    }
}

/* One connection; returns its bindings. */
static struct tls_bindings connect_once(struct peer *p, struct tls_context *context, const char *host,
                                        struct span domain)
{
    struct buffer to_server = {0}, to_client = {0}, nothing = {0};
    struct tls_handshake *h = tls_handshake_new(context, false);
    struct tls_secrets secrets;
    struct tls_bindings bindings;
    int r = TLS_MORE;
    size_t used;
    if (host)
        SSL_set_tlsext_host_name(p->ssl, host);
    tls_handshake_expect(h, domain);
    for (int turn = 0; turn < 8 && r == TLS_MORE; turn++) {
        assert_true(peer_handshake(p, buffer_span(&to_client), &to_server) >= 0);
        buffer_clear(&to_client);
        r = tls_handshake_step(h, buffer_span(&to_server), &used, &to_client);
        buffer_consume(&to_server, used);
    }
    assert_int_equal(r, 0);
    assert_int_equal(tls_handshake_finish(h, &secrets, &bindings), 0);
    peer_give(p, buffer_span(&to_client)); /* with the ticket */
    peer_read(p, &nothing);
    tls_handshake_free(h);
    buffer_fini(&to_server);
    buffer_fini(&to_client);
    buffer_fini(&nothing);
    return bindings;
}

/* Whose certificate does a client see that names this host, having named that domain before? And is it the
 * one that is bound to, also when the client resumes? */
static const char *shown(struct tls_context *context, const char *host, struct span domain, int version)
{
    static char name[64];
    struct peer p;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    peer_init(&p, version, NULL);
    for (int round = 0; round < 2; round++) {
        struct tls_bindings bindings = connect_once(&p, context, host, domain);
        assert_int_equal(SSL_session_reused(p.ssl), round);
        X509 *leaf = SSL_get0_peer_certificate(p.ssl);
        assert_int_equal(X509_digest(leaf, EVP_sha256(), digest, &len), 1);
        assert_int_equal(bindings.end_point_len, len);
        assert_memory_equal(bindings.end_point, digest, len);
        snprintf(name, sizeof name, "%ld", ASN1_INTEGER_get(X509_get0_serialNumber(leaf)));
        peer_again(&p);
    }
    peer_fini(&p);
    return name;
}

/* The serial number tells whose it is: 1 the default, 2 one.example's, 3 two.example's. */
static void by_domain(void **state)
{
    (void)state;
    static const struct certificate_recipe recipe = {"P-256", "SHA256", -60, 3600};
    static const char *const names[] = {"default", "one.example", "two.example"};
    const struct span domains[] = {SPAN("one.example"), SPAN("two.example"), SPAN("three.example")};
    static const struct {
        const char *host, *domain, *serial;
    } rows[] = {
        {NULL, "", "1"},
        {"one.example", "", "2"},
        {"TWO.example", "", "3"},
        {"three.example", "", "1"},
        {"machine.example", "two.example", "3"},
        {"one.example", "two.example", "2"},
        {NULL, "one.example", "2"},
        {NULL, "three.example", "1"},
    };
    struct buffer message = {0};
    struct tls_context *context = NULL;
    char folder[256], certificate[300], key[300];
    scratch_make(folder);
    struct tls_settings settings = {.certificate_path = certificate,
                                    .key_path = key,
                                    .allow_tls12 = true,
                                    .certificates_folder = folder,
                                    .domains = domains,
                                    .domain_count = 3};
    snprintf(certificate, sizeof certificate, "%s/default.pem", folder);
    snprintf(key, sizeof key, "%s/default.key", folder);
    certificate_make(folder, names[0], &recipe);
    assert_int_equal(tls_context_new(&settings, &context, &message), -ENOENT); /* none of ours */
    buffer_clear(&message);
    for (long i = 1; i < 3; i++) {
        struct certificate_recipe numbered = recipe;
        numbered.serial = i + 1;
        numbered.curve =
            i == 2 ? NULL : recipe.curve; /* RSA: a key of another type takes the other's place, too */
        numbered.ends_s += i == 1 ? -1000 : 0;
        certificate_make(folder, names[i], &numbered);
    }
    assert_int_equal(tls_context_new(&settings, &context, &message), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
            assert_string_equal(shown(context, rows[i].host, span_of(rows[i].domain), version),
                                rows[i].serial);
    time_t begin = 0, end = 0;
    assert_true(tls_context_dates(context, &begin, &end));
    assert_in_range(time(NULL) + recipe.ends_s - 1000 - end, 0, DATES_SLACK_S); /* the first that ends */
    context = tls_context_unref(context);
    snprintf(key, sizeof key, "%s/two.example.key", folder);
    remove(key);
    snprintf(key, sizeof key, "%s/default.key", folder);
    assert_int_equal(tls_context_new(&settings, &context, &message), -ENOENT);
    assert_true(memmem(message.ptr, message.len, "two.example.key", 15) != NULL);
    buffer_fini(&message);
    scratch_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_domain),
        cmocka_unit_test(good_ones_load),
        cmocka_unit_test(bad_ones_say_why),
    };
    return cmocka_run_group_tests(tests, files_make, files_drop);
}
