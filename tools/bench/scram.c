/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM client over OpenSSL's HMAC and PBKDF2. */
#include "scram.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

static const EVP_MD *hash_md(enum scram_hash hash)
{
    return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

static size_t hash_bytes_of(enum scram_hash hash)
{
    return hash == SCRAM_SHA_1 ? 20 : 32;
}

int base64_append(struct buffer *out, struct span bytes)
{
    char *to = buffer_reserve(out, (bytes.len + 2) / 3 * 4 + 1);
    if (to == NULL)
        return -ENOMEM;
    out->len +=
        (uint32_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)bytes.ptr, (int)bytes.len);
    return 0;
}

int base64_decode(struct buffer *out, struct span text)
{
    if (text.len % 4 != 0)
        return SCRAM_REFUSED;
    if (text.len == 0)
        return 0;
    char *to = buffer_reserve(out, text.len / 4 * 3);
    if (to == NULL)
        return -ENOMEM;
    int len = EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)text.ptr, (int)text.len);
    if (len < 0)
        return SCRAM_REFUSED;
    /* EVP_DecodeBlock counts the padding as bytes. */
    len -= (text.ptr[text.len - 1] == '=') + (text.ptr[text.len - 2] == '=');
    out->len += (uint32_t)len;
    return 0;
}

int scram_init(struct scram *s, enum scram_hash hash, const char *password, struct scram_keys *keys,
               const char *nonce)
{
    *s = (struct scram){.hash = hash, .password = password, .keys = keys};
    buffer_init(&s->transcript);
    if (nonce != NULL) {
        snprintf(s->nonce, sizeof s->nonce, "%s", nonce);
        return 0;
    }
    uint8_t random[SCRAM_NONCE_BYTES];
    if (RAND_bytes(random, sizeof random) != 1)
        return -EIO;
    EVP_EncodeBlock((unsigned char *)s->nonce, random, sizeof random);
    return 0;
}

void scram_fini(struct scram *s)
{
    buffer_fini(&s->transcript);
}

int scram_first(struct scram *s, const char *user, struct buffer *out)
{
    buffer_literal(&s->transcript, "n=");
    for (const char *c = user; *c != '\0'; c++) {
        if (*c == '=')
            buffer_literal(&s->transcript, "=3D");
        else if (*c == ',')
            buffer_literal(&s->transcript, "=2C");
        else
            buffer_append_char(&s->transcript, *c);
    }
    buffer_printf(&s->transcript, ",r=%s", s->nonce);
    buffer_literal(out, "n,,");
    buffer_append(out, buffer_span(&s->transcript));
    return buffer_ok(&s->transcript) && buffer_ok(out) ? 0 : -ENOMEM;
}

/* The value of field `name` ("r=...") in a comma-separated message. */
static bool field_find(struct span message, char name, struct span *ret_value)
{
    for (size_t at = 0; at + 1 < message.len;) {
        const char *comma = memchr(message.ptr + at, ',', message.len - at);
        size_t end = comma ? (size_t)(comma - message.ptr) : message.len;
        if (message.ptr[at] == name && message.ptr[at + 1] == '=' && end >= at + 2) {
            *ret_value = span_make(message.ptr + at + 2, end - at - 2);
            return true;
        }
        at = end + 1;
    }
    return false;
}

static bool hmac(enum scram_hash hash, const uint8_t *key, struct span text, uint8_t *out)
{
    return HMAC(hash_md(hash), key, (int)hash_bytes_of(hash), (const unsigned char *)text.ptr, text.len, out,
                NULL) != NULL;
}

/* Make s->keys those of this salt and count, unless they are already. */
static int keys_derive(struct scram *s, struct span salt, uint32_t iterations)
{
    struct scram_keys *keys = s->keys;
    if (keys->iterations == iterations && keys->hash == s->hash &&
        span_equal(span_make((const char *)keys->salt, keys->salt_len), salt))
        return 0;
    uint8_t salted[SCRAM_HASH_BYTES_MAX];
    if (PKCS5_PBKDF2_HMAC(s->password, -1, (const unsigned char *)salt.ptr, (int)salt.len, (int)iterations,
                          hash_md(s->hash), (int)hash_bytes_of(s->hash), salted) != 1 ||
        !hmac(s->hash, salted, SPAN("Client Key"), keys->client_key) ||
        !hmac(s->hash, salted, SPAN("Server Key"), keys->server_key))
        return -EIO;
    memcpy(keys->salt, salt.ptr, salt.len);
    keys->salt_len = (uint32_t)salt.len;
    keys->iterations = iterations;
    keys->hash = s->hash;
    return 0;
}

/* Read "r=...,s=...,i=..."; the salt decoded into `salt`. */
static int server_first_read(const struct scram *s, struct span message, struct span *ret_nonce,
                             struct buffer *salt, uint32_t *ret_iterations)
{
    struct span nonce, salt_text, count_text;
    if (!field_find(message, 'r', &nonce) || !field_find(message, 's', &salt_text) ||
        !field_find(message, 'i', &count_text))
        return SCRAM_REFUSED;
    if (!span_starts(nonce, span_of(s->nonce)) || nonce.len == strlen(s->nonce))
        return SCRAM_REFUSED;
    char digits[12] = {0};
    if (count_text.len == 0 || count_text.len >= sizeof digits)
        return SCRAM_REFUSED;
    memcpy(digits, count_text.ptr, count_text.len);
    unsigned long count = strtoul(digits, NULL, 10);
    if (count == 0 || count > SCRAM_ITERATIONS_MAX)
        return SCRAM_REFUSED;
    int outcome = base64_decode(salt, salt_text);
    if (outcome != 0)
        return outcome;
    if (salt->len == 0 || salt->len > SCRAM_SALT_BYTES_MAX)
        return SCRAM_REFUSED;
    *ret_nonce = nonce;
    *ret_iterations = (uint32_t)count;
    return 0;
}

/* With keys and transcript complete: the proof into `proof`, the expected signature into *s. */
static int proof_make(struct scram *s, uint8_t *proof)
{
    uint8_t stored[SCRAM_HASH_BYTES_MAX], signature[SCRAM_HASH_BYTES_MAX];
    struct span transcript = buffer_span(&s->transcript);
    size_t len = hash_bytes_of(s->hash);
    if (EVP_Digest(s->keys->client_key, len, stored, NULL, hash_md(s->hash), NULL) != 1 ||
        !hmac(s->hash, stored, transcript, signature) ||
        !hmac(s->hash, s->keys->server_key, transcript, s->server_signature))
        return -EIO;
    for (size_t i = 0; i < len; i++)
        proof[i] = s->keys->client_key[i] ^ signature[i];
    return 0;
}

int scram_final(struct scram *s, struct span server_first, struct buffer *out)
{
    struct span nonce;
    uint32_t iterations;
    uint8_t proof[SCRAM_HASH_BYTES_MAX];
    struct buffer salt, bare;
    buffer_init(&salt);
    buffer_init(&bare);
    int outcome = server_first_read(s, server_first, &nonce, &salt, &iterations);
    if (outcome != 0)
        goto done;
    outcome = keys_derive(s, buffer_span(&salt), iterations);
    if (outcome != 0)
        goto done;
    buffer_printf(&bare, "c=biws,r=%.*s", (int)nonce.len, nonce.ptr);
    buffer_append_char(&s->transcript, ',');
    buffer_append(&s->transcript, server_first);
    buffer_append_char(&s->transcript, ',');
    buffer_append(&s->transcript, buffer_span(&bare));
    outcome = buffer_ok(&s->transcript) && buffer_ok(&bare) ? proof_make(s, proof) : -ENOMEM;
    if (outcome != 0)
        goto done;
    buffer_append(out, buffer_span(&bare));
    buffer_literal(out, ",p=");
    outcome = base64_append(out, span_make((const char *)proof, hash_bytes_of(s->hash)));
done:
    buffer_fini(&salt);
    buffer_fini(&bare);
    return outcome;
}

int scram_verify(const struct scram *s, struct span server_final)
{
    struct span text;
    struct buffer signature;
    buffer_init(&signature);
    size_t len = hash_bytes_of(s->hash);
    int outcome = SCRAM_REFUSED;
    if (field_find(server_final, 'v', &text) && base64_decode(&signature, text) == 0 &&
        signature.len == len && CRYPTO_memcmp(signature.ptr, s->server_signature, len) == 0)
        outcome = 0;
    buffer_fini(&signature);
    return outcome;
}
