/* SPDX-License-Identifier: Apache-2.0 */
/* What sealing one record costs: record_seal, SSL_write into a memory BIO, and the bare sequence of EVP calls
 * with a context that is already keyed, each for 1, 16 and 1000 connections taken in turn. CPU time of this
 * thread; runs alternate, and the median of each is given, because neighbours disturb absolute times. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "tls/context.h"
#include "tls/record.h"

enum { RUNS = 9, CONNECTIONS_MAX = 1000, RECORDS = 40000, PLAIN_MAX = 4000 };

enum way { WAY_RECORD, WAY_LIBRARY, WAY_BARE, WAYS };

static struct record *records[CONNECTIONS_MAX];
static struct record_worker *worker;
static SSL *servers[CONNECTIONS_MAX];
static EVP_CIPHER_CTX *contexts[CONNECTIONS_MAX];
static char space[PLAIN_MAX + RECORD_OVERHEAD_MAX];

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_tls_record: %s\n", what);
    exit(1);
}

/* The same the record layer must do: nonce, header as associated data, text with its type, tag. */
static void bare_seal(EVP_CIPHER_CTX *ctx, uint64_t sequence, size_t len)
{
    unsigned char nonce[12] = {0}, *bytes = (unsigned char *)space;
    int n;
    memcpy(nonce + 4, &sequence, sizeof(sequence));
    bytes[3] = (unsigned char)((len + 17) >> 8);
    bytes[4] = (unsigned char)(len + 17);
    bytes[5 + len] = 23;
    if (EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce) != 1 ||
        EVP_EncryptUpdate(ctx, NULL, &n, bytes, 5) != 1 ||
        EVP_EncryptUpdate(ctx, bytes + 5, &n, bytes + 5, (int)len + 1) != 1 ||
        EVP_EncryptFinal_ex(ctx, bytes + 6 + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, bytes + 6 + len) != 1)
        die("EVP");
}

static double run(enum way way, int connections, size_t len)
{
    struct buffer before = {0};
    double start = cpu_ns();
    for (int i = 0, c = 0; i < RECORDS; i++, c = c + 1 < connections ? c + 1 : 0) {
        size_t sealed;
        switch (way) {
        case WAY_RECORD:
            if (record_seal(records[c], worker, space, len, &sealed, &before) != 0)
                die("record_seal");
            break;
        case WAY_LIBRARY:
            if (SSL_write(servers[c], space, (int)len) != (int)len)
                die("SSL_write");
            (void)BIO_reset(SSL_get_wbio(servers[c]));
            break;
        default:
            bare_seal(contexts[c], (uint64_t)i, len);
        }
    }
    double end = cpu_ns();
    buffer_fini(&before);
    return (end - start) / RECORDS;
}

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(const char *suite, int connections, size_t len)
{
    double times[WAYS][RUNS], median[WAYS];
    for (int i = 0; i < RUNS; i++)
        for (int way = 0; way < WAYS; way++)
            times[way][i] = run((enum way)way, connections, len);
    for (int way = 0; way < WAYS; way++) {
        qsort(times[way], RUNS, sizeof(double), double_compare);
        median[way] = times[way][RUNS / 2];
    }
    printf("%-28s %5d %6zu %10.0f %10.0f %10.0f %12.2f %12.2f\n", suite, connections, len, median[WAY_RECORD],
           median[WAY_LIBRARY], median[WAY_BARE], median[WAY_RECORD] / median[WAY_BARE],
           median[WAY_RECORD] / median[WAY_LIBRARY]);
}

/* A server's SSL whose handshake is done, with a throwaway certificate. */
static SSL *server_make(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
    SSL *ends[2] = {SSL_new(server_ctx), SSL_new(client_ctx)};
    BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());
    BIO_up_ref(to_server);
    BIO_up_ref(to_client);
    SSL_set_bio(ends[0], to_server, to_client);
    SSL_set_bio(ends[1], to_client, to_server);
    SSL_set_accept_state(ends[0]);
    SSL_set_connect_state(ends[1]);
    for (int i = 0; i < 6; i++)
        SSL_do_handshake(ends[1 - i % 2]);
    if (!SSL_is_init_finished(ends[0]))
        die("handshake");
    SSL_free(ends[1]);
    return ends[0];
}

static void certificate_use(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *x = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    if (X509_sign(x, key, EVP_sha256()) == 0 || SSL_CTX_use_certificate(ctx, x) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1)
        die("certificate");
    X509_free(x);
    EVP_PKEY_free(key);
}

static void connections_make(const char *name, enum tls_suite suite, const EVP_CIPHER *cipher)
{
    SSL_CTX *server_ctx = SSL_CTX_new(TLS_server_method()), *client_ctx = SSL_CTX_new(TLS_client_method());
    certificate_use(server_ctx);
    SSL_CTX_set_num_tickets(server_ctx, 0);
    SSL_CTX_set_ciphersuites(client_ctx, name);
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct tls_secrets s = {
            .version = 0x0304, .suite = (uint8_t)suite, .hash_bytes = suite == TLS_AES_256_GCM ? 48 : 32};
        memcpy(s.send.key, &i, sizeof(i));
        records[i] = record_user_new(&s);
        servers[i] = server_make(server_ctx, client_ctx);
        contexts[i] = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex(contexts[i], cipher, NULL, s.send.key, s.send.iv);
    }
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
}

static void connections_free(void)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        records[i] = record_free(records[i]);
        SSL_free(servers[i]);
        EVP_CIPHER_CTX_free(contexts[i]);
    }
}

int main(void)
{
    static const struct {
        const char *name;
        enum tls_suite suite;
        const EVP_CIPHER *(*cipher)(void);
    } suites[] = {
        {"TLS_AES_128_GCM_SHA256", TLS_AES_128_GCM, EVP_aes_128_gcm},
        {"TLS_AES_256_GCM_SHA384", TLS_AES_256_GCM, EVP_aes_256_gcm},
        {"TLS_CHACHA20_POLY1305_SHA256", TLS_CHACHA20_POLY1305, EVP_chacha20_poly1305},
    };
    static const int connections[] = {1, 16, 1000};
    static const size_t lengths[] = {250, 4000};

    worker = record_worker_new();
    if (!worker)
        die("no memory");
    printf("%-28s %5s %6s %10s %10s %10s %12s %12s\n", "ns per record, median of 9", "conns", "bytes",
           "record_seal", "SSL_write", "bare EVP", "to bare EVP", "to SSL_write");
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        connections_make(suites[i].name, suites[i].suite, suites[i].cipher());
        for (size_t j = 0; j < 3; j++)
            for (size_t k = 0; k < 2; k++)
                compare(suites[i].name, connections[j], lengths[k]);
        connections_free();
    }
    record_worker_free(worker);
    return 0;
}
