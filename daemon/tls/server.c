/* SPDX-License-Identifier: Apache-2.0 */
/* Another server's certificate: verified by the library, then read. The handshake goes on whatever is found,
 * for who has no good certificate may still prove its domain by dialback (XEP-0220): what follows is the
 * stream's to decide. */
#include "tls/server_openssl.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* A root, two authorities below it, a cross-signed one, and one to spare. */
#define CHAIN_DEPTH_MAX 5
#define SRV_PREFIX "_xmpp-server."

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

int tls_server_judge(SSL_CTX *ctx, const char *authorities_path)
{
    int is_loaded = authorities_path ? SSL_CTX_load_verify_file(ctx, authorities_path)
                                     : SSL_CTX_set_default_verify_paths(ctx);
    if (is_loaded != 1)
        return -EINVAL;
    SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
    /* Also of those who connect to us: it is their domain's server that they prove to be, and public
     * authorities no longer certify a server as a TLS client. */
    return SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER) == 1 ? 0 : -EINVAL;
}

static struct span string_span(const ASN1_STRING *text)
{
    return span_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

/* False: it is a name of another kind, or one that no domain can have. */
static bool name_read(const GENERAL_NAME *name, enum tls_name_kind *ret_kind, struct span *ret_text)
{
    *ret_text = (struct span){0};
    if (name->type == GEN_DNS) {
        *ret_kind = TLS_NAME_DNS;
        *ret_text = string_span(name->d.dNSName);
    } else if (name->type == GEN_OTHERNAME) {
        const ASN1_TYPE *value = name->d.otherName->value;
        int nid = OBJ_obj2nid(name->d.otherName->type_id);
        if (nid == NID_SRVName && value->type == V_ASN1_IA5STRING) {
            *ret_kind = TLS_NAME_SRV;
            *ret_text = string_span(value->value.ia5string);
        } else if (nid == NID_XmppAddr && value->type == V_ASN1_UTF8STRING) {
            *ret_kind = TLS_NAME_XMPP;
            *ret_text = string_span(value->value.utf8string);
        }
    }
    return ret_text->len > 0 && ret_text->len < UINT16_MAX && !memchr(ret_text->ptr, 0, ret_text->len);
}

struct tls_server *tls_server_read(const SSL *ssl)
{
    enum tls_name_kind kinds[TLS_SERVER_NAMES_MAX];
    struct span found[TLS_SERVER_NAMES_MAX];
    uint32_t count = 0;
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    if (!leaf || SSL_get_verify_result(ssl) != X509_V_OK)
        return NULL;
    if (X509_get_extension_flags(leaf) & EXFLAG_CA) /* an authority's is no server's (RFC 6120 s. 13.7.1.1) */
        return NULL;
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && count < TLS_SERVER_NAMES_MAX; i++)
        count += name_read(sk_GENERAL_NAME_value(names, i), &kinds[count], &found[count]);
    struct tls_server *s = tls_server_new(kinds, found, count);
    GENERAL_NAMES_free(names);
    return s;
}

struct tls_server *tls_server_new(const enum tls_name_kind *kinds, const struct span *names, uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += names[i].len;
    struct tls_server *s = malloc(sizeof *s + count * sizeof s->names[0] + bytes);
    if (!s)
        return NULL;
    char *text = (char *)&s->names[count];
    uint32_t at = 0;
    for (s->count = 0; s->count < count; s->count++) {
        struct span name = names[s->count];
        s->names[s->count] = (struct tls_name){(uint8_t)kinds[s->count], (uint16_t)name.len, at};
        memcpy(text + at, name.ptr, name.len);
        at += (uint32_t)name.len;
    }
    return s;
}

/* Names of hosts and domains compare without case (RFC 6125 s. 6.4.1). */
static bool is_same(struct span a, struct span b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static bool name_is_for(enum tls_name_kind kind, struct span name, struct span domain)
{
    if (kind == TLS_NAME_SRV)
        return name.len > sizeof SRV_PREFIX - 1 &&
               strncasecmp(name.ptr, SRV_PREFIX, sizeof SRV_PREFIX - 1) == 0 &&
               is_same(span_skip(name, sizeof SRV_PREFIX - 1), domain);
    if (kind == TLS_NAME_DNS && span_starts(name, SPAN("*."))) {
        /* The whole left-most label and only that (RFC 6125 s. 6.4.3), and not of a top-level domain. */
        const char *dot = memchr(domain.ptr, '.', domain.len);
        struct span parent = dot ? span_skip(domain, (size_t)(dot - domain.ptr)) : (struct span){0};
        return parent.len && memchr(parent.ptr + 1, '.', parent.len - 1) &&
               is_same(span_skip(name, 1), parent);
    }
    return is_same(name, domain);
}

bool tls_server_is_for(const struct tls_server *s, struct span domain)
{
    for (uint32_t i = 0; s && i < s->count; i++) {
        const char *text = (const char *)&s->names[s->count];
        if (name_is_for((enum tls_name_kind)s->names[i].kind,
                        span_make(text + s->names[i].at, s->names[i].len), domain))
            return true;
    }
    return false;
}
