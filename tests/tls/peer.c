/* SPDX-License-Identifier: Apache-2.0 */
/* The other end for the tests of this room. A failure here is a failed test: assertions, no error returns. */
#include "peer.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

void scratch_make(char path[256])
{
    const char *root = getenv("TMPDIR");
    snprintf(path, 256, "%s/muster-tls-XXXXXX", root ? root : "/tmp");
    assert_non_null(mkdtemp(path));
}

void scratch_remove(const char *path)
{
    DIR *dir = opendir(path);
    char name[768];
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            unlink(name);
    }
    closedir(dir);
    rmdir(path);
}

static EVP_PKEY *key_make(const char *curve)
{
    if (!curve)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    if (strcmp(curve, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
}

void certificate_make(const char *dir, const char *name, const struct certificate_recipe *recipe)
{
    EVP_PKEY *key = key_make(recipe->curve);
    X509 *x = X509_new();
    char path[512];
    assert_non_null(key);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), recipe->serial ? recipe->serial : 1);
    X509_gmtime_adj(X509_getm_notBefore(x), recipe->starts_s);
    X509_gmtime_adj(X509_getm_notAfter(x), recipe->ends_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, recipe->hash ? EVP_get_digestbyname(recipe->hash) : NULL) > 0);

    snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    fclose(f);
    snprintf(path, sizeof(path), "%s/%s.key", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

struct tls_context *context_make(bool allow_tls12)
{
    static const struct certificate_recipe recipe = {"P-256", "SHA256", -60, 3600};
    struct buffer message = {0};
    struct tls_context *context = NULL;
    char dir[256], certificate[300], key[300];

    scratch_make(dir);
    certificate_make(dir, "server", &recipe);
    snprintf(certificate, sizeof(certificate), "%s/server.pem", dir);
    snprintf(key, sizeof(key), "%s/server.key", dir);
    struct tls_settings settings = {
        .certificate_path = certificate, .key_path = key, .allow_tls12 = allow_tls12};
    int r = tls_context_new(&settings, &context, &message);
    scratch_remove(dir);
    if (r != 0)
        fail_msg("%.*s", (int)message.len, message.ptr);
    buffer_fini(&message);
    return context;
}

struct tls_context *context13, *context12;

int contexts_make(void **state)
{
    (void)state;
    context13 = context_make(false);
    context12 = context_make(true);
    return 0;
}

int contexts_drop(void **state)
{
    (void)state;
    context13 = tls_context_unref(context13);
    context12 = tls_context_unref(context12);
    return 0;
}

static int peer_session_new(SSL *ssl, SSL_SESSION *session)
{
    struct peer *p = SSL_get_app_data(ssl);
    SSL_SESSION_free(p->session);
    p->session = session;
    p->tickets++;
    return 1; /* it is ours now */
}

static void peer_connection_make(struct peer *p)
{
    p->ssl = SSL_new(p->ctx);
    p->in = BIO_new(BIO_s_mem());
    p->out = BIO_new(BIO_s_mem());
    assert_true(p->ssl && p->in && p->out);
    BIO_set_mem_eof_return(p->in, -1);
    SSL_set_bio(p->ssl, p->in, p->out);
    SSL_set_app_data(p->ssl, p);
    SSL_set_connect_state(p->ssl);
    if (p->session)
        SSL_set_session(p->ssl, p->session);
}

void peer_init(struct peer *p, int version, const char *suite)
{
    *p = (struct peer){.ctx = SSL_CTX_new(TLS_client_method())};
    assert_non_null(p->ctx);
    SSL_CTX_set_min_proto_version(p->ctx, version);
    SSL_CTX_set_max_proto_version(p->ctx, version);
    if (suite && version == TLS1_3_VERSION)
        assert_int_equal(SSL_CTX_set_ciphersuites(p->ctx, suite), 1);
    else if (suite)
        assert_int_equal(SSL_CTX_set_cipher_list(p->ctx, suite), 1);
    SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(p->ctx, peer_session_new);
    peer_connection_make(p);
}

void peer_again(struct peer *p)
{
    /* A connection that was not closed would make the library throw its session away. */
    SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(p->ssl);
    p->tickets = 0;
    peer_connection_make(p);
}

void peer_fini(struct peer *p)
{
    SSL_free(p->ssl);
    SSL_SESSION_free(p->session);
    SSL_CTX_free(p->ctx);
    *p = (struct peer){0};
}

void peer_give(struct peer *p, struct span in)
{
    if (in.len > 0)
        assert_int_equal(BIO_write(p->in, in.ptr, (int)in.len), in.len);
}

void peer_drain(struct peer *p, struct buffer *out)
{
    char *bytes;
    long len = BIO_get_mem_data(p->out, &bytes);
    buffer_append(out, span_make(bytes, (size_t)len));
    (void)BIO_reset(p->out);
}

int peer_handshake(struct peer *p, struct span in, struct buffer *out)
{
    peer_give(p, in);
    ERR_clear_error();
    int done = SSL_do_handshake(p->ssl);
    peer_drain(p, out);
    if (done == 1)
        return 1;
    return SSL_get_error(p->ssl, done) == SSL_ERROR_WANT_READ ? 0 : -1;
}

int peer_read(struct peer *p, struct buffer *ret_plain)
{
    char bytes[4096];
    for (;;) {
        ERR_clear_error();
        int len = SSL_read(p->ssl, bytes, sizeof(bytes));
        if (len <= 0)
            return SSL_get_error(p->ssl, len);
        buffer_append(ret_plain, span_make(bytes, (size_t)len));
    }
}

void peer_write(struct peer *p, struct span plain, struct buffer *out)
{
    assert_int_equal(SSL_write(p->ssl, plain.ptr, (int)plain.len), plain.len);
    peer_drain(p, out);
}

/* Give the server what the client said, `chunk` bytes more at a time, keeping what it leaves. */
static int server_feed(struct tls_handshake *h, struct buffer *to_server, size_t chunk,
                       struct buffer *to_client)
{
    size_t shown = 0;
    int r = TLS_MORE;
    while (r == TLS_MORE && shown < to_server->len) {
        size_t used = 0;
        shown = chunk == 0 || shown + chunk > to_server->len ? to_server->len : shown + chunk;
        r = tls_handshake_step(h, span_make(to_server->ptr, shown), &used, to_client);
        assert_true(used <= shown);
        buffer_consume(to_server, used);
        shown -= used;
    }
    return r;
}

int connection_open(struct connection *ret, struct peer *p, struct tls_context *context, bool direct,
                    size_t chunk, char reason[128])
{
    struct tls_handshake *h = tls_handshake_new(context, direct);
    struct buffer to_server = {0}, to_client = {0};
    int client = 0, server = TLS_MORE;

    assert_non_null(h);
    for (int turn = 0; turn < 8 && server == TLS_MORE && client >= 0; turn++) {
        client = peer_handshake(p, buffer_span(&to_client), &to_server);
        buffer_clear(&to_client);
        server = server_feed(h, &to_server, chunk, &to_client);
    }
    snprintf(reason, 128, "%s", tls_handshake_reason(h));
    if (server == 0) {
        *ret = (struct connection){0};
        assert_int_equal(to_server.len, 0);
        assert_int_equal(tls_handshake_finish(h, &ret->secrets, &ret->bindings), 0);
        /* In TLS 1.2 the server is the last to speak. */
        assert_int_equal(peer_handshake(p, buffer_span(&to_client), &to_server), 1);
        ret->record = record_user_new(&ret->secrets);
        ret->worker = record_worker_new();
        assert_true(ret->record && ret->worker);
    } else {
        server = TLS_BAD;
        (void)peer_handshake(p, buffer_span(&to_client), &to_server);
    }
    tls_handshake_free(h);
    buffer_fini(&to_server);
    buffer_fini(&to_client);
    return server;
}

void connection_close(struct connection *c)
{
    c->record = record_free(c->record);
    c->worker = record_worker_free(c->worker);
}

void connection_write(struct connection *c, struct span plain, struct buffer *out)
{
    do {
        size_t part = plain.len < RECORD_PLAIN_MAX ? plain.len : RECORD_PLAIN_MAX, len = 0;
        char *space = malloc(record_sealed_bytes(c->record, part));
        if (part > 0)
            memcpy(space + record_head_bytes(c->record), plain.ptr, part);
        assert_int_equal(record_seal(c->record, c->worker, space, part, &len, out), 0);
        assert_int_equal(len, record_sealed_bytes(c->record, part));
        buffer_append(out, span_make(space, len));
        free(space);
        plain = span_skip(plain, part);
    } while (plain.len > 0);
}

int connection_read(struct connection *c, struct buffer *in, struct buffer *ret_plain, struct buffer *reply)
{
    for (;;) {
        struct span plain = {0};
        size_t used = 0;
        int r = record_open(c->record, c->worker, in->ptr, in->len, &plain, &used, reply);
        if (r == 0)
            buffer_append(ret_plain, plain);
        buffer_consume(in, used);
        if (r != 0 && r != RECORD_REPLY)
            return r;
    }
}
