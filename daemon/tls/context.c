/* SPDX-License-Identifier: Apache-2.0 */
/* The shared part of all handshakes: OpenSSL's context with our policy, the certificate and its key, loaded
 * with errors that an operator can act on. */
#include "tls/context.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/input.h"
#include "base/log.h"
#include "tls/client_openssl.h"
#include "tls/context_openssl.h"
#include "tls/schedule.h"
#include "tls/server_openssl.h"

/* AES-128 first: the least work per record where there are AES instructions. A client without them lists
 * ChaCha20 first, and SSL_OP_PRIORITIZE_CHACHA then follows it. */
#define SUITES_TLS13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define SUITES_TLS12                                                                                         \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                             \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                             \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"

/* One: an XMPP client resumes once, and each ticket is a record and a sealing at every login. */
#define TICKETS_PER_HANDSHAKE 1
/* Half a day lets a sleeping phone resume, not a stolen ticket of
 * last week. */
#define TICKET_LIFETIME_S (12 * 60 * 60)
#define SESSION_NAME "muster"

/* The library's last word, for the operator's eye. */
static const char *library_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason ? reason : "no reason given";
}

/* What was said under another name is not resumed. A context that asks for certificates has one of its own, or a ticket would go on
 * letting in whom an authority vouched for that is gone. */
static bool sessions_name(struct tls_context *c, bool asks_clients)
{
    unsigned char name[sizeof SESSION_NAME + sizeof c->generation] = SESSION_NAME;
    if (asks_clients)
        c->generation = atomic_fetch_add(&c->lasting->generation, 1);
    memcpy(name + sizeof SESSION_NAME, &c->generation, sizeof c->generation);
    return SSL_CTX_set_session_id_context(c->ctx, name, sizeof name) == 1;
}

static int policy_set(struct tls_context *c, const struct tls_settings *settings, bool is_schedule_ours)
{
    SSL_CTX *ctx = c->ctx;
    uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                       SSL_OP_PRIORITIZE_CHACHA;

    SSL_CTX_set_options(ctx, options);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    /* Tickets carry the session themselves, so any worker can resume and nothing is kept. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, TICKET_LIFETIME_S);
    tls_handshake_hook(ctx, is_schedule_ours);
    int error = tickets_use(&c->lasting->tickets, ctx);
    if (error)
        return error;
    bool done = SSL_CTX_set_min_proto_version(ctx, settings->allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) &&
                SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) &&
                SSL_CTX_set_ciphersuites(ctx, SUITES_TLS13) && SSL_CTX_set_cipher_list(ctx, SUITES_TLS12) &&
                SSL_CTX_set1_groups_list(ctx, GROUPS) &&
                SSL_CTX_set_num_tickets(ctx, TICKETS_PER_HANDSHAKE) && SSL_CTX_set_max_early_data(ctx, 0) &&
                sessions_name(c, settings->client_authorities_path);
    return done ? 0 : -EINVAL;
}

/* Tells a file that cannot be read apart from one that holds the wrong thing. */
static FILE *pem_open(const char *what, const char *path, struct buffer *ret_message, int *ret_error)
{
    int fd = input_open(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    if (!f) {
        *ret_error = fd < 0 ? fd : -errno;
        if (fd >= 0)
            close(fd);
        buffer_printf(ret_message, "%s %s: %s", what, path, input_error(*ret_error));
    }
    return f;
}

/* It loads all the same: an operator who reloads for another reason must not lose the service over a date
 * that clients judge for themselves. */
static void dates_warn(X509 *leaf, const char *path)
{
    if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
        log_warn("tls_certificate_expired", "file=%s", path);
    else if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
        log_warn("tls_certificate_not_yet_valid", "file=%s", path);
}

static int certificate_load(SSL_CTX *ctx, const char *path, struct buffer *ret_message)
{
    int error = 0;
    FILE *f = pem_open("certificate", path, ret_message, &error);
    if (!f)
        return error;
    fclose(f);
    if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1) {
        buffer_printf(ret_message, "certificate %s: not a usable PEM certificate chain (%s)", path,
                      library_reason());
        return -EINVAL;
    }
    dates_warn(SSL_CTX_get0_certificate(ctx), path);
    return 0;
}

/* Without it the library would ask for a passphrase on the terminal. */
static int passphrase_refuse(char *buf, int size, int writing, void *user)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)user = true;
    return -1;
}

static int key_load(SSL_CTX *ctx, const struct tls_settings *s, struct buffer *ret_message)
{
    int r = 0;
    bool is_encrypted = false;
    FILE *f = pem_open("key", s->key_path, ret_message, &r);
    if (!f)
        return r;
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, passphrase_refuse, &is_encrypted);
    fclose(f);

    r = -EINVAL;
    if (!key && is_encrypted)
        buffer_printf(ret_message, "key %s: is encrypted with a passphrase, which is not supported",
                      s->key_path);
    else if (!key)
        buffer_printf(ret_message, "key %s: not a PEM private key (%s)", s->key_path, library_reason());
    else if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
        buffer_printf(ret_message, "key %s: does not belong to certificate %s", s->key_path,
                      s->certificate_path);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        buffer_printf(ret_message, "key %s: not usable (%s)", s->key_path, library_reason());
    else
        r = 0;
    EVP_PKEY_free(key);
    return r;
}

/* Other servers are asked for their certificates, and resume nothing: a connection to one lives for hours. */
static int servers_judge(SSL_CTX *ctx, const char *path, struct buffer *ret_message)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (SSL_CTX_set_num_tickets(ctx, 0) == 1 && tls_server_judge(ctx, path) == 0)
        return 0;
    buffer_printf(ret_message, "server authorities %s: no usable PEM certificates (%s)",
                  path ? path : "of the system", library_reason());
    return -EINVAL;
}

static int authorities_load(struct tls_context *c, const char *path, struct buffer *ret_message)
{
    int error = 0;
    FILE *f = pem_open("client authorities", path, ret_message, &error);
    if (!f)
        return error;
    fclose(f);
    if (tls_client_ask(c->ctx, path, &c->lasting->revocation) < 0) {
        buffer_printf(ret_message, "client authorities %s: no usable PEM certificates (%s)", path,
                      library_reason());
        return -EINVAL;
    }
    return 0;
}

/* RFC 5929 s. 4.1: the leaf's hash with its signature's hash function, SHA-256 instead of MD5 and SHA-1,
 * undefined where the signature has none of its own (Ed25519). */
static uint8_t end_point_compute(const SSL_CTX *ctx, uint8_t *ret_end_point, size_t max)
{
    X509 *leaf = SSL_CTX_get0_certificate(ctx);
    int hash = NID_undef;
    unsigned int len = 0;
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (!leaf || X509_get_signature_info(leaf, &hash, NULL, NULL, NULL) != 1 || hash == NID_undef)
        return 0;
    const EVP_MD *md = hash == NID_md5 || hash == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(hash);
    if (!md || X509_digest(leaf, md, digest, &len) != 1 || len > max)
        return 0;
    memcpy(ret_end_point, digest, len);
    return (uint8_t)len;
}

/* ---- certificates of single domains ---- */

static int identity_load(struct identity *i, struct span domain, const struct tls_settings *pair,
                         struct buffer *ret_message)
{
    i->domain = strndup(domain.ptr, domain.len);
    i->ctx = SSL_CTX_new(TLS_server_method());
    if (!i->domain || !i->ctx)
        return -ENOMEM;
    int error = certificate_load(i->ctx, pair->certificate_path, ret_message);
    if (!error)
        error = key_load(i->ctx, pair, ret_message);
    if (!error)
        i->end_point_len = end_point_compute(i->ctx, i->end_point, sizeof i->end_point);
    return error;
}

static int identities_load(struct tls_context *c, const struct tls_settings *s, struct buffer *ret_message)
{
    int error = 0;
    c->identities = calloc(s->domain_count, sizeof *c->identities);
    if (!c->identities)
        return -ENOMEM;
    for (uint32_t i = 0; !error && i < s->domain_count; i++) {
        char certificate[PATH_MAX], key[PATH_MAX];
        struct tls_settings pair = {.certificate_path = certificate, .key_path = key};
        int len = (int)s->domains[i].len;
        snprintf(certificate, sizeof certificate, "%s/%.*s.pem", s->certificates_folder, len,
                 s->domains[i].ptr);
        snprintf(key, sizeof key, "%s/%.*s.key", s->certificates_folder, len, s->domains[i].ptr);
        /* Half of a pair, or what may not be looked at, is no domain without a certificate of its own. */
        if (access(certificate, F_OK) == 0 || errno != ENOENT || access(key, F_OK) == 0)
            error = identity_load(&c->identities[c->identity_count++], s->domains[i], &pair, ret_message);
    }
    if (error || c->identity_count)
        return error;
    buffer_printf(ret_message, "certificates %s: has none of a domain served here", s->certificates_folder);
    return -ENOENT;
}

static const struct identity *identity_of(const struct tls_context *c, struct span domain)
{
    for (uint32_t i = 0; i < c->identity_count; i++)
        if (strlen(c->identities[i].domain) == domain.len &&
            strncasecmp(c->identities[i].domain, domain.ptr, domain.len) == 0)
            return &c->identities[i];
    return NULL;
}

const struct identity *tls_identity_find(const struct tls_context *c, const char *host, struct span domain)
{
    const struct identity *named = host ? identity_of(c, span_of(host)) : NULL;
    return named || !domain.len ? named : identity_of(c, domain);
}

/* ---- the context ---- */

static int lasting_new(const struct tls_settings *settings, struct lasting **ret, struct buffer *ret_message)
{
    struct lasting *l = *ret = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    atomic_init(&l->references, 1);
    int error = tickets_init(&l->tickets);
    if (!error && settings->client_authorities_path)
        error = revocation_open(&l->revocation, settings, ret_message);
    return error;
}

static void lasting_unref(struct lasting *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->references, 1, memory_order_acq_rel) != 1)
        return;
    revocation_fini(&l->revocation);
    tickets_fini(&l->tickets);
    free(l);
}

/* `lasting` is taken over, also when it fails. */
static int context_make(const struct tls_settings *settings, struct lasting *lasting,
                        struct tls_context **ret_context, struct buffer *ret_message)
{
    struct tls_context *c = calloc(1, sizeof(*c));
    if (!c) {
        lasting_unref(lasting);
        return -ENOMEM;
    }
    ERR_clear_error();
    atomic_init(&c->references, 1);
    c->lasting = lasting;
    c->role = settings->role;
    /* Handshakes with other servers are few: they go the library's own way. */
    bool is_schedule_ours = c->role == TLS_CLIENTS && schedule_is_ours();
    c->ctx = SSL_CTX_new_ex(NULL, is_schedule_ours ? SCHEDULE_QUERY : NULL,
                            c->role == TLS_SERVERS_OUTGOING ? TLS_client_method() : TLS_server_method());

    if (!c->ctx) {
        tls_context_unref(c);
        return -ENOMEM;
    }
    int r = policy_set(c, settings, is_schedule_ours);
    if (r < 0)
        buffer_printf(ret_message, "TLS: the library refuses our settings (%s)", library_reason());
    if (r == 0)
        r = certificate_load(c->ctx, settings->certificate_path, ret_message);
    if (r == 0)
        r = key_load(c->ctx, settings, ret_message);
    if (r == 0 && settings->certificates_folder)
        r = identities_load(c, settings, ret_message);
    if (r == 0 && c->role != TLS_CLIENTS)
        r = servers_judge(c->ctx, settings->server_authorities_path, ret_message);
    if (r == 0 && settings->client_authorities_path)
        r = authorities_load(c, settings->client_authorities_path, ret_message);
    ERR_clear_error();
    if (r < 0) {
        tls_context_unref(c);
        return r;
    }
    c->end_point_len = end_point_compute(c->ctx, c->end_point, sizeof c->end_point);
    *ret_context = c;
    return 0;
}

int tls_context_new(const struct tls_settings *settings, struct tls_context **ret_context,
                    struct buffer *ret_message)
{
    struct lasting *lasting;
    int error = lasting_new(settings, &lasting, ret_message);
    if (!error)
        return context_make(settings, lasting, ret_context, ret_message);
    lasting_unref(lasting);
    return error;
}

int tls_context_renew(const struct tls_context *old, const struct tls_settings *settings,
                      struct tls_context **ret_context, struct buffer *ret_message)
{
    atomic_fetch_add_explicit(&old->lasting->references, 1, memory_order_relaxed);
    return context_make(settings, old->lasting, ret_context, ret_message);
}

/* Narrow *begin to *end by the leaf of `ctx`. */
static bool dates_narrow(const SSL_CTX *ctx, time_t *begin, time_t *end)
{
    struct tm from, until;
    const X509 *leaf = SSL_CTX_get0_certificate(ctx);
    if (!leaf || ASN1_TIME_to_tm(X509_get0_notBefore(leaf), &from) != 1 ||
        ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &until) != 1)
        return false;
    time_t from_s = timegm(&from), until_s = timegm(&until);
    *begin = from_s > *begin ? from_s : *begin;
    *end = until_s < *end ? until_s : *end;
    return true;
}

bool tls_context_dates(const struct tls_context *c, time_t *ret_begin, time_t *ret_end)
{
    time_t begin = 0, end = (time_t)INT64_MAX;
    bool is_told = dates_narrow(c->ctx, &begin, &end);
    for (uint32_t i = 0; is_told && i < c->identity_count; i++)
        is_told = dates_narrow(c->identities[i].ctx, &begin, &end);
    if (is_told) {
        *ret_begin = begin;
        *ret_end = end;
    }
    return is_told;
}

const char *tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

bool tls_library_takes_schedule(void)
{
    return schedule_is_ours();
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

struct tls_context *tls_context_unref(struct tls_context *c)
{
    if (c && atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) == 1) {
        SSL_CTX_free(c->ctx);
        for (uint32_t i = 0; i < c->identity_count; i++) {
            SSL_CTX_free(c->identities[i].ctx);
            free(c->identities[i].domain);
        }
        free(c->identities);
        lasting_unref(c->lasting);
        free(c);
    }
    return NULL;
}
