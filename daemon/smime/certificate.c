/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/buffer.h"
#include "smime/address.h"
#include "smime/algorithms.h"
#include "smime/der.h"

#define OID_SUBJECT_KEY_ID "\x55\x1d\x0e"

/* subjectKeyIdentifier among the extensions; empty where there is none that can be read. */
static struct span key_id_find(struct span extensions)
{
    struct span all, one, oid, critical, value, key_id;
    if (!der_take(&extensions, DER_SEQUENCE, &all))
        return (struct span){0};
    while (der_take(&all, DER_SEQUENCE, &one)) {
        if (!der_take(&one, DER_OID, &oid) || !span_is(oid, OID_SUBJECT_KEY_ID))
            continue;
        der_take(&one, DER_BOOLEAN, &critical);
        if (der_take(&one, DER_OCTETS, &value) && der_take(&value, DER_OCTETS, &key_id))
            return key_id;
    }
    return (struct span){0};
}

int certificate_outline_read(struct span der, struct certificate_outline *ret_outline)
{
    struct certificate_outline found = {0};
    struct span all, tbs, value, whole;
    uint8_t tag;
    if (!der_take(&der, DER_SEQUENCE, &all) || der.len > 0 || !der_take(&all, DER_SEQUENCE, &tbs))
        return CERTIFICATE_BAD;
    if (der_is_next(tbs, DER_CONTEXT_CONSTRUCTED) && !der_take(&tbs, DER_CONTEXT_CONSTRUCTED, &value))
        return CERTIFICATE_BAD;
    if (!der_take(&tbs, DER_INTEGER, &found.serial) || !der_take(&tbs, DER_SEQUENCE, &value) ||
        !der_take_any(&tbs, &tag, &value, &found.issuer) || tag != DER_SEQUENCE)
        return CERTIFICATE_BAD;
    while (tbs.len > 0) {
        if (!der_take_any(&tbs, &tag, &value, &whole))
            return CERTIFICATE_BAD;
        if (tag == DER_CONTEXT_CONSTRUCTED + 3)
            found.key_id = key_id_find(value);
    }
    *ret_outline = found;
    return 0;
}

int64_t certificate_seconds(const ASN1_TIME *t)
{
    struct tm broken;
    return t && ASN1_TIME_to_tm(t, &broken) == 1 ? (int64_t)timegm(&broken) : INT64_MAX;
}

void certificate_hash(struct span der, uint8_t ret_hash[static CERTIFICATE_HASH_BYTES])
{
    if (EVP_Digest(der.ptr, der.len, ret_hash, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* SHA-256 cannot fail but for want of memory, and an identity must not be made up */
}

static struct span string_span(const ASN1_STRING *text)
{
    return span_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

/* Addresses of mail and names of hosts are nobody's JID. */
static int name_read(const GENERAL_NAME *name, char storage[static JID_BYTES_MAX], struct jid *ret_jid)
{
    if (name->type == GEN_URI)
        return address_uri_read(string_span(name->d.uniformResourceIdentifier), storage, ret_jid);
    if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_XmppAddr ||
        name->d.otherName->value->type != V_ASN1_UTF8STRING)
        return ADDRESS_BAD;
    return address_jid_read(string_span(name->d.otherName->value->value.utf8string), storage, ret_jid);
}

static int names_read(struct certificate *c)
{
    char storage[JID_BYTES_MAX];
    struct buffer out = {0};
    struct jid jid;
    GENERAL_NAMES *names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(names);
    for (int i = 0; count <= CERTIFICATE_NAMES_MAX && i < count; i++) {
        if (name_read(sk_GENERAL_NAME_value(names, i), storage, &jid) != 0)
            continue;
        buffer_append(&out, jid_bare(&jid));
        buffer_append_char(&out, '\0');
        c->name_count++;
    }
    GENERAL_NAMES_free(names);
    c->names = out.ptr;
    return buffer_ok(&out) ? 0 : -ENOMEM;
}

static int key_read(struct certificate *c)
{
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x509), &spki);
    if (len <= 0)
        return -ENOMEM;
    certificate_hash(span_make((char *)spki, (size_t)len), c->key_id);
    OPENSSL_free(spki);
    c->key = X509_get0_pubkey(c->x509);
    c->key_reason = c->key ? algorithms_key_check(c->key) : SMIME_ALG_REFUSED;
    return 0;
}

int certificate_new(struct span der, struct certificate **ret_certificate)
{
    const unsigned char *bytes = (const unsigned char *)der.ptr, *end = bytes + der.len;
    struct certificate *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    atomic_init(&c->references, 1);
    c->x509 = d2i_X509(NULL, &bytes, (long)der.len);
    int r = c->x509 && bytes == end ? 0 : CERTIFICATE_BAD;
    if (r == 0)
        r = key_read(c);
    if (r == 0)
        r = names_read(c);
    if (r == 0) {
        /* Both wait for the extensions to be read, which marks what cannot be. */
        uint32_t usage = X509_get_key_usage(c->x509); /* all, where there is no extension */
        c->is_sound = !(X509_get_extension_flags(c->x509) & (EXFLAG_INVALID | EXFLAG_CA));
        c->key_usage_reason = usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION) ? SMIME_OK : SMIME_KU_WRONG;
        c->purposes = purpose_read(c->x509);
        c->starts_s = certificate_seconds(X509_get0_notBefore(c->x509));
        c->ends_s = certificate_seconds(X509_get0_notAfter(c->x509));
        certificate_hash(der, c->hash);
    }
    ERR_clear_error();
    if (r != 0) {
        certificate_unref(c);
        return r;
    }
    *ret_certificate = c;
    return 0;
}

struct certificate *certificate_ref(struct certificate *c)
{
    atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

struct certificate *certificate_unref(struct certificate *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) != 1)
        return NULL;
    X509_free(c->x509);
    free(c->names);
    free(c);
    return NULL;
}

bool certificate_names(const struct certificate *c, struct span bare_jid)
{
    const char *at = c->names;
    for (uint32_t i = 0; i < c->name_count; i++) {
        struct span name = span_of(at);
        if (span_equal(name, bare_jid))
            return true;
        at += name.len + 1;
    }
    return false;
}

static bool is_in_force(const struct certificate *c, int64_t now_s)
{
    return now_s >= c->starts_s && now_s < c->ends_s;
}

bool certificate_is_better(const struct certificate *a, const struct certificate *b, struct span bare_jid,
                           int64_t now_s)
{
    bool names_a = certificate_names(a, bare_jid), names_b = certificate_names(b, bare_jid);
    bool holds_a = is_in_force(a, now_s), holds_b = is_in_force(b, now_s);
    return names_a != names_b ? names_b : holds_a != holds_b ? holds_b : b->starts_s > a->starts_s;
}

struct span certificate_first_name(const struct certificate *c)
{
    return span_of(c->name_count ? c->names : "");
}
