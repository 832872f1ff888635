/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL 3 finds the KDF, the MAC and the digest anew by name for each derivation and makes a context of
 * each: ten times the cost of the four blocks that are hashed, and a handshake derives some twenty times.
 * Here the digests are looked up once. */
#include "tls/hkdf.h"

#include <errno.h>
#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* SHA-384's; SHA-256's is half of it. */
#define BLOCK_BYTES_MAX 128
/* HkdfLabel: a length, label and context each with a length of one byte. */
#define INFO_BYTES_MAX (2 + 1 + 255 + 1 + 255)

static pthread_once_t digests_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256, *sha384; /* constant from then on, for the life of the process */

static void digests_fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
}

/* NULL: there is no such hash. */
static const EVP_MD *digest_of(uint8_t hash_bytes)
{
    pthread_once(&digests_once, digests_fetch);
    return hash_bytes == 32 ? sha256 : hash_bytes == 48 ? sha384 : NULL;
}

struct hmac {
    const EVP_MD *md;
    EVP_MD_CTX *ctx;
    size_t hash_bytes, block_bytes;
    uint8_t pad[BLOCK_BYTES_MAX]; /* the key, xored with what the half needs */
};

static bool hmac_open(struct hmac *h, uint8_t hash_bytes, struct span key)
{
    *h = (struct hmac){.md = digest_of(hash_bytes), .hash_bytes = hash_bytes};
    h->ctx = h->md ? EVP_MD_CTX_new() : NULL;
    if (!h->ctx)
        return false;
    h->block_bytes = (size_t)EVP_MD_get_block_size(h->md);
    if (key.len > h->block_bytes)
        return EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1 &&
               EVP_DigestUpdate(h->ctx, key.ptr, key.len) == 1 &&
               EVP_DigestFinal_ex(h->ctx, h->pad, NULL) == 1;
    if (key.len)
        memcpy(h->pad, key.ptr, key.len);
    return true;
}

static void pad_turn(struct hmac *h, uint8_t with)
{
    for (size_t i = 0; i < h->block_bytes; i++)
        h->pad[i] ^= with;
}

/* Of the texts one behind the other. As often as is wanted. */
static bool hmac_run(struct hmac *h, const struct span *texts, size_t count, uint8_t *ret_mac)
{
    pad_turn(h, 0x36);
    bool is_done =
        EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1 && EVP_DigestUpdate(h->ctx, h->pad, h->block_bytes) == 1;
    for (size_t i = 0; i < count && is_done; i++)
        is_done = EVP_DigestUpdate(h->ctx, texts[i].ptr, texts[i].len) == 1;
    is_done = is_done && EVP_DigestFinal_ex(h->ctx, ret_mac, NULL) == 1;
    pad_turn(h, 0x36 ^ 0x5c);
    is_done = is_done && EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1 &&
              EVP_DigestUpdate(h->ctx, h->pad, h->block_bytes) == 1 &&
              EVP_DigestUpdate(h->ctx, ret_mac, h->hash_bytes) == 1 &&
              EVP_DigestFinal_ex(h->ctx, ret_mac, NULL) == 1;
    pad_turn(h, 0x5c);
    return is_done;
}

static void hmac_close(struct hmac *h)
{
    EVP_MD_CTX_free(h->ctx);
    OPENSSL_cleanse(h->pad, sizeof h->pad);
}

int hkdf_hash(uint8_t hash_bytes, struct span text, uint8_t *ret_hash)
{
    const EVP_MD *md = digest_of(hash_bytes);
    if (!md)
        return -EINVAL;
    return EVP_Digest(text.ptr, text.len, ret_hash, NULL, md, NULL) == 1 ? 0 : -EIO;
}

int hkdf_extract(uint8_t hash_bytes, struct span salt, struct span key, uint8_t *ret_secret)
{
    struct hmac h;
    if (!digest_of(hash_bytes))
        return -EINVAL;
    bool is_done = hmac_open(&h, hash_bytes, salt) && hmac_run(&h, &key, 1, ret_secret);
    hmac_close(&h);
    return is_done ? 0 : -EIO;
}

/* HKDF-Expand: hashes that go on from each other, cut to length. */
static bool expand(struct hmac *h, struct span info, uint8_t *ret_bytes, size_t len)
{
    uint8_t hash[HKDF_BYTES_MAX];
    bool is_done = true;
    for (size_t at = 0, part; at < len && is_done; at += part) {
        const char number = (char)(at / h->hash_bytes + 1);
        const struct span texts[] = {span_make((const char *)hash, at ? h->hash_bytes : 0), info,
                                     span_make(&number, 1)};
        is_done = hmac_run(h, texts, 3, hash);
        part = len - at < h->hash_bytes ? len - at : h->hash_bytes;
        if (is_done)
            memcpy(ret_bytes + at, hash, part);
    }
    OPENSSL_cleanse(hash, sizeof hash);
    return is_done;
}

int hkdf_expand_label(uint8_t hash_bytes, struct span secret, struct span prefix, struct span label,
                      struct span context, uint8_t *ret_bytes, size_t len)
{
    char info[INFO_BYTES_MAX];
    size_t at = 0;
    struct hmac h;
    if (!digest_of(hash_bytes) || prefix.len + label.len > 255 || context.len > 255 ||
        len > (size_t)hash_bytes * 255)
        return -EINVAL;
    info[at++] = (char)(len >> 8);
    info[at++] = (char)len;
    info[at++] = (char)(prefix.len + label.len);
    at = (size_t)((char *)mempcpy(info + at, prefix.ptr, prefix.len) - info);
    at = (size_t)((char *)mempcpy(info + at, label.ptr, label.len) - info);
    info[at++] = (char)context.len;
    if (context.len)
        at = (size_t)((char *)mempcpy(info + at, context.ptr, context.len) - info);
    bool is_done = hmac_open(&h, hash_bytes, secret) && expand(&h, span_make(info, at), ret_bytes, len);
    hmac_close(&h);
    return is_done ? 0 : -EIO;
}
