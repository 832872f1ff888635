/* SPDX-License-Identifier: Apache-2.0 */
/* Asking an authority's responder. Its answers, and that it gave none, are remembered in a table of fixed
 * size where a later one takes the place of an earlier one: what is lost is asked again. */
#include "tls/ocsp.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ocsp.h>
#include <openssl/sha.h>

#include "base/log.h"

/* Seconds, from the connection to the last byte: less than what a stop of the daemon waits, and a client at
 * its log-in. */
#define ANSWER_TIMEOUT_S 4
/* An answer is a few hundred bytes, or a few thousand with the certificate of who signed it. */
#define ANSWER_BYTES_MAX 65536
/* Who has not answered is left in peace so long: a responder that is down must not cost every log-in its
 * timeout. */
#define FAILURE_S 10
/* Without a nextUpdate there may be something newer at any time (RFC 6960 s. 4.2.2.1); RFC 6120 s. 13.7.2.3
 * thinks of 24 hours for a session. */
#define ANSWER_S 3600
/* However far in the future the next update is. */
#define ANSWER_S_MAX 86400
/* How far the responder's clock may be ahead. */
#define CLOCK_SKEW_S 300
/* Some thousand certificates in use; 48 bytes each. A power of two. */
#define ANSWERS 4096

struct answer {
    uint8_t of[SHA256_DIGEST_LENGTH]; /* the certificate asked about, or the responder that gave no answer */
    uint64_t until_s;
    enum tls_client_status status;
};

struct ocsp {
    char *responder; /* NULL: the certificate's */
    atomic_bool is_stopped;
    _Atomic uint64_t asked, failed;
    pthread_mutex_t lock;
    struct answer answers[ANSWERS]; /* under `lock` */
};

struct question {
    uint8_t name[SHA256_DIGEST_LENGTH];
    OCSP_CERTID *id; /* belongs to `request` */
    OCSP_REQUEST *request;
};

static struct answer *answer_place(struct ocsp *o, const uint8_t *name)
{
    uint32_t hash;
    memcpy(&hash, name, sizeof hash);
    return &o->answers[hash % ANSWERS];
}

static bool answer_find(struct ocsp *o, const uint8_t *name, struct answer *ret)
{
    pthread_mutex_lock(&o->lock);
    *ret = *answer_place(o, name);
    pthread_mutex_unlock(&o->lock);
    return memcmp(ret->of, name, sizeof ret->of) == 0 && ret->until_s > (uint64_t)time(NULL);
}

static void answer_keep(struct ocsp *o, const uint8_t *name, const struct answer *a)
{
    pthread_mutex_lock(&o->lock);
    struct answer *place = answer_place(o, name);
    *place = *a;
    memcpy(place->of, name, sizeof place->of);
    pthread_mutex_unlock(&o->lock);
}

/* The library's names for the parts of "http://host:port/path"; to be freed with OPENSSL_free. */
struct url {
    char *host, *port, *path;
};

static void url_free(struct url *u)
{
    OPENSSL_free(u->host);
    OPENSSL_free(u->port);
    OPENSSL_free(u->path);
}

/* Answers are signed, so there is no need for TLS; and it would bring the question of whom to trust for it. */
static bool url_parse(const char *text, struct url *ret)
{
    int is_tls = 0;
    *ret = (struct url){0};
    if (OSSL_HTTP_parse_url(text, &is_tls, NULL, &ret->host, &ret->port, NULL, &ret->path, NULL, NULL) == 1 &&
        !is_tls)
        return true;
    url_free(ret);
    ERR_clear_error();
    return false;
}

int ocsp_open(const char *responder, struct ocsp **ret_ocsp, struct buffer *ret_message)
{
    struct url url;
    if (responder && !url_parse(responder, &url)) {
        buffer_printf(ret_message, "OCSP responder %s: not an http:// address", responder);
        return -EINVAL;
    }
    struct ocsp *o = calloc(1, sizeof *o);
    if (responder)
        url_free(&url);
    if (!o)
        return -ENOMEM;
    pthread_mutex_init(&o->lock, NULL);
    o->responder = responder ? strdup(responder) : NULL;
    if (responder && !o->responder) {
        ocsp_free(o);
        return -ENOMEM;
    }
    *ret_ocsp = o;
    return 0;
}

struct ocsp *ocsp_free(struct ocsp *o)
{
    if (!o)
        return NULL;
    pthread_mutex_destroy(&o->lock);
    free(o->responder);
    free(o);
    return NULL;
}

static bool question_make(struct question *q, X509 *certificate, X509 *issuer)
{
    *q = (struct question){.request = OCSP_REQUEST_new()};
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, certificate, issuer);
    unsigned char *bytes = NULL;
    int len = id ? i2d_OCSP_CERTID(id, &bytes) : -1;
    if (len > 0)
        SHA256(bytes, (size_t)len, q->name);
    OPENSSL_free(bytes);
    if (len > 0 && q->request && OCSP_request_add0_id(q->request, id)) {
        q->id = id;
        return true;
    }
    OCSP_CERTID_free(id);
    return false;
}

/* Sends `q`; NULL: no answer. The environment's proxy is not used: what a daemon connects to is said in its
 * configuration. */
static OCSP_RESPONSE *question_send(const struct question *q, const char *responder)
{
    struct url url;
    OCSP_RESPONSE *response = NULL;
    if (!url_parse(responder, &url))
        return NULL;
    BIO *body = BIO_new(BIO_s_mem());
    if (body && i2d_OCSP_REQUEST_bio(body, q->request) == 1) {
        BIO *answer =
            OSSL_HTTP_transfer(NULL, url.host, url.port, url.path, 0, "", NULL, NULL, NULL, NULL, NULL, 0,
                               NULL, "application/ocsp-request", body, "application/ocsp-response", 1,
                               ANSWER_BYTES_MAX, ANSWER_TIMEOUT_S, 0);
        if (answer)
            response = d2i_OCSP_RESPONSE_bio(answer, NULL);
        BIO_free(answer);
    }
    BIO_free(body);
    url_free(&url);
    return response;
}

static uint64_t seconds(const ASN1_GENERALIZEDTIME *t)
{
    struct tm utc;
    time_t s = t && ASN1_TIME_to_tm(t, &utc) == 1 ? timegm(&utc) : 0;
    return s > 0 ? (uint64_t)s : 0;
}

/* What a response says of the certificate: signed by its issuer, or by whom that has delegated this to, and
 * not too old: one that does not say until when it holds could be shown for ever. */
static bool response_read(OCSP_RESPONSE *response, const struct question *q, X509 *issuer,
                          X509_STORE *authorities, struct answer *ret)
{
    OCSP_BASICRESP *basic = OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL
                                ? OCSP_response_get1_basic(response)
                                : NULL;
    STACK_OF(X509) *issuers = sk_X509_new_null();
    ASN1_GENERALIZEDTIME *made = NULL, *next = NULL;
    int status = V_OCSP_CERTSTATUS_UNKNOWN;
    uint64_t now_s = (uint64_t)time(NULL);
    bool is_good = basic && issuers && sk_X509_push(issuers, issuer) > 0 &&
                   OCSP_basic_verify(basic, issuers, authorities, 0) == 1 &&
                   OCSP_resp_find_status(basic, q->id, &status, NULL, NULL, &made, &next) == 1 &&
                   OCSP_check_validity(made, next, CLOCK_SKEW_S, next ? -1 : ANSWER_S) == 1;
    if (is_good) {
        uint64_t next_s = next ? seconds(next) : now_s + ANSWER_S;
        ret->until_s = next_s < now_s + ANSWER_S_MAX ? next_s : now_s + ANSWER_S_MAX;
        ret->status = status == V_OCSP_CERTSTATUS_GOOD      ? TLS_CLIENT_GOOD
                      : status == V_OCSP_CERTSTATUS_REVOKED ? TLS_CLIENT_REVOKED
                                                            : TLS_CLIENT_UNKNOWN;
    }
    sk_X509_free(issuers);
    OCSP_BASICRESP_free(basic);
    return is_good;
}

/* The first that a certificate names, unless another one is configured. */
static const char *responder_of(const struct ocsp *o, const STACK_OF(OPENSSL_STRING) * named)
{
    return o->responder ? o->responder : named ? sk_OPENSSL_STRING_value(named, 0) : NULL;
}

/* Ask this one, unless it did not answer just now. */
static struct answer responder_ask(struct ocsp *o, const struct question *q, const char *responder,
                                   X509 *issuer, X509_STORE *authorities)
{
    struct answer a;
    uint8_t name[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)responder, strlen(responder), name);
    if (answer_find(o, name, &a))
        return a;
    a = (struct answer){.status = TLS_CLIENT_UNKNOWN, .until_s = (uint64_t)time(NULL) + FAILURE_S};
    if (atomic_load(&o->is_stopped))
        return a;
    atomic_fetch_add(&o->asked, 1);
    OCSP_RESPONSE *response = question_send(q, responder);
    bool is_answered = response != NULL;
    if (!response || !response_read(response, q, issuer, authorities, &a)) {
        atomic_fetch_add(&o->failed, 1);
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        log_warn("ocsp-failed", "responder=%s reason=\"%s\"", responder,
                 reason ? reason : "no answer that counts");
    }
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    answer_keep(o, is_answered ? q->name : name, &a);
    return a;
}

bool ocsp_look(struct ocsp *o, X509 *certificate, X509 *issuer, enum tls_client_status *ret_status,
               uint64_t *ret_until_s, uint64_t *ret_responder)
{
    struct question q;
    struct answer a = {.status = TLS_CLIENT_UNKNOWN, .until_s = (uint64_t)time(NULL) + FAILURE_S};
    uint8_t name[SHA256_DIGEST_LENGTH];
    bool is_known = !question_make(&q, certificate, issuer) || answer_find(o, q.name, &a);
    if (!is_known) {
        STACK_OF(OPENSSL_STRING) *named = o->responder ? NULL : X509_get1_ocsp(certificate);
        const char *responder = responder_of(o, named);
        if (responder)
            SHA256((const unsigned char *)responder, strlen(responder), name);
        is_known = !responder || answer_find(o, name, &a);
        if (!responder)
            a = (struct answer){.status = TLS_CLIENT_UNKNOWN, .until_s = (uint64_t)time(NULL) + FAILURE_S};
        X509_email_free(named);
    }
    OCSP_REQUEST_free(q.request);
    if (!is_known)
        memcpy(ret_responder, name, sizeof *ret_responder);
    *ret_status = a.status;
    *ret_until_s = a.until_s;
    return is_known;
}

enum tls_client_status ocsp_ask(struct ocsp *o, X509 *certificate, X509 *issuer, X509_STORE *authorities,
                                uint64_t *ret_until_s)
{
    struct question q;
    struct answer a = {.status = TLS_CLIENT_UNKNOWN, .until_s = (uint64_t)time(NULL) + FAILURE_S};
    if (question_make(&q, certificate, issuer) && !answer_find(o, q.name, &a)) {
        STACK_OF(OPENSSL_STRING) *named = o->responder ? NULL : X509_get1_ocsp(certificate);
        const char *responder = responder_of(o, named);
        a = (struct answer){.status = TLS_CLIENT_UNKNOWN, .until_s = (uint64_t)time(NULL) + FAILURE_S};
        if (responder)
            a = responder_ask(o, &q, responder, issuer, authorities);
        X509_email_free(named); /* which is how the library wants such a list freed */
    }
    OCSP_REQUEST_free(q.request);
    *ret_until_s = a.until_s;
    return a.status;
}

void ocsp_stop(struct ocsp *o)
{
    atomic_store(&o->is_stopped, true);
}

struct ocsp_counters ocsp_counters_read(struct ocsp *o)
{
    return (struct ocsp_counters){atomic_load(&o->asked), atomic_load(&o->failed)};
}
