/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/cms.h"

#include "smime/der.h"

/* In DER, without tag and length (RFC 5652, RFC 5083, RFC 5035). */
#define OID_PKCS7 "\x2a\x86\x48\x86\xf7\x0d\x01\x07" /* and one octet more */
#define OID_DATA OID_PKCS7 "\x01"
#define OID_SIGNED OID_PKCS7 "\x02"
#define OID_ENVELOPED OID_PKCS7 "\x03"
#define OID_PKCS9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"
#define OID_AUTH_ENVELOPED OID_PKCS9 "\x10\x01\x17"
#define OID_CONTENT_TYPE OID_PKCS9 "\x03"
#define OID_MESSAGE_DIGEST OID_PKCS9 "\x04"
#define OID_SIGNING_TIME OID_PKCS9 "\x05"
#define OID_SIGNING_CERTIFICATE_V2 OID_PKCS9 "\x10\x02\x2f"

#define VERSION_MAX 5

/* Encrypted objects are not read beyond their type, so it does not matter that their lengths are left open (ber.h has those of signed ones). */
static bool open_type_read(struct span object, struct span *ret_oid)
{
    if (!span_starts(object, SPAN("\x30\x80")))
        return false;
    object = span_skip(object, 2);
    return der_take(&object, DER_OID, ret_oid) && !span_is(*ret_oid, OID_SIGNED);
}

static bool type_read(struct span object, struct span *ret_oid, struct span *ret_content)
{
    struct span info;
    return der_take(&object, DER_SEQUENCE, &info) && object.len == 0 && der_take(&info, DER_OID, ret_oid) &&
           der_take(&info, DER_CONTEXT_CONSTRUCTED, ret_content) && info.len == 0;
}

int cms_type_read(struct span der, enum cms_type *ret_type, struct span *ret_content)
{
    struct span oid, content = {0};
    if (!open_type_read(der, &oid) && !type_read(der, &oid, &content))
        return CMS_BAD;
    if (span_is(oid, OID_SIGNED))
        *ret_type = CMS_SIGNED;
    else if (span_is(oid, OID_ENVELOPED))
        *ret_type = CMS_ENVELOPED;
    else if (span_is(oid, OID_AUTH_ENVELOPED))
        *ret_type = CMS_AUTH_ENVELOPED;
    else
        return CMS_BAD;
    *ret_content = content;
    return 0;
}

/* EncapsulatedContentInfo (RFC 5652 s. 5.2). */
static bool content_read(struct span *in, struct cms_signed *ret)
{
    struct span info, oid, wrapped;
    if (!der_take(in, DER_SEQUENCE, &info) || !der_take(&info, DER_OID, &oid) || !span_is(oid, OID_DATA))
        return false;
    if (info.len == 0)
        return true;
    ret->has_content = true;
    return der_take(&info, DER_CONTEXT_CONSTRUCTED, &wrapped) && info.len == 0 &&
           der_take(&wrapped, DER_OCTETS, &ret->content) && wrapped.len == 0;
}

static bool certificates_read(struct span in, struct cms_signed *ret)
{
    while (in.len > 0) {
        struct span value, whole;
        uint8_t tag;
        if (ret->certificate_count == CMS_CERTIFICATES_MAX || !der_take_any(&in, &tag, &value, &whole) ||
            tag != DER_SEQUENCE)
            return false;
        ret->certificates[ret->certificate_count++] = whole;
    }
    return true;
}

/* The attributes' names, that each stands there once and has one value (RFC 5652 s. 11). */
enum attribute { CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME, SIGNING_CERTIFICATE, ATTRIBUTE_KINDS };

static enum attribute attribute_of(struct span oid)
{
    static const struct span oids[ATTRIBUTE_KINDS] = {
        [CONTENT_TYPE] = {OID_CONTENT_TYPE, sizeof OID_CONTENT_TYPE - 1},
        [MESSAGE_DIGEST] = {OID_MESSAGE_DIGEST, sizeof OID_MESSAGE_DIGEST - 1},
        [SIGNING_TIME] = {OID_SIGNING_TIME, sizeof OID_SIGNING_TIME - 1},
        [SIGNING_CERTIFICATE] = {OID_SIGNING_CERTIFICATE_V2, sizeof OID_SIGNING_CERTIFICATE_V2 - 1},
    };
    int i = 0;
    while (i < ATTRIBUTE_KINDS && !span_equal(oid, oids[i]))
        i++;
    return (enum attribute)i;
}

static bool attribute_read(enum attribute kind, struct span value, struct cms_signer *ret)
{
    struct span type;
    switch (kind) {
    case CONTENT_TYPE:
        return der_take(&value, DER_OID, &type) && value.len == 0 && span_is(type, OID_DATA);
    case MESSAGE_DIGEST:
        return der_take(&value, DER_OCTETS, &ret->message_digest) && value.len == 0;
    case SIGNING_TIME:
        ret->has_signing_time = true;
        return der_take_time(&value, &ret->signing_time_s) && value.len == 0;
    default:
        return der_take(&value, DER_SEQUENCE, &ret->signing_certificate) && value.len == 0 &&
               ret->signing_certificate.len > 0;
    }
}

static bool attributes_read(struct span in, struct cms_signer *ret)
{
    uint32_t seen = 0, count = 0;
    for (; in.len > 0; count++) {
        struct span attribute, oid, values;
        if (count == CMS_ATTRIBUTES_MAX || !der_take(&in, DER_SEQUENCE, &attribute) ||
            !der_take(&attribute, DER_OID, &oid) || !der_take(&attribute, DER_SET, &values) ||
            attribute.len > 0)
            return false;
        enum attribute kind = attribute_of(oid);
        if (kind == ATTRIBUTE_KINDS)
            continue;
        if ((seen & 1u << kind) || !attribute_read(kind, values, ret))
            return false;
        seen |= 1u << kind;
    }
    return (seen & 1u << CONTENT_TYPE) && (seen & 1u << MESSAGE_DIGEST);
}

/* SignerIdentifier: issuer and serial number, or the key's identifier. */
static bool identifier_read(struct span *in, struct cms_signer *ret)
{
    struct span both, name;
    uint8_t tag;
    if (der_is_next(*in, DER_CONTEXT))
        return der_take(in, DER_CONTEXT, &ret->key_id) && ret->key_id.len > 0;
    return der_take(in, DER_SEQUENCE, &both) && der_take_any(&both, &tag, &name, &ret->issuer) &&
           tag == DER_SEQUENCE && der_take(&both, DER_INTEGER, &ret->serial) && ret->serial.len > 0 &&
           both.len == 0;
}

static bool signer_read(struct span in, struct cms_signer *ret)
{
    struct span attributes, unsigned_attributes;
    uint32_t version;
    uint8_t tag;
    if (!der_take_uint(&in, &version) || version > VERSION_MAX || !identifier_read(&in, ret) ||
        !der_take(&in, DER_SEQUENCE, &ret->digest_algorithm) || !der_is_next(in, DER_CONTEXT_CONSTRUCTED) ||
        !der_take_any(&in, &tag, &attributes, &ret->attributes) || !attributes_read(attributes, ret) ||
        !der_take(&in, DER_SEQUENCE, &ret->signature_algorithm) ||
        !der_take(&in, DER_OCTETS, &ret->signature))
        return false;
    /* Nobody has signed those: not looked at. */
    return in.len == 0 || (der_take(&in, DER_CONTEXT_CONSTRUCTED + 1, &unsigned_attributes) && in.len == 0);
}

static bool signers_read(struct span in, struct cms_signed *ret)
{
    while (in.len > 0) {
        struct span signer;
        if (ret->signer_count == CMS_SIGNERS_MAX || !der_take(&in, DER_SEQUENCE, &signer) ||
            !signer_read(signer, &ret->signers[ret->signer_count]))
            return false;
        ret->signer_count++;
    }
    return ret->signer_count > 0;
}

/* The signers' hashes stand in front once more. RFC 5652 s. 5.1 leaves it open whether they must: nobody signs what stands there, and
 * OpenSSL takes a signature only whose hash does. Two readers with two verdicts help nobody. */
static bool digests_match(struct span digests, const struct cms_signed *all)
{
    uint32_t named = 0; /* a bit for each signer */
    while (digests.len > 0) {
        struct span algorithm, oid;
        if (!der_take(&digests, DER_SEQUENCE, &algorithm) || !der_take(&algorithm, DER_OID, &oid))
            return false;
        for (uint32_t i = 0; i < all->signer_count; i++) {
            struct span signers = all->signers[i].digest_algorithm, signers_oid;
            if (der_take(&signers, DER_OID, &signers_oid) && span_equal(oid, signers_oid))
                named |= 1u << i;
        }
    }
    return named == (1u << all->signer_count) - 1;
}

int cms_signed_read(struct span content, struct cms_signed *ret_signed)
{
    struct span all, digests, ignored;
    uint32_t version;
    *ret_signed = (struct cms_signed){0};
    if (!der_take(&content, DER_SEQUENCE, &all) || content.len > 0 || !der_take_uint(&all, &version) ||
        version > VERSION_MAX || !der_take(&all, DER_SET, &digests) || !content_read(&all, ret_signed))
        return CMS_BAD;
    if (der_is_next(all, DER_CONTEXT_CONSTRUCTED) &&
        (!der_take(&all, DER_CONTEXT_CONSTRUCTED, &ignored) || !certificates_read(ignored, ret_signed)))
        return CMS_BAD;
    /* A sender's own word on who is revoked. */
    if (der_is_next(all, DER_CONTEXT_CONSTRUCTED + 1) &&
        !der_take(&all, DER_CONTEXT_CONSTRUCTED + 1, &ignored))
        return CMS_BAD;
    if (!der_take(&all, DER_SET, &ignored) || all.len > 0 || !signers_read(ignored, ret_signed) ||
        !digests_match(digests, ret_signed))
        return CMS_BAD;
    return 0;
}
