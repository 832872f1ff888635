/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a signed object, whole or only its DER, and as an encrypted one: no crash, and nothing but what was really signed is ever found good, nor anything but
 * what was really encrypted opened. All keys are fixed, so that what is kept of one run is worth something in the next.
 * The first byte says how to take the rest (below). FUZZ_CMS_SEEDS=FOLDER writes the genuine objects there and ends. */
#include <stdio.h>
#include <stdlib.h>

#include "sasl/sasl.h"
#include "smime/cpim.h"
#include "smime/make.h"
#include "smime/verify.h"

#include "../smime/ca.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *count, char ***arguments);

/* Bits of the first byte. */
enum { WAY_WHOLE, WAY_DETACHED, WAY_BARE, WAY_DECRYPT, WAYS };
enum { STRICT = 4, LEGACY = 8, PRESENCE = 16, CACHED = 32 };

#define FROM "juliet@example.com"
#define TO "romeo@example.net"
#define SIGNED_AT INT64_C(1782906336)

static struct smime_trust *trusts[2]; /* of today, legacy */
static struct smime_cache *cache;
static struct smime_identity *recipient;
static struct buffer content;
static uint8_t genuine[16][32]; /* digests of what was signed */
static uint32_t genuine_count;
static const char *seeds;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct smime_verdict verify(uint8_t way, struct span text)
{
    struct smime_claim claim = {.from = jid_of_prepared(SPAN(FROM "/balcony")),
                                .to = jid_of_prepared(SPAN(TO)),
                                .is_presence = way & PRESENCE,
                                .is_strict = way & STRICT,
                                .now = {SIGNED_AT, 0}};
    struct smime_verdict verdict;
    check(smime_verify(trusts[way & LEGACY ? 1 : 0], way & CACHED ? cache : NULL, &claim, text, &verdict) ==
          0);
    check(verdict.reason < SMIME_REASON_COUNT);
    return verdict;
}

static void seed_write(const char *name, uint8_t way, struct span text)
{
    char path[512];
    if (!seeds)
        return;
    snprintf(path, sizeof path, "%s/%s", seeds, name);
    FILE *f = fopen(path, "w");
    check(f && fputc(way, f) == way && fwrite(text.ptr, 1, text.len, f) == text.len && fclose(f) == 0);
}

/* The DER of the last base64 in an object. */
static void der_of(struct span object, struct buffer *out)
{
    struct buffer base64 = {0};
    const char *start = object.ptr, *end = object.ptr + object.len;
    for (const char *p = start; p + 4 < end; p++)
        if (memcmp(p, "\r\n\r\n", 4) == 0)
            start = p + 4;
    for (; start < end && *start != '-'; start++)
        if (*start != '\r' && *start != '\n')
            buffer_append_char(&base64, *start);
    check(sasl_base64_decode(buffer_span(&base64), out) == 0);
    buffer_fini(&base64);
}

static void genuine_make(const char *name, const struct ca_made *who,
                         const struct smime_sign_options *options)
{
    struct buffer object = {0}, message = {0}, der = {0};
    struct smime_identity *signer;
    char path[64];
    check(smime_identity_new(who->pem, who->key_pem, (struct span){0}, &signer, &message) == 0);
    check(smime_sign(signer, options, buffer_span(&content), &object, &message) == 0);
    /* Known to the cache from here on, so that the one without a certificate is good with it. */
    struct smime_verdict verdict = verify(CACHED | (options->legacy ? LEGACY : 0), buffer_span(&object));
    check(verdict.reason == SMIME_OK);
    memcpy(genuine[genuine_count++], verdict.digest, 32);
    seed_write(name, CACHED | (options->legacy ? LEGACY : 0), buffer_span(&object));
    der_of(buffer_span(&object), &der);
    snprintf(path, sizeof path, "%s-der", name);
    seed_write(path, options->is_opaque ? WAY_BARE : WAY_DETACHED, buffer_span(&der));
    smime_identity_free(signer);
    buffer_fini(&object);
    buffer_fini(&message);
    buffer_fini(&der);
}

static void encrypted_make(const struct ca_made *who)
{
    struct buffer object = {0}, message = {0}, der = {0};
    for (int legacy = 0; legacy < 2; legacy++) {
        struct smime_encrypt_options options = {.legacy = legacy};
        buffer_clear(&object);
        buffer_clear(&der);
        check(smime_encrypt(who->pem, &options, buffer_span(&content), &object, &message) == 0);
        der_of(buffer_span(&object), &der);
        seed_write(legacy ? "enveloped" : "auth-enveloped", (uint8_t)(WAY_DECRYPT | (legacy ? LEGACY : 0)),
                   buffer_span(&der));
        seed_write(legacy ? "enveloped-whole" : "auth-enveloped-whole", WAY_WHOLE, buffer_span(&object));
    }
    buffer_fini(&object);
    buffer_fini(&message);
    buffer_fini(&der);
}

static struct ca_made *person(const struct ca_made *issuer, const char *key, uint64_t serial)
{
    return ca_issue(&(struct ca_recipe){.key = key,
                                        .names = "xmppaddr=" FROM " im:" FROM " pres:" FROM,
                                        .eku = "imUri",
                                        .key_usage = "critical,digitalSignature,keyAgreement",
                                        .serial = serial},
                    issuer);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    struct buffer message = {0};
    (void)count, (void)arguments;
    seeds = getenv("FUZZ_CMS_SEEDS");
    check(smime_library_begin() == 0);
    struct ca_made *root = ca_issue(&(struct ca_recipe){.key = "FIXED-ED25519-1",
                                                        .common_name = "root",
                                                        .is_ca = true,
                                                        .key_usage = "critical,keyCertSign",
                                                        .serial = 1},
                                    NULL);
    struct ca_made *ec = person(root, "FIXED-P-256-2", 2), *ed = person(root, "FIXED-ED25519-3", 3);
    for (int legacy = 0; legacy < 2; legacy++) {
        struct smime_trust_settings settings = {.purpose = SMIME_PURPOSE_REQUIRE,
                                                .legacy_algorithms = legacy};
        check(smime_trust_new(&settings, root->pem, (struct span){0}, (struct span){0}, &trusts[legacy],
                              &message) == 0);
    }
    cache = smime_cache_new(64);
    check(cache && smime_identity_new(ec->pem, ec->key_pem, (struct span){0}, &recipient, &message) == 0);
    check(cpim_write(&content, SPAN("im"), SPAN(FROM), SPAN(TO), (struct moment){SIGNED_AT, 0},
                     SPAN("Content-Type: text/plain\r\n\r\nWherefore art thou, Romeo?\r\n")) == 0);
    genuine_make("p256", ec, &(struct smime_sign_options){.signing_time_s = SIGNED_AT});
    genuine_make("p256-no-certificate", ec, &(struct smime_sign_options){.without_certificate = true});
    genuine_make("p256-opaque", ec, &(struct smime_sign_options){.is_opaque = true});
    genuine_make("ed25519", ed, &(struct smime_sign_options){.signing_time_s = SIGNED_AT});
    genuine_make("ed25519-opaque", ed, &(struct smime_sign_options){.is_opaque = true});
    encrypted_make(ec);
    ca_free(root);
    ca_free(ec);
    ca_free(ed);
    buffer_fini(&message);
    if (seeds)
        exit(0);
    return 0;
}

static void try_verify(uint8_t way, struct span text)
{
    struct smime_verdict verdict = verify(way, text);
    bool is_genuine = false;
    if (verdict.reason != SMIME_OK)
        return;
    for (uint32_t i = 0; i < genuine_count; i++)
        is_genuine |= memcmp(verdict.digest, genuine[i], sizeof genuine[i]) == 0;
    check(is_genuine && verdict.has_signer && strcmp(verdict.jid, FROM) == 0 && verdict.has_stamp);
}

static void try_detached(uint8_t way, struct span der)
{
    struct buffer text = {0};
    buffer_literal(
        &text,
        "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n--b\n");
    buffer_append(&text, buffer_span(&content));
    buffer_literal(&text,
                   "\n--b\nContent-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\n");
    sasl_base64_encode(der, &text);
    buffer_literal(&text, "\n--b--\n");
    try_verify(way, buffer_span(&text));
    buffer_fini(&text);
}

static void try_base64(uint8_t way, struct span der)
{
    struct buffer text = {0}, plain = {0}, message = {0};
    sasl_base64_encode(der, &text);
    if (way % WAYS != WAY_DECRYPT)
        try_verify(way, buffer_span(&text));
    else if (smime_decrypt(recipient, way & LEGACY, buffer_span(&text), &plain, &message) != 0)
        check(plain.len == 0 && message.len > 0);
    else if (!(way & LEGACY)) /* CBC knows no integrity */
        check(span_equal(buffer_span(&plain), buffer_span(&content)));
    buffer_fini(&text);
    buffer_fini(&plain);
    buffer_fini(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span rest = span_make((const char *)data + 1, size - 1);
    switch (data[0] % WAYS) {
    case WAY_WHOLE:
        try_verify(data[0], rest);
        break;
    case WAY_DETACHED:
        try_detached(data[0], rest);
        break;
    default:
        try_base64(data[0], rest);
    }
    return 0;
}
