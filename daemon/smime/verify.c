/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/verify.h"

#include <errno.h>

#include <openssl/err.h>

#include "smime/algorithms.h"
#include "smime/ber.h"
#include "smime/cache.h"
#include "smime/certificate.h"
#include "smime/chain.h"
#include "smime/cms.h"
#include "smime/inner.h"
#include "smime/mime.h"
#include "smime/purpose.h"
#include "smime/signature.h"

/* A signer's certificate, found in the object or remembered. */
struct signer {
    struct signature_algorithm algorithm;
    struct certificate *certificate;
    struct span der; /* of the certificate, where the object has it */
    STACK_OF(X509) * above;
    bool is_good; /* its chain is known to be */
};

/* One verification. Steps return 0, an enum smime_reason, or -ENOMEM. */
struct job {
    const struct smime_trust *trust;
    struct smime_cache *cache;
    const struct smime_claim *claim;
    struct smime_verdict *verdict;
    struct buffer text, der; /* canonical; decoded */
    struct span content;     /* the octets that were signed */
    struct cms_signed cms;
    struct signer signers[CMS_SIGNERS_MAX];
    struct signer *sender; /* one of those */
};

/* What is not too large in base64 is not too large decoded. */
_Static_assert(SMIME_TEXT_BYTES_MAX / 4 * 3 <= SMIME_DER_BYTES_MAX, "an object within may be too large");

static int decode(struct job *j, const struct mime_entity *entity)
{
    int r = mime_decode(entity, &j->der);
    if (r != 0)
        return r < 0 ? r : SMIME_BAD_MIME;
    r = ber_to_der(&j->der);
    return r == BER_BAD ? SMIME_BAD_CMS : r;
}

static bool is_signature_type(struct span type)
{
    struct mime_entity named = {.type = type};
    return mime_is(&named, SPAN("application/pkcs7-signature")) ||
           mime_is(&named, SPAN("application/x-pkcs7-signature"));
}

static int detached_read(struct job *j, const struct mime_entity *entity)
{
    char storage[64];
    struct span protocol, content;
    struct mime_entity signature;
    enum cms_type type;
    j->verdict->form = SMIME_FORM_SIGNED;
    if (mime_parameter(entity, SPAN("protocol"), storage, sizeof storage, &protocol) != 0 ||
        !is_signature_type(protocol) ||
        mime_split_signed(entity, j->claim->is_strict, &j->content, &signature) != 0 ||
        !is_signature_type(signature.type))
        return SMIME_BAD_MIME;
    int r = decode(j, &signature);
    if (r != 0)
        return r;
    if (cms_type_read(buffer_span(&j->der), &type, &content) != 0 || type != CMS_SIGNED ||
        cms_signed_read(content, &j->cms) != 0 || j->cms.has_content) /* two contents: which one is signed? */
        return SMIME_BAD_CMS;
    return 0;
}

static int opaque_read(struct job *j, const struct mime_entity *entity)
{
    struct span content;
    enum cms_type type;
    int r = decode(j, entity);
    if (r != 0)
        return r;
    if (cms_type_read(buffer_span(&j->der), &type, &content) != 0)
        return SMIME_BAD_CMS;
    if (type != CMS_SIGNED) {
        j->verdict->form = SMIME_FORM_ENCRYPTED;
        return SMIME_NO_SIGNATURE;
    }
    j->verdict->form = SMIME_FORM_OPAQUE;
    if (cms_signed_read(content, &j->cms) != 0 || !j->cms.has_content)
        return SMIME_BAD_CMS;
    j->content = j->cms.content;
    return 0;
}

/* RFC 3923 s. 3.3 shows base64 alone, without a MIME header. */
static bool has_fields(struct span text)
{
    const char *end = memchr(text.ptr, '\n', text.len);
    return memchr(text.ptr, ':', end ? (size_t)(end - text.ptr) : text.len) != NULL;
}

static int form_read(struct job *j, struct span text)
{
    struct mime_entity entity;
    if (text.len > SMIME_TEXT_BYTES_MAX)
        return SMIME_TOO_LARGE;
    if (smime_canonical(text, &j->text) != 0)
        return -ENOMEM;
    if (j->text.len == 0)
        return SMIME_NO_SIGNATURE;
    if (!has_fields(buffer_span(&j->text))) {
        entity = (struct mime_entity){.encoding = MIME_ENCODING_BASE64, .body = buffer_span(&j->text)};
        return opaque_read(j, &entity);
    }
    if (mime_read(buffer_span(&j->text), &entity) != 0)
        return SMIME_BAD_MIME;
    if (mime_is(&entity, SPAN("multipart/signed")))
        return detached_read(j, &entity);
    if (mime_is(&entity, SPAN("application/pkcs7-mime")) ||
        mime_is(&entity, SPAN("application/x-pkcs7-mime")))
        return opaque_read(j, &entity);
    return SMIME_NO_SIGNATURE;
}

static int algorithms_check(struct job *j)
{
    if (j->claim->is_strict && j->cms.signer_count != 1)
        return SMIME_BAD_CMS;
    for (uint32_t i = 0; i < j->cms.signer_count; i++) {
        const struct cms_signer *s = &j->cms.signers[i];
        int r = algorithms_read(s->digest_algorithm, s->signature_algorithm,
                                j->trust->settings.legacy_algorithms, &j->signers[i].algorithm);
        if (r != 0)
            return r;
    }
    return 0;
}

static bool is_certificate_of(const struct cms_signer *s, struct span der)
{
    struct certificate_outline outline;
    if (certificate_outline_read(der, &outline) != 0)
        return false;
    if (s->key_id.len > 0)
        return span_equal(s->key_id, outline.key_id);
    return span_equal(s->issuer, outline.issuer) && span_equal(s->serial, outline.serial);
}

static void signer_take(struct signer *signer, struct cache_found *found)
{
    signer->certificate = found->certificate;
    signer->above = found->above;
    signer->is_good = found->is_good;
}

/* Among those that the configuration knows, for an object may come without (RFC 3923 s. 6.2, 6.6): one that is better than what the signer has, which may be
 * none. 0, SMIME_NO_CERT or -ENOMEM. */
static int certificate_find_known(struct job *j, const struct cms_signer *s, struct signer *signer)
{
    for (int i = 0; i < sk_X509_num(j->trust->intermediates); i++) {
        unsigned char *bytes = NULL;
        int len = i2d_X509(sk_X509_value(j->trust->intermediates, i), &bytes);
        if (len < 0)
            return -ENOMEM;
        struct cache_found known = {0};
        struct span der = span_make((const char *)bytes, (size_t)len);
        int r = is_certificate_of(s, der) ? certificate_new(der, &known.certificate) : CERTIFICATE_BAD;
        OPENSSL_free(bytes);
        if (r < 0)
            return r;
        struct cache_found other = known;
        if (known.certificate && (!signer->certificate ||
                                  certificate_is_better(signer->certificate, known.certificate,
                                                        jid_bare(&j->claim->from), j->claim->now.seconds))) {
            other = (struct cache_found){signer->certificate, signer->above, false};
            signer_take(signer, &known);
        }
        cache_found_fini(&other);
    }
    return signer->certificate ? 0 : SMIME_NO_CERT;
}

static int certificate_find(struct job *j, const struct cms_signer *s, struct signer *signer)
{
    struct cache_found found = {0};
    for (uint32_t i = 0; i < j->cms.certificate_count && signer->der.len == 0; i++)
        if (is_certificate_of(s, j->cms.certificates[i]))
            signer->der = j->cms.certificates[i];
    if (j->cache && signer->der.len > 0)
        found = cache_find(j->cache, j->trust, signer->der, j->claim->now.seconds);
    else if (j->cache)
        found = cache_find_signer(j->cache, j->trust, s, jid_bare(&j->claim->from), j->claim->now.seconds);
    signer_take(signer, &found);
    if (signer->is_good || (signer->certificate && signer->der.len > 0))
        return 0;
    if (signer->der.len == 0)
        return certificate_find_known(j, s, signer);
    int r = certificate_new(signer->der, &signer->certificate);
    return r == CERTIFICATE_BAD ? SMIME_BAD_CMS : r;
}

static int certificates_find(struct job *j)
{
    for (uint32_t i = 0; i < j->cms.signer_count; i++) {
        int r = certificate_find(j, &j->cms.signers[i], &j->signers[i]);
        if (r != 0)
            return r;
    }
    for (uint32_t i = 0; i < j->cms.signer_count; i++)
        if (j->signers[i].certificate->key_reason != SMIME_OK)
            return (int)j->signers[i].certificate->key_reason;
    return 0;
}

static int signatures_check(struct job *j)
{
    j->sender = &j->signers[0];
    for (uint32_t i = 0; i < j->cms.signer_count; i++) {
        struct signer *s = &j->signers[i];
        int r = (int)signature_check(&j->cms.signers[i], &s->algorithm, s->certificate->key, j->content);
        if (r == 0 && !signature_means(&j->cms.signers[i], s->certificate))
            r = SMIME_SIG_INVALID;
        if (r != 0)
            return r == SMIME_BUSY ? -ENOMEM : r;
        if (!certificate_names(j->sender->certificate, jid_bare(&j->claim->from)) &&
            certificate_names(s->certificate, jid_bare(&j->claim->from)))
            j->sender = s;
    }
    return 0;
}

static void text_copy(char *out, struct span text)
{
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

/* From here on it is known whose key it was, if not yet whether to believe that. */
static int sender_set(struct job *j)
{
    const struct certificate *c = j->sender->certificate;
    struct span signed_attributes = j->cms.signers[j->sender - j->signers].attributes;
    bool is_named = certificate_names(c, jid_bare(&j->claim->from));
    j->verdict->has_signer = true;
    memcpy(j->verdict->key_id, c->key_id, sizeof c->key_id);
    text_copy(j->verdict->jid, is_named ? jid_bare(&j->claim->from) : certificate_first_name(c));
    /* Not of the signature as well: ECDSA has two for each that holds, and everybody can make one from the other. */
    certificate_hash(signed_attributes, j->verdict->digest);
    (void)purpose_judge(c->purposes, j->trust->settings.purpose, &j->verdict->eku);
    return 0;
}

/* What else the sender gave, and what was above it once. */
static STACK_OF(X509) * others_decode(const struct job *j)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    for (uint32_t i = 0; others && i < j->cms.certificate_count; i++) {
        const unsigned char *bytes = (const unsigned char *)j->cms.certificates[i].ptr;
        X509 *x = NULL;
        if (j->cms.certificates[i].ptr != j->sender->der.ptr)
            x = d2i_X509(NULL, &bytes, (long)j->cms.certificates[i].len);
        if (x && sk_X509_push(others, x) <= 0)
            X509_free(x);
    }
    for (int i = 0; others && i < sk_X509_num(j->sender->above); i++) {
        X509 *x = sk_X509_value(j->sender->above, i);
        if (sk_X509_push(others, x) > 0)
            X509_up_ref(x);
    }
    ERR_clear_error();
    return others;
}

static int sender_check(struct job *j)
{
    struct signer *s = j->sender;
    struct chain_verdict chain = {.reason = SMIME_OK};
    uint64_t epoch = j->cache ? cache_epoch(j->cache) : 0;
    enum smime_eku unused;
    if (!s->is_good) {
        STACK_OF(X509) *others = others_decode(j);
        chain = others ? chain_verify(j->trust, s->certificate, others, j->claim->now.seconds)
                       : (struct chain_verdict){.reason = SMIME_BUSY};
        sk_X509_pop_free(others, X509_free);
    }
    enum smime_reason reason = chain.reason;
    if (reason == SMIME_OK)
        reason = purpose_judge(s->certificate->purposes, j->trust->settings.purpose, &unused);
    if (reason == SMIME_OK)
        reason = s->certificate->key_usage_reason;
    if (reason == SMIME_OK && !s->is_good && j->cache)
        cache_keep(j->cache, j->trust, s->certificate, s->der, chain.above, j->claim->now.seconds,
                   chain.until_s, epoch);
    sk_X509_pop_free(chain.above, X509_free);
    if (reason == SMIME_OK && !certificate_names(s->certificate, jid_bare(&j->claim->from)))
        reason = SMIME_NAME_MISMATCH;
    return reason == SMIME_BUSY ? -ENOMEM : (int)reason;
}

static int content_check(struct job *j)
{
    const struct cms_signer *s = &j->cms.signers[j->sender - j->signers];
    struct moment signed_at = {s->signing_time_s, 0};
    return inner_check(j->claim, j->content, s->has_signing_time ? &signed_at : NULL, j->verdict);
}

static int job_run(struct job *j, struct span text)
{
    int (*const steps[])(struct job *) = {algorithms_check, certificates_find, signatures_check,
                                          sender_set,       sender_check,      content_check};
    int r = form_read(j, text);
    for (size_t i = 0; r == 0 && i < sizeof steps / sizeof steps[0]; i++)
        r = steps[i](j);
    return r;
}

int smime_verify(const struct smime_trust *trust, struct smime_cache *cache, const struct smime_claim *claim,
                 struct span text, struct smime_verdict *ret_verdict)
{
    struct smime_verdict verdict = {0};
    struct job j = {.trust = trust, .cache = cache, .claim = claim, .verdict = &verdict};
    int r = job_run(&j, text);
    for (size_t i = 0; i < CMS_SIGNERS_MAX; i++) {
        certificate_unref(j.signers[i].certificate);
        sk_X509_pop_free(j.signers[i].above, X509_free);
    }
    buffer_fini(&j.text);
    buffer_fini(&j.der);
    if (r < 0)
        return r;
    verdict.reason = (enum smime_reason)r;
    *ret_verdict = verdict;
    return 0;
}
