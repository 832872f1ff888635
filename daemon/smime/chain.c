/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "smime/purpose.h"

/* The leaf's own purpose is looked at when the chain is known to be good, so that a certificate that nobody vouches for, or that is out of date, is
 * called that first. Everything else ends the matter. */
static int complaint(int is_good, X509_STORE_CTX *ctx)
{
    return is_good || (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_INVALID_PURPOSE &&
                       X509_STORE_CTX_get_error_depth(ctx) == 0);
}

static enum smime_reason reason_of(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return SMIME_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return SMIME_NOT_YET_VALID;
    case X509_V_ERR_CERT_REVOKED:
        return SMIME_REVOKED;
    case X509_V_ERR_OUT_OF_MEM:
        return SMIME_BUSY;
    default:
        return SMIME_CHAIN;
    }
}

/* Until the first certificate ends, or the first list that is in force. */
static int64_t chain_until(const struct smime_trust *trust, STACK_OF(X509) * chain, int64_t now_s)
{
    int64_t until = now_s + CHAIN_KEEP_S;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t ends = certificate_seconds(X509_get0_notAfter(sk_X509_value(chain, i)));
        until = ends < until ? ends : until;
    }
    for (int i = 0; i < sk_X509_CRL_num(trust->lists); i++) {
        int64_t next = certificate_seconds(X509_CRL_get0_nextUpdate(sk_X509_CRL_value(trust->lists, i)));
        until = next > now_s && next < until ? next : until;
    }
    return until;
}

static enum smime_reason hook_ask(const struct smime_trust *trust, STACK_OF(X509) * chain, int64_t *until_s)
{
    for (int i = 0; trust->hook.ask && i + 1 < sk_X509_num(chain); i++) {
        uint64_t until = UINT64_MAX;
        enum smime_revocation status = trust->hook.ask(trust->hook.context, sk_X509_value(chain, i),
                                                       sk_X509_value(chain, i + 1), trust->store, &until);
        if (status == SMIME_REVOCATION_LATER)
            return SMIME_BUSY;
        if (status != SMIME_REVOCATION_GOOD)
            return status == SMIME_REVOCATION_REVOKED ? SMIME_REVOKED : SMIME_CHAIN;
        if (until < (uint64_t)*until_s)
            *until_s = (int64_t)until;
    }
    return SMIME_OK;
}

/* The sender's certificates and ours, in one stack that borrows them. */
static STACK_OF(X509) * untrusted_make(const struct smime_trust *trust, STACK_OF(X509) * others)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    bool is_whole = all != NULL;
    for (int i = 0; is_whole && i < sk_X509_num(trust->intermediates); i++)
        is_whole = sk_X509_push(all, sk_X509_value(trust->intermediates, i)) > 0;
    for (int i = 0; is_whole && i < sk_X509_num(others); i++)
        is_whole = sk_X509_push(all, sk_X509_value(others, i)) > 0;
    if (!is_whole) {
        sk_X509_free(all);
        return NULL;
    }
    return all;
}

static void verify(const struct smime_trust *trust, X509_STORE_CTX *ctx, int64_t now_s,
                   struct chain_verdict *ret)
{
    X509_STORE_CTX_set_time(ctx, 0, (time_t)now_s);
    X509_STORE_CTX_set_verify_cb(ctx, complaint);
    bool is_good = X509_STORE_CTX_set_purpose(ctx, purpose_id(trust->settings.purpose)) == 1 &&
                   X509_verify_cert(ctx) == 1;
    int error = X509_STORE_CTX_get_error(ctx);
    if (!is_good || (error != X509_V_OK && error != X509_V_ERR_INVALID_PURPOSE)) {
        ret->reason = reason_of(error);
        return;
    }
    STACK_OF(X509) *chain = X509_STORE_CTX_get1_chain(ctx);
    if (!chain)
        return;
    ret->until_s = chain_until(trust, chain, now_s);
    ret->reason = hook_ask(trust, chain, &ret->until_s);
    X509_free(sk_X509_shift(chain));
    if (ret->reason == SMIME_OK)
        ret->above = chain;
    else
        sk_X509_pop_free(chain, X509_free);
}

struct chain_verdict chain_verify(const struct smime_trust *trust, const struct certificate *leaf,
                                  STACK_OF(X509) * others, int64_t now_s)
{
    struct chain_verdict verdict = {.reason = SMIME_BUSY};
    if (!leaf->is_sound) {
        verdict.reason = SMIME_CHAIN;
        return verdict;
    }
    STACK_OF(X509) *untrusted = untrusted_make(trust, others);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (untrusted && ctx && X509_STORE_CTX_init(ctx, trust->store, leaf->x509, untrusted) == 1)
        verify(trust, ctx, now_s, &verdict);
    X509_STORE_CTX_free(ctx);
    sk_X509_free(untrusted);
    ERR_clear_error();
    return verdict;
}
