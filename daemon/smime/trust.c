/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/trust.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "smime/chain.h"
#include "smime/purpose.h"

/* Authorities below one another; four are rare. */
#define CHAIN_DEPTH_MAX 8
/* 112 bits: no SHA-1 below an anchor, no RSA below 2048. */
#define CHAIN_LEVEL 2
/* 3.0.22: the last known fix of what opens and checks CMS (CVE-2026-63072). */
#define LIBRARY_FLOOR 0x30000160L

int smime_library_begin(void)
{
    return purpose_register();
}

const char *smime_library_warning(void)
{
    return OpenSSL_version_num() < LIBRARY_FLOOR
               ? "OpenSSL older than 3.0.22: known errors in CMS, unless the distribution has mended them"
               : NULL;
}

enum pem_kind { PEM_KIND_ANCHOR, PEM_KIND_INTERMEDIATE };

/* All certificates of a text. The number of them, or -EINVAL, -ENOMEM. */
static int certificates_load(struct smime_trust *t, struct span text, enum pem_kind kind)
{
    int count = 0;
    X509 *x = NULL;
    BIO *bio = BIO_new_mem_buf(text.ptr ? text.ptr : "", (int)text.len);
    if (!bio)
        return -ENOMEM;
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        bool is_kept = kind == PEM_KIND_ANCHOR ? X509_STORE_add_cert(t->store, x) == 1
                                               : X509_up_ref(x) && sk_X509_push(t->intermediates, x) > 0;
        X509_free(x);
        if (!is_kept) {
            count = -ENOMEM;
            break;
        }
        count++;
    }
    BIO_free(bio);
    if (!x && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        count = -EINVAL;
    ERR_clear_error();
    return count;
}

static int lists_read(struct span text, STACK_OF(X509_CRL) * lists)
{
    int r = 0;
    X509_CRL *list = NULL;
    BIO *bio = BIO_new_mem_buf(text.ptr ? text.ptr : "", (int)text.len);
    if (!bio)
        return -ENOMEM;
    while (r == 0 && (list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        if (sk_X509_CRL_push(lists, list) <= 0) {
            X509_CRL_free(list);
            r = -ENOMEM;
        }
    }
    BIO_free(bio);
    if (r == 0 &&
        (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || sk_X509_CRL_num(lists) == 0))
        r = -EINVAL;
    ERR_clear_error();
    return r;
}

static int lists_keep(struct smime_trust *t, STACK_OF(X509_CRL) * lists)
{
    if (sk_X509_CRL_num(lists) <= 0)
        return 0;
    t->lists = sk_X509_CRL_new_null();
    if (!t->lists)
        return -ENOMEM;
    for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
        X509_CRL *list = sk_X509_CRL_value(lists, i);
        if (X509_STORE_add_crl(t->store, list) != 1 || sk_X509_CRL_push(t->lists, list) <= 0)
            return -ENOMEM;
        X509_CRL_up_ref(list);
    }
    /* Not X509_V_FLAG_X509_STRICT: it asks authorities for extensions that many lack, openssl req's among them, and whom we trust
     * must not depend on whether there are lists. */
    X509_STORE_set_flags(t->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return 0;
}

static int fail(struct buffer *message, int r, const char *text)
{
    buffer_printf(message, "%s", r == -ENOMEM ? "no memory" : text);
    return r;
}

static int trust_fill(struct smime_trust *t, struct span anchors, struct span intermediates,
                      STACK_OF(X509_CRL) * lists, struct buffer *message)
{
    t->store = X509_STORE_new();
    t->intermediates = sk_X509_new_null();
    if (!t->store || !t->intermediates)
        return fail(message, -ENOMEM, "");
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(t->store);
    X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, CHAIN_LEVEL);
    int count = certificates_load(t, anchors, PEM_KIND_ANCHOR);
    if (count <= 0)
        return fail(message, count ? count : -EINVAL,
                    "authorities: no certificate (PEM), or one that cannot be read");
    count = certificates_load(t, intermediates, PEM_KIND_INTERMEDIATE);
    if (count < 0)
        return fail(message, count, "intermediate authorities: a certificate that cannot be read");
    int r = lists_keep(t, lists);
    return r == 0 ? 0 : fail(message, r, "");
}

int smime_trust_new_openssl(const struct smime_trust_settings *settings, struct span anchors,
                            struct span intermediates, STACK_OF(X509_CRL) * lists,
                            const struct smime_revocation_hook *hook, struct smime_trust **ret_trust,
                            struct buffer *ret_message)
{
    static _Atomic uint64_t next_id = 1;
    struct smime_trust *t = calloc(1, sizeof *t);
    if (!t)
        return fail(ret_message, -ENOMEM, "");
    atomic_init(&t->references, 1);
    t->id = atomic_fetch_add_explicit(&next_id, 1, memory_order_relaxed);
    t->settings = *settings;
    if (hook)
        t->hook = *hook;
    int r = trust_fill(t, anchors, intermediates, lists, ret_message);
    if (r != 0) {
        smime_trust_unref(t);
        return r;
    }
    *ret_trust = t;
    return 0;
}

int smime_trust_new(const struct smime_trust_settings *settings, struct span anchors,
                    struct span intermediates, struct span crls, struct smime_trust **ret_trust,
                    struct buffer *ret_message)
{
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    int r = lists ? 0 : -ENOMEM;
    if (r == 0 && crls.len > 0)
        r = lists_read(crls, lists);
    if (r != 0)
        fail(ret_message, r, "revocation lists: none (PEM), or one that cannot be read");
    else
        r = smime_trust_new_openssl(settings, anchors, intermediates, lists, NULL, ret_trust, ret_message);
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
    return r;
}

struct smime_trust *smime_trust_ref(struct smime_trust *t)
{
    atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
    return t;
}

struct smime_trust *smime_trust_unref(struct smime_trust *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1)
        return NULL;
    X509_STORE_free(t->store);
    sk_X509_pop_free(t->intermediates, X509_free);
    sk_X509_CRL_pop_free(t->lists, X509_CRL_free);
    free(t);
    return NULL;
}
