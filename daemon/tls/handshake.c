/* SPDX-License-Identifier: Apache-2.0 */
/* One handshake over memory. OpenSSL is shown exactly one record at a time, so that not a byte
 * behind the peer's Finished ends in its buffers, and gives the traffic secrets away through the provider of
 * its key schedule, or, where it does not take that, its key-log callback. */
#include "tls/handshake.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/hex.h"
#include "tls/client_openssl.h"
#include "tls/context_openssl.h"
#include "tls/keys.h"
#include "tls/schedule.h"
#include "tls/server_openssl.h"
#include "tls/wire.h"

/* A ClientHello fits one record, a cautious client cuts it in a few. Whoever sends more is at play. */
#define HANDSHAKE_RECORDS_MAX 64

#define ALPN_XMPP "\x0bxmpp-client"
#define ALPN_XMPP_SERVER "\x0bxmpp-server"
_Static_assert(sizeof(ALPN_XMPP) == sizeof(ALPN_XMPP_SERVER), "either is handed over by this length");
#define EXPORTER_LABEL "EXPORTER-Channel-Binding"

enum handshake_state { HANDSHAKE_RUNNING, HANDSHAKE_DONE, HANDSHAKE_BAD };

struct tls_handshake {
    struct tls_context *context;
    SSL *ssl;
    BIO *from_peer, *to_peer; /* belong to ssl */
    enum handshake_state state;
    bool is_direct;
    bool is_begun;      /* the library has been asked for its first words, where they are due unasked */
    struct span domain; /* that it has named in its stream's header; empty: none yet */
    uint32_t records;
    uint64_t records_after_finished; /* sent under the application keys */
    struct schedule_secrets secrets; /* TLS 1.3 */
    const char *reason;              /* static text */
};

/* 0 bytes when it is not hex or does not fit. */
static uint8_t secret_decode(const char *hex, uint8_t *ret_bytes, size_t max)
{
    struct span text = span_of(hex);
    return text.len / 2 <= max && hex_read(text, ret_bytes, text.len / 2) ? (uint8_t)(text.len / 2) : 0;
}

/* Lines are "LABEL client-random-in-hex secret-in-hex". */
static void keylog(const SSL *ssl, const char *line)
{
    struct tls_handshake *h = SSL_get_app_data(ssl);
    struct span text = span_of(line);
    const char *secret = strrchr(line, ' ');

    if (!h || !secret)
        return;
    if (span_starts(text, SPAN("CLIENT_TRAFFIC_SECRET_0 ")))
        h->secrets.client_len = secret_decode(secret + 1, h->secrets.client, sizeof(h->secrets.client));
    else if (span_starts(text, SPAN("SERVER_TRAFFIC_SECRET_0 ")))
        h->secrets.server_len = secret_decode(secret + 1, h->secrets.server, sizeof(h->secrets.server));
    else if (span_starts(text, SPAN("EXPORTER_SECRET ")))
        h->secrets.exporter_len = secret_decode(secret + 1, h->secrets.exporter, sizeof(h->secrets.exporter));
}

/* XEP-0368: on direct TLS the protocol is named or not offered at all; STARTTLS has no use for it. */
static int alpn_select(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len,
                       const unsigned char *offered, unsigned int offered_len, void *user)
{
    struct tls_handshake *h = SSL_get_app_data(ssl);
    unsigned char *name;

    (void)user;
    if (!h->is_direct)
        return SSL_TLSEXT_ERR_NOACK;
    const char *ours = h->context->role == TLS_CLIENTS ? ALPN_XMPP : ALPN_XMPP_SERVER;
    if (SSL_select_next_proto(&name, ret_len, (const unsigned char *)ours, sizeof(ALPN_XMPP) - 1, offered,
                              offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_name = name;
    return SSL_TLSEXT_ERR_OK;
}

static const struct identity *identity_of(const struct tls_handshake *h)
{
    return tls_identity_find(h->context, SSL_get_servername(h->ssl, TLSEXT_NAMETYPE_host_name), h->domain);
}

/* RFC 6120 s. 5.4.3.1, RFC 6066 s. 3. A name of nobody here is no failure: it may be that of the machine. */
static int certificate_choose(SSL *ssl, void *unused)
{
    (void)unused;
    const struct tls_handshake *h = SSL_get_app_data(ssl);
    const struct identity *i = h ? identity_of(h) : NULL;
    STACK_OF(X509) *chain = NULL;
    if (!i)
        return 1;
    SSL_CTX_get0_chain_certs(i->ctx, &chain);
    SSL_certs_clear(ssl); /* the context's own may have a key of another type, and would stay beside it */
    return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(i->ctx), SSL_CTX_get0_privatekey(i->ctx), chain,
                                1) == 1;
}

/* Without a word from us the library does not keep the name with the session, and who resumes by TLS 1.2 would seem to have named none. */
static int name_acknowledge(SSL *ssl, int *alert, void *unused)
{
    (void)alert;
    (void)unused;
    const struct tls_handshake *h = SSL_get_app_data(ssl);
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    bool is_ours = h && host && tls_identity_find(h->context, host, (struct span){0});
    return is_ours ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void tls_handshake_hook(SSL_CTX *ctx, bool is_schedule_ours)
{
    SSL_CTX_set_cert_cb(ctx, certificate_choose, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, name_acknowledge);
    SSL_CTX_set_keylog_callback(ctx, is_schedule_ours ? NULL : keylog);
    SSL_CTX_set_alpn_select_cb(ctx, alpn_select, NULL);
}

static bool is_client(const struct tls_handshake *h)
{
    return h->context->role == TLS_SERVERS_OUTGOING;
}

struct tls_handshake *tls_handshake_new(struct tls_context *context, bool direct)
{
    struct tls_handshake *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->context = tls_context_ref(context);
    h->is_direct = direct;
    h->reason = "in progress";
    ERR_clear_error();
    h->ssl = SSL_new(context->ctx);
    h->from_peer = BIO_new(BIO_s_mem());
    h->to_peer = BIO_new(BIO_s_mem());
    if (!h->ssl || !h->from_peer || !h->to_peer) {
        BIO_free(h->from_peer);
        BIO_free(h->to_peer);
        return tls_handshake_free(h);
    }
    /* Empty means "wait", not "the peer is gone". */
    BIO_set_mem_eof_return(h->from_peer, -1);
    SSL_set_bio(h->ssl, h->from_peer, h->to_peer);
    SSL_set_app_data(h->ssl, h);
    if (is_client(h))
        SSL_set_connect_state(h->ssl);
    else
        SSL_set_accept_state(h->ssl);
    if (is_client(h) && direct &&
        SSL_set_alpn_protos(h->ssl, (const unsigned char *)ALPN_XMPP_SERVER, sizeof(ALPN_XMPP_SERVER) - 1) !=
            0)
        return tls_handshake_free(h);
    return h;
}

void tls_handshake_expect(struct tls_handshake *h, struct span domain)
{
    h->domain = domain;
}

int tls_handshake_name(struct tls_handshake *h, struct span domain)
{
    char name[TLSEXT_MAXLEN_host_name + 1];
    if (domain.len >= sizeof(name) || memchr(domain.ptr, ':', domain.len))
        return 0; /* an address: no name to be called by */
    memcpy(name, domain.ptr, domain.len);
    name[domain.len] = '\0';
    return SSL_set_tlsext_host_name(h->ssl, name) == 1 ? 0 : -ENOMEM;
}

struct tls_handshake *tls_handshake_free(struct tls_handshake *h)
{
    if (!h)
        return NULL;
    SSL_free(h->ssl);
    tls_context_unref(h->context);
    OPENSSL_cleanse(h, sizeof(*h));
    free(h);
    return NULL;
}

/* Move what the library wrote to `out`; the number of records among it that look like application data, which
 * is what everything under TLS 1.3 keys looks like. */
static uint64_t output_drain(struct tls_handshake *h, struct buffer *out)
{
    uint64_t sealed = 0;
    char *bytes;
    long len = BIO_get_mem_data(h->to_peer, &bytes);

    for (struct span left = span_make(bytes, len > 0 ? (size_t)len : 0); left.len >= TLS_HEADER_BYTES;) {
        size_t whole = TLS_HEADER_BYTES + tls_body_bytes(left.ptr);
        sealed += tls_type(left.ptr) == TLS_APPLICATION_DATA;
        left = span_skip(left, whole < left.len ? whole : left.len);
    }
    if (len > 0)
        buffer_append(out, span_make(bytes, (size_t)len));
    (void)BIO_reset(h->to_peer);
    return sealed;
}

static int handshake_fail(struct tls_handshake *h, const char *reason)
{
    h->state = HANDSHAKE_BAD;
    h->reason = reason;
    return TLS_BAD;
}

/* Before any key there is nobody to seal an alert, and the library may not even have seen a ClientHello. */
static int handshake_fail_plain(struct tls_handshake *h, uint8_t alert, const char *reason,
                                struct buffer *out)
{
    const char record[] = {TLS_ALERT, 3, 3, 0, 2, TLS_ALERT_FATAL, (char)alert};
    buffer_append(out, span_make(record, sizeof(record)));
    return handshake_fail(h, reason);
}

/* Let the library work on what it has been given. */
static int library_run(struct tls_handshake *h, struct buffer *out)
{
    ERR_clear_error();
    schedule_listen(&h->secrets);
    int done = SSL_do_handshake(h->ssl);
    schedule_listen(NULL);
    int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(h->ssl, done);
    uint64_t sealed = output_drain(h, out);

    if (done == 1) {
        /* The peer's Finished came in alone. What a server writes on it are tickets; what a client writes is its own last
         * flight, under the handshake's keys. */
        h->records_after_finished = is_client(h) ? 0 : sealed;
        if (SSL_has_pending(h->ssl))
            return handshake_fail(h, "more in the record of the client's Finished");
        h->state = HANDSHAKE_DONE;
        h->reason = "done";
        return 0;
    }
    if (error == SSL_ERROR_WANT_READ)
        return TLS_MORE;
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return handshake_fail(h, reason ? reason : "closed by the peer");
}

/* Only the library can seal an alert under handshake keys: show it a length that it is sure to refuse. */
static int overflow_fail(struct tls_handshake *h, const char *header, struct buffer *out)
{
    const char refused[TLS_HEADER_BYTES] = {header[0], header[1], header[2], (char)0xff, (char)0xff};
    if (h->records == 0)
        return handshake_fail_plain(h, TLS_ALERT_RECORD_OVERFLOW, "record too long", out);
    if (BIO_write(h->from_peer, refused, sizeof(refused)) == (int)sizeof(refused))
        library_run(h, out);
    return handshake_fail(h, "record too long");
}

static int record_feed(struct tls_handshake *h, struct span record, struct buffer *out)
{
    if (++h->records > HANDSHAKE_RECORDS_MAX)
        return handshake_fail(h, "too many records");
    if (BIO_write(h->from_peer, record.ptr, (int)record.len) != (int)record.len)
        return handshake_fail(h, "out of memory");
    return library_run(h, out);
}

int tls_handshake_step(struct tls_handshake *h, struct span in, size_t *ret_used, struct buffer *out)
{
    int r = TLS_MORE;
    size_t used = 0;

    if (h->state != HANDSHAKE_RUNNING) {
        *ret_used = 0;
        return h->state == HANDSHAKE_DONE ? 0 : TLS_BAD;
    }
    while (r == TLS_MORE) {
        struct span left = span_skip(in, used);
        if (is_client(h) && !h->is_begun) {
            h->is_begun = true;
            r = library_run(h, out);
            continue;
        }
        /* Plain text, a port scan, SSL 2: not to be shown to the library. */
        if (h->records == 0 && left.len > 0 && tls_type(left.ptr) != TLS_HANDSHAKE &&
            !(is_client(h) && tls_type(left.ptr) == TLS_ALERT)) {
            r = handshake_fail_plain(h, TLS_ALERT_UNEXPECTED_MESSAGE, "not TLS", out);
            break;
        }
        if (left.len < TLS_HEADER_BYTES)
            break;
        size_t body = tls_body_bytes(left.ptr);
        if (body > TLS_BODY_BYTES_MAX) {
            r = overflow_fail(h, left.ptr, out);
            break;
        }
        if (left.len < TLS_HEADER_BYTES + body)
            break;
        used += TLS_HEADER_BYTES + body;
        r = record_feed(h, span_make(left.ptr, TLS_HEADER_BYTES + body), out);
    }
    *ret_used = used;
    return r;
}

bool tls_handshake_is_nearly_done(const struct tls_handshake *h)
{
    /* The server's secret is made with its Finished of TLS 1.3. */
    return h->state == HANDSHAKE_RUNNING && h->secrets.server_len &&
           SSL_get_verify_mode(h->ssl) == SSL_VERIFY_NONE;
}

const char *tls_handshake_reason(const struct tls_handshake *h)
{
    return h->reason;
}

static int suite_read(const SSL *ssl, struct tls_secrets *s)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const EVP_MD *hash = cipher ? SSL_CIPHER_get_handshake_digest(cipher) : NULL;

    switch (cipher ? SSL_CIPHER_get_cipher_nid(cipher) : NID_undef) {
    case NID_aes_128_gcm:
        s->suite = TLS_AES_128_GCM;
        break;
    case NID_aes_256_gcm:
        s->suite = TLS_AES_256_GCM;
        break;
    case NID_chacha20_poly1305:
        s->suite = TLS_CHACHA20_POLY1305;
        break;
    default:
        return -EOPNOTSUPP;
    }
    s->version = (uint16_t)SSL_version(ssl);
    s->hash_bytes = (uint8_t)(hash ? EVP_MD_get_size(hash) : 0);
    return s->hash_bytes == 32 || s->hash_bytes == 48 ? 0 : -EOPNOTSUPP;
}

static int secrets_read13(const struct tls_handshake *h, struct tls_secrets *s)
{
    if (h->secrets.client_len != s->hash_bytes || h->secrets.server_len != s->hash_bytes)
        return -EPROTO;
    memcpy(s->receive.secret, s->is_client ? h->secrets.server : h->secrets.client, s->hash_bytes);
    memcpy(s->send.secret, s->is_client ? h->secrets.client : h->secrets.server, s->hash_bytes);
    int r = tls_direction_derive(&s->receive, s->suite, s->hash_bytes);
    if (r == 0)
        r = tls_direction_derive(&s->send, s->suite, s->hash_bytes);
    if (r == 0)
        s->send.sequence = h->records_after_finished;
    return r;
}

static int secrets_read12(const struct tls_handshake *h, struct tls_secrets *s)
{
    uint8_t master[TLS12_MASTER_BYTES], client_random[TLS_RANDOM_BYTES], server_random[TLS_RANDOM_BYTES];
    const SSL_SESSION *session = SSL_get0_session(h->ssl);
    int r = -EPROTO;

    if (session && SSL_SESSION_get_master_key(session, master, sizeof(master)) == sizeof(master) &&
        SSL_get_client_random(h->ssl, client_random, sizeof(client_random)) == sizeof(client_random) &&
        SSL_get_server_random(h->ssl, server_random, sizeof(server_random)) == sizeof(server_random))
        r = tls12_secrets_derive(s, master, client_random, server_random);
    OPENSSL_cleanse(master, sizeof(master));
    return r;
}

/* TLS-Exporter(label, "", 32): of TLS 1.3 by our own hands, which takes a third of the time. */
static bool exporter_derive(const struct tls_handshake *h, uint8_t ret_exporter[32])
{
    const unsigned char *no_context = (const unsigned char *)"";
    if (SSL_version(h->ssl) !=
        TLS1_3_VERSION) /* a zero-length context, which TLS 1.2 tells apart from none */
        return SSL_export_keying_material(h->ssl, ret_exporter, 32, EXPORTER_LABEL,
                                          sizeof(EXPORTER_LABEL) - 1, no_context, 0, 1) == 1;
    return tls_export(h->secrets.exporter_len, h->secrets.exporter, EXPORTER_LABEL, ret_exporter, 32) == 0;
}

static void bindings_read(const struct tls_handshake *h, struct tls_bindings *b)
{
    /* Unique per connection only with the extended master secret, which TLS 1.3 always has (RFC 9266 s. 2). */
    bool is_unique = SSL_version(h->ssl) >= TLS1_3_VERSION || SSL_get_extms_support(h->ssl) == 1;

    if (is_unique && exporter_derive(h, b->exporter))
        b->exporter_len = sizeof(b->exporter);
    if (is_unique) { /* the first Finished: the client's, in a resumed handshake the server's */
        size_t len = SSL_session_reused(h->ssl) ? SSL_get_finished(h->ssl, b->unique, sizeof(b->unique))
                                                : SSL_get_peer_finished(h->ssl, b->unique, sizeof(b->unique));
        b->unique_len = len <= sizeof(b->unique) ? (uint8_t)len : 0;
    }
    const struct identity *i = identity_of(h);
    b->end_point_len = i ? i->end_point_len : h->context->end_point_len;
    memcpy(b->end_point, i ? i->end_point : h->context->end_point, b->end_point_len);
    if (h->context->role == TLS_CLIENTS)
        b->client = tls_client_read(h->ssl, revocation_is_on(&h->context->lasting->revocation));
    else
        b->server = tls_server_read(h->ssl);
}

int tls_handshake_finish(struct tls_handshake *h, struct tls_secrets *ret_secrets,
                         struct tls_bindings *ret_bindings)
{
    struct tls_secrets secrets = {0};
    struct tls_bindings bindings = {0};
    if (h->state != HANDSHAKE_DONE || !h->ssl)
        return -EINVAL;

    secrets.is_client = is_client(h);
    int r = suite_read(h->ssl, &secrets);
    if (r == 0)
        r = secrets.version == TLS1_3_VERSION ? secrets_read13(h, &secrets) : secrets_read12(h, &secrets);
    if (r == 0) {
        bindings_read(h, &bindings);
        *ret_secrets = secrets;
        *ret_bindings = bindings;
    }
    OPENSSL_cleanse(&secrets, sizeof(secrets));
    OPENSSL_cleanse(&h->secrets, sizeof(h->secrets));
    ERR_clear_error();
    SSL_free(h->ssl);
    h->ssl = NULL;
    return r;
}
