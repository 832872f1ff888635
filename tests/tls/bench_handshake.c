/* SPDX-License-Identifier: Apache-2.0 */
/* What the server's side of a full TLS 1.3 handshake costs: OpenSSL alone over memory, and tls/handshake.c,
 * which takes the secrets and channel bindings out of it besides. CPU time of the thread, the client's part
 * left out; the rounds alternate, medians. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/ssl.h>

#include "peer.h"
#include "tls/context_openssl.h"

/* Long enough that the processor's clock and caches are what they are under load, short enough that a
 * neighbour's burst spoils few of them. */
#define ROUNDS 15
#define HANDSHAKES 100
/* A client speaks twice: its hello and its Finished. */
enum { STEPS = 2 };

struct times {
    double handshake_us, first_us, second_us;
};

static SSL_CTX *bare_ctx, *client_ctx;
static struct tls_context *context;

static void require(bool is_done, const char *what)
{
    if (is_done)
        return;
    fprintf(stderr, "bench_tls_handshake: %s\n", what);
    exit(1);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The same certificate, key, groups and suites as ours; what musterd asks for beyond that is not the
 * library's floor. */
static SSL_CTX *bare_make(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method()), *ours = context->ctx;
    require(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) &&
                SSL_CTX_set1_groups_list(ctx, "X25519:P-256") &&
                SSL_CTX_use_certificate(ctx, SSL_CTX_get0_certificate(ours)) == 1 &&
                SSL_CTX_use_PrivateKey(ctx, SSL_CTX_get0_privatekey(ours)) == 1 &&
                SSL_CTX_set_num_tickets(ctx, 0),
            "no context");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

static SSL *client_new(BIO **ret_in, BIO **ret_out)
{
    SSL *ssl = SSL_new(client_ctx);
    *ret_in = BIO_new(BIO_s_mem());
    *ret_out = BIO_new(BIO_s_mem());
    require(ssl && *ret_in && *ret_out, "no client");
    BIO_set_mem_eof_return(*ret_in, -1);
    SSL_set_bio(ssl, *ret_in, *ret_out);
    SSL_set_connect_state(ssl);
    return ssl;
}

/* What the client says next. Borrowed from `out` until the next call. */
static struct span client_step(SSL *ssl, BIO *in, BIO *out, struct span from_server)
{
    char *bytes;
    (void)BIO_reset(out);
    if (from_server.len)
        require(BIO_write(in, from_server.ptr, (int)from_server.len) == (int)from_server.len, "no memory");
    (void)SSL_do_handshake(ssl);
    long len = BIO_get_mem_data(out, &bytes);
    return span_make(bytes, (size_t)len);
}

static void bare_run(struct times *t)
{
    uint64_t spent[STEPS] = {0};
    struct span answer = {0};
    BIO *client_in, *client_out, *in = NULL, *out = NULL;
    SSL *client = client_new(&client_in, &client_out), *ssl = NULL;
    for (int i = 0; i < STEPS; i++) {
        struct span said = client_step(client, client_in, client_out, answer);
        uint64_t began = cpu_ns();
        if (!ssl) {
            ssl = SSL_new(bare_ctx);
            in = BIO_new(BIO_s_mem());
            out = BIO_new(BIO_s_mem());
            BIO_set_mem_eof_return(in, -1);
            SSL_set_bio(ssl, in, out);
            SSL_set_accept_state(ssl);
        }
        BIO_write(in, said.ptr, (int)said.len);
        int done = SSL_do_handshake(ssl);
        require((done == 1) == (i == STEPS - 1), "the library's handshake failed");
        if (done == 1) {
            SSL_free(ssl);
        } else {
            char *bytes;
            long len = BIO_get_mem_data(out, &bytes);
            answer = span_make(bytes, (size_t)len);
        }
        spent[i] = cpu_ns() - began;
    }
    SSL_free(client);
    t->first_us += (double)spent[0] / 1e3 / HANDSHAKES;
    t->second_us += (double)spent[1] / 1e3 / HANDSHAKES;
}

static void ours_run(struct times *t)
{
    uint64_t spent[STEPS] = {0};
    struct buffer answer = {0};
    struct tls_secrets secrets;
    struct tls_bindings bindings;
    struct tls_handshake *h = NULL;
    BIO *client_in, *client_out;
    SSL *client = client_new(&client_in, &client_out);
    for (int i = 0; i < STEPS; i++) {
        size_t used;
        struct span said = client_step(client, client_in, client_out, buffer_span(&answer));
        buffer_clear(&answer);
        uint64_t began = cpu_ns();
        if (!h)
            h = tls_handshake_new(context, false);
        int outcome = tls_handshake_step(h, said, &used, &answer);
        require((outcome == 0) == (i == STEPS - 1), "our handshake failed");
        if (outcome == 0) {
            require(tls_handshake_finish(h, &secrets, &bindings) == 0, "no secrets");
            tls_handshake_free(h);
        }
        spent[i] = cpu_ns() - began;
    }
    buffer_fini(&answer);
    SSL_free(client);
    t->first_us += (double)spent[0] / 1e3 / HANDSHAKES;
    t->second_us += (double)spent[1] / 1e3 / HANDSHAKES;
}

static int by_sum(const void *a, const void *b)
{
    double x = ((const struct times *)a)->handshake_us, y = ((const struct times *)b)->handshake_us;
    return x < y ? -1 : x > y;
}

static void row_print(const char *name, struct times rounds[ROUNDS])
{
    for (int i = 0; i < ROUNDS; i++)
        rounds[i].handshake_us = rounds[i].first_us + rounds[i].second_us;
    qsort(rounds, ROUNDS, sizeof rounds[0], by_sum);
    const struct times *median = &rounds[ROUNDS / 2];
    printf("| %s | %.0f | %.0f | %.0f |\n", name, median->first_us, median->second_us, median->handshake_us);
}

int main(void)
{
    static struct times bare[ROUNDS], ours[ROUNDS];
    context = context_make(false);
    bare_ctx = bare_make();
    client_ctx = SSL_CTX_new(TLS_client_method());
    require(client_ctx && SSL_CTX_set_ciphersuites(client_ctx, "TLS_AES_128_GCM_SHA256"), "no client");
    for (int i = 0; i < ROUNDS; i++)
        for (int j = 0; j < HANDSHAKES; j++) {
            bare_run(&bare[i]);
            ours_run(&ours[i]);
        }
    puts("| | hello, us | Finished, us | both, us |\n|---|---|---|---|");
    row_print("OpenSSL alone, no ticket", bare);
    row_print("tls/handshake.c", ours);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(bare_ctx);
    tls_context_unref(context);
    return 0;
}
