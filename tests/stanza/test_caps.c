/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "scanned.h"
#include "stanza/caps.h"
#include "xml/tree.h"

#define INFO "http://jabber.org/protocol/disco#info"
#define F(name) "<feature var='" name "'/>"
#define FORM(type)                                                                                           \
    "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>" type               \
    "</value></field>"

/* What caps_claim_check says of a query with this content. */
static int check(int kind, const char *algorithm, const char *hash, const char *content,
                 uint32_t *ret_features)
{
    char text[8192];
    struct arena arena;
    struct xml_node *query = NULL;
    struct disco_info info = {0};
    struct caps_claim claim = {
        .kind = kind, .algorithm = span_of(algorithm), .hash = span_of(hash), .node = SPAN("urn:c")};
    arena_init(&arena);
    int len = snprintf(text, sizeof text, "<query xmlns='" INFO "'>%s</query>", content);
    assert_in_range(len, 1, sizeof text - 1);
    assert_int_equal(xml_tree_build(&arena, span_make(text, (size_t)len), SPAN("jabber:client"), &query), 0);
    int outcome = caps_claim_check(&claim, query, (struct span){0}, &arena, &info);
    *ret_features = info.feature_count;
    arena_fini(&arena);
    return outcome;
}

/* The examples of the two specifications. */
static const char exodus[] =
    "<identity category='client' type='pc' name='Exodus 0.9.1'/>" F("http://jabber.org/protocol/muc")
        F("http://jabber.org/protocol/caps") F(INFO) F("http://jabber.org/protocol/disco#items");
static const char psi[] =
    "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
    "<identity xml:lang='el' category='client' name='\xce\xa8 0.11' type='pc'/>" F(
        "http://jabber.org/protocol/caps") F(INFO) F("http://jabber.org/protocol/disco#items")
        F("http://jabber.org/protocol/muc") FORM(
            "urn:xmpp:dataforms:softwareinfo") "<field var='ip_version' "
                                               "type='text-multi'><value>ipv6</value><value>ipv4</value></"
                                               "field>"
                                               "<field var='software'><value>Psi</value></field><field "
                                               "var='os'><value>Mac</value></field>"
                                               "<field var='os_version'><value>10.5.1</value></field><field "
                                               "var='software_version'><value>0.11</value></field></x>";
static const char bombus[] = "<identity category='client' name='BombusMod' type='mobile'/>"
                             "<feature var='http://jabber.org/protocol/si'/>"
                             "<feature var='http://jabber.org/protocol/bytestreams'/>"
                             "<feature var='http://jabber.org/protocol/chatstates'/>"
                             "<feature var='http://jabber.org/protocol/disco#info'/>"
                             "<feature var='http://jabber.org/protocol/disco#items'/>"
                             "<feature var='urn:xmpp:ping'/>"
                             "<feature var='jabber:iq:time'/>"
                             "<feature var='jabber:iq:privacy'/>"
                             "<feature var='jabber:iq:version'/>"
                             "<feature var='http://jabber.org/protocol/rosterx'/>"
                             "<feature var='urn:xmpp:time'/>"
                             "<feature var='jabber:x:oob'/>"
                             "<feature var='http://jabber.org/protocol/ibb'/>"
                             "<feature var='http://jabber.org/protocol/si/profile/file-transfer'/>"
                             "<feature var='urn:xmpp:receipts'/>"
                             "<feature var='jabber:iq:roster'/>"
                             "<feature var='jabber:iq:last'/>";
static const char tkabber[] =
    "<identity category='client' name='Tkabber' type='pc' xml:lang='en'/>"
    "<identity category='client' name='Ткаббер' type='pc' xml:lang='ru'/>"
    "<feature var='games:board'/>"
    "<feature var='http://jabber.org/protocol/activity'/>"
    "<feature var='http://jabber.org/protocol/activity+notify'/>"
    "<feature var='http://jabber.org/protocol/bytestreams'/>"
    "<feature var='http://jabber.org/protocol/chatstates'/>"
    "<feature var='http://jabber.org/protocol/commands'/>"
    "<feature var='http://jabber.org/protocol/disco#info'/>"
    "<feature var='http://jabber.org/protocol/disco#items'/>"
    "<feature var='http://jabber.org/protocol/evil'/>"
    "<feature var='http://jabber.org/protocol/feature-neg'/>"
    "<feature var='http://jabber.org/protocol/geoloc'/>"
    "<feature var='http://jabber.org/protocol/geoloc+notify'/>"
    "<feature var='http://jabber.org/protocol/ibb'/>"
    "<feature var='http://jabber.org/protocol/iqibb'/>"
    "<feature var='http://jabber.org/protocol/mood'/>"
    "<feature var='http://jabber.org/protocol/mood+notify'/>"
    "<feature var='http://jabber.org/protocol/rosterx'/>"
    "<feature var='http://jabber.org/protocol/si'/>"
    "<feature var='http://jabber.org/protocol/si/profile/file-transfer'/>"
    "<feature var='http://jabber.org/protocol/tune'/>"
    "<feature var='http://www.facebook.com/xmpp/messages'/>"
    "<feature var='http://www.xmpp.org/extensions/xep-0084.html#ns-metadata+notify'/>"
    "<feature var='jabber:iq:avatar'/>"
    "<feature var='jabber:iq:browse'/>"
    "<feature var='jabber:iq:dtcp'/>"
    "<feature var='jabber:iq:filexfer'/>"
    "<feature var='jabber:iq:ibb'/>"
    "<feature var='jabber:iq:inband'/>"
    "<feature var='jabber:iq:jidlink'/>"
    "<feature var='jabber:iq:last'/>"
    "<feature var='jabber:iq:oob'/>"
    "<feature var='jabber:iq:privacy'/>"
    "<feature var='jabber:iq:roster'/>"
    "<feature var='jabber:iq:time'/>"
    "<feature var='jabber:iq:version'/>"
    "<feature var='jabber:x:data'/>"
    "<feature var='jabber:x:event'/>"
    "<feature var='jabber:x:oob'/>"
    "<feature var='urn:xmpp:avatar:metadata+notify'/>"
    "<feature var='urn:xmpp:ping'/>"
    "<feature var='urn:xmpp:receipts'/>"
    "<feature var='urn:xmpp:time'/>"
    "<x xmlns='jabber:x:data' type='result'>"
    "<field type='hidden' var='FORM_TYPE'>"
    "<value>urn:xmpp:dataforms:softwareinfo</value>"
    "</field>"
    "<field var='software'>"
    "<value>Tkabber</value>"
    "</field>"
    "<field var='software_version'>"
    "<value>0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)</value>"
    "</field>"
    "<field var='os'>"
    "<value>Windows</value>"
    "</field>"
    "<field var='os_version'>"
    "<value>XP</value>"
    "</field>"
    "</x>";

static const struct {
    int kind;
    const char *algorithm, *hash, *content;
    int want;
    uint32_t features;
} rows[] = {
    {CAPS_CLAIM_0115, "sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0=", exodus, 0, 4},
    {CAPS_CLAIM_0115, "sha-1", "q07IKJEyjvHSyhy//CH0CxmKi8w=", psi, 0, 4},
    {CAPS_CLAIM_0390, "sha-256", "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=", bombus, 0, 17},
    {CAPS_CLAIM_0390, "sha3-256", "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q=", bombus, 0, 17},
    {CAPS_CLAIM_0390, "sha-256", "u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY=", tkabber, 0, 42},
    {CAPS_CLAIM_0390, "sha3-256", "XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg=", tkabber, 0, 42},
    /* by the other specification, another function, or not at all */
    {CAPS_CLAIM_0390, "sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0=", exodus, CAPS_MISMATCH, 4},
    {CAPS_CLAIM_0115, "sha-256", "QgayPKawpkPSDYmwT/WM94uAlu0=", exodus, CAPS_MISMATCH, 4},
    {CAPS_CLAIM_0115, "md5", "QgayPKawpkPSDYmwT/WM94uAlu0=", exodus, CAPS_MISMATCH, 4},
    {CAPS_CLAIM_0115, "sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0", exodus, CAPS_MISMATCH, 4},
    {CAPS_CLAIM_0115, "sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0=", "", CAPS_MISMATCH, 0},
    /* s. 5.4: what is there twice */
    {CAPS_CLAIM_0115, "sha-1", "x", F("a") F("b") F("a"), CAPS_ILL_FORMED, 0},
    {CAPS_CLAIM_0115, "sha-1", "x", "<identity category='a' type='b'/><identity category='a' type='b'/>",
     CAPS_ILL_FORMED, 0},
    {CAPS_CLAIM_0115, "sha-1", "x",
     "<identity category='a' type='b'/><identity category='a' type='b' xml:lang='de'/>", CAPS_MISMATCH, 0},
    {CAPS_CLAIM_0115, "sha-1", "x", FORM("t") "</x>" FORM("t") "<field var='a'/></x>", CAPS_ILL_FORMED, 0},
    {CAPS_CLAIM_0115, "sha-1", "x", FORM("t") "</x>" FORM("u") "</x>", CAPS_MISMATCH, 0},
    {CAPS_CLAIM_0115, "sha-1", "x",
     "<x xmlns='jabber:x:data'><field var='FORM_TYPE' "
     "type='hidden'><value>t</value><value>u</value></field></x>",
     CAPS_ILL_FORMED, 0},
    {CAPS_CLAIM_0115, "sha-1", "x",
     "<x xmlns='jabber:x:data'><field var='FORM_TYPE' "
     "type='hidden'><value>t</value><value>t</value></field></x>",
     CAPS_MISMATCH, 0},
    /* a form that is none of the kind is passed over by the one, refused by the other */
    {CAPS_CLAIM_0115, "sha-1", "x",
     "<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>t</value></field></x>", CAPS_MISMATCH, 0},
    {CAPS_CLAIM_0390, "sha-256", "x",
     "<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>t</value></field></x>", CAPS_ILL_FORMED, 0},
    {CAPS_CLAIM_0390, "sha-256", "x", FORM("t") "<reported/></x>", CAPS_ILL_FORMED, 0},
    {CAPS_CLAIM_0390, "sha-256", "x", FORM("t") "<item/></x>", CAPS_ILL_FORMED, 0},
    {CAPS_CLAIM_0390, "sha-256", "x", F("a") "<y/>", CAPS_ILL_FORMED, 0},
    {CAPS_CLAIM_0115, "sha-1", "x", F("a") "<y/>", CAPS_MISMATCH, 1},
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t features;
        int got = check(rows[i].kind, rows[i].algorithm, rows[i].hash, rows[i].content, &features);
        if (got != rows[i].want || features != rows[i].features)
            fail_msg("%zu: %s: %d, %u features", i, rows[i].content, got, features);
    }
}

/* The order is that of the parts, not of what separates them; and a part cannot be made to look like two. */
static const struct {
    const char *hash, *content;
} orders[] = {
    /* fields "a" before "a1" although '1' comes before '<' */
    {"HZIdtt8cJZ8kBv8oZIW/37R39X0=",
     F("f") FORM("t") "<field var='a1'><value>2</value></field><field var='a'><value>1</value></field></x>"},
    {"FFoi0JEy/krqlNKIUmLtOozwX+8=", F("f&lt;g")},
};

static void test_separators(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        uint32_t features;
        int got = check(CAPS_CLAIM_0115, "sha-1", orders[i].hash, orders[i].content, &features);
        if (got != 0)
            fail_msg("%s: %d", orders[i].content, got);
    }
}

static const struct {
    const char *content;
    int kind;
    const char *algorithm, *hash, *node;
} claims[] = {
    {"", CAPS_CLAIM_NONE, "", "", ""},
    {"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c' ver='q07/='/>", CAPS_CLAIM_0115,
     "sha-1", "q07/=", "urn:c#q07/="},
    {"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c?a&amp;b' ver='q'/>",
     CAPS_CLAIM_0115, "sha-1", "q", "urn:c?a&b#q"},
    {"<c xmlns='http://jabber.org/protocol/caps' node='urn:c' ver='0.9'/>", CAPS_CLAIM_NONE, "", "",
     ""}, /* the old form, which says nothing */
    {"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c'/>", CAPS_CLAIM_NONE, "", "", ""},
    {"<c xmlns='http://jabber.org/protocol/caps' hash='x-new' node='urn:c' ver='q'/>", CAPS_CLAIM_0115,
     "x-new", "q", "urn:c#q"},
    {"<c xmlns='urn:other' hash='sha-1' node='urn:c' ver='q'/>", CAPS_CLAIM_NONE, "", "", ""},
    {"<c hash='sha-1' node='urn:c' ver='q'/>", CAPS_CLAIM_NONE, "", "", ""},
    {"<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='x-new'>a</hash><hash "
     "xmlns='urn:xmpp:hashes:2' "
     "algo='sha-256'> b= </hash></c>",
     CAPS_CLAIM_0390, "sha-256", "b=", "urn:xmpp:caps#sha-256.b="},
    {"<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='x-new'>a</hash></c>", CAPS_CLAIM_NONE,
     "", "", ""},
    /* the stronger one counts, whichever comes first */
    {"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c' ver='q'/><c "
     "xmlns='urn:xmpp:caps'><hash "
     "xmlns='urn:xmpp:hashes:2' algo='sha-256'>b=</hash></c>",
     CAPS_CLAIM_0390, "sha-256", "b=", "urn:xmpp:caps#sha-256.b="},
    {"<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>b=</hash></c><c "
     "xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c' ver='q'/>",
     CAPS_CLAIM_0390, "sha-256", "b=", "urn:xmpp:caps#sha-256.b="},
};

static void test_claims(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        struct stanza s = {.kind = STANZA_PRESENCE, .content = span_of(claims[i].content)};
        struct presence_details details;
        assert_int_equal(presence_read(&s, &details), 0);
        if (details.caps.kind != (unsigned)claims[i].kind ||
            !span_equal(details.caps.algorithm, span_of(claims[i].algorithm)) ||
            !span_equal(details.caps.hash, span_of(claims[i].hash)))
            fail_msg("%s: %d", claims[i].content, (int)details.caps.kind);
        if (claims[i].kind == CAPS_CLAIM_NONE)
            continue;
        struct arena arena;
        struct buffer node = {0};
        arena_init(&arena);
        caps_claim_node(&details.caps, &arena, &node);
        assert_true(span_equal(buffer_span(&node), span_of(claims[i].node)));
        buffer_fini(&node);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_separators),
        cmocka_unit_test(test_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
