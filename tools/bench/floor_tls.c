/* SPDX-License-Identifier: Apache-2.0 */
#include "floor_tls.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/keys.h"

#define KEY_BYTES 16
#define IV_BYTES 12
#define TAG_BYTES 16
#define HEADER_BYTES 5
/* SHA-256, the hash of TLS_AES_128_GCM_SHA256. */
#define SECRET_BYTES 32

/* One cache line beside the cipher's context. */
struct seat {
    EVP_CIPHER_CTX *cipher;
    uint64_t sequence;
    uint8_t iv[IV_BYTES];
    bool is_keyed;
};

struct floor_tls {
    SSL_CTX *context;
    SSL *trigger; /* opens what connection 0 sends; the others send nothing */
    struct seat seats[];
};

/* "LABEL random secret", the format of SSLKEYLOGFILE: the one way to a secret that OpenSSL has. */
static void key_seen(const SSL *ssl, const char *line)
{
    static const char label[] = "SERVER_TRAFFIC_SECRET_0 ";
    struct seat *seat = SSL_get_app_data(ssl);
    uint8_t secret[SECRET_BYTES], key[KEY_BYTES];
    size_t len = 0;
    const char *hex = strrchr(line, ' ');
    if (seat == NULL || hex == NULL || strncmp(line, label, sizeof label - 1) != 0)
        return;
    if (OPENSSL_hexstr2buf_ex(secret, sizeof secret, &len, hex + 1, '\0') != 1 || len != sizeof secret ||
        tls_expand_label(SECRET_BYTES, secret, "key", key, sizeof key) < 0 ||
        tls_expand_label(SECRET_BYTES, secret, "iv", seat->iv, sizeof seat->iv) < 0)
        return;
    seat->cipher = EVP_CIPHER_CTX_new();
    seat->is_keyed =
        seat->cipher != NULL && EVP_EncryptInit_ex(seat->cipher, EVP_aes_128_gcm(), NULL, key, NULL) == 1;
}

static X509 *certificate_make(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    if (cert == NULL)
        return NULL;
    X509_NAME *name = X509_get_subject_name(cert);
    bool made = X509_set_version(cert, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL && X509_set_pubkey(cert, key) == 1 &&
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"floor", -1, -1,
                                           0) == 1 &&
                X509_set_issuer_name(cert, name) == 1 && X509_sign(cert, key, EVP_sha256()) > 0;
    if (made)
        return cert;
    X509_free(cert);
    return NULL;
}

static bool context_fill(SSL_CTX *context)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? certificate_make(key) : NULL;
    bool filled = cert != NULL && SSL_CTX_use_certificate(context, cert) == 1 &&
                  SSL_CTX_use_PrivateKey(context, key) == 1 &&
                  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1 &&
                  /* Without tickets our first record is number 0. */
                  SSL_CTX_set_num_tickets(context, 0) == 1;
    SSL_CTX_set_keylog_callback(context, key_seen);
    X509_free(cert);
    EVP_PKEY_free(key);
    return filled;
}

struct floor_tls *floor_tls_new(uint32_t connections)
{
    struct floor_tls *t = calloc(1, sizeof *t + connections * sizeof t->seats[0]);
    if (t == NULL)
        return NULL;
    t->context = SSL_CTX_new(TLS_server_method());
    if (t->context != NULL && context_fill(t->context))
        return t;
    SSL_CTX_free(t->context);
    free(t);
    return NULL;
}

int floor_tls_accept(struct floor_tls *t, uint32_t connection, int fd)
{
    SSL *ssl = SSL_new(t->context);
    struct seat *seat = &t->seats[connection];
    if (ssl == NULL)
        return -EPROTO;
    SSL_set_app_data(ssl, seat);
    bool shaken = SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1 && seat->is_keyed;
    if (!shaken || connection != 0) {
        SSL_free(ssl);
        return shaken ? 0 : -EPROTO;
    }
    /* From now on the ring receives; OpenSSL is fed. */
    BIO *fed = BIO_new(BIO_s_mem());
    if (fed == NULL)
        return -EPROTO;
    BIO_set_mem_eof_return(fed, -1);
    SSL_set0_rbio(ssl, fed);
    t->trigger = ssl;
    return 0;
}

size_t floor_tls_seal(struct floor_tls *t, uint32_t connection, const char *plain, size_t len, char *record)
{
    static const unsigned char content_type = 23;
    struct seat *seat = &t->seats[connection];
    unsigned char *out = (unsigned char *)record, nonce[IV_BYTES];
    size_t body = len + 1 + TAG_BYTES;
    int some, last, rest;
    memcpy(nonce, seat->iv, sizeof nonce);
    for (int i = 0; i < 8; i++)
        nonce[IV_BYTES - 1 - i] ^= (unsigned char)(seat->sequence >> (8 * i));
    memcpy(out, (const unsigned char[]){content_type, 3, 3, (unsigned char)(body >> 8), (unsigned char)body},
           HEADER_BYTES);
    if (EVP_EncryptInit_ex(seat->cipher, NULL, NULL, NULL, nonce) != 1 ||
        EVP_EncryptUpdate(seat->cipher, NULL, &some, out, HEADER_BYTES) != 1 ||
        EVP_EncryptUpdate(seat->cipher, out + HEADER_BYTES, &some, (const unsigned char *)plain, (int)len) !=
            1 ||
        EVP_EncryptUpdate(seat->cipher, out + HEADER_BYTES + some, &last, &content_type, 1) != 1 ||
        EVP_EncryptFinal_ex(seat->cipher, out + HEADER_BYTES + some + last, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(seat->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + HEADER_BYTES + len + 1) !=
            1)
        return 0;
    seat->sequence++;
    return HEADER_BYTES + body;
}

int floor_tls_open(struct floor_tls *t, char *bytes, int len, size_t size)
{
    if (BIO_write(SSL_get_rbio(t->trigger), bytes, len) != len)
        return -1;
    int plain = SSL_read(t->trigger, bytes, (int)size);
    if (plain > 0)
        return plain;
    return SSL_get_error(t->trigger, plain) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}
