/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "smime/address.h"
#include "smime/certificate.h"
#include "smime/identity.h"
#include "world.h"

static int setup(void **state)
{
    (void)state;
    return smime_library_begin();
}

static void test_addresses(void **state)
{
    static const struct {
        const char *uri;
        const char *jid; /* NULL: none */
    } rows[] = {
        {"im:juliet@example.com", "juliet@example.com"},
        {"IM:Juliet@Example.COM", "juliet@example.com"},
        {"pres:juliet@example.com", "juliet@example.com"},
        {"xmpp:juliet@example.com", "juliet@example.com"},
        {"xmpp:juliet@example.com/balcony", "juliet@example.com"},
        {"xmpp:juliet@example.com?message", "juliet@example.com"},
        {"im:juliet@example.com?a=b@c", "juliet@example.com"},
        {"xmpp:juliet@example.com#x", "juliet@example.com"},
        {"xmpp:example.com", "example.com"},
        {"im:j%75liet@example.com", "juliet@example.com"},
        {"im:%4auliet@example.com", "juliet@example.com"},
        {"im:j%C3%BCrgen@example.com", "j\xc3\xbcrgen@example.com"},
        {"im:j\xc3\xbcrgen@example.com", NULL}, /* no IA5String */
        {"im:juliet%40example.com", NULL},
        {"im:juliet%40example.net@example.com", NULL},
        {"im:juliet@example.net@example.com", NULL},
        {"im:example.com%2f@example.net", NULL},
        {"im:example.com/@example.net", NULL},
        {"im:ju%00liet@example.com", NULL},
        {"im:ju%0aliet@example.com", NULL},
        {"im:ju%2540liet@example.com", "ju%40liet@example.com"}, /* decoded once */
        {"im:ju%zzliet@example.com", NULL},
        {"im:juliet@example.co%6", NULL},
        {"im:juliet@example.co%", NULL},
        {"xmpp://juliet@example.com/romeo@example.net", NULL},
        {"xmpp:/juliet@example.com", NULL},
        {"mailto:juliet@example.com", NULL},
        {"sip:juliet@example.com", NULL},
        {"juliet@example.com", NULL},
        {"im:", NULL},
        {"im:?x", NULL},
        {"im:@example.com", NULL},
        {"im:juliet@", NULL},
        {"", NULL},
    };
    char storage[JID_BYTES_MAX];
    struct jid jid;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool is_read = address_uri_read(span_of(rows[i].uri), storage, &jid) == 0;
        if (is_read != (rows[i].jid != NULL) ||
            (is_read && !span_equal(jid_full(&jid), span_of(rows[i].jid))))
            fail_msg("%s", rows[i].uri);
    }
    assert_int_equal(address_uri_read(span_make("im:a\0@b", 7), storage, &jid), ADDRESS_BAD);
    assert_int_equal(address_jid_read(SPAN("juliet@example.com/balcony"), storage, &jid), 0);
    assert_true(span_is(jid_full(&jid), "juliet@example.com"));
}

static void test_names(void **state)
{
    static const struct {
        const char *names;
        uint32_t count;
        const char *first;
        bool is_juliets;
    } rows[] = {
        {"im:" JULIET, 1, JULIET, true},
        {"pres:" JULIET, 1, JULIET, true},
        {"xmpp:" JULIET "/balcony", 1, JULIET, true},
        {"xmppaddr=" JULIET, 1, JULIET, true},
        {"xmppaddr=" JULIET "/balcony", 1, JULIET, true},
        {"xmppaddr=Juliet@EXAMPLE.com", 1, JULIET, true},
        {"im:romeo@example.net pres:" JULIET, 2, ROMEO, true},
        {"im:romeo@example.net", 1, ROMEO, false},
        {"email=" JULIET, 0, "", false},
        {"dns=example.com", 0, "", false},
        {"xmppaddr-ia5=" JULIET, 0, "", false},
        {"xmppaddr=" JULIET "\\0.example.net", 0, "", false},
        {"im:" JULIET "\\0.example.net", 0, "", false},
        {"xmppaddr=tybalt@example.net\\0" JULIET, 0, "", false},
        {"xmpp://" JULIET, 0, "", false},
        {"xmppaddr=", 0, "", false},
        {"xmppaddr=example.com", 1, "example.com", false},
        {NULL, 0, "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *made =
            ca_issue(&(struct ca_recipe){.names = rows[i].names, .eku = "imUri"}, world_root());
        struct certificate *c = world_certificate(made);
        if (c->name_count != rows[i].count || certificate_names(c, SPAN(JULIET)) != rows[i].is_juliets)
            fail_msg("%s: %u names", rows[i].names, c->name_count);
        assert_true(span_equal(certificate_first_name(c), span_of(rows[i].first)));
        certificate_unref(c);
        ca_free(made);
    }
}

static void test_too_many_names(void **state)
{
    (void)state;
    for (uint32_t count = CERTIFICATE_NAMES_MAX; count <= CERTIFICATE_NAMES_MAX + 1; count++) {
        struct buffer names = {0};
        for (uint32_t i = 0; i < count; i++)
            buffer_printf(&names, "im:u%u@example.com ", i);
        buffer_append_char(&names, '\0');
        struct ca_made *made = ca_issue(&(struct ca_recipe){.names = names.ptr}, world_root());
        struct certificate *c = world_certificate(made);
        assert_int_equal(c->name_count, count > CERTIFICATE_NAMES_MAX ? 0 : count);
        certificate_unref(c);
        ca_free(made);
        buffer_fini(&names);
    }
}

static void test_keys(void **state)
{
    static const struct {
        const char *key;
        enum smime_reason reason;
    } rows[] = {
        {"P-256", SMIME_OK},
        {"P-384", SMIME_OK},
        {"P-521", SMIME_OK},
        {"ED25519", SMIME_OK},
        {"secp256k1", SMIME_ALG_REFUSED},
        {"P-224", SMIME_ALG_REFUSED},
        {"RSA-1024", SMIME_KEY_TOO_SMALL},
        {"BARE-RSA-2047", SMIME_KEY_TOO_SMALL},
        {"BARE-RSA-2048", SMIME_OK},
        {"BARE-RSA-8192", SMIME_OK},
        {"BARE-RSA-8200", SMIME_ALG_REFUSED},
        {"BARE-RSA-16384", SMIME_ALG_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_made *made = ca_issue(&(struct ca_recipe){.key = rows[i].key}, world_root());
        struct certificate *c = world_certificate(made);
        if (c->key_reason != rows[i].reason)
            fail_msg("%s", rows[i].key);
        certificate_unref(c);
        ca_free(made);
    }
}

static void test_outline(void **state)
{
    struct ca_made *made = ca_person(world_root(), "P-256", JULIET);
    struct buffer der = {0};
    struct certificate_outline outline;
    unsigned char *name = NULL;
    (void)state;
    identity_der_put(&der, made->certificate);
    assert_int_equal(certificate_outline_read(buffer_span(&der), &outline), 0);
    int len = i2d_X509_NAME(X509_get_issuer_name(made->certificate), &name);
    assert_true(span_equal(outline.issuer, span_make((char *)name, (size_t)len)));
    const ASN1_INTEGER *serial = X509_get0_serialNumber(made->certificate);
    assert_true(span_equal(outline.serial, span_make((const char *)ASN1_STRING_get0_data(serial),
                                                     (size_t)ASN1_STRING_length(serial))));
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(made->certificate);
    assert_true(span_equal(
        outline.key_id, span_make((const char *)ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id))));
    for (uint32_t prefix = 0; prefix < der.len; prefix++) {
        char *copy = malloc(prefix ? prefix : 1);
        memcpy(copy, der.ptr, prefix);
        struct certificate *c;
        assert_int_equal(certificate_outline_read(span_make(copy, prefix), &outline), CERTIFICATE_BAD);
        assert_int_equal(certificate_new(span_make(copy, prefix), &c), CERTIFICATE_BAD);
        free(copy);
    }
    OPENSSL_free(name);
    buffer_fini(&der);
    ca_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_too_many_names), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_outline),
    };
    return cmocka_run_group_tests_name("smime certificate", tests, setup, NULL);
}
