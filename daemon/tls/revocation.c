/* SPDX-License-Identifier: Apache-2.0 */
/* Has a client's certificate, or one above it, been revoked (RFC 6120 s. 13.7.2, 13.7.2.3)? Lists are looked
 * at in every handshake, since that costs little; responders are asked when a client logs in with its
 * certificate, and both again while the session lasts. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>

#include "tls/client_openssl.h"
#include "tls/context_openssl.h"
#include "tls/crls.h"
#include "tls/ocsp.h"

int revocation_open(struct revocation *r, const struct tls_settings *settings, struct buffer *ret_message)
{
    int error = 0;
    r->list_mode = settings->client_list_mode;
    r->ocsp_mode = settings->client_ocsp_mode;
    r->is_bad_refused = settings->client_bad_refused;
    if (r->list_mode != TLS_REVOCATION_OFF && settings->client_lists_path)
        error = crls_open(settings->client_lists_path, &r->lists, ret_message);
    if (!error && r->ocsp_mode != TLS_REVOCATION_OFF)
        error = ocsp_open(settings->client_ocsp_responder, &r->ocsp, ret_message);
    return error;
}

void revocation_fini(struct revocation *r)
{
    r->lists = crls_free(r->lists);
    r->ocsp = ocsp_free(r->ocsp);
}

/* Is it only that there is no list for some authority, or none of this time? */
static bool is_list_missing(int error)
{
    return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
           error == X509_V_ERR_CRL_NOT_YET_VALID;
}

/* An old list is still looked into. */
static int missing_pass(int is_good, X509_STORE_CTX *chain)
{
    return is_good || is_list_missing(X509_STORE_CTX_get_error(chain));
}

static void count(struct revocation *r, int error)
{
    if (error == X509_V_ERR_CERT_REVOKED)
        atomic_fetch_add(&r->revoked, 1);
    else if (is_list_missing(error))
        atomic_fetch_add(&r->unknown, 1);
}

int revocation_verify(struct revocation *r, X509_STORE_CTX *chain, uint64_t *ret_generation,
                      uint64_t *ret_stale_s)
{
    struct crls_snapshot *lists = r->lists ? crls_take(r->lists) : NULL;
    if (lists) {
        X509_STORE_CTX_set0_crls(chain, lists->lists);
        X509_STORE_CTX_set_flags(chain, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        if (r->list_mode == TLS_REVOCATION_SOFT)
            X509_STORE_CTX_set_verify_cb(chain, missing_pass);
        *ret_generation = lists->generation;
        *ret_stale_s = lists->stale_s;
    }
    int is_good = X509_verify_cert(chain), error = X509_STORE_CTX_get_error(chain);
    if (is_good <= 0 && error == X509_V_OK)
        error = X509_V_ERR_UNSPECIFIED;
    if (lists) {
        X509_STORE_CTX_set0_crls(chain, NULL);
        count(r, error);
        crls_give(lists);
    }
    ERR_clear_error();
    return is_good > 0 ? X509_V_OK : error;
}

/* The certificates of `der`: the client's own, and those above it as far as they were verified then. */
static STACK_OF(X509) * chain_read(struct span der)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    const unsigned char *at = (const unsigned char *)der.ptr, *end = at + der.len;
    while (chain && at < end) {
        X509 *certificate = d2i_X509(NULL, &at, end - at);
        if (certificate && sk_X509_push(chain, certificate) > 0)
            continue;
        X509_free(certificate);
        sk_X509_pop_free(chain, X509_free);
        chain = NULL;
    }
    return chain;
}

/* Ask about each certificate but the last, which the operator trusts. */
static enum tls_client_status chain_ask(struct revocation *r, X509_STORE *authorities, STACK_OF(X509) * chain,
                                        uint64_t *ret_until_s)
{
    for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
        uint64_t until_s = 0;
        enum tls_client_status status =
            ocsp_ask(r->ocsp, sk_X509_value(chain, i), sk_X509_value(chain, i + 1), authorities, &until_s);
        *ret_until_s = until_s < *ret_until_s ? until_s : *ret_until_s;
        if (status == TLS_CLIENT_GOOD)
            continue;
        atomic_fetch_add(status == TLS_CLIENT_REVOKED ? &r->revoked : &r->unknown, 1);
        if (status == TLS_CLIENT_REVOKED || r->ocsp_mode == TLS_REVOCATION_HARD)
            return status;
    }
    return TLS_CLIENT_GOOD;
}

static enum tls_client_status chain_check(struct tls_context *context, STACK_OF(X509) * chain,
                                          struct tls_client_look *look)
{
    struct revocation *r = &context->lasting->revocation;
    X509_STORE *authorities = SSL_CTX_get_cert_store(context->ctx);
    X509_STORE_CTX *verifying = X509_STORE_CTX_new();
    enum tls_client_status status = TLS_CLIENT_UNKNOWN;
    uint64_t stale_s = UINT64_MAX;
    *look = (struct tls_client_look){.until_s = UINT64_MAX, .context = context->generation};
    if (verifying && X509_STORE_CTX_init(verifying, authorities, sk_X509_value(chain, 0), chain) == 1) {
        tls_client_purpose_set(verifying);
        int error = revocation_verify(r, verifying, &look->generation, &stale_s);
        status = error == X509_V_OK       ? TLS_CLIENT_GOOD
                 : is_list_missing(error) ? TLS_CLIENT_UNKNOWN
                                          : TLS_CLIENT_REVOKED;
        if (r->list_mode == TLS_REVOCATION_HARD)
            look->until_s = stale_s;
        if (status == TLS_CLIENT_GOOD && r->ocsp)
            status = chain_ask(r, authorities, X509_STORE_CTX_get0_chain(verifying), &look->until_s);
    }
    X509_STORE_CTX_free(verifying);
    ERR_clear_error();
    return status;
}

static bool look_holds(const struct tls_context *context, const struct tls_client_look *look)
{
    struct revocation *r = &context->lasting->revocation;
    struct crls_snapshot *lists = r->lists ? crls_take(r->lists) : NULL;
    bool holds = look->until_s > (uint64_t)time(NULL) && look->context == context->generation &&
                 (!lists || lists->generation == look->generation);
    crls_give(lists);
    return holds;
}

enum tls_client_status tls_client_check(struct tls_context *context, const struct tls_client *c,
                                        struct tls_client_look *look)
{
    if (look_holds(context, look))
        return TLS_CLIENT_GOOD;
    STACK_OF(X509) *chain = chain_read(c->chain);
    enum tls_client_status status =
        chain && sk_X509_num(chain) > 0 ? chain_check(context, chain, look) : TLS_CLIENT_UNKNOWN;
    if (status != TLS_CLIENT_GOOD)
        *look = (struct tls_client_look){0};
    sk_X509_pop_free(chain, X509_free);
    return status;
}

bool tls_context_checks_clients(const struct tls_context *context)
{
    return revocation_is_on(&context->lasting->revocation);
}

bool tls_context_asks(const struct tls_context *context)
{
    return context->lasting->revocation.ocsp;
}

void tls_context_stop_asking(struct tls_context *context)
{
    if (context->lasting->revocation.ocsp)
        ocsp_stop(context->lasting->revocation.ocsp);
}

struct tls_client_counters tls_context_client_counters(struct tls_context *context)
{
    struct revocation *r = &context->lasting->revocation;
    struct crls_counters lists = r->lists ? crls_counters_read(r->lists) : (struct crls_counters){0};
    struct ocsp_counters ocsp = r->ocsp ? ocsp_counters_read(r->ocsp) : (struct ocsp_counters){0};
    return (struct tls_client_counters){atomic_load(&r->revoked),
                                        atomic_load(&r->unknown),
                                        lists.read,
                                        lists.failed,
                                        ocsp.asked,
                                        ocsp.failed};
}
