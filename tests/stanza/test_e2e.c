/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stanza/e2e.h"
#include "scanned.h"

#define OBJECT "xmlns='urn:ietf:params:xml:ns:xmpp-e2e'"
#define MARK "xmlns='urn:xmpp:muster:e2e:0'"

static void test_find(void **unused)
{
    (void)unused;
    static const struct {
        const char *name, *text;
        uint32_t objects, marks;
        bool has_body;
        const char *object;
    } rows[] = {
        {"nothing", "<message><body>1</body></message>", 0, 0, false, ""},
        {"an object", "<message><e2e " OBJECT ">x</e2e></message>", 1, 0, false, "x"},
        {"behind others", "<message><thread>e2e</thread><body>b</body><e2e " OBJECT ">x</e2e></message>", 1,
         0, true, "x"},
        {"of two the first", "<message><e2e " OBJECT ">x</e2e><e2e " OBJECT ">y</e2e></message>", 2, 0, false,
         "x"},
        {"by a prefix", "<message><p:e2e xmlns:p='urn:ietf:params:xml:ns:xmpp-e2e'>x</p:e2e></message>", 1, 0,
         false, "x"},
        {"by a prefix declared above",
         "<message xmlns:p='urn:ietf:params:xml:ns:xmpp-e2e'><p:e2e>x</p:e2e></message>", 1, 0, false, "x"},
        {"its namespace in references",
         "<message><e2e xmlns='urn:ietf:params:xml:ns:xmpp&#45;e2&#x65;'>x</e2e></message>", 1, 0, false,
         "x"},
        {"another's e2e", "<message><e2e xmlns='urn:example'>x</e2e></message>", 0, 0, false, ""},
        {"without a namespace of its own", "<message><e2e>x</e2e></message>", 0, 0, false, ""},
        {"further within", "<message><x xmlns='urn:x'><e2e " OBJECT ">x</e2e></x></message>", 0, 0, false,
         ""},
        {"in a CDATA section", "<message><body><![CDATA[<e2e " OBJECT ">x</e2e>]]></body></message>", 0, 0,
         true, ""},
        {"a mark", "<presence><e2e-status " MARK "/></presence>", 0, 1, false, ""},
        {"marks and an object",
         "<presence><e2e-status " MARK "/><e2e " OBJECT "/><e2e-status " MARK ">1</e2e-status></presence>", 1,
         2, false, ""},
        {"another's status", "<presence><e2e-status " OBJECT "/></presence>", 0, 0, false, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s;
        struct e2e_found found;
        assert_int_equal(scanned_read(&s, span_of(rows[i].text), SPAN("jabber:client")), 0);
        assert_int_equal(e2e_find(&s.stanza, &s.arena, &found), 0);
        if (found.objects != rows[i].objects || found.marks != rows[i].marks ||
            (found.objects && !span_equal(found.object, span_of(rows[i].object))) ||
            ((found.objects || rows[i].has_body) && found.has_body != rows[i].has_body))
            fail_msg("%s: %u objects, %u marks: %.*s", rows[i].name, found.objects, found.marks,
                     (int)found.object.len, found.object.ptr);
        scanned_fini(&s);
    }
}

static void test_V9_V10_text(void **unused)
{
    (void)unused;
    static const struct {
        const char *name, *written, *text; /* NULL: there is more than text */
    } rows[] = {
        {"nothing", "", ""},
        {"text", "a: b\n\nc", "a: b\n\nc"},
        {"V9: escaped", "a &lt;im:b&gt; &amp;amp; &quot;&apos;", "a <im:b> &amp; \"'"},
        {"one CDATA section", "<![CDATA[a <b> &amp;]]>", "a <b> &amp;"},
        {"V10: two, and ]]> between", "<![CDATA[a]]]]><![CDATA[>b]]>", "a]]>b"},
        {"text around sections", "x<![CDATA[<]]>y<![CDATA[]]>z", "x<yz"},
        {"lines as XML has them", "a\r\nb\rc<![CDATA[\r\nd\r]]>\n", "a\nb\nc\nd\n\n"},
        {"a CR that is written is one", "a&#13;\nb&#xD;", "a\r\nb\r"},
        {"an element", "a<b/>", NULL},
        {"an element first", "<b>a</b>", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = {0};
        int outcome = e2e_text(span_of(rows[i].written), &out);
        if (outcome != (rows[i].text ? 0 : E2E_BAD) ||
            (rows[i].text && !span_equal(buffer_span(&out), span_of(rows[i].text))))
            fail_msg("%s: %d, %.*s", rows[i].name, outcome, (int)out.len, out.len ? out.ptr : "");
        buffer_fini(&out);
    }
}

/* I21 */
static void test_marks_are_taken_out(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *content, *first;
    } rows[] = {
        {"<message><body>1</body><e2e-status " MARK "/></message>", "<body>1</body>", "body"},
        {"<message><e2e-status " MARK "><x/></e2e-status> <body>1</body> </message>", " <body>1</body> ",
         "body"},
        {"<message xmlns:m='urn:xmpp:muster:e2e:0'><m:e2e-status/><a/><m:e2e-status/></message>", "<a/>",
         "a"},
        {"<message><e2e-status " MARK "/></message>", "", NULL},
        {"<message><e2e-status xmlns='urn:other'/></message>", "<e2e-status xmlns='urn:other'/>",
         "e2e-status"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s;
        assert_int_equal(scanned_read(&s, span_of(rows[i].text), SPAN("jabber:client")), 0);
        struct frame *frame = frame_new_aside(span_of(rows[i].text), SPAN("aside"), FRAME_NO_HEAD, 3);
        struct span content = e2e_content_unmarked(&s.stanza, &s.arena);
        if (!span_equal(content, span_of(rows[i].content)))
            fail_msg("%s: %.*s", rows[i].text, (int)content.len, content.ptr);
        /* The frame's bytes are not those that were read: what is copied comes from the stanza's. */
        struct stanza *stanza = &s.stanza;
        stanza->content.ptr = frame->bytes + (stanza->content.ptr - rows[i].text);
        struct frame *clean = e2e_frame_unmarked(stanza, &s.arena, frame);
        assert_true(span_equal(frame_aside(clean), SPAN("aside")));
        assert_int_equal(clean->kind, 3);
        assert_non_null(memmem(clean->bytes, clean->len, rows[i].content, strlen(rows[i].content)));
        assert_int_equal(clean->len, frame->len - (stanza->content.len - content.len));
        stanza->content = content;
        stanza_first_child_read(stanza);
        assert_true(rows[i].first ? span_equal(stanza->child_name, span_of(rows[i].first))
                                  : !stanza->child_name.ptr);
        frame_unref(clean);
        frame_unref(frame);
        scanned_fini(&s);
    }
}

/* What is known goes along with the frame, and within only for who is told. */
static void test_mark_goes_aside(void **unused)
{
    (void)unused;
    struct scanned s;
    const char *text = "<message id='1'><e2e " OBJECT ">x</e2e></message>";
    assert_int_equal(scanned_read(&s, span_of(text), SPAN("jabber:client")), 0);
    s.stanza.aside = SPAN("<mark/>");
    struct frame *f = stanza_frame(&s.stanza, SPAN("a@b/c"), SPAN("d@e"), (struct span){0});
    assert_non_null(f);
    assert_true(span_equal(frame_aside(f), SPAN("<mark/>")));
    assert_frame(e2e_frame_marked(f),
                 "<message to='d@e' from='a@b/c' id='1'><e2e " OBJECT ">x</e2e><mark/></message>",
                 FRAME_NO_HEAD, FRAME_MESSAGE);
    assert_frame(f, "<message to='d@e' from='a@b/c' id='1'><e2e " OBJECT ">x</e2e></message>", FRAME_NO_HEAD,
                 FRAME_MESSAGE);
    scanned_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_V9_V10_text),
        cmocka_unit_test(test_marks_are_taken_out),
        cmocka_unit_test(test_mark_goes_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
