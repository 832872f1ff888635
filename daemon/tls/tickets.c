/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tickets.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/clock.h"

/* Who gets hold of a key reads what was said in sessions resumed under it without a fresh key exchange (a
 * client's choice), so it must not live long; tickets live half a day (context.c), and a key is accepted for
 * a second such time. */
#define KEY_LIFETIME_MS (UINT64_C(12) * 60 * 60 * 1000)

enum { PRESENT, BEFORE, KEYS };

static int key_make(struct ticket_key *k, uint64_t now_ms)
{
    if (RAND_bytes(k->name, sizeof k->name) != 1 || RAND_priv_bytes(k->cipher, sizeof k->cipher) != 1 ||
        RAND_priv_bytes(k->mac, sizeof k->mac) != 1)
        return -EIO;
    k->made_ms = now_ms;
    k->is_made = true;
    return 0;
}

static int turn_locked(struct tickets *t, uint64_t now_ms)
{
    struct ticket_key *present = &t->keys[PRESENT], fresh = {0};
    if (present->is_made && now_ms < present->made_ms + KEY_LIFETIME_MS)
        return 0;
    int error = key_make(&fresh, now_ms);
    if (!error) {
        t->keys[BEFORE] = *present;
        *present = fresh;
    }
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return error;
}

int tickets_turn(struct tickets *t, uint64_t now_ms)
{
    pthread_mutex_lock(&t->lock);
    int error = turn_locked(t, now_ms);
    pthread_mutex_unlock(&t->lock);
    return error;
}

static bool contexts_key(const struct ticket_key *k, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int is_sealing)
{
    OSSL_PARAM mac_settings[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->mac, sizeof k->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_END};
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, is_sealing) == 1 &&
           EVP_MAC_CTX_set_params(mac, mac_settings) == 1;
}

/* The library's question, with its answers: -1 failed, 0 no such key (a full handshake follows), 1 done, 2
 * done, and give a new ticket. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_sealing)
{
    struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int answer = 0;
    pthread_mutex_lock(&t->lock);
    (void)turn_locked(t, clock_now_ms()); /* without randomness the old key is better than no log-in */
    if (is_sealing) {
        const struct ticket_key *k = &t->keys[PRESENT];
        memcpy(name, k->name, sizeof k->name);
        answer = RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
                         contexts_key(k, iv, cipher, mac, 1)
                     ? 1
                     : -1;
    }
    for (int i = 0; i < KEYS && !is_sealing; i++) {
        const struct ticket_key *k = &t->keys[i];
        if (!k->is_made || CRYPTO_memcmp(name, k->name, sizeof k->name) != 0)
            continue;
        /* RFC 8446 s. C.4: a ticket used twice lets an observer link two connections, so TLS 1.3 gets a new
         * one each time. */
        bool is_new_due = i == BEFORE || SSL_version(ssl) == TLS1_3_VERSION;
        answer = !contexts_key(k, iv, cipher, mac, 0) ? -1 : is_new_due ? 2 : 1;
        break;
    }
    pthread_mutex_unlock(&t->lock);
    return answer;
}

int tickets_init(struct tickets *t)
{
    *t = (struct tickets){0};
    pthread_mutex_init(&t->lock, NULL);
    return tickets_turn(t, clock_now_ms());
}

int tickets_use(struct tickets *t, SSL_CTX *ctx)
{
    return SSL_CTX_set_app_data(ctx, t) == 1 && SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1
               ? 0
               : -EINVAL;
}

void tickets_fini(struct tickets *t)
{
    pthread_mutex_destroy(&t->lock);
    OPENSSL_cleanse(t->keys, sizeof t->keys);
}
