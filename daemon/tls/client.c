/* SPDX-License-Identifier: Apache-2.0 */
/* A client's certificate: verified by the library against the operator's authorities, never required; then read. One that
 * is not good is as good as none: the client may still have a password. */
#include "tls/client_openssl.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* A root, an authority, one that it delegates to, and one to spare: each is a signature to check for anybody who asks. */
#define CHAIN_DEPTH_MAX 4
/* Longest address that can be a JID (RFC 7622 s. 3). */
#define ADDRESS_BYTES_MAX 3071

/* The library's own check, which asks for the purpose of a TLS client: a certificate whose extended key usage lacks it
 * (one for signing messages, RFC 9734) fails. The handshake goes on whatever it says; SSL_get_verify_result has it. */
static int verify(X509_STORE_CTX *chain, void *unused)
{
    (void)unused;
    int is_good = X509_verify_cert(chain);
    int error = X509_STORE_CTX_get_error(chain);
    if (is_good <= 0 && error == X509_V_OK)
        error = X509_V_ERR_UNSPECIFIED;
    X509_STORE_CTX_set_error(chain, is_good > 0 ? X509_V_OK : error);
    ERR_clear_error();
    return 1;
}

int tls_client_ask(SSL_CTX *ctx, const char *authorities_path)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(authorities_path);
    if (!names || SSL_CTX_load_verify_file(ctx, authorities_path) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return -EINVAL;
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
    return 0;
}

/* The text of an id-on-xmppAddr; empty: it is none. */
static struct span address_of(const GENERAL_NAME *name)
{
    if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_XmppAddr ||
        name->d.otherName->value->type != V_ASN1_UTF8STRING)
        return (struct span){0};
    const ASN1_UTF8STRING *text = name->d.otherName->value->value.utf8string;
    struct span address = span_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    bool is_text = address.len > 0 && address.len <= ADDRESS_BYTES_MAX && !memchr(address.ptr, 0, address.len);
    return is_text ? address : (struct span){0};
}

static struct tls_client *addresses_copy(const GENERAL_NAMES *names)
{
    struct span found[TLS_CLIENT_ADDRESSES_MAX];
    uint32_t count = 0;
    size_t bytes = 0;
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
    char *at = c->text;
    for (c->count = 0; c->count < count; c->count++) {
        memcpy(at, found[c->count].ptr, found[c->count].len);
        c->addresses[c->count] = span_make(at, found[c->count].len);
        at += found[c->count].len;
    }
    return c;
}

/* A moment that cannot be told is over. */
static uint64_t moment(const ASN1_TIME *t)
{
    struct tm utc;
    time_t s = ASN1_TIME_to_tm(t, &utc) == 1 ? timegm(&utc) : 0;
    return s > 0 ? (uint64_t)s : 0;
}

struct tls_client *tls_client_read(const SSL *ssl)
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
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    struct tls_client *c = names ? addresses_copy(names) : NULL;
    GENERAL_NAMES_free(names);
    if (c)
        c->expires_s = expires_s;
    return c;
}
