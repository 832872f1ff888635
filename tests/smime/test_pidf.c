/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smime/pidf.h"

#define XML "<?xml version='1.0' encoding='UTF-8'?>"
#define NS "xmlns='urn:ietf:params:xml:ns:pidf'"
#define ROOT "<presence " NS " entity='pres:a@b'>"
#define OPEN "<status><basic>open</basic></status>"
#define AT(second) "<timestamp>1970-01-01T00:00:" second "Z</timestamp>"
#define TUPLE(inner) "<tuple id='1'>" OPEN inner "</tuple>"
#define STATUS(inner) "<tuple id='1'><status>" inner "</status></tuple>"
#define END "</presence>"
#define NO_STAMP (-1)

static const struct {
    const char *name, *document, *entity;
    int seconds;
} good[] = {
    {"no tuple", XML ROOT END, "pres:a@b", NO_STAMP},
    {"self-closing", XML "<presence " NS " entity='pres:a@b'/>", "pres:a@b", NO_STAMP},
    {"declaration without encoding", "<?xml version=\"1.0\"?>" ROOT END, "pres:a@b", NO_STAMP},
    {"white space", XML "\r\n\r\n" ROOT "\r\n" TUPLE(AT("05")) "\r\n" END " \r\n\t", "pres:a@b", 5},
    {"prefixed",
     XML
     "<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' entity='PRES:a@b'><p:tuple id='x'><p:status><p:basic>closed</p:basic></p:status>"
     "</p:tuple></p:presence>",
     "PRES:a@b", NO_STAMP},
    {"entity with references", XML "<presence " NS " entity='pres:a&amp;&#x62;@c'>" END, "pres:a&b@c",
     NO_STAMP},
    {"the newest stamp",
     XML ROOT "<tuple id='1'>" OPEN AT("05") "</tuple><tuple id='2'>" OPEN AT(
         "07.1") "</tuple><tuple id='3'>" OPEN AT("06") "</tuple><tuple id='4'>" OPEN "</tuple>" END,
     "pres:a@b", 7},
    {"everything",
     XML ROOT "<tuple id='1'>" OPEN
              "<x xmlns='y'/><contact priority='0.8'>im:a@b</contact><note>n</note><note/>" AT(
                  "05") "</tuple><note xml:lang='en'>n</note><x xmlns='y'><tuple/></x>" END,
     "pres:a@b", 5},
    {"another status", XML ROOT STATUS("<x xmlns='y'/>") END, "pres:a@b", NO_STAMP},
    {"one that must be understood",
     XML ROOT STATUS("<basic>open</basic><x xmlns='y' mustUnderstand='1'/>") END, "pres:a@b", NO_STAMP},
    {"the word within what is passed over", XML ROOT "<x xmlns='y'><z mustUnderstand='1'/></x>" END,
     "pres:a@b", NO_STAMP},
    {"no element of ours", XML ROOT "<tuple xmlns='y'/>" TUPLE("<timestamp xmlns='y'>never</timestamp>") END,
     "pres:a@b", NO_STAMP},
    {"CDATA (V10)", XML ROOT TUPLE("<note><![CDATA[]]]]><![CDATA[>]]></note>") END, "pres:a@b", NO_STAMP},
    {"priority 0", XML ROOT TUPLE("<contact priority='0'/>") END, "pres:a@b", NO_STAMP},
    {"priority 0.021", XML ROOT TUPLE("<contact priority='0.021'/>") END, "pres:a@b", NO_STAMP},
    {"priority 1.00", XML ROOT TUPLE("<contact priority='1.00'/>") END, "pres:a@b", NO_STAMP},
};

static const struct {
    const char *name, *document;
} bad[] = {
    {"nothing", ""},
    {"no declaration", ROOT END},
    {"white space before it", "\n" XML ROOT END},
    {"another encoding", "<?xml version='1.0' encoding='ISO-8859-1'?>" ROOT END},
    {"another version", "<?xml version='2.0'?>" ROOT END},
    {"two declarations", XML XML ROOT END},
    {"a byte order mark", "\xef\xbb\xbf" XML ROOT END},
    {"a DTD (I18)", XML "<!DOCTYPE presence>" ROOT END},
    {"an entity (I18)", XML "<!DOCTYPE presence [<!ENTITY x 'y'>]>" ROOT TUPLE("<note>&x;</note>") END},
    {"an undeclared entity (I18)", XML ROOT TUPLE("<note>&x;</note>") END},
    {"a comment", XML ROOT "<!-- x -->" END},
    {"an instruction", XML ROOT "<?x y?>" END},
    {"a stylesheet", XML "<?xml-stylesheet href='x'?>" ROOT END},
    {"text before", XML "x" ROOT END},
    {"text behind", XML ROOT END "x"},
    {"two documents", XML ROOT END ROOT END},
    {"a comment behind", XML ROOT END "<!-- x -->"},
    {"no end", XML ROOT},
    {"not well-formed", XML ROOT "<note></presence>"},
    {"an undeclared prefix", XML ROOT "<x:y/>" END},
    {"no UTF-8", XML ROOT TUPLE("<note>\xff</note>") END},
    {"another root", XML "<present " NS " entity='pres:a@b'/>"},
    {"another namespace", XML "<presence xmlns='jabber:client' entity='pres:a@b'/>"},
    {"no namespace", XML "<presence entity='pres:a@b'/>"},
    {"a stream's prefix", XML "<stream:presence " NS " entity='pres:a@b'/>"},
    {"no entity", XML "<presence " NS "/>"},
    {"an empty entity", XML "<presence " NS " entity=''/>"},
    {"a scheme alone", XML "<presence " NS " entity='pres:'/>"},
    {"another scheme", XML "<presence " NS " entity='mail:a@b'/>"},
    {"a tuple without id", XML ROOT "<tuple>" OPEN "</tuple>" END},
    {"an empty id", XML ROOT "<tuple id=''>" OPEN "</tuple>" END},
    {"one id twice", XML ROOT TUPLE("") "<tuple id='&#x31;'>" OPEN "</tuple>" END},
    {"no status", XML ROOT "<tuple id='1'/>" END},
    {"two", XML ROOT TUPLE(OPEN) END},
    {"an empty status", XML ROOT STATUS("") END},
    {"a status of text", XML ROOT STATUS("open") END},
    {"two basic", XML ROOT STATUS("<basic>open</basic><basic>closed</basic>") END},
    {"another basic", XML ROOT STATUS("<basic>away</basic>") END},
    {"an upper-case one", XML ROOT STATUS("<basic>Open</basic>") END},
    {"white space in it", XML ROOT STATUS("<basic> open</basic>") END},
    {"an element in it", XML ROOT STATUS("<basic>open<x/></basic>") END},
    {"two contacts", XML ROOT TUPLE("<contact/><contact/>") END},
    {"priority empty", XML ROOT TUPLE("<contact priority=''/>") END},
    {"priority 1.001", XML ROOT TUPLE("<contact priority='1.001'/>") END},
    {"priority 2", XML ROOT TUPLE("<contact priority='2'/>") END},
    {"priority -0.5", XML ROOT TUPLE("<contact priority='-0.5'/>") END},
    {"priority 0.", XML ROOT TUPLE("<contact priority='0.'/>") END},
    {"priority .5", XML ROOT TUPLE("<contact priority='.5'/>") END},
    {"priority 00.5", XML ROOT TUPLE("<contact priority='00.5'/>") END},
    {"priority 0.1234", XML ROOT TUPLE("<contact priority='0.1234'/>") END},
    {"priority 0.5x", XML ROOT TUPLE("<contact priority='0.5x'/>") END},
    {"two stamps", XML ROOT TUPLE(AT("05") AT("06")) END},
    {"no moment", XML ROOT TUPLE("<timestamp>now</timestamp>") END},
    {"lower case", XML ROOT TUPLE("<timestamp>1970-01-01t00:00:00z</timestamp>") END},
    {"an offset (I12)", XML ROOT TUPLE("<timestamp>1970-01-01T00:00:00+01:00</timestamp>") END},
    {"an element in a stamp", XML ROOT TUPLE("<timestamp>1970-01-01T00:00:00Z<x/></timestamp>") END},
    {"mustUnderstand in the root", XML "<presence " NS " entity='pres:a@b' mustUnderstand='1'/>"},
    {"beside tuples", XML ROOT "<x xmlns='y' mustUnderstand='0'/>" END},
    {"of a tuple", XML ROOT "<tuple id='1' mustUnderstand='true'>" OPEN "</tuple>" END},
    {"in a tuple",
     XML ROOT TUPLE("<x xmlns='y' xmlns:p='urn:ietf:params:xml:ns:pidf' p:mustUnderstand='1'/>") END},
};

static int read_exact(const char *text, size_t len, struct pidf *ret)
{
    /* Exactly as long as it is, so that a byte too far is seen. */
    char *exact = malloc(len + 1);
    struct arena arena;
    arena_init(&arena);
    memcpy(exact, text, len);
    int r = pidf_read(&arena, span_make(exact, len), ret);
    arena_fini(&arena);
    free(exact);
    return r;
}

static void test_read(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct arena arena;
        struct pidf p;
        size_t len = strlen(good[i].document), root_end = len;
        arena_init(&arena);
        if (pidf_read(&arena, span_of(good[i].document), &p) != 0)
            fail_msg("%s: refused", good[i].name);
        if (!span_equal(p.entity, span_of(good[i].entity)) || p.has_stamp != (good[i].seconds != NO_STAMP) ||
            (p.has_stamp && p.stamp.seconds != good[i].seconds))
            fail_msg("%s: %.*s, %lld", good[i].name, (int)p.entity.len, p.entity.ptr,
                     (long long)p.stamp.seconds);
        arena_fini(&arena);
        while (good[i].document[root_end - 1] != '>')
            root_end--;
        for (size_t cut = 0; cut < root_end; cut++)
            assert_int_equal(read_exact(good[i].document, cut, &p), PIDF_BAD);
    }
}

static void test_bad(void **unused)
{
    struct pidf p;
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_exact(bad[i].document, strlen(bad[i].document), &p) != PIDF_BAD)
            fail_msg("%s: accepted", bad[i].name);
}

static int read_tuples(uint32_t count)
{
    struct buffer text = {0};
    struct pidf p;
    buffer_literal(&text, XML ROOT);
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(&text, "<tuple id='%u'>" OPEN "</tuple>", i);
    buffer_literal(&text, END);
    int r = read_exact(text.ptr, text.len, &p);
    buffer_fini(&text);
    return r;
}

static void test_limits(void **unused)
{
    struct buffer text = {0};
    struct pidf p;
    (void)unused;
    assert_int_equal(read_tuples(PIDF_TUPLES_MAX), 0);
    assert_int_equal(read_tuples(PIDF_TUPLES_MAX + 1), PIDF_BAD);
    /* I17: elements in elements, as deep as they go. */
    buffer_literal(&text, XML ROOT);
    for (int i = 0; i < 10000; i++)
        buffer_literal(&text, "<x>");
    assert_int_equal(read_exact(text.ptr, text.len, &p), PIDF_BAD);
    buffer_fini(&text);
}

static void test_write(void **unused)
{
    static const char expected[] =
        XML "\r\n<presence " NS " entity='pres:m%C3%BC%26@b'>\r\n<tuple id='xmpp'>" OPEN
            "<contact>im:m%C3%BC%26@b</contact><note>&lt;]]&gt;</note>"
            "<timestamp>2026-07-01T11:45:36.66Z</timestamp></tuple>\r\n</presence>\r\n";
    struct moment stamp = {1782906336, 660000000};
    (void)unused;
    for (int i = 0; i < 2; i++) {
        struct buffer out = {0};
        struct arena arena;
        struct pidf p;
        arena_init(&arena);
        assert_int_equal(
            pidf_write(&out, SPAN("m\xc3\xbc&@b"), i == 0, i == 0 ? SPAN("<]]>") : SPAN(""), stamp), 0);
        if (i == 0 && !span_equal(buffer_span(&out), SPAN(expected)))
            fail_msg("%.*s", (int)out.len, out.ptr);
        assert_int_equal(pidf_read(&arena, buffer_span(&out), &p), 0);
        assert_true(span_is(p.entity, "pres:m%C3%BC%26@b") && p.has_stamp);
        assert_int_equal(moment_compare(p.stamp, stamp), 0);
        assert_true((memmem(out.ptr, out.len, "closed", 6) != NULL) == (i == 1));
        assert_true((memmem(out.ptr, out.len, "<note>", 6) != NULL) == (i == 0));
        arena_fini(&arena);
        buffer_fini(&out);
    }
}

#define XMPP "<xmpp xmlns='jabber:client'>"

static const struct {
    const char *name, *document, *stanza, *from, *to; /* stanza NULL: refused; from, to NULL: not there */
} documents[] = {
    {"message", XML "\r\n" XMPP "\r\n<message from='a@b/c' to='d&amp;@e'><body/></message>\r\n</xmpp>\r\n",
     "<message from='a@b/c' to='d&amp;@e'><body/></message>", "a@b/c", "d&@e"},
    {"presence without declaration", XMPP "<presence from=''/></xmpp>", "<presence from=''/>", "", NULL},
    {"iq of a server", XML "<xmpp xmlns='jabber:server'><iq type='get'/></xmpp>", "<iq type='get'/>", NULL,
     NULL},
    {"prefixes from the wrapper",
     XML "<x:xmpp xmlns:x='jabber:client' xmlns:y='z'><x:iq><y:q/></x:iq></x:xmpp>", "<x:iq><y:q/></x:iq>",
     NULL, NULL},
    {"no stanza", XML XMPP "</xmpp>", NULL, NULL, NULL},
    {"a wrapper that is none", XML "<xmpp xmlns='jabber:client'/>", NULL, NULL, NULL},
    {"two", XML XMPP "<iq/><iq/></xmpp>", NULL, NULL, NULL},
    {"text beside", XML XMPP "x<iq/></xmpp>", NULL, NULL, NULL},
    {"another element", XML XMPP "<query/></xmpp>", NULL, NULL, NULL},
    {"another namespace within", XML XMPP "<iq xmlns='jabber:server'/></xmpp>", NULL, NULL, NULL},
    {"another namespace", XML "<xmpp xmlns='jabber:component:accept'><iq/></xmpp>", NULL, NULL, NULL},
    {"no namespace", XML "<xmpp><iq/></xmpp>", NULL, NULL, NULL},
    {"another wrapper", XML "<stream xmlns='jabber:client'><iq/></stream>", NULL, NULL, NULL},
    {"a stanza alone", XML "<iq xmlns='jabber:client'/>", NULL, NULL, NULL},
    {"another encoding", "<?xml version='1.0' encoding='UTF-16'?>" XMPP "<iq/></xmpp>", NULL, NULL, NULL},
    {"a comment", XML XMPP "<!--x--><iq/></xmpp>", NULL, NULL, NULL},
    {"more behind it", XML XMPP "<iq/></xmpp><x/>", NULL, NULL, NULL},
};

static bool is_same(bool is_there, struct span value, const char *expected)
{
    return is_there == (expected != NULL) && (!is_there || span_equal(value, span_of(expected)));
}

static void test_document(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct arena arena;
        struct xmpp_document d;
        arena_init(&arena);
        int r = xmpp_document_read(&arena, span_of(documents[i].document), &d);
        if (r != (documents[i].stanza ? 0 : PIDF_BAD))
            fail_msg("%s: %d", documents[i].name, r);
        if (r == 0 &&
            (!span_equal(d.stanza, span_of(documents[i].stanza)) ||
             !is_same(d.has_from, d.from, documents[i].from) || !is_same(d.has_to, d.to, documents[i].to)))
            fail_msg("%s: %.*s", documents[i].name, (int)d.stanza.len, d.stanza.ptr);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),  cmocka_unit_test(test_bad),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_write), cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
