/* SPDX-License-Identifier: Apache-2.0 */
/* Whole handshakes against OpenSSL's client, and the records behind them in both directions: keys, sequence
 * numbers and bindings are right when the other side can read us. */
#include "tls/handshake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "peer.h"
#include "tls/context_openssl.h"

struct suite_row {
    const char *name;
    int version;
    enum tls_suite suite;
    uint8_t hash_bytes;
};

static const struct suite_row suites[] = {
    {"TLS_AES_128_GCM_SHA256", TLS1_3_VERSION, TLS_AES_128_GCM, 32},
    {"TLS_AES_256_GCM_SHA384", TLS1_3_VERSION, TLS_AES_256_GCM, 48},
    {"TLS_CHACHA20_POLY1305_SHA256", TLS1_3_VERSION, TLS_CHACHA20_POLY1305, 32},
    {"ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, TLS_AES_128_GCM, 32},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", TLS1_2_VERSION, TLS_AES_256_GCM, 48},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", TLS1_2_VERSION, TLS_CHACHA20_POLY1305, 32},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

/* Send something both ways, twice and of several records, and compare. */
static void data_check(struct connection *c, struct peer *p, const char *name)
{
    static const size_t lengths[] = {1, 250, 16384, 40000};
    char *text = malloc(40000);
    for (size_t i = 0; i < 40000; i++)
        text[i] = (char)(i * 7 + i / 251);

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct span sent = span_make(text, lengths[i]);
        struct buffer wire = {0}, got = {0}, reply = {0};

        connection_write(c, sent, &wire);
        peer_give(p, buffer_span(&wire));
        if (peer_read(p, &got) != SSL_ERROR_WANT_READ || !span_equal(buffer_span(&got), sent))
            fail_msg("%s: %zu bytes to the client", name, lengths[i]);
        buffer_clear(&wire);
        buffer_clear(&got);
        peer_write(p, sent, &wire);
        if (connection_read(c, &wire, &got, &reply) != RECORD_MORE || !span_equal(buffer_span(&got), sent))
            fail_msg("%s: %zu bytes to the server", name, lengths[i]);
        assert_int_equal(wire.len, 0);
        assert_int_equal(reply.len, 0);
        buffer_fini(&wire);
        buffer_fini(&got);
        buffer_fini(&reply);
    }
    free(text);
}

static void bindings_check(const struct connection *c, struct peer *p, const char *name)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    uint8_t exporter[32], digest[EVP_MAX_MD_SIZE];
    unsigned int digest_len = 0;
    X509 *leaf = SSL_get1_peer_certificate(p->ssl);

    assert_int_equal(SSL_export_keying_material(p->ssl, exporter, sizeof(exporter), label, strlen(label),
                                                (const unsigned char *)"", 0, 1),
                     1);
    if (c->bindings.exporter_len != sizeof(exporter) ||
        memcmp(c->bindings.exporter, exporter, sizeof(exporter)) != 0)
        fail_msg("%s: tls-exporter differs", name);
    uint8_t first_finished[64];
    size_t len = SSL_session_reused(p->ssl)
                     ? SSL_get_peer_finished(p->ssl, first_finished, sizeof(first_finished))
                     : SSL_get_finished(p->ssl, first_finished, sizeof(first_finished));
    if (c->bindings.unique_len != len || memcmp(c->bindings.unique, first_finished, len) != 0)
        fail_msg("%s: tls-unique differs", name);
    assert_non_null(leaf);
    assert_int_equal(X509_digest(leaf, EVP_sha256(), digest, &digest_len), 1);
    if (c->bindings.end_point_len != digest_len || memcmp(c->bindings.end_point, digest, digest_len) != 0)
        fail_msg("%s: tls-server-end-point differs", name);
    X509_free(leaf);
}

static void every_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        static const size_t chunks[] = {0, 1, 7, 1000};
        for (size_t j = 0; j < sizeof(chunks) / sizeof(chunks[0]); j++) {
            const struct suite_row *row = &suites[i];
            struct connection c;
            struct peer p;
            char reason[128];
            peer_init(&p, row->version, row->name);
            if (connection_open(&c, &p, context12, j % 2 == 1, chunks[j], reason) != 0)
                fail_msg("%s: %s", row->name, reason);
            assert_int_equal(c.secrets.version, row->version);
            assert_int_equal(c.secrets.suite, row->suite);
            assert_int_equal(c.secrets.hash_bytes, row->hash_bytes);
            bindings_check(&c, &p, row->name);
            data_check(&c, &p, row->name);
            connection_close(&c);
            peer_fini(&p);
        }
    }
}

/* Where the library is not to take our key schedule, its key log tells the same. */
static void secrets_by_key_log(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct tls_context *context = context_make(true);
        SSL_CTX *ctx = SSL_CTX_new_ex(NULL, "provider=default", TLS_server_method());
        struct peer p;
        struct connection c;
        char reason[128];
        SSL_CTX_use_certificate(ctx, SSL_CTX_get0_certificate(context->ctx));
        SSL_CTX_use_PrivateKey(ctx, SSL_CTX_get0_privatekey(context->ctx));
        tls_handshake_hook(ctx, false);
        SSL_CTX_free(context->ctx);
        context->ctx = ctx;
        peer_init(&p, suites[i].version, suites[i].name);
        if (connection_open(&c, &p, context, false, 0, reason) != 0)
            fail_msg("%s: %s", suites[i].name, reason);
        bindings_check(&c, &p, suites[i].name);
        data_check(&c, &p, suites[i].name);
        connection_close(&c);
        peer_fini(&p);
        tls_context_unref(context);
    }
}

/* Only a Finished without a certificate before it is cheap, and TLS 1.2 agrees on a secret after the first step. */
static void nearly_done(void **state)
{
    (void)state;
    static const struct {
        int version, verify;
        bool is_nearly_done;
    } rows[] = {{TLS1_3_VERSION, SSL_VERIFY_NONE, true},
                {TLS1_3_VERSION, SSL_VERIFY_PEER, false},
                {TLS1_2_VERSION, SSL_VERIFY_NONE, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer p;
        struct buffer to_server = {0}, to_client = {0};
        size_t used;
        SSL_CTX_set_verify(context12->ctx, rows[i].verify, NULL);
        struct tls_handshake *h = tls_handshake_new(context12, false);
        peer_init(&p, rows[i].version, NULL);
        assert_false(tls_handshake_is_nearly_done(h));
        peer_handshake(&p, (struct span){0}, &to_server);
        assert_int_equal(tls_handshake_step(h, buffer_span(&to_server), &used, &to_client), TLS_MORE);
        assert_int_equal(tls_handshake_is_nearly_done(h), rows[i].is_nearly_done);
        buffer_clear(&to_server);
        peer_handshake(&p, buffer_span(&to_client), &to_server);
        assert_int_equal(tls_handshake_step(h, buffer_span(&to_server), &used, &to_client), 0);
        assert_false(tls_handshake_is_nearly_done(h));
        tls_handshake_free(h);
        buffer_fini(&to_server);
        buffer_fini(&to_client);
        peer_fini(&p);
    }
    SSL_CTX_set_verify(context12->ctx, SSL_VERIFY_NONE, NULL);
}

/* Each ticket is a record under the application key; miscounted, the client cannot read us. */
static void tickets_are_counted(void **state)
{
    (void)state;
    for (size_t tickets = 0; tickets <= 2; tickets++) {
        struct tls_context *context = context_make(false);
        struct peer p;
        struct connection c;
        char reason[128];
        SSL_CTX_set_num_tickets(context->ctx, tickets);
        peer_init(&p, TLS1_3_VERSION, NULL);
        assert_int_equal(connection_open(&c, &p, context, false, 0, reason), 0);
        assert_int_equal(c.secrets.send.sequence, tickets);
        assert_int_equal(c.secrets.receive.sequence, 0);
        data_check(&c, &p, "tickets");
        assert_int_equal(p.tickets, tickets);
        connection_close(&c);
        peer_fini(&p);
        tls_context_unref(context);
    }
}

/* With the context as it is: one ticket, which resumes, and the resumed connection works the same. */
static void resumption(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        const struct suite_row *row = &suites[i];
        struct peer p;
        char reason[128];
        peer_init(&p, row->version, row->name);
        for (int round = 0; round < 3; round++) {
            struct connection c;
            if (connection_open(&c, &p, context12, false, 0, reason) != 0)
                fail_msg("%s, round %d: %s", row->name, round, reason);
            assert_int_equal(SSL_session_reused(p.ssl), round > 0);
            assert_int_equal(c.secrets.send.sequence, 1);
            assert_int_equal(c.secrets.receive.sequence, row->version == TLS1_2_VERSION);
            bindings_check(&c, &p, row->name);
            data_check(&c, &p, row->name);
            if (row->version == TLS1_3_VERSION || round == 0)
                assert_int_equal(p.tickets, 1);
            connection_close(&c);
            peer_again(&p);
        }
        peer_fini(&p);
    }
}

/* Files with new content, and the context made of them in place of the old one: whoever has a ticket resumes, and is shown the new
 * certificate otherwise. Where clients are asked for certificates nobody does, for it may be that they are to be judged anew. */
static void renewed_contexts(void **state)
{
    (void)state;
    static const struct certificate_recipe recipe = {.curve = "P-256", .ends_s = 3600};
    char dir[256], certificate[300], key[300];
    scratch_make(dir);
    snprintf(certificate, sizeof certificate, "%s/server.pem", dir);
    snprintf(key, sizeof key, "%s/server.key", dir);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        for (int asks = 0; asks <= 1; asks++) {
            struct tls_settings settings = {.certificate_path = certificate,
                                            .key_path = key,
                                            .allow_tls12 = true,
                                            .client_authorities_path = asks ? certificate : NULL};
            struct tls_context *old = NULL, *context = NULL;
            struct buffer message = {0};
            struct connection c;
            struct peer p;
            char reason[128];
            certificate_make(dir, "server", &recipe);
            assert_int_equal(tls_context_new(&settings, &old, &message), 0);
            peer_init(&p, version, NULL);
            assert_int_equal(connection_open(&c, &p, old, false, 0, reason), 0);
            X509 *before = SSL_get1_peer_certificate(p.ssl);
            data_check(&c, &p, "before");
            connection_close(&c);
            certificate_make(dir, "server", &recipe);
            assert_int_equal(tls_context_renew(old, &settings, &context, &message), 0);
            tls_context_unref(old);
            peer_again(&p);
            assert_int_equal(connection_open(&c, &p, context, false, 0, reason), 0);
            assert_int_equal(SSL_session_reused(p.ssl), !asks);
            data_check(&c, &p, "after");
            connection_close(&c);
            peer_fini(&p);
            peer_init(&p, version, NULL);
            assert_int_equal(connection_open(&c, &p, context, false, 0, reason), 0);
            X509 *after = SSL_get1_peer_certificate(p.ssl);
            assert_int_not_equal(X509_cmp(before, after), 0);
            X509_free(before);
            X509_free(after);
            connection_close(&c);
            peer_fini(&p);
            remove(key);
            old = context;
            assert_int_equal(tls_context_renew(old, &settings, &context, &message), -ENOENT);
            assert_ptr_equal(old, context);
            assert_true(memmem(message.ptr, message.len, "server.key", 10) != NULL);
            tls_context_unref(old);
            buffer_fini(&message);
        }
    }
    scratch_remove(dir);
}

/* A ticket outlives the key that sealed it by one lifetime; then it is as good as none. */
static void ticket_keys_are_replaced(void **state)
{
    (void)state;
    static const uint64_t lifetime_ms = UINT64_C(12) * 60 * 60 * 1000;
    for (size_t i = 0; i < SUITES; i++) {
        for (uint64_t lifetimes = 0; lifetimes <= 2; lifetimes++) {
            struct peer p;
            struct connection c;
            char reason[128];
            uint64_t now_ms = context12->lasting->tickets.keys[0].made_ms;
            peer_init(&p, suites[i].version, suites[i].name);
            assert_int_equal(connection_open(&c, &p, context12, false, 0, reason), 0);
            data_check(&c, &p, suites[i].name);
            connection_close(&c);
            peer_again(&p);
            for (uint64_t turn = 1; turn <= lifetimes; turn++) {
                assert_int_equal(tickets_turn(&context12->lasting->tickets, now_ms + turn * lifetime_ms - 1),
                                 0);
                assert_int_equal(tickets_turn(&context12->lasting->tickets, now_ms + turn * lifetime_ms), 0);
            }
            assert_int_equal(connection_open(&c, &p, context12, false, 0, reason), 0);
            assert_int_equal(SSL_session_reused(p.ssl), lifetimes < 2);
            data_check(&c, &p, suites[i].name);
            /* The client's library says nothing of one that replaces another in TLS 1.2. */
            assert_int_equal(p.tickets, lifetimes < 2 && suites[i].version == TLS1_2_VERSION ? 0 : 1);
            connection_close(&c);
            peer_fini(&p);
        }
    }
}

/* A client's first stanza may travel in one segment with its Finished. */
static void pipelined_data_is_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct tls_handshake *h = tls_handshake_new(context13, false);
        struct buffer to_server = {0}, to_client = {0}, got = {0}, reply = {0};
        struct connection c = {.worker = record_worker_new()};
        struct peer p;
        size_t used = 0;

        peer_init(&p, TLS1_3_VERSION, suites[i].name);
        assert_int_equal(peer_handshake(&p, span_make(NULL, 0), &to_server), 0);
        assert_int_equal(tls_handshake_step(h, buffer_span(&to_server), &used, &to_client), TLS_MORE);
        assert_int_equal(used, to_server.len);
        buffer_clear(&to_server);
        assert_int_equal(peer_handshake(&p, buffer_span(&to_client), &to_server), 1);
        uint32_t finished_len = to_server.len;
        peer_write(&p, SPAN("<stream>"), &to_server);
        peer_write(&p, SPAN("<auth/>"), &to_server);
        buffer_clear(&to_client);
        assert_int_equal(tls_handshake_step(h, buffer_span(&to_server), &used, &to_client), 0);
        assert_int_equal(used, finished_len);
        /* Done is done, whatever is shown. */
        assert_int_equal(tls_handshake_step(h, span_skip(buffer_span(&to_server), used), &used, &to_client),
                         0);
        assert_int_equal(used, 0);
        buffer_consume(&to_server, finished_len);

        assert_int_equal(tls_handshake_finish(h, &c.secrets, &c.bindings), 0);
        assert_int_equal(tls_handshake_finish(h, &c.secrets, &c.bindings), -EINVAL);
        c.record = record_user_new(&c.secrets);
        assert_int_equal(connection_read(&c, &to_server, &got, &reply), RECORD_MORE);
        assert_true(span_is(buffer_span(&got), "<stream><auth/>"));
        peer_give(&p, buffer_span(&to_client));
        data_check(&c, &p, "pipelined");

        connection_close(&c);
        tls_handshake_free(h);
        peer_fini(&p);
        buffer_fini(&to_server);
        buffer_fini(&to_client);
        buffer_fini(&got);
        buffer_fini(&reply);
    }
}

static void alpn(void **state)
{
    static const struct {
        const char *name;
        bool direct;
        struct span offer;
        int outcome;
        const char *chosen;
    } rows[] = {
        {"direct, none offered", true, {NULL, 0}, 0, ""},
        {"direct, xmpp-client", true, {"\x0bxmpp-client", 12}, 0, "xmpp-client"},
        {"direct, among others", true, {"\x02h2\x0bxmpp-client", 15}, 0, "xmpp-client"},
        {"direct, only others", true, {"\x02h2\x08http/1.1", 12}, TLS_BAD, ""},
        {"direct, server to server", true, {"\x0bxmpp-server", 12}, TLS_BAD, ""},
        {"starttls, xmpp-client", false, {"\x0bxmpp-client", 12}, 0, ""},
        {"starttls, only others", false, {"\x02h2", 3}, 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connection c;
        struct peer p;
        char reason[128];
        const unsigned char *chosen = NULL;
        unsigned int chosen_len = 0;
        peer_init(&p, TLS1_3_VERSION, NULL);
        if (rows[i].offer.len > 0)
            SSL_set_alpn_protos(p.ssl, (const unsigned char *)rows[i].offer.ptr,
                                (unsigned int)rows[i].offer.len);
        if (connection_open(&c, &p, context13, rows[i].direct, 0, reason) != rows[i].outcome)
            fail_msg("%s: %s", rows[i].name, reason);
        if (rows[i].outcome == 0) {
            SSL_get0_alpn_selected(p.ssl, &chosen, &chosen_len);
            if (!span_equal(span_make((const char *)chosen, chosen_len), span_of(rows[i].chosen)))
                fail_msg("%s: chose %.*s", rows[i].name, (int)chosen_len, (const char *)chosen);
            connection_close(&c);
        } else {
            assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
                             SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
        }
        peer_fini(&p);
    }
}

/* AES-128 is ours to choose, except against a client that puts ChaCha20 first. */
static void preference(void **state)
{
    static const struct {
        const char *offer;
        enum tls_suite chosen;
    } rows[] = {
        {"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", TLS_AES_128_GCM},
        {"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", TLS_CHACHA20_POLY1305},
        {"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", TLS_AES_256_GCM},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connection c;
        struct peer p;
        char reason[128];
        peer_init(&p, TLS1_3_VERSION, rows[i].offer);
        assert_int_equal(connection_open(&c, &p, context13, false, 0, reason), 0);
        assert_int_equal(c.secrets.suite, rows[i].chosen);
        connection_close(&c);
        peer_fini(&p);
    }
}

/* RFC 9266 s. 2: without the extended master secret there is no tls-exporter. */
static void exporter_needs_extended_master_secret(void **state)
{
    struct connection c;
    struct peer p;
    char reason[128];
    (void)state;
    peer_init(&p, TLS1_2_VERSION, NULL);
    SSL_set_options(p.ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    assert_int_equal(connection_open(&c, &p, context12, false, 0, reason), 0);
    assert_int_equal(c.bindings.exporter_len, 0);
    assert_int_equal(c.bindings.unique_len, 0);
    assert_int_equal(c.bindings.end_point_len, 32);
    data_check(&c, &p, "no extended master secret");
    connection_close(&c);
    peer_fini(&p);
}

/* A group that needs a HelloRetryRequest: one more round, with a ChangeCipherSpec among the client's
 * records. */
static void hello_retry(void **state)
{
    struct connection c;
    struct peer p;
    char reason[128];
    (void)state;
    peer_init(&p, TLS1_3_VERSION, NULL);
    SSL_set1_groups_list(p.ssl, "P-521:P-384");
    assert_int_equal(connection_open(&c, &p, context13, false, 1, reason), 0);
    data_check(&c, &p, "hello retry");
    connection_close(&c);
    peer_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite),
        cmocka_unit_test(secrets_by_key_log),
        cmocka_unit_test(nearly_done),
        cmocka_unit_test(tickets_are_counted),
        cmocka_unit_test(resumption),
        cmocka_unit_test(renewed_contexts),
        cmocka_unit_test(ticket_keys_are_replaced),
        cmocka_unit_test(pipelined_data_is_left),
        cmocka_unit_test(alpn),
        cmocka_unit_test(preference),
        cmocka_unit_test(exporter_needs_extended_master_secret),
        cmocka_unit_test(hello_retry),
    };
    return cmocka_run_group_tests(tests, contexts_make, contexts_drop);
}
