/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "scanned.h"

#define CLIENT SPAN("jabber:client")
#define NONE ((struct span){0})

static void test_kind_and_type(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        enum stanza_kind kind;
        int type;
    } rows[] = {
        {"<presence/>", STANZA_PRESENCE, PRESENCE_AVAILABLE},
        {"<presence type='unavailable'/>", STANZA_PRESENCE, PRESENCE_UNAVAILABLE},
        {"<presence type='subscribe'/>", STANZA_PRESENCE, PRESENCE_SUBSCRIBE},
        {"<presence type='subscribed'/>", STANZA_PRESENCE, PRESENCE_SUBSCRIBED},
        {"<presence type='unsubscribe'/>", STANZA_PRESENCE, PRESENCE_UNSUBSCRIBE},
        {"<presence type='unsubscribed'/>", STANZA_PRESENCE, PRESENCE_UNSUBSCRIBED},
        {"<presence type='probe'/>", STANZA_PRESENCE, PRESENCE_PROBE},
        {"<presence type='error'/>", STANZA_PRESENCE, PRESENCE_ERROR},
        {"<presence type='available'/>", STANZA_PRESENCE, PRESENCE_UNKNOWN},
        {"<presence type=''/>", STANZA_PRESENCE, PRESENCE_UNKNOWN},
        {"<presence type='Subscribe'/>", STANZA_PRESENCE, PRESENCE_UNKNOWN},
        {"<presence type='subscrib&#101;'/>", STANZA_PRESENCE, PRESENCE_SUBSCRIBE},
        {"<message/>", STANZA_MESSAGE, MESSAGE_NORMAL},
        {"<message type='normal'/>", STANZA_MESSAGE, MESSAGE_NORMAL},
        {"<message type='chat'/>", STANZA_MESSAGE, MESSAGE_CHAT},
        {"<message type='groupchat'/>", STANZA_MESSAGE, MESSAGE_GROUPCHAT},
        {"<message type='headline'/>", STANZA_MESSAGE, MESSAGE_HEADLINE},
        {"<message type='error'/>", STANZA_MESSAGE, MESSAGE_ERROR},
        {"<message type='set'/>", STANZA_MESSAGE, MESSAGE_NORMAL},
        {"<iq type='get'/>", STANZA_IQ, IQ_GET},
        {"<iq type='set'/>", STANZA_IQ, IQ_SET},
        {"<iq type='result'/>", STANZA_IQ, IQ_RESULT},
        {"<iq type='error'/>", STANZA_IQ, IQ_ERROR},
        {"<iq type='chat'/>", STANZA_IQ, IQ_UNKNOWN},
        {"<iq/>", STANZA_IQ, IQ_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s;
        assert_int_equal(scanned_read(&s, span_of(rows[i].text), CLIENT), 0);
        int type = s.stanza.kind == STANZA_PRESENCE  ? (int)s.stanza.type.presence
                   : s.stanza.kind == STANZA_MESSAGE ? (int)s.stanza.type.message
                                                     : (int)s.stanza.type.iq;
        if (s.stanza.kind != rows[i].kind || type != rows[i].type)
            fail_msg("%s: kind %d, type %d", rows[i].text, s.stanza.kind, type);
        scanned_fini(&s);
    }
}

static void test_what_is_no_stanza(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int outcome;
    } rows[] = {
        {"<presence xmlns='jabber:client'/>", 0},
        {"<presence xmlns=\"jabber&#58;client\"/>", 0},
        {"<presence xmlns='jabber:server'/>", STANZA_NOT},
        {"<presence xmlns=''/>", STANZA_NOT},
        {"<c:presence xmlns:c='jabber:client'/>", STANZA_NOT},
        {"<presences/>", STANZA_NOT},
        {"<Presence/>", STANZA_NOT},
        {"<r xmlns='urn:xmpp:sm:3'/>", STANZA_NOT},
        {"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", STANZA_NOT},
        {" \n", STANZA_NOT},
        {"</stream:stream>", STANZA_NOT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s;
        int got = scanned_read(&s, span_of(rows[i].text), CLIENT);
        if (got != rows[i].outcome)
            fail_msg("%s: %d", rows[i].text, got);
        scanned_fini(&s);
    }
    struct stanza stanza;
    struct xml_item header = {.kind = XML_STREAM_OPEN, .name = SPAN("presence")};
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(stanza_read(&header, CLIENT, &arena, &stanza), STANZA_NOT);
    arena_fini(&arena);
    struct scanned s;
    assert_int_equal(scanned_read(&s, SPAN("<iq xmlns='jabber:server' type='get'/>"), SPAN("jabber:server")),
                     0);
    scanned_fini(&s);
}

static void test_addressee(void **unused)
{
    (void)unused;
    static const struct {
        const char *to;  /* the attribute's text; NULL: no attribute */
        const char *jid; /* NULL: none */
        int outcome;
    } rows[] = {
        {NULL, NULL, 0},
        {"juliet@example.com", "juliet@example.com", 0},
        {"Juliet@Example.COM/Balcony", "juliet@example.com/Balcony", 0},
        {"juliet@example.com/a&amp;b", "juliet@example.com/a&b", 0},
        {"&#106;uliet@example.com", "juliet@example.com", 0},
        {"example.com", "example.com", 0},
        {"", NULL, STANZA_BAD_TO},
        {"@example.com", NULL, STANZA_BAD_TO},
        {"a&lt;b@example.com", NULL, STANZA_BAD_TO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s;
        char text[256];
        if (rows[i].to)
            snprintf(text, sizeof text, "<message to='%s' id='7' from='x@y'/>", rows[i].to);
        else
            snprintf(text, sizeof text, "<message id='7' from='x@y'/>");
        int got = scanned_read(&s, span_of(text), CLIENT);
        struct span jid = s.stanza.has_to ? jid_full(&s.stanza.to) : NONE;
        if (got != rows[i].outcome || s.stanza.has_to != (rows[i].jid != NULL) ||
            !span_equal(jid, span_of(rows[i].jid)))
            fail_msg("%s: %d, %.*s", text, got, (int)jid.len, jid.ptr);
        /* What an answer needs is there even when `to` is bad. */
        assert_true(span_is(s.stanza.id, "7"));
        assert_true(s.stanza.has_from && span_is(s.stanza.from, "x@y"));
        scanned_fini(&s);
    }
}

static void test_parts(void **unused)
{
    (void)unused;
    static const char text[] =
        "<iq id='a&amp;b' type='set' xml:lang='en'><p:query xmlns:p='urn:p' xmlns='urn:q'/>x</iq>";
    struct scanned s;
    assert_int_equal(scanned_read(&s, SPAN(text), CLIENT), 0);
    assert_ptr_equal(s.stanza.raw.ptr, text);
    assert_int_equal(s.stanza.raw.len, sizeof text - 1);
    assert_true(span_is(s.stanza.content, "<p:query xmlns:p='urn:p' xmlns='urn:q'/>x"));
    assert_true(span_is(s.stanza.id, "a&amp;b"));
    assert_true(span_is(s.stanza.lang, "en"));
    assert_true(span_is(s.stanza.child_name, "p:query"));
    assert_int_equal(s.stanza.attribute_count, 3);
    assert_false(s.stanza.has_to || s.stanza.has_from);
    scanned_fini(&s);
    assert_int_equal(scanned_read(&s, SPAN("<message></message>"), CLIENT), 0);
    assert_int_equal(s.stanza.content.len, 0);
    assert_null(s.stanza.id.ptr);
    assert_null(s.stanza.lang.ptr);
    assert_null(s.stanza.child_name.ptr);
    scanned_fini(&s);
}

static void test_stamped(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *from, *to, *lang;
        const char *want;
        uint16_t head_at; /* without `to` */
        enum frame_kind kind;
    } rows[] = {
        {"<presence/>", "a@b/c", NULL, NULL, "<presence from='a@b/c'/>", 9, FRAME_PRESENCE},
        {"<presence></presence >", "a@b/c", NULL, NULL, "<presence from='a@b/c'></presence>", 9,
         FRAME_PRESENCE},
        {"<presence from='x@y' to='z@w' />", "a@b/c", "d@e", NULL, "<presence to='d@e' from='a@b/c'/>", 0,
         FRAME_PRESENCE},
        {"<presence type='unavailable'/>", "a@b/c", NULL, NULL, "<presence from='a@b/c' type='unavailable'/>",
         9, FRAME_PRESENCE},
        {"<presence type='subscribe' to='x@y'>\n<status>Hi &amp; &lt;</status></presence>", "a@b", "x@y",
         NULL, "<presence to='x@y' from='a@b' type='subscribe'>\n<status>Hi &amp; &lt;</status></presence>",
         0, FRAME_SUBSCRIPTION},
        {"<presence type='subscribed'/>", "a@b", "x@y", NULL,
         "<presence to='x@y' from='a@b' type='subscribed'/>", 0, FRAME_SUBSCRIPTION},
        {"<presence type='unsubscribe'/>", "a@b", "x@y", NULL,
         "<presence to='x@y' from='a@b' type='unsubscribe'/>", 0, FRAME_SUBSCRIPTION},
        {"<presence type='unsubscribed'/>", "a@b", "x@y", NULL,
         "<presence to='x@y' from='a@b' type='unsubscribed'/>", 0, FRAME_SUBSCRIPTION},
        {"<presence type='probe'/>", "a@b", "x@y", NULL, "<presence to='x@y' from='a@b' type='probe'/>", 0,
         FRAME_OTHER},
        {"<presence type='error'/>", "a@b", "x@y", NULL, "<presence to='x@y' from='a@b' type='error'/>", 0,
         FRAME_OTHER},
        {"<message><body>a</body></message>", "a@b/c", NULL, NULL,
         "<message from='a@b/c'><body>a</body></message>", 8, FRAME_MESSAGE},
        {"<iq type='get' id='1'><q xmlns='urn:q'/></iq>", "a@b/c", NULL, NULL,
         "<iq from='a@b/c' type='get' id='1'><q xmlns='urn:q'/></iq>", 3, FRAME_OTHER},
        /* addresses are escaped */
        {"<message/>", "a@b/<'&\">", "d'e@f", NULL,
         "<message to='d&apos;e@f' from='a@b/&lt;&apos;&amp;&quot;&gt;'/>", 0, FRAME_MESSAGE},
        /* the rest of the tag stays as written */
        {"<message  id = \"it's\"\n  xmlns='jabber:client' xmlns:p=\"urn:p\" p:to='x' p:from=\"y&quot;\" "
         "u='&#10;>/'/>",
         "a@b/c", "d@e", NULL,
         "<message to='d@e' from='a@b/c' id = \"it's\" xmlns:p=\"urn:p\" p:to='x' p:from=\"y&quot;\" "
         "u='&#10;>/'/>",
         0, FRAME_MESSAGE},
        {"<message id=''/>", "a@b/c", "d@e", NULL, "<message to='d@e' from='a@b/c' id=''/>", 0,
         FRAME_MESSAGE},
        /* xml:lang: the stanza's own or the stream's */
        {"<message/>", "a@b/c", "d@e", "en", "<message to='d@e' from='a@b/c' xml:lang='en'/>", 0,
         FRAME_MESSAGE},
        {"<message xml:lang='cs'/>", "a@b/c", "d@e", "en", "<message to='d@e' from='a@b/c' xml:lang='cs'/>",
         0, FRAME_MESSAGE},
        {"<message xml:lang=''/>", "a@b/c", "d@e", "en", "<message to='d@e' from='a@b/c' xml:lang=''/>", 0,
         FRAME_MESSAGE},
        {"<message/>", "a@b/c", "d@e", "e'n", "<message to='d@e' from='a@b/c' xml:lang=\"e'n\"/>", 0,
         FRAME_MESSAGE},
        {"<message/>", "a@b/c", "d@e", "", "<message to='d@e' from='a@b/c'/>", 0, FRAME_MESSAGE},
        /* nobody named */
        {"<message from='x@y'/>", "", "", NULL, "<message/>", 0, FRAME_MESSAGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s;
        assert_int_equal(scanned_read(&s, span_of(rows[i].text), CLIENT), 0);
        assert_frame(
            stanza_frame(&s.stanza, span_of(rows[i].from), span_of(rows[i].to), span_of(rows[i].lang)),
            rows[i].want, rows[i].head_at, rows[i].kind);
        scanned_fini(&s);
    }
}

/* The frame with a gap, the recipient's head put there, is the frame that names the recipient. */
static void test_gap(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"<presence id='1'><show>away</show></presence>", "<message/>",
                                        "<iq type='get'/>"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct scanned s;
        assert_int_equal(scanned_read(&s, span_of(texts[i]), CLIENT), 0);
        struct frame *gap = stanza_frame(&s.stanza, SPAN("a@b/c"), NONE, NONE);
        struct frame *whole = stanza_frame(&s.stanza, SPAN("a@b/c"), SPAN("d@e"), NONE);
        struct buffer b;
        buffer_init(&b);
        assert_int_not_equal(gap->head_at, FRAME_NO_HEAD);
        buffer_append(&b, span_make(gap->bytes, gap->head_at));
        buffer_literal(&b, " to='d@e'");
        buffer_append(&b, span_make(gap->bytes + gap->head_at, gap->len - gap->head_at));
        assert_true(span_equal(buffer_span(&b), span_make(whole->bytes, whole->len)));
        assert_int_equal(whole->head_at, FRAME_NO_HEAD);
        buffer_fini(&b);
        frame_unref(gap);
        frame_unref(whole);
        scanned_fini(&s);
    }
}

/* What is stamped can be read, says what it said, and stamped again is the same bytes: for tags put together
 * at random. */
static void test_round_trip(void **unused)
{
    (void)unused;
    static const char *const kinds[] = {"presence", "message", "iq"};
    static const char *const parts[] = {
        " id='a&amp;b'",
        " id=\"it's\"",
        " type='chat'",
        " xml:lang='de'",
        " xmlns='jabber:client'",
        " to='x@y/z'",
        " from='q@r'",
        "\n\tfoo  =  'b>ar'",
        " a:b='c'",
        " xmlns:a='urn:a'",
        "  ",
    };
    static const char *const contents[] = {"", "text &lt;", "<show>away</show>",
                                           "<a xmlns='urn:a'><![CDATA[</presence>]]></a>"};
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        struct scanned s, again;
        struct buffer b;
        buffer_init(&b);
        const char *kind = kinds[rand_r(&seed) % 3];
        buffer_printf(&b, "<%s xmlns:a='urn:x'", kind);
        bool taken[10] = {false};
        for (int i = 0; i < 6; i++) {
            size_t p = (size_t)rand_r(&seed) % 9; /* the last two but for their own place */
            if (!taken[p] && !(p < 2 && (taken[0] || taken[1])))
                buffer_append(&b, span_of(parts[p]));
            taken[p] = true;
        }
        if (rand_r(&seed) % 3 == 0)
            buffer_printf(&b, "%s/>", parts[10]);
        else
            buffer_printf(&b, ">%s</%s%s>", contents[rand_r(&seed) % 4], kind, rand_r(&seed) % 2 ? "" : " ");
        assert_int_equal(scanned_read(&s, buffer_span(&b), CLIENT), 0);
        struct frame *f = stanza_frame(&s.stanza, SPAN("me@here/now"), SPAN("you@there"), NONE);
        assert_int_equal(scanned_read(&again, span_make(f->bytes, f->len), CLIENT), 0);
        assert_true(span_is(again.stanza.from, "me@here/now"));
        assert_true(span_is(jid_full(&again.stanza.to), "you@there"));
        assert_int_equal(again.stanza.kind, s.stanza.kind);
        assert_int_equal(again.stanza.type.iq, s.stanza.type.iq);
        assert_true(span_equal(again.stanza.id, s.stanza.id));
        assert_true(span_equal(again.stanza.lang, s.stanza.lang));
        assert_true(span_equal(again.stanza.content, s.stanza.content));
        struct frame *f2 = stanza_frame(&again.stanza, SPAN("me@here/now"), SPAN("you@there"), NONE);
        assert_true(span_equal(span_make(f->bytes, f->len), span_make(f2->bytes, f2->len)));
        frame_unref(f);
        frame_unref(f2);
        scanned_fini(&again);
        scanned_fini(&s);
        buffer_fini(&b);
    }
}

static void test_presence_frame(void **unused)
{
    (void)unused;
    assert_frame(stanza_presence_frame(PRESENCE_AVAILABLE, SPAN("a@b/c"), NONE, NONE),
                 "<presence from='a@b/c'/>", 9, FRAME_PRESENCE);
    assert_frame(stanza_presence_frame(PRESENCE_UNAVAILABLE, SPAN("a@b/c"), NONE, NONE),
                 "<presence from='a@b/c' type='unavailable'/>", 9, FRAME_PRESENCE);
    assert_frame(stanza_presence_frame(PRESENCE_UNSUBSCRIBED, SPAN("a@b"), SPAN("d'@e"), SPAN("i\"d")),
                 "<presence to='d&apos;@e' from='a@b' type='unsubscribed' id='i\"d'/>", 0,
                 FRAME_SUBSCRIPTION);
    assert_frame(stanza_presence_frame(PRESENCE_PROBE, SPAN("a@b"), SPAN("d@e"), SPAN("i'd")),
                 "<presence to='d@e' from='a@b' type='probe' id=\"i'd\"/>", 0, FRAME_OTHER);
    assert_null(presence_type_name(PRESENCE_AVAILABLE));
    assert_null(presence_type_name(PRESENCE_UNKNOWN));
    assert_string_equal(presence_type_name(PRESENCE_ERROR), "error");
}

static void test_presence_frame_publisher(void **unused)
{
    (void)unused;
    const struct {
        struct frame *frame;
        const char *publisher;
    } rows[] = {
        {stanza_presence_frame(PRESENCE_AVAILABLE, SPAN("a@b/c"), NONE, NONE), "a@b/c"},
        {stanza_presence_frame(PRESENCE_UNAVAILABLE, SPAN("a@b/c d"), NONE, NONE), "a@b/c d"},
        {stanza_presence_frame(PRESENCE_AVAILABLE, SPAN("a@b/'c'"), NONE, NONE), "a@b/&apos;c&apos;"},
        {stanza_presence_frame(PRESENCE_AVAILABLE, SPAN("a@b/c"), SPAN("d@e"), NONE), ""},
        {stanza_presence_frame(PRESENCE_SUBSCRIBE, SPAN("a@b"), NONE, NONE), ""},
        {frame_new(SPAN("<message from='a@b/c'/>"), 8, FRAME_MESSAGE), ""},
        {frame_new(SPAN("<presence id=''/>"), 9, FRAME_PRESENCE), ""},
        {frame_new(SPAN("<presence from='a"), 9, FRAME_PRESENCE), ""},
        {frame_new(SPAN("<presence"), 9, FRAME_PRESENCE), ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span got = presence_frame_publisher(rows[i].frame);
        if (!span_equal(got, span_of(rows[i].publisher)))
            fail_msg("row %zu: %.*s", i, (int)got.len, got.ptr);
        frame_unref(rows[i].frame);
    }
}

static void test_result_frame(void **unused)
{
    (void)unused;
    struct scanned s;
    assert_int_equal(
        scanned_read(&s, SPAN("<iq id='1&lt;2' type='get' to='b'><q xmlns='urn:q'/></iq>"), CLIENT), 0);
    assert_frame(stanza_result_frame(&s.stanza, NONE, SPAN("a@b/c"), NONE),
                 "<iq type='result' id='1&lt;2' to='a@b/c'/>", 0, FRAME_OTHER);
    assert_frame(stanza_result_frame(&s.stanza, SPAN("b"), SPAN("a@b/'"), SPAN("<q xmlns='urn:q'>1</q>")),
                 "<iq type='result' id='1&lt;2' from='b' to='a@b/&apos;'><q xmlns='urn:q'>1</q></iq>", 0,
                 FRAME_OTHER);
    scanned_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kind_and_type),
        cmocka_unit_test(test_what_is_no_stanza),
        cmocka_unit_test(test_addressee),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_stamped),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_presence_frame),
        cmocka_unit_test(test_presence_frame_publisher),
        cmocka_unit_test(test_result_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
