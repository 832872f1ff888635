/* SPDX-License-Identifier: Apache-2.0 */
/* What stands within a signed object, against the stanza that brought it: who it is from, whom it is for, of what kind it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smime/cpim.h"
#include "smime/pidf.h"
#include "world.h"

/* One text, signed and verified under a claim. */
static enum smime_reason reason_of(struct span content, const struct smime_claim *claim)
{
    struct buffer object =
        world_sign(world_juliet, &(struct smime_sign_options){.signing_time_s = NOW_S}, content);
    enum smime_reason reason = world_reason(world_usual_trust, NULL, claim, buffer_span(&object));
    buffer_fini(&object);
    return reason;
}

static void test_three_identities(void **state)
{
    static const struct {
        const char *outer_from, *outer_to, *inner_from, *inner_to;
        enum smime_reason reason;
    } rows[] = {
        {JULIET, ROMEO, JULIET, ROMEO, SMIME_OK},
        {JULIET "/a", ROMEO "/b", JULIET, ROMEO, SMIME_OK},
        {"tybalt@example.com", ROMEO, JULIET, ROMEO, SMIME_NAME_MISMATCH},
        {"tybalt@example.com", ROMEO, "tybalt@example.com", ROMEO, SMIME_NAME_MISMATCH},
        {JULIET, ROMEO, "tybalt@example.com", ROMEO, SMIME_INNER_FROM_MISMATCH},
        {JULIET, "tybalt@example.com", JULIET, ROMEO, SMIME_INNER_TO_MISMATCH},
        {JULIET, "tybalt@example.com", "tybalt@example.com", ROMEO, SMIME_INNER_FROM_MISMATCH},
        {JULIET, "example.net", JULIET, ROMEO, SMIME_INNER_TO_MISMATCH},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer content = {0};
        struct smime_claim claim = world_claim();
        claim.from = jid_of_prepared(span_of(rows[i].outer_from));
        claim.to = jid_of_prepared(span_of(rows[i].outer_to));
        cpim_write(&content, SPAN("im"), span_of(rows[i].inner_from), span_of(rows[i].inner_to),
                   (struct moment){NOW_S, 0}, SPAN("Content-Type: text/plain\r\n\r\nx\r\n"));
        assert_reason(reason_of(buffer_span(&content), &claim), rows[i].reason);
        buffer_fini(&content);
    }
}

/* `document` as an entity, within Message/CPIM if `is_wrapped`. */
static struct buffer entity_of(const char *type, struct span document, bool is_wrapped)
{
    struct buffer entity = {0}, out = {0};
    buffer_printf(&entity, "Content-Type: %s\r\n\r\n%.*s", type, (int)document.len, document.ptr);
    if (!is_wrapped)
        return entity;
    cpim_write(&out, SPAN("pres"), SPAN(JULIET), SPAN(ROMEO), (struct moment){NOW_S, 0},
               buffer_span(&entity));
    buffer_fini(&entity);
    return out;
}

static void test_presence(void **state)
{
    static const struct {
        const char *entity;
        int64_t stamp_s;
        bool is_wrapped, is_presence, is_strict;
        enum smime_reason reason;
    } rows[] = {
        {JULIET, NOW_S, true, true, true, SMIME_OK},
        {JULIET, NOW_S - 86400, true, true, true, SMIME_OK}, /* the status is old, what says so is not */
        {JULIET, NOW_S + 301, true, true, true, SMIME_FUTURE_TIMESTAMP},
        {JULIET, NOW_S, false, true, true, SMIME_BAD_MIME},
        {JULIET, NOW_S, false, true, false, SMIME_OK},
        {JULIET, NOW_S, true, false, true, SMIME_BAD_MIME},
        {"tybalt@example.com", NOW_S, true, true, true, SMIME_INNER_FROM_MISMATCH},
        {"tybalt@example.com", NOW_S, false, true, false, SMIME_INNER_FROM_MISMATCH},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer document = {0};
        struct smime_claim claim = world_claim();
        claim.is_presence = rows[i].is_presence;
        claim.is_strict = rows[i].is_strict;
        pidf_write(&document, span_of(rows[i].entity), true, (struct span){0},
                   (struct moment){rows[i].stamp_s, 0});
        struct buffer content = entity_of("application/pidf+xml", buffer_span(&document), rows[i].is_wrapped);
        enum smime_reason found = reason_of(buffer_span(&content), &claim);
        if (found != rows[i].reason)
            print_error("row %zu\n", i);
        assert_reason(found, rows[i].reason);
        buffer_fini(&document);
        buffer_fini(&content);
    }
}

static void test_stanza_within(void **state)
{
#define STANZA(attributes)                                                                                   \
    "<?xml version='1.0' encoding='UTF-8'?><xmpp xmlns='jabber:client'><message " attributes                 \
    "><body>x</body></message></xmpp>\r\n"
    static const struct {
        const char *document;
        bool is_wrapped, is_strict;
        enum smime_reason reason;
    } rows[] = {
        {STANZA("from='" JULIET "/a' to='" ROMEO "'"), true, true, SMIME_OK},
        {STANZA("id='1'"), true, true, SMIME_OK},
        {STANZA("from='tybalt@example.com' to='" ROMEO "'"), true, true, SMIME_INNER_FROM_MISMATCH},
        {STANZA("from='" JULIET "' to='tybalt@example.com'"), true, true, SMIME_INNER_TO_MISMATCH},
        {STANZA("from='" JULIET "' to='" ROMEO "'"), false, true, SMIME_BAD_MIME},
        {STANZA("from='" JULIET "' to='" ROMEO "'"), false, false, SMIME_OK},
        {"<!DOCTYPE xmpp><xmpp xmlns='jabber:client'><message/></xmpp>\r\n", true, true, SMIME_BAD_MIME},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int is_presence = 0; is_presence < 2; is_presence++) {
            struct smime_claim claim = world_claim();
            claim.is_presence = is_presence;
            claim.is_strict = rows[i].is_strict;
            struct buffer content =
                entity_of("application/xmpp+xml", span_of(rows[i].document), rows[i].is_wrapped);
            enum smime_reason found = reason_of(buffer_span(&content), &claim);
            if (found != rows[i].reason)
                print_error("row %zu\n", i);
            assert_reason(found, rows[i].reason);
            buffer_fini(&content);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_identities),
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_stanza_within),
    };
    return cmocka_run_group_tests_name("smime within", tests, world_begin, world_end);
}
