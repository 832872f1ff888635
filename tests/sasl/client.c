/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM as a client computes it, by OpenSSL alone. */
#include "client.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

bool client_challenge_cut(struct span challenge, struct client_challenge *ret)
{
    const char *end = challenge.ptr + challenge.len;
    const char *salt, *iterations;

    if (!span_starts(challenge, SPAN("r=")))
        return false;
    salt = memmem(challenge.ptr, challenge.len, ",s=", 3);
    iterations = salt ? memmem(salt, (size_t)(end - salt), ",i=", 3) : NULL;
    if (!iterations)
        return false;
    ret->nonce = span_make(challenge.ptr + 2, (size_t)(salt - challenge.ptr) - 2);
    ret->salt_text = span_make(salt + 3, (size_t)(iterations - salt) - 3);
    ret->iterations = 0;
    for (const char *c = iterations + 3; c < end && *c != ','; c++) /* extensions may follow */
        ret->iterations = ret->iterations * 10 + (unsigned)(*c - '0');
    return true;
}

static void append_base64(struct buffer *out, const void *data, size_t len)
{
    unsigned char text[8192];
    int text_len = EVP_EncodeBlock(text, data, (int)len);

    buffer_append(out, span_make((const char *)text, (size_t)text_len));
}

void client_final(enum client_hash hash, const char *password, struct span client_first_bare,
                  struct span challenge, struct span cbind_input, const char *extensions,
                  struct buffer *final, struct buffer *server_final)
{
    const EVP_MD *md = hash == CLIENT_SHA_256 ? EVP_sha256() : EVP_sha1();
    unsigned char salt[128], salted[32], client_key[32], server_key[32], stored_key[32], signature[32];
    int bytes = hash == CLIENT_SHA_256 ? 32 : 20;
    struct client_challenge c = {0};
    struct buffer text;

    if (!client_challenge_cut(challenge, &c))
        abort();
    int salt_len = EVP_DecodeBlock(salt, (const unsigned char *)c.salt_text.ptr, (int)c.salt_text.len);
    for (size_t i = c.salt_text.len; i > 0 && c.salt_text.ptr[i - 1] == '='; i--)
        salt_len--;
    PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, salt_len, (int)c.iterations, md, bytes, salted);
    HMAC(md, salted, bytes, (const unsigned char *)"Client Key", 10, client_key, NULL);
    HMAC(md, salted, bytes, (const unsigned char *)"Server Key", 10, server_key, NULL);
    EVP_Digest(client_key, (size_t)bytes, stored_key, NULL, md, NULL);

    buffer_clear(final);
    buffer_literal(final, "c=");
    append_base64(final, cbind_input.ptr, cbind_input.len);
    buffer_literal(final, ",r=");
    buffer_append(final, c.nonce);
    buffer_append(final, span_of(extensions));

    buffer_init(&text);
    buffer_append(&text, client_first_bare);
    buffer_append_char(&text, ',');
    buffer_append(&text, challenge);
    buffer_append_char(&text, ',');
    buffer_append(&text, buffer_span(final));
    HMAC(md, stored_key, bytes, (const unsigned char *)text.ptr, text.len, signature, NULL);
    for (int i = 0; i < bytes; i++)
        client_key[i] ^= signature[i];
    buffer_literal(final, ",p=");
    append_base64(final, client_key, (size_t)bytes);

    HMAC(md, server_key, bytes, (const unsigned char *)text.ptr, text.len, signature, NULL);
    buffer_clear(server_final);
    buffer_literal(server_final, "v=");
    append_base64(server_final, signature, (size_t)bytes);
    buffer_fini(&text);
}
