/* SPDX-License-Identifier: Apache-2.0 */
/* A client's certificate: verified by the library against the operator's authorities, never required; then
 * read. One that is not good is as good as none: the client may still have a password. */
#include "tls/client_openssl.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* A root, an authority, one that it delegates to, and one to spare: each is a signature to check for anybody
 * who asks. */
#define CHAIN_DEPTH_MAX 4
/* Longest address that can be a JID (RFC 7622 s. 3). */
#define ADDRESS_BYTES_MAX 3071

/* RFC 6120 s. 13.7.2.2.1: who shows one that nobody known has signed proves its right by other means. */
static bool is_of_strangers(int error)
{
    return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

/* The library's own check, which asks for the purpose of a TLS client: a certificate whose extended key usage
 * lacks it (one for signing messages, RFC 9734) fails. The handshake goes on whatever it says,
 * unless the operator wants otherwise; SSL_get_verify_result has it. */
static int verify(X509_STORE_CTX *chain, void *context)
{
    struct revocation *revocation = context;
    uint64_t generation, stale_s;
    int error = revocation_verify(revocation, chain, &generation, &stale_s);
    X509_STORE_CTX_set_error(chain, error);
    /* What resumes by a ticket shows no chain, so nobody could ask again who stands above its certificate. */
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (revocation_is_on(revocation))
        SSL_set_num_tickets(ssl, 0);
    return error == X509_V_OK || !revocation->is_bad_refused || is_of_strangers(error);
}

void tls_client_purpose_set(X509_STORE_CTX *chain)
{
    X509_STORE_CTX_set_purpose(chain, X509_PURPOSE_SSL_CLIENT);
    X509_STORE_CTX_set_depth(chain, CHAIN_DEPTH_MAX);
}

int tls_client_ask(SSL_CTX *ctx, const char *authorities_path, struct revocation *r)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(authorities_path);
    if (!names || SSL_CTX_load_verify_file(ctx, authorities_path) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return -EINVAL;
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, r);
    return 0;
}

/* The text of an id-on-xmppAddr; empty: it is none. */
static struct span address_of(const GENERAL_NAME *name)
{
    if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_XmppAddr ||
        name->d.otherName->value->type != V_ASN1_UTF8STRING)
        return (struct span){0};
    const ASN1_UTF8STRING *text = name->d.otherName->value->value.utf8string;
    struct span address =
        span_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    bool is_text =
        address.len > 0 && address.len <= ADDRESS_BYTES_MAX && !memchr(address.ptr, 0, address.len);
    return is_text ? address : (struct span){0};
}

/* The chain's certificates as DER, appended; nothing when that cannot be done. */
static void chain_write(STACK_OF(X509) * chain, struct buffer *out)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &der);
        if (len > 0)
            buffer_append(out, span_make((const char *)der, (size_t)len));
        OPENSSL_free(der);
    }
}

static struct tls_client *client_new(const GENERAL_NAMES *names, struct span chain)
{
    struct span found[TLS_CLIENT_ADDRESSES_MAX];
    uint32_t count = 0;
    size_t bytes = chain.len;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && count < TLS_CLIENT_ADDRESSES_MAX; i++) {
        struct span address = address_of(sk_GENERAL_NAME_value(names, i));
        if (!address.len)
            continue;
        found[count++] = address;
        bytes += address.len;
    }
    struct tls_client *c = count ? calloc(1, sizeof *c + bytes) : NULL;
    if (!c)
        return NULL;
    atomic_init(&c->references, 1);
    char *at = c->text;
    for (c->count = 0; c->count < count; c->count++) {
        memcpy(at, found[c->count].ptr, found[c->count].len);
        c->addresses[c->count] = span_make(at, found[c->count].len);
        at += found[c->count].len;
    }
    if (chain.len)
        memcpy(at, chain.ptr, chain.len);
    c->chain = span_make(at, chain.len);
    return c;
}

/* A moment that cannot be told is over. */
static uint64_t moment(const ASN1_TIME *t)
{
    struct tm utc;
    time_t s = ASN1_TIME_to_tm(t, &utc) == 1 ? timegm(&utc) : 0;
    return s > 0 ? (uint64_t)s : 0;
}

struct tls_client *tls_client_read(const SSL *ssl, bool is_kept)
{
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    if (!leaf || SSL_get_verify_result(ssl) != X509_V_OK)
        return NULL;
    if (X509_get_extension_flags(leaf) & EXFLAG_CA) /* an authority's is nobody's (RFC 6120 s. 13.7.1.1) */
        return NULL;
    uint64_t expires_s = moment(X509_get0_notAfter(leaf));
    /* In a resumed session there is only the leaf; and its time may be over since. */
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        uint64_t above_s = moment(X509_get0_notAfter(sk_X509_value(chain, i)));
        expires_s = above_s < expires_s ? above_s : expires_s;
    }
    if (expires_s <= (uint64_t)time(NULL))
        return NULL;
    struct buffer der = {0};
    if (is_kept)
        chain_write(chain, &der);
    /* TLS 1.2 promises its ticket before the certificate is seen, so there it may be resumed all the same. */
    bool is_whole = !is_kept || (der.len > 0 && buffer_ok(&der));
    GENERAL_NAMES *names = is_whole ? X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL) : NULL;
    struct tls_client *c = names ? client_new(names, buffer_span(&der)) : NULL;
    GENERAL_NAMES_free(names);
    buffer_fini(&der);
    if (c)
        c->expires_s = expires_s;
    return c;
}

struct tls_client *tls_client_ref(struct tls_client *c)
{
    atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

struct tls_client *tls_client_unref(struct tls_client *c)
{
    if (c && atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) == 1)
        free(c);
    return NULL;
}
