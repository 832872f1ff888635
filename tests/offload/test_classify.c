/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <stdlib.h>

#include <cmocka.h>

#include "corpus.h"
#include "kernel_class.h"
#include "muster/classify.h"

#define ITEMS 100000u

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

/* Each recorded item whole, as whoever reads a terminal would class it: by its name, its `type` and `to`. */
static enum muster_class class_by_text(const char *bytes, size_t len)
{
    static const struct {
        const char *begin, *within; /* within the start tag */
        enum muster_class class;
    } rows[] = {
        {"<message", "", MUSTER_CLASS_MESSAGE},
        {"<iq", "", MUSTER_CLASS_IQ},
        {"<r ", "urn:xmpp:sm:3", MUSTER_CLASS_ACK},
        {"<a ", "urn:xmpp:sm:3", MUSTER_CLASS_ACK},
        {"<presence", "type=\"subscribe", MUSTER_CLASS_SUBSCRIPTION},
        {"<presence", "type=\"unsubscribe", MUSTER_CLASS_SUBSCRIPTION},
        {"<presence", " to=", MUSTER_CLASS_DIRECTED},
        {"<presence", "", MUSTER_CLASS_BROADCAST},
    };
    const char *end = memchr(bytes, '>', len);
    size_t tag = end ? (size_t)(end - bytes) : len;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(bytes, rows[i].begin, strlen(rows[i].begin)) == 0 &&
            memmem(bytes, tag, rows[i].within, strlen(rows[i].within)))
            return rows[i].class;
    return MUSTER_CLASS_OTHER;
}

static void what_clients_wrote(void **state)
{
    (void)state;
    char bytes[CORPUS_BYTES_MAX + 1] = "";
    uint32_t count[MUSTER_CLASS_COUNT] = {0};
    FILE *file = fopen(RECORDED, "r");
    assert_non_null(file);
    for (size_t len; (len = corpus_recorded(file, bytes)) > 0;) {
        enum muster_class class = muster_classify(bytes, len);
        bytes[len] = '\0';
        count[class]++;
        if (class != class_by_text(bytes, len))
            fail_msg("class %d, not %d: %s", class, class_by_text(bytes, len), bytes);
    }
    fclose(file);
    /* What they do all day is there. */
    assert_true(count[MUSTER_CLASS_BROADCAST] && count[MUSTER_CLASS_SUBSCRIPTION] &&
                count[MUSTER_CLASS_MESSAGE] && count[MUSTER_CLASS_IQ] && count[MUSTER_CLASS_ACK] &&
                count[MUSTER_CLASS_OTHER]);
    assert_int_equal(count[MUSTER_CLASS_UNKNOWN], 0);
}

static void must_be_the_same(const char *bytes, size_t len)
{
    int class = kernel_class(bytes, len);
    if (class != (int)muster_classify(bytes, len))
        fail_msg("the kernel says %d, user space %d: %.*s", class, (int)muster_classify(bytes, len), (int)len,
                 bytes);
}

/* The same source twice: as the compiler makes it for the daemon, and as it makes it for the kernel. */
static void the_kernel_says_the_same(void **state)
{
    (void)state;
    char bytes[CORPUS_BYTES_MAX];
    int error = kernel_class_open();
    if (error) {
        print_message("the program cannot be loaded here: %s\n", strerror(-error));
        skip();
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        size_t len = corpus_item(i, bytes);
        must_be_the_same(bytes, len);
    }
    FILE *file = fopen(RECORDED, "r");
    assert_non_null(file);
    for (size_t whole; (whole = corpus_recorded(file, bytes)) > 0;)
        for (size_t len = 1; len <= whole; len++)
            must_be_the_same(bytes, len);
    fclose(file);
    kernel_class_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clients_write),
        cmocka_unit_test(what_clients_wrote),
        cmocka_unit_test(cut_anywhere_it_is_the_same_or_unknown),
        cmocka_unit_test(the_window_is_the_limit),
        cmocka_unit_test(the_kernel_says_the_same),
    };
    return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
