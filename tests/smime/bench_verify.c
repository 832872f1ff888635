/* SPDX-License-Identifier: Apache-2.0 */
/* What verifying one stanza costs: smime_verify with a cache that knows the signer, from the text as it comes out of XML to the verdict, beside the
 * bare EVP_DigestVerify of as many signed octets, and beside OpenSSL's own CMS_verify without the chain. CPU time of this thread; runs alternate,
 * and the median of each is given, because neighbours disturb absolute times. Run it alone: `bench_smime_verify`; a column a second and core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/cms.h>
#include <openssl/evp.h>

#include "sasl/sasl.h"
#include "smime/cpim.h"
#include "smime/make.h"
#include "smime/verify.h"

#include "ca.h"

enum { RUNS = 9, STANZAS = 500, ATTRIBUTES_BYTES = 150 };
enum way { WAY_STANZA, WAY_BARE, WAY_LIBRARY, WAYS };

#define NOW_S INT64_C(1782906336)

struct subject {
    const char *name;
    struct ca_made *made;
    struct buffer text, der;
    unsigned char attributes[ATTRIBUTES_BYTES], signature[1024];
    size_t signature_len;
};

static struct smime_trust *trust;
static struct smime_cache *cache;
static struct smime_claim claim;
static struct buffer content;

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench_smime_verify: %s\n", what);
    exit(1);
}

static const EVP_MD *hash_of(const struct subject *s)
{
    return EVP_PKEY_is_a(s->made->key, "ED25519") ? NULL : EVP_sha256();
}

static void bare_verify(const struct subject *s)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(EVP_DigestVerifyInit(ctx, NULL, hash_of(s), NULL, s->made->key) == 1 &&
             EVP_DigestVerify(ctx, s->signature, s->signature_len, s->attributes, sizeof s->attributes) == 1,
         "EVP_DigestVerify");
    EVP_MD_CTX_free(ctx);
}

/* From the DER, its certificate with it; false: it cannot (Ed25519). */
static int library_verify(const struct subject *s)
{
    const unsigned char *bytes = (const unsigned char *)s->der.ptr;
    BIO *in = BIO_new_mem_buf(content.ptr, (int)content.len);
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &bytes, (long)s->der.len);
    int r = CMS_verify(cms, NULL, NULL, in, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    return r == 1;
}

static double run(const struct subject *s, enum way way)
{
    struct smime_verdict verdict;
    double start = cpu_ns();
    for (int i = 0; i < STANZAS; i++) {
        if (way == WAY_BARE)
            bare_verify(s);
        else if (way == WAY_LIBRARY && !library_verify(s))
            return 0;
        else if (way == WAY_STANZA)
            must(smime_verify(trust, cache, &claim, buffer_span(&s->text), &verdict) == 0 &&
                     verdict.reason == SMIME_OK,
                 "smime_verify");
    }
    return (cpu_ns() - start) / STANZAS;
}

static void sign_bare(struct subject *s)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    s->signature_len = sizeof s->signature;
    must(EVP_DigestSignInit(ctx, NULL, hash_of(s), NULL, s->made->key) == 1 &&
             EVP_DigestSign(ctx, s->signature, &s->signature_len, s->attributes, sizeof s->attributes) == 1,
         "EVP_DigestSign");
    EVP_MD_CTX_free(ctx);
}

/* The DER behind the last blank line of an object. */
static void der_take(struct span object, struct buffer *out)
{
    struct buffer base64 = {0};
    const char *at = object.ptr;
    for (const char *p = object.ptr; p + 4 < object.ptr + object.len; p++)
        if (memcmp(p, "\r\n\r\n", 4) == 0)
            at = p + 4;
    for (; at < object.ptr + object.len && *at != '-'; at++)
        if (*at != '\r' && *at != '\n')
            buffer_append_char(&base64, *at);
    must(sasl_base64_decode(buffer_span(&base64), out) == 0, "base64");
    buffer_fini(&base64);
}

static void subject_make(struct subject *s, const struct ca_made *root)
{
    struct smime_identity *signer;
    struct smime_sign_options options = {.signing_time_s = NOW_S};
    struct buffer object = {0}, message = {0};
    s->made = ca_person(root, s->name, "juliet@example.com");
    must(smime_identity_new(s->made->pem, s->made->key_pem, (struct span){0}, &signer, &message) == 0 &&
             smime_sign(signer, &options, buffer_span(&content), &object, &message) == 0,
         "smime_sign");
    for (uint32_t i = 0; i < object.len; i++) /* as XML hands it over */
        if (object.ptr[i] != '\r')
            buffer_append_char(&s->text, object.ptr[i]);
    der_take(buffer_span(&object), &s->der);
    sign_bare(s);
    smime_identity_free(signer);
    buffer_fini(&object);
    buffer_fini(&message);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void measure(struct subject *s)
{
    double found[WAYS][RUNS];
    for (int r = 0; r < RUNS; r++)
        for (int w = 0; w < WAYS; w++)
            found[w][r] = run(s, (enum way)w);
    printf("%-10s", s->name);
    for (int w = 0; w < WAYS; w++) {
        qsort(found[w], RUNS, sizeof found[w][0], compare);
        double ns = found[w][RUNS / 2];
        if (ns > 0)
            printf(" %8.1f us %7.0f/s", ns / 1000, 1e9 / ns);
        else
            printf(" %22s", "-");
    }
    printf("\n");
}

int main(void)
{
    static struct subject subjects[] = {{.name = "P-256"}, {.name = "RSA-2048"}, {.name = "ED25519"}};
    struct smime_trust_settings settings = {.purpose = SMIME_PURPOSE_REQUIRE};
    struct buffer message = {0};
    must(smime_library_begin() == 0, "smime_library_begin");
    struct ca_made *root = ca_authority("root");
    cache = smime_cache_new(64);
    must(cache &&
             smime_trust_new(&settings, root->pem, (struct span){0}, (struct span){0}, &trust, &message) == 0,
         "smime_trust_new");
    claim = (struct smime_claim){.from = jid_of_prepared(SPAN("juliet@example.com")),
                                 .to = jid_of_prepared(SPAN("romeo@example.net")),
                                 .is_strict = true,
                                 .now = {NOW_S, 0}};
    must(cpim_write(&content, SPAN("im"), SPAN("juliet@example.com"), SPAN("romeo@example.net"),
                    (struct moment){NOW_S, 0},
                    SPAN("Content-Type: text/plain; charset=utf-8\r\n\r\nWherefore art thou, Romeo?\r\n")) ==
             0,
         "cpim_write");
    printf("%-10s %22s %22s %22s\n", "key", "smime_verify", "EVP_DigestVerify", "CMS_verify, no chain");
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        subject_make(&subjects[i], root);
        measure(&subjects[i]);
        ca_free(subjects[i].made);
        buffer_fini(&subjects[i].text);
        buffer_fini(&subjects[i].der);
    }
    smime_trust_unref(trust);
    smime_cache_free(cache);
    buffer_fini(&content);
    buffer_fini(&message);
    ca_free(root);
    return 0;
}
