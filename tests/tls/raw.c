/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "tls/keys.h"

static const EVP_CIPHER *raw_cipher(const struct raw_key *k)
{
    return k->suite == TLS_AES_128_GCM   ? EVP_aes_128_gcm()
           : k->suite == TLS_AES_256_GCM ? EVP_aes_256_gcm()
                                         : EVP_chacha20_poly1305();
}

static bool is_gcm12(const struct raw_key *k)
{
    return k->version == 0x0303 && k->suite != TLS_CHACHA20_POLY1305;
}

void raw_secrets_make(struct tls_secrets *ret, uint16_t version, enum tls_suite suite)
{
    *ret = (struct tls_secrets){
        .version = version, .suite = (uint8_t)suite, .hash_bytes = suite == TLS_AES_256_GCM ? 48 : 32};
    for (int i = 0; i < TLS_SECRET_BYTES_MAX; i++) {
        ret->send.secret[i] = (uint8_t)(i * 3 + suite);
        ret->receive.secret[i] = (uint8_t)(i * 5 + 128 + suite);
    }
    if (version == 0x0304) {
        tls_direction_derive(&ret->send, suite, ret->hash_bytes);
        tls_direction_derive(&ret->receive, suite, ret->hash_bytes);
    } else {
        uint8_t master[TLS12_MASTER_BYTES];
        memcpy(master, ret->send.secret, sizeof(master));
        tls12_secrets_derive(ret, master, ret->receive.secret, ret->send.secret);
    }
}

struct raw_key raw_client_seal_key(const struct tls_secrets *s)
{
    return (struct raw_key){s->version, s->suite, s->hash_bytes, s->receive};
}

struct raw_key raw_client_open_key(const struct tls_secrets *s)
{
    return (struct raw_key){s->version, s->suite, s->hash_bytes, s->send};
}

void raw_key_update(struct raw_key *k)
{
    tls_direction_update(&k->direction, k->suite, k->hash_bytes);
}

/* Nonce and associated data for a record with this header and, in TLS 1.2 GCM, these 8 bytes of nonce. */
static void raw_prepare(const struct raw_key *k, const uint8_t header[5], const uint8_t *explicit_nonce,
                        size_t text_len, uint8_t nonce[12], uint8_t associated[13], int *ret_associated_len)
{
    uint8_t sequence[12] = {0};
    for (int i = 0; i < 8; i++)
        sequence[11 - i] = (uint8_t)(k->direction.sequence >> (8 * i));
    for (int i = 0; i < 12; i++)
        nonce[i] = k->direction.iv[i] ^ sequence[i];
    if (is_gcm12(k)) {
        memcpy(nonce, k->direction.iv, 4);
        memcpy(nonce + 4, explicit_nonce, 8);
    }
    if (k->version == 0x0304) {
        memcpy(associated, header, 5);
        *ret_associated_len = 5;
    } else {
        memcpy(associated, sequence + 4, 8);
        memcpy(associated + 8, header, 3);
        associated[11] = (uint8_t)(text_len >> 8);
        associated[12] = (uint8_t)text_len;
        *ret_associated_len = 13;
    }
}

void raw_seal(struct raw_key *k, uint8_t outer_type, struct span text, struct buffer *out)
{
    size_t nonce_len = is_gcm12(k) ? 8 : 0, body = nonce_len + text.len + 16;
    uint8_t header[5] = {outer_type, 3, 3, (uint8_t)(body >> 8), (uint8_t)body};
    /* Any explicit nonce will do, and a peer need not use its sequence number as we do. */
    uint8_t explicit_nonce[8] = {
        0x9a, 1, 2, 3, 4, 5, (uint8_t)(k->direction.sequence >> 8), (uint8_t)k->direction.sequence};
    uint8_t nonce[12], associated[13], tag[16];
    int associated_len, n;
    uint8_t *sealed = malloc(text.len + 1);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    raw_prepare(k, header, explicit_nonce, text.len, nonce, associated, &associated_len);
    EVP_EncryptInit_ex(ctx, raw_cipher(k), NULL, k->direction.key, nonce);
    EVP_EncryptUpdate(ctx, NULL, &n, associated, associated_len);
    EVP_EncryptUpdate(ctx, sealed, &n, (const uint8_t *)text.ptr, (int)text.len);
    EVP_EncryptFinal_ex(ctx, tag, &n);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(ctx);
    buffer_append(out, span_make((char *)header, 5));
    buffer_append(out, span_make((char *)explicit_nonce, nonce_len));
    buffer_append(out, span_make((char *)sealed, text.len));
    buffer_append(out, span_make((char *)tag, 16));
    k->direction.sequence++;
    free(sealed);
}

void raw_seal_content(struct raw_key *k, uint8_t type, struct span content, size_t padding,
                      struct buffer *out)
{
    struct buffer text = {0};
    buffer_append(&text, content);
    if (k->version == 0x0304) {
        buffer_append_char(&text, (char)type);
        for (size_t i = 0; i < padding; i++)
            buffer_append_char(&text, 0);
    }
    raw_seal(k, k->version == 0x0304 ? 23 : type, buffer_span(&text), out);
    buffer_fini(&text);
}

bool raw_open(struct raw_key *k, struct span *in, uint8_t *ret_type, struct buffer *ret_content)
{
    const uint8_t *header = (const uint8_t *)in->ptr;
    size_t nonce_len = is_gcm12(k) ? 8 : 0;
    uint8_t nonce[12], associated[13];
    int associated_len, n;

    if (in->len < 5)
        return false;
    size_t body = (size_t)header[3] << 8 | header[4];
    if (in->len < 5 + body || body < nonce_len + 16)
        return false;
    size_t len = body - nonce_len - 16;
    uint8_t *text = malloc(len + 1);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    raw_prepare(k, header, header + 5, len, nonce, associated, &associated_len);
    EVP_DecryptInit_ex(ctx, raw_cipher(k), NULL, k->direction.key, nonce);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(header + 5 + nonce_len + len));
    EVP_DecryptUpdate(ctx, NULL, &n, associated, associated_len);
    EVP_DecryptUpdate(ctx, text, &n, header + 5 + nonce_len, (int)len);
    bool is_authentic = EVP_DecryptFinal_ex(ctx, text, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    *ret_type = header[0];
    if (is_authentic && k->version == 0x0304) {
        is_authentic = header[0] == 23 && len > 0;
        *ret_type = is_authentic ? text[--len] : 0;
    }
    if (is_authentic) {
        buffer_append(ret_content, span_make((char *)text, len));
        *in = span_skip(*in, 5 + body);
        k->direction.sequence++;
    }
    free(text);
    return is_authentic;
}
