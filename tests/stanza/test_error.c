/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stanza/error.h"
#include "scanned.h"

#define CLIENT SPAN("jabber:client")
#define NONE ((struct span){0})

/* RFC 6120 s. 8.3.3.1 to 8.3.3.22, and the types that each section allows. */
static void test_conditions(void **unused)
{
    (void)unused;
    static const struct {
        enum stanza_error error;
        const char *name, *types;
    } rows[] = {
        {STANZA_BAD_REQUEST, "bad-request", "modify"},
        {STANZA_CONFLICT, "conflict", "cancel"},
        {STANZA_FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel modify"},
        {STANZA_FORBIDDEN, "forbidden", "auth"},
        {STANZA_GONE, "gone", "cancel"},
        {STANZA_INTERNAL_SERVER_ERROR, "internal-server-error", "cancel"},
        {STANZA_ITEM_NOT_FOUND, "item-not-found", "cancel"},
        {STANZA_JID_MALFORMED, "jid-malformed", "modify"},
        {STANZA_NOT_ACCEPTABLE, "not-acceptable", "modify"},
        {STANZA_NOT_ALLOWED, "not-allowed", "cancel"},
        {STANZA_NOT_AUTHORIZED, "not-authorized", "auth"},
        {STANZA_POLICY_VIOLATION, "policy-violation", "modify wait"},
        {STANZA_RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait"},
        {STANZA_REDIRECT, "redirect", "modify"},
        {STANZA_REGISTRATION_REQUIRED, "registration-required", "auth"},
        {STANZA_REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel"},
        {STANZA_REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait"},
        {STANZA_RESOURCE_CONSTRAINT, "resource-constraint", "wait"},
        {STANZA_SERVICE_UNAVAILABLE, "service-unavailable", "cancel"},
        {STANZA_SUBSCRIPTION_REQUIRED, "subscription-required", "auth"},
        {STANZA_UNDEFINED_CONDITION, "undefined-condition", "auth cancel continue modify wait"},
        {STANZA_UNEXPECTED_REQUEST, "unexpected-request", "wait modify"},
        {STANZA_BLOCKED, "not-acceptable", "cancel"}, /* as XEP-0191 shows it */
    };
    _Static_assert(sizeof rows / sizeof *rows == STANZA_ERROR_COUNT, "a row for every condition");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(stanza_error_name(rows[i].error), rows[i].name);
        assert_non_null(strstr(rows[i].types, stanza_error_type(rows[i].error)));
    }
}

static void test_who_may_be_answered(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool may;
    } rows[] = {
        {"<presence/>", true},
        {"<presence type='subscribe'/>", true},
        {"<presence type='nonsense'/>", true},
        {"<presence type='error'/>", false},
        {"<message/>", true},
        {"<message type='nonsense'/>", true},
        {"<message type='error'/>", false},
        {"<iq type='get' id='1'/>", true},
        {"<iq type='set' id='1'/>", true},
        {"<iq type='nonsense' id='1'/>", true},
        {"<iq id='1'/>", true},
        {"<iq type='result' id='1'/>", false},
        {"<iq type='error' id='1'/>", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s;
        assert_int_equal(scanned_read(&s, span_of(rows[i].text), CLIENT), 0);
        if (stanza_error_may_answer(&s.stanza) != rows[i].may)
            fail_msg("%s", rows[i].text);
        scanned_fini(&s);
    }
}

#define XMLNS "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"

static void test_frames(void **unused)
{
    (void)unused;
    static const struct {
        const char *stanza;
        enum stanza_error error;
        const char *from, *to, *text, *want;
        enum frame_kind kind;
    } rows[] = {
        {"<presence id='1' to='x@y' type='subscribe'><status>Hi</status></presence>", STANZA_ITEM_NOT_FOUND,
         "x@y", "a@b/c", NULL,
         "<presence type='error' id='1' from='x@y' to='a@b/c'>"
         "<error type='cancel'><item-not-found " XMLNS "/></error></presence>",
         FRAME_OTHER},
        {"<message to='x@y'/>", STANZA_SERVICE_UNAVAILABLE, "x@y", "a@b/c", NULL,
         "<message type='error' from='x@y' to='a@b/c'>"
         "<error type='cancel'><service-unavailable " XMLNS "/></error></message>",
         FRAME_MESSAGE},
        {"<iq id=\"it's\" type='get'/>", STANZA_BAD_REQUEST, "", "a@b/'", "no <child> & co",
         "<iq type='error' id=\"it's\" to='a@b/&apos;'>"
         "<error type='modify'><bad-request " XMLNS "/>"
         "<text " XMLNS " xml:lang='en'>no &lt;child&gt; &amp; co</text></error></iq>",
         FRAME_OTHER},
        {"<iq type='get'/>", STANZA_BAD_REQUEST, "b", "", NULL, /* s. 8.3.1 rule 3: empty rather than none */
         "<iq type='error' id='' from='b'><error type='modify'><bad-request " XMLNS "/></error></iq>",
         FRAME_OTHER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s, answer;
        assert_int_equal(scanned_read(&s, span_of(rows[i].stanza), CLIENT), 0);
        struct frame *f = stanza_error_frame(&s.stanza, rows[i].error, span_of(rows[i].from),
                                             span_of(rows[i].to), rows[i].text);
        assert_non_null(f);
        assert_int_equal(scanned_read(&answer, span_make(f->bytes, f->len), CLIENT), 0);
        assert_false(stanza_error_may_answer(&answer.stanza));
        scanned_fini(&answer);
        assert_frame(f, rows[i].want, FRAME_NO_HEAD, rows[i].kind);
        scanned_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_who_may_be_answered),
        cmocka_unit_test(test_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
