/* SPDX-License-Identifier: Apache-2.0 */
/* The library's own way takes a fifth of a handshake's time for these derivations, and lets out the secrets
 * only as lines of a key log, which it prints octet by octet with sprintf: another twentieth, five lines a
 * handshake. */
#include "tls/schedule.h"

#include <pthread.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#define PROVIDER_NAME "muster"

/* The library calls back without saying for whom; a step of a handshake is one call on one thread. */
static _Thread_local struct schedule_secrets *listener;

void schedule_listen(struct schedule_secrets *s)
{
    listener = s;
}

static void secret_keep(uint8_t *ret_len, uint8_t ret_secret[HKDF_BYTES_MAX], const uint8_t *secret,
                        size_t len)
{
    if (len > HKDF_BYTES_MAX)
        return;
    memcpy(ret_secret, secret, len);
    *ret_len = (uint8_t)len;
}

static void listener_tell(struct span label, const uint8_t *secret, size_t len)
{
    struct schedule_secrets *s = listener;
    if (!s)
        return;
    if (span_is(label, "c ap traffic"))
        secret_keep(&s->client_len, s->client, secret, len);
    else if (span_is(label, "s ap traffic"))
        secret_keep(&s->server_len, s->server, secret, len);
    else if (span_is(label, "exp master"))
        secret_keep(&s->exporter_len, s->exporter, secret, len);
}

/* ---- one derivation ---- */

static struct span octets_of(const OSSL_PARAM params[], const char *name)
{
    const void *octets = NULL;
    size_t len = 0;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
    if (!p || OSSL_PARAM_get_octet_string_ptr(p, &octets, &len) != 1)
        return (struct span){0};
    return span_make(octets, len);
}

/* 0: a hash that no suite of TLS 1.3 here has. */
static uint8_t hash_bytes_of(const OSSL_PARAM params[])
{
    const char *name = NULL;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);
    if (!p || OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
        return 0;
    if (!strcasecmp(name, "SHA2-256") || !strcasecmp(name, "SHA256"))
        return 32;
    return !strcasecmp(name, "SHA2-384") || !strcasecmp(name, "SHA384") ? 48 : 0;
}

/* The next secret of the schedule (RFC 8446 s. 7.1): Extract(Derive-Secret(the one before, label, ""), key),
 * where without the one before and without a key there are zeros. */
static int secret_derive(uint8_t hash_bytes, const OSSL_PARAM params[], struct span label,
                         uint8_t *ret_secret, size_t len)
{
    static const uint8_t zeros[HKDF_BYTES_MAX];
    uint8_t empty[HKDF_BYTES_MAX], derived[HKDF_BYTES_MAX];
    struct span salt = octets_of(params, OSSL_KDF_PARAM_SALT), key = octets_of(params, OSSL_KDF_PARAM_KEY);
    int error = len == hash_bytes ? 0 : -1;
    if (!key.ptr)
        key = span_make((const char *)zeros, hash_bytes);
    if (!error && salt.ptr) {
        error = hkdf_hash(hash_bytes, (struct span){0}, empty);
        if (!error)
            error = hkdf_expand_label(hash_bytes, salt, octets_of(params, OSSL_KDF_PARAM_PREFIX), label,
                                      span_make((const char *)empty, hash_bytes), derived, hash_bytes);
        salt = span_make((const char *)derived, hash_bytes);
    }
    if (!error)
        error = hkdf_extract(hash_bytes, salt, key, ret_secret);
    OPENSSL_cleanse(derived, sizeof derived);
    return error;
}

/* The library gives all parameters with the call. */
static int kdf_derive(void *ctx, unsigned char *bytes, size_t len, const OSSL_PARAM params[])
{
    (void)ctx;
    int mode = -1;
    uint8_t hash_bytes = hash_bytes_of(params);
    struct span label = octets_of(params, OSSL_KDF_PARAM_LABEL);
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
    if (!hash_bytes || !p || OSSL_PARAM_get_int(p, &mode) != 1)
        return 0;
    if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
        return secret_derive(hash_bytes, params, label, bytes, len) == 0;
    if (mode != EVP_KDF_HKDF_MODE_EXPAND_ONLY ||
        hkdf_expand_label(hash_bytes, octets_of(params, OSSL_KDF_PARAM_KEY),
                          octets_of(params, OSSL_KDF_PARAM_PREFIX), label,
                          octets_of(params, OSSL_KDF_PARAM_DATA), bytes, len) != 0)
        return 0;
    listener_tell(label, bytes, len);
    return 1;
}

/* ---- the provider ---- */

/* Nothing is kept between calls. */
static void *kdf_new(void *provider)
{
    return provider;
}

static void kdf_free(void *ctx)
{
    (void)ctx;
}

static const OSSL_DISPATCH kdf_functions[] = {{OSSL_FUNC_KDF_NEWCTX, (void (*)(void))kdf_new},
                                              {OSSL_FUNC_KDF_FREECTX, (void (*)(void))kdf_free},
                                              {OSSL_FUNC_KDF_DERIVE, (void (*)(void))kdf_derive},
                                              {0, NULL}};

static const OSSL_ALGORITHM kdfs[] = {
    {OSSL_KDF_NAME_TLS1_3_KDF, "provider=" PROVIDER_NAME, kdf_functions, NULL}, {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *algorithms_of(void *provider, int operation, int *ret_is_fleeting)
{
    (void)provider;
    *ret_is_fleeting = 0;
    return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **ret_functions, void **ret_context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))algorithms_of}, {0, NULL}};
    (void)in;
    *ret_functions = functions;
    *ret_context = (void *)(uintptr_t)handle; /* must not be NULL */
    return 1;
}

static OSSL_PROVIDER *ours; /* for the life of the process */

static void provider_load(void)
{
    /* The last argument: the library's own provider goes on being there unasked. */
    if (OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, provider_init) == 1)
        ours = OSSL_PROVIDER_try_load(NULL, PROVIDER_NAME, 1);
}

bool schedule_is_ours(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, provider_load);
    EVP_KDF *kdf = ours ? EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, SCHEDULE_QUERY) : NULL;
    bool is_ours = kdf && !strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), PROVIDER_NAME);
    EVP_KDF_free(kdf);
    return is_ours;
}
