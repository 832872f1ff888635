/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "muster/classify.h"

static const struct {
    const char *bytes;
    enum muster_class class;
} cases[] = {
    {"", MUSTER_CLASS_UNKNOWN},
    {" ", MUSTER_CLASS_KEEPALIVE},
    {" \r\n\t", MUSTER_CLASS_KEEPALIVE},
    {"\xc2\xa0", MUSTER_CLASS_UNKNOWN}, /* no white space of XML */
    {"<presence/>", MUSTER_CLASS_BROADCAST},
    {"\n <presence />", MUSTER_CLASS_BROADCAST},
    {"<presence>", MUSTER_CLASS_BROADCAST},
    {"<presence\n\tid = 'x'\r xml:lang=\"en\" ><show>away</show>", MUSTER_CLASS_BROADCAST},
    {"<presence type='unavailable'/>", MUSTER_CLASS_BROADCAST},
    {"<presence type=\"unavailable\" to='a@b'/>", MUSTER_CLASS_DIRECTED},
    {"<presence to='a@b/c&amp;d'/>", MUSTER_CLASS_DIRECTED},
    {"<presence from='x' to = \"a@b\" id=''>", MUSTER_CLASS_DIRECTED},
    {"<presence to='a' type='probe'/>", MUSTER_CLASS_PROBE},
    {"<presence type='subscribe' to='a'/>", MUSTER_CLASS_SUBSCRIPTION},
    {"<presence type='subscribed' to='a'/>", MUSTER_CLASS_SUBSCRIPTION},
    {"<presence type='unsubscribe' to='a'/>", MUSTER_CLASS_SUBSCRIPTION},
    {"<presence to='a' type='unsubscribed'/>", MUSTER_CLASS_SUBSCRIPTION},
    {"<presence type='error' to='a'/>", MUSTER_CLASS_OTHER},
    {"<presence type='invisible'/>", MUSTER_CLASS_OTHER},
    {"<presence type=''/>", MUSTER_CLASS_OTHER},
    {"<presence xmlns='jabber:client'/>", MUSTER_CLASS_BROADCAST},
    {"<presence xmlns='jabber:server' to='a'/>", MUSTER_CLASS_DIRECTED},
    {"<presence xmlns='urn:x'/>", MUSTER_CLASS_OTHER},
    {"<presence xmlns:x='urn:x'/>", MUSTER_CLASS_BROADCAST},
    {"<presence/", MUSTER_CLASS_UNKNOWN},
    {"<presence", MUSTER_CLASS_UNKNOWN},
    {"<presence type='unavail", MUSTER_CLASS_UNKNOWN},
    {"<presence type='a' type='b'/>", MUSTER_CLASS_UNKNOWN},
    {"<presence type='a'id='b'/>", MUSTER_CLASS_UNKNOWN},
    {"<presence type=unavailable/>", MUSTER_CLASS_UNKNOWN},
    {"<presence type/>", MUSTER_CLASS_UNKNOWN},
    {"<presence to=''/>", MUSTER_CLASS_UNKNOWN},
    {"<presence type='&#117;navailable'/>", MUSTER_CLASS_UNKNOWN},
    {"<presence to='a<b'/>", MUSTER_CLASS_UNKNOWN},
    {"<presence / >", MUSTER_CLASS_UNKNOWN},
    {"<presences/>", MUSTER_CLASS_OTHER},
    {"<Presence/>", MUSTER_CLASS_OTHER},
    {"<x:presence/>", MUSTER_CLASS_OTHER},
    {"<presence\xc3\xa9/>", MUSTER_CLASS_OTHER},
    {"<message>", MUSTER_CLASS_MESSAGE},
    {"<message to='a'>", MUSTER_CLASS_MESSAGE},
    {"<message/", MUSTER_CLASS_MESSAGE},
    {"<message", MUSTER_CLASS_UNKNOWN},
    {"<messages>", MUSTER_CLASS_OTHER},
    {"<iq ", MUSTER_CLASS_IQ},
    {"<r xmlns='urn:xmpp:sm:3'/>", MUSTER_CLASS_ACK},
    {"<a h='3' xmlns='urn:xmpp:sm:3'/>", MUSTER_CLASS_ACK},
    {"<r/>", MUSTER_CLASS_OTHER},
    {"<r xmlns='urn:xmpp:sm:2'/>", MUSTER_CLASS_OTHER},
    {"<active xmlns='urn:xmpp:csi:0'/>", MUSTER_CLASS_OTHER},
    {"</stream:stream>", MUSTER_CLASS_OTHER},
    {"<?xml version='1.0'?>", MUSTER_CLASS_OTHER},
    {"<!-- -->", MUSTER_CLASS_UNKNOWN},
    {"< presence/>", MUSTER_CLASS_UNKNOWN},
    {"<<presence/>", MUSTER_CLASS_UNKNOWN},
    {"text", MUSTER_CLASS_UNKNOWN},
};

static void what_clients_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum muster_class class = muster_classify(cases[i].bytes, strlen(cases[i].bytes));
        if (class != cases[i].class)
            fail_msg("%s: %d, not %d", cases[i].bytes, class, cases[i].class);
    }
}

/* Whatever comes behind a class that is known changes nothing, and before it nothing but "don't know" is said. */
static void cut_anywhere_it_is_the_same_or_unknown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t len = 0; len < strlen(cases[i].bytes); len++) {
            enum muster_class part = muster_classify(cases[i].bytes, len);
            if (part != MUSTER_CLASS_UNKNOWN && part != MUSTER_CLASS_KEEPALIVE)
                assert_int_equal(part, cases[i].class);
        }
}

static void the_window_is_the_limit(void **state)
{
    (void)state;
    char text[2 * MUSTER_CLASSIFY_WINDOW];
    for (size_t pad = MUSTER_CLASSIFY_WINDOW - 40; pad < MUSTER_CLASSIFY_WINDOW + 8; pad++) {
        int len = snprintf(text, sizeof text, "<presence id='%*s'/>", (int)pad, "");
        assert_int_equal(muster_classify(text, (unsigned long)len),
                         len <= (int)MUSTER_CLASSIFY_WINDOW ? MUSTER_CLASS_BROADCAST : MUSTER_CLASS_UNKNOWN);
    }
    memset(text, ' ', sizeof text);
    assert_int_equal(muster_classify(text, MUSTER_CLASSIFY_WINDOW), MUSTER_CLASS_KEEPALIVE);
    assert_int_equal(muster_classify(text, MUSTER_CLASSIFY_WINDOW + 1), MUSTER_CLASS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clients_write),
        cmocka_unit_test(cut_anywhere_it_is_the_same_or_unknown),
        cmocka_unit_test(the_window_is_the_limit),
    };
    return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
