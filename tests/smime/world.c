/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "smime/certificate.h"
#include "smime/cpim.h"
#include "smime/identity.h"

struct smime_trust *world_usual_trust;
struct ca_made *world_juliet;

const struct ca_made *world_root(void)
{
    static struct ca_made *root;
    if (!root)
        root = ca_authority("root");
    return root;
}

static void message_end(int r, struct buffer *message)
{
    if (r != 0)
        fail_msg("%d: %.*s", r, (int)message->len, message->ptr);
    buffer_fini(message);
}

int world_begin(void **state)
{
    (void)state;
    assert_int_equal(smime_library_begin(), 0);
    world_usual_trust = world_trust(SMIME_PURPOSE_REQUIRE, false, world_root(), NULL);
    world_juliet = ca_person(world_root(), "P-256", JULIET);
    return 0;
}

int world_end(void **state)
{
    (void)state;
    smime_trust_unref(world_usual_trust);
    ca_free(world_juliet);
    return 0;
}

struct smime_trust *world_trust(enum smime_purpose purpose, bool legacy, const struct ca_made *anchor,
                                const char *crls)
{
    struct smime_trust_settings settings = {.purpose = purpose, .legacy_algorithms = legacy};
    struct smime_trust *trust = NULL;
    struct buffer message = {0};
    message_end(smime_trust_new(&settings, anchor->pem, (struct span){0}, span_of(crls), &trust, &message),
                &message);
    return trust;
}

struct buffer world_message(void)
{
    struct buffer out = {0};
    assert_int_equal(
        cpim_write(&out, SPAN("im"), SPAN(JULIET), SPAN(ROMEO), (struct moment){NOW_S, 0},
                   SPAN("Content-Type: text/plain; charset=utf-8\r\n\r\nWherefore art thou, Romeo?\r\n")),
        0);
    return out;
}

struct buffer world_sign(const struct ca_made *who, const struct smime_sign_options *options,
                         struct span content)
{
    struct smime_identity *signer = NULL;
    struct buffer out = {0}, message = {0};
    int r = smime_identity_new(who->pem, who->key_pem, (struct span){0}, &signer, &message);
    if (r == 0)
        r = smime_sign(signer, options, content, &out, &message);
    message_end(r, &message);
    smime_identity_free(signer);
    return out;
}

struct smime_claim world_claim(void)
{
    return (struct smime_claim){.from = jid_of_prepared(SPAN(JULIET "/balcony")),
                                .to = jid_of_prepared(SPAN(ROMEO)),
                                .is_strict = true,
                                .now = {NOW_S, 0}};
}

enum smime_reason world_reason(const struct smime_trust *trust, struct smime_cache *cache,
                               const struct smime_claim *claim, struct span text)
{
    struct smime_verdict verdict;
    assert_int_equal(smime_verify(trust, cache, claim, text, &verdict), 0);
    return verdict.reason;
}

struct certificate *world_certificate(const struct ca_made *made)
{
    struct buffer der = {0};
    struct certificate *c = NULL;
    identity_der_put(&der, made->certificate);
    assert_int_equal(certificate_new(buffer_span(&der), &c), 0);
    buffer_fini(&der);
    return c;
}
