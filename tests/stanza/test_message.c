/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scanned.h"
#include "stanza/message.h"

#define CLIENT SPAN("jabber:client")

/* What stands within <message xmlns:p='urn:xmpp:hints'>; what it holds; is it kept and archived as a chat? */
static const struct {
    const char *content;
    uint32_t want;
    bool is_kept, is_archived;
} rows[] = {
    {"", 0, false, false},
    {"text", 0, false, false},
    {"<body>x</body>", MESSAGE_HAS_BODY, true, true},
    {"<body/>", MESSAGE_HAS_BODY, true, true},
    {"<body xmlns='urn:other'>x</body>", MESSAGE_HAS_OTHER, true, false},
    {"<x:body xmlns:x='jabber:client'>x</x:body>", MESSAGE_HAS_BODY, true, true},
    {"<subject>x</subject>", MESSAGE_HAS_OTHER, true, false},
    {"<thread>x</thread>", 0, false, false},
    {"<a xmlns='urn:a'><body xmlns='jabber:client'>x</body></a>", MESSAGE_HAS_OTHER, true, false},
    {"<active xmlns='http://jabber.org/protocol/chatstates'/>", MESSAGE_HAS_CHAT_STATE, false, false},
    {"<x:gone xmlns:x = \"http://jabber.org/protocol/chatstates\" /><thread/>", MESSAGE_HAS_CHAT_STATE, false,
     false},
    {"<received xmlns='urn:xmpp:receipts' id='1'/>", MESSAGE_HAS_RECEIPT, true, true},
    {"<request xmlns='urn:xmpp:receipts'/>", MESSAGE_HAS_RIDER, false, false},
    {"<markable xmlns='urn:xmpp:chat-markers:0'/>", MESSAGE_HAS_RIDER, false, false},
    {"<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", MESSAGE_HAS_MARKER, true, true},
    {"<x xmlns='jabber:x:conference' jid='r@c'/>", MESSAGE_HAS_INVITATION, true, true},
    {"<x xmlns='http://jabber.org/protocol/muc#user'/>", MESSAGE_HAS_ROOM, false, false},
    {"<x xmlns='http://jabber.org/protocol/muc#user'><status/><invite from='a@b'/></x>",
     MESSAGE_HAS_ROOM | MESSAGE_HAS_INVITATION, true, true},
    {"<body>x</body><no-store xmlns='urn:xmpp:hints'/>", MESSAGE_HAS_BODY | MESSAGE_HAS_NO_STORE, false,
     false},
    {"<body>x</body><p:no-store/>", MESSAGE_HAS_BODY | MESSAGE_HAS_NO_STORE, false, false},
    {"<body>x</body><no-storage xmlns='urn:xmpp:hints'/>", MESSAGE_HAS_BODY | MESSAGE_HAS_NO_STORE, false,
     false},
    {"<body>x</body><no-store xmlns='urn:xmpp:&#x68;ints'/>", MESSAGE_HAS_BODY | MESSAGE_HAS_NO_STORE, false,
     false},
    {"<body>x</body><no-permanent-store xmlns='urn:xmpp:hints'/>",
     MESSAGE_HAS_BODY | MESSAGE_HAS_NO_PERMANENT_STORE, true, false},
    {"<composing xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>",
     MESSAGE_HAS_CHAT_STATE | MESSAGE_HAS_STORE, true, true},
    {"<no-copy xmlns='urn:xmpp:hints'/>", MESSAGE_HAS_NO_COPY, false, false},
    {"<private xmlns='urn:xmpp:carbons:2'/>", MESSAGE_HAS_NO_COPY, false, false},
    {"<sent xmlns='urn:xmpp:carbons:2'/>", MESSAGE_HAS_CARBON, false, false},
    {"<received xmlns='urn:xmpp:carbons:2'/>", MESSAGE_HAS_CARBON, false, false},
    {"<stanza-id xmlns='urn:xmpp:sid:0' by='a@b' id='1'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/>",
     MESSAGE_HAS_STANZA_ID, false, false},
    {"<delay xmlns='urn:xmpp:delay' stamp='x'/>", 0, false, false},
    {"<![CDATA[<body/>]]>", 0, false, false},
};

static void test_content(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scanned s;
        char text[512];
        uint32_t content = 99;
        snprintf(text, sizeof text, "<message xmlns:p='urn:xmpp:hints'>%s</message>", rows[i].content);
        assert_int_equal(scanned_read(&s, span_of(text), CLIENT), 0);
        assert_int_equal(message_read(&s.stanza, &s.arena, &content), 0);
        if (content != rows[i].want)
            fail_msg("%s: %x is not %x", rows[i].content, content, rows[i].want);
        if (message_is_kept(MESSAGE_CHAT, content) != rows[i].is_kept ||
            message_is_archived(MESSAGE_CHAT, content) != rows[i].is_archived)
            fail_msg("%s: kept or archived", rows[i].content);
        for (int type = MESSAGE_NORMAL; type <= MESSAGE_ERROR; type++) {
            bool is_lasting = type == MESSAGE_NORMAL || type == MESSAGE_CHAT;
            assert_int_equal(message_is_kept((enum message_type)type, content),
                             is_lasting && rows[i].is_kept);
            assert_int_equal(message_is_archived((enum message_type)type, content),
                             is_lasting && rows[i].is_archived);
        }
        scanned_fini(&s);
    }
}

#define SID "xmlns='urn:xmpp:sid:0'"

static const struct {
    const char *message, *more, *want;
    bool has_id;
} edits[] = {
    {"<message/>", "<m/>", "<message><m/></message>", false},
    {"<message id='/'/>", "", "<message id='/'></message>", false},
    {"<message></message>", "<m/>", "<message><m/></message>", false},
    {"<message>a<body>x</body>b</message>", "<m/>", "<message>a<body>x</body>b<m/></message>", false},
    {"<message><stanza-id " SID " by='bob@a' id='1'/><body>x</body></message>", "<m/>",
     "<message><body>x</body><m/></message>", true},
    {"<message>a<stanza-id " SID " by='bob@a' id='1'/>b<stanza-id " SID
     " by='bob@a' id='2'>c</stanza-id>d</message>",
     "", "<message>abd</message>", true},
    {"<message><stanza-id " SID " by='BOB@A.' id='1'/></message>", "", "<message></message>", true},
    {"<message><stanza-id " SID " by='bo&#98;@a' id='1'/></message>", "", "<message></message>", true},
    {"<message xmlns:s='urn:xmpp:sid:0'><s:stanza-id id='1' by=\"bob@a\"/></message>", "",
     "<message xmlns:s='urn:xmpp:sid:0'></message>", true},
    /* What others say, and what is no such id, stays. */
    {"<message><stanza-id " SID " by='room@c' id='1'/></message>", "",
     "<message><stanza-id " SID " by='room@c' id='1'/></message>", false},
    {"<message><stanza-id " SID " by='bob@a/r' id='1'/><origin-id " SID " by='bob@a' id='1'/></message>", "",
     "<message><stanza-id " SID " by='bob@a/r' id='1'/><origin-id " SID " by='bob@a' id='1'/></message>",
     false},
    {"<message><stanza-id xmlns='urn:other' by='bob@a'/><x xmlns='y'><stanza-id " SID
     " by='bob@a'/></x></message>",
     "",
     "<message><stanza-id xmlns='urn:other' by='bob@a'/><x xmlns='y'><stanza-id " SID
     " by='bob@a'/></x></message>",
     false},
};

static void test_written_again(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct scanned s;
        assert_int_equal(scanned_read(&s, span_of(edits[i].message), CLIENT), 0);
        assert_int_equal(message_has_stanza_id(&s.stanza, &s.arena, SPAN("bob@a")), edits[i].has_id);
        struct frame *f = message_frame(&s.stanza, &s.arena, SPAN("bob@a"), span_of(edits[i].more));
        assert_frame(f, edits[i].want, FRAME_NO_HEAD, FRAME_MESSAGE);
        scanned_fini(&s);
    }
}

static void test_more_and_forwarded(void **unused)
{
    struct buffer out = {0};
    (void)unused;
    assert_frame(message_frame_more(SPAN("<message id='/'/>"), SPAN("<m/>")),
                 "<message id='/'><m/></message>", FRAME_NO_HEAD, FRAME_MESSAGE);
    assert_frame(message_frame_more(SPAN("<message><body/></message>"), SPAN("<m/>")),
                 "<message><body/><m/></message>", FRAME_NO_HEAD, FRAME_MESSAGE);
    message_forwarded_write(&out, SPAN("<message to='a'><body/></message>"), SPAN("<m/>"));
    message_forwarded_write(&out, SPAN("<message/>"), SPAN(""));
    assert_true(span_is(buffer_span(&out), "<message xmlns='jabber:client' to='a'><body/><m/></message>"
                                           "<message xmlns='jabber:client'></message>"));
    buffer_clear(&out);
    message_delay_write(&out, SPAN("a&b"), 1275868800000001);
    message_delay_write(&out, SPAN(""), 0);
    message_stanza_id_write(&out, SPAN("bob@a"), 0x1f);
    assert_true(span_is(buffer_span(&out),
                        "<delay xmlns='urn:xmpp:delay' from='a&amp;b' stamp='2010-06-07T00:00:00.000001Z'/>"
                        "<delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:00.000000Z'/>"
                        "<stanza-id xmlns='urn:xmpp:sid:0' by='bob@a' id='000000000000001f'/>"));
    buffer_fini(&out);
}

static void test_delayed(void **unused)
{
#define SINCE "<delay xmlns='urn:xmpp:delay' from='e' stamp='2010-06-07T00:00:00.000001Z'/>"
#define MESSAGE "<message from='a@b/c'><body>x</body>"
    static const struct {
        const char *in, *want;
        uint64_t later;
    } delayed[] = {
        {MESSAGE "</message>", MESSAGE SINCE "</message>", 0},
        {MESSAGE SINCE "</message>", MESSAGE SINCE "</message>", 5}, /* kept twice: since the first time */
        {MESSAGE "<delay xmlns='urn:xmpp:delay' from='z'/></message>",
         MESSAGE "<delay xmlns='urn:xmpp:delay' from='z'/>" SINCE "</message>", 0},
        {"<message/>", "<message>" SINCE "</message>", 0},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof delayed / sizeof *delayed; i++)
        assert_frame(
            message_frame_delayed(span_of(delayed[i].in), SPAN("e"), 1275868800000001 + delayed[i].later),
            delayed[i].want, FRAME_NO_HEAD, FRAME_MESSAGE);
}

static void test_ids(void **unused)
{
    static const char *const bad[] = {
        "", "0", "000000000000001F", "000000000000001g", "00000000000000001", "000000000000001/"};
    uint64_t id = 7;
    char text[MESSAGE_ID_BYTES];
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(message_id_read(span_of(bad[i]), &id));
    assert_int_equal(id, 7);
    message_id_write(0xfedcba9876543210, text);
    assert_true(message_id_read(span_of(text), &id));
    assert_true(id == 0xfedcba9876543210);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_written_again),
        cmocka_unit_test(test_more_and_forwarded),
        cmocka_unit_test(test_delayed),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
