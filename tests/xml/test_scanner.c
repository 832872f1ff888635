/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner: what it accepts, what it refuses and why, what it says of an item, its limits. Every row is
 * run with the vector code and without, whole, up to every prefix, cut at every byte, and byte by byte, each
 * time with an unreadable page behind the last byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "xml/feed.h"

/* Rows up to this long are cut at every pair of bytes, too. */
#define PAIRS_BYTES_MAX 90
/* The longest row. */
#define ROW_BYTES_MAX 65536

#define OPEN "<s:s xmlns:s='urn:s'>"

struct row {
    const char *name;
    const char *text;
    size_t len; /* 0: to the NUL */
    int outcome;
    enum xml_error error;
    uint32_t items;
};

static char *fence;

static struct feed run(struct xml_scan *scan, struct span text, const size_t *cuts, size_t cut_count)
{
    struct feed f;
    feed_init(&f, scan, text.ptr, fence);
    for (size_t i = 0; i < cut_count; i++)
        feed_to(&f, cuts[i]);
    feed_to(&f, text.len);
    return f;
}

static void assert_same(const struct feed *a, const struct feed *b, const char *name, const char *how,
                        size_t at)
{
    if (feed_equal(a, b))
        return;
    fail_msg("%s: %s, at %zu: outcome %d/%d error %d/%d used %zu/%zu items %u/%u", name, how, at, a->outcome,
             b->outcome, a->error, b->error, a->used, b->used, a->items, b->items);
}

/* What is known of a prefix, besides that it scans without harm: only the whole can be bad in more ways. */
static void check_prefixes(struct xml_scan *scan, struct span text, const struct feed *whole,
                           const char *name)
{
    for (size_t len = 0; len < text.len; len++) {
        struct feed f = run(scan, span_make(text.ptr, len), NULL, 0);
        if (f.items > whole->items || (f.outcome == XML_BAD && whole->outcome != XML_BAD))
            fail_msg("%s: prefix of %zu bytes: outcome %d, %u items", name, len, f.outcome, f.items);
        size_t cut = len / 2;
        struct feed again = run(scan, span_make(text.ptr, len), &cut, 1);
        assert_same(&f, &again, name, "prefix in two", len);
    }
}

static void check_cuts(struct xml_scan *scan, struct span text, const struct feed *whole, const char *name)
{
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct feed f = run(scan, text, &cut, 1);
        assert_same(whole, &f, name, "cut", cut);
    }
    for (size_t i = 0; i < text.len && text.len <= PAIRS_BYTES_MAX; i++) {
        for (size_t j = i + 1; j < text.len; j++) {
            struct feed f = run(scan, text, (size_t[]){i, j}, 2);
            assert_same(whole, &f, name, "cut twice, first", i);
        }
    }
    struct feed f;
    feed_init(&f, scan, text.ptr, fence);
    for (size_t len = 0; len <= text.len; len++)
        feed_to(&f, len);
    assert_same(whole, &f, name, "byte by byte", 0);
}

/* Run `text` in every way; returns the result, the same for all. */
static struct feed check_all_ways(const struct xml_limits *limits, struct span text, const char *name)
{
    struct feed wholes[2];
    struct xml_scan *scan = xml_scan_new(limits);
    assert_non_null(scan);
    for (int plain = 0; plain < 2; plain++) {
        xml_scan_use_plain(plain);
        wholes[plain] = run(scan, text, NULL, 0);
        check_cuts(scan, text, &wholes[plain], name);
        check_prefixes(scan, text, &wholes[plain], name);
    }
    xml_scan_use_plain(false);
    assert_same(&wholes[0], &wholes[1], name, "plain", 0);
    xml_scan_free(scan);
    return wholes[0];
}

static void check_rows(const struct row *rows, size_t count, const char *before)
{
    static char text[ROW_BYTES_MAX];
    for (size_t i = 0; i < count; i++) {
        size_t head = strlen(before), len = rows[i].len ? rows[i].len : strlen(rows[i].text);
        assert_true(head + len <= sizeof text);
        memcpy(text, before, head);
        memcpy(text + head, rows[i].text, len);
        struct feed f = check_all_ways(&xml_limits_default, span_make(text, head + len), rows[i].name);
        uint32_t items = rows[i].items + (head > 0);
        if (f.outcome != rows[i].outcome || (f.outcome == XML_BAD && f.error != rows[i].error) ||
            f.items != items)
            fail_msg("%s: outcome %d error %d items %u, not %d %d %u", rows[i].name, f.outcome, f.error,
                     f.items, rows[i].outcome, rows[i].error, items);
    }
}

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define GOOD(name, text, items)                                                                              \
    {                                                                                                        \
        name, text, 0, 0, XML_ERROR_NONE, items                                                              \
    }
#define MORE(name, text, items)                                                                              \
    {                                                                                                        \
        name, text, 0, XML_MORE, XML_ERROR_NONE, items                                                       \
    }
#define BAD(name, text, error)                                                                               \
    {                                                                                                        \
        name, text, sizeof(text) - 1, XML_BAD, error, 0                                                      \
    }

#include "rows_content.h"
#include "rows_header.h"

static void test_content(void **state)
{
    (void)state;
    check_rows(content_rows, COUNT(content_rows), OPEN);
}

static void test_header(void **state)
{
    (void)state;
    check_rows(header_rows, COUNT(header_rows), "");
}

/* Every byte in every place where it might slip through: text, value, name, between stanzas. */
static void test_every_byte(void **state)
{
    (void)state;
    static const char *const places[][2] = {
        {OPEN "<a>x", "y</a>"},           {OPEN "<a b='x", "y'/>"}, {OPEN "<a", "/>"},
        {OPEN "<a x", "='1'/>"},          {OPEN, "<a/>"},           {OPEN "<", "/>"},
        {OPEN "<a><![CDATA[", "]]></a>"},
    };
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    for (size_t i = 0; i < COUNT(places); i++) {
        for (int b = 0; b < 256; b++) {
            /* Far from the end, so that the vector code sees it. */
            char text[256];
            int len = snprintf(text, sizeof text, "%s%c%s%64s", places[i][0], 'x', places[i][1], "");
            text[strlen(places[i][0])] = (char)b;
            struct feed feeds[2];
            for (int plain = 0; plain < 2; plain++) {
                xml_scan_use_plain(plain);
                feeds[plain] = run(scan, span_make(text, (size_t)len), NULL, 0);
            }
            assert_same(&feeds[0], &feeds[1], places[i][0], "byte", (size_t)b);
            if ((b < 0x20 && b != '\t' && b != '\n' && b != '\r') || b >= 0x80)
                assert_int_equal(feeds[0].outcome, XML_BAD);
        }
    }
    xml_scan_use_plain(false);
    xml_scan_free(scan);
}

/* Every code point as UTF-8 in text; every sequence of two and three bytes that is not one is refused. */
static void test_utf8(void **state)
{
    (void)state;
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    for (uint32_t n = 0; n < 0x1000000; n += n < 0x10000 ? 1 : 251) {
        char text[64] = OPEN "<a>";
        size_t head = strlen(text), len = n < 0x100 ? 1 : n < 0x10000 ? 2 : 3;
        for (size_t i = 0; i < len; i++)
            text[head + i] = (char)(n >> 8 * (len - 1 - i));
        memcpy(text + head + len, "</a>", 4);
        struct feed f = run(scan, span_make(text, head + len + 4), NULL, 0);
        uint8_t lead = (uint8_t)text[head], second = (uint8_t)text[head + 1], third = (uint8_t)text[head + 2];
        if (lead < 0x80)
            continue;
        bool is_two = len == 2 && lead >= 0xC2 && lead <= 0xDF && second >> 6 == 2;
        bool is_three = len == 3 && lead >> 4 == 0xE && second >> 6 == 2 && third >> 6 == 2 &&
                        (lead != 0xE0 || second >= 0xA0) && (lead != 0xED || second < 0xA0) &&
                        !(lead == 0xEF && second == 0xBF && third >= 0xBE);
        bool is_two_and_ascii = len == 3 && lead >= 0xC2 && lead <= 0xDF && second >> 6 == 2 &&
                                third < 0x80 &&
                                (chars_class[third] & CHAR_TEXT || third == ']' || third == '>');
        if ((f.outcome == 0) != (is_two || is_three || is_two_and_ascii))
            fail_msg("bytes %06x: outcome %d", n, f.outcome);
    }
    xml_scan_free(scan);
}

static void assert_span(struct span s, const char *text)
{
    if (!text) {
        assert_null(s.ptr);
        return;
    }
    assert_non_null(s.ptr);
    if (!span_equal(s, span_of(text)))
        fail_msg("'%.*s', not '%s'", (int)s.len, s.ptr, text);
}

static int next(struct xml_scan *scan, enum xml_scan_position position, const char *text,
                struct xml_item *ret_item, size_t *ret_used)
{
    enum xml_error error;
    return xml_scan_next(scan, position, SPAN("s:s"), span_of(text), ret_item, ret_used, &error);
}

static void test_fields(void **state)
{
    static const struct {
        const char *text, *name, *xmlns, *content, *child_name, *child_xmlns, *to, *from, *id, *type, *lang;
        uint32_t attributes;
        bool is_self_closing, has_reference;
    } rows[] = {
        {.text = "<a/>", .name = "a", .content = "", .is_self_closing = true},
        {.text = "<a></a>", .name = "a", .content = ""},
        {.text = "<message to='b@c' from=\"d&amp;e\" id='1' type='chat' xml:lang='de' "
                 "x='y'><body>hi</body></message>",
         .name = "message",
         .content = "<body>hi</body>",
         .child_name = "body",
         .to = "b@c",
         .from = "d&amp;e",
         .id = "1",
         .type = "chat",
         .lang = "de",
         .attributes = 6,
         .has_reference = true},
        {.text = "<iq id=''>text<q:query xmlns:q='u' a='&lt;' xmlns='jabber:iq:roster'/><second "
                 "xmlns='no'/></iq>",
         .name = "iq",
         .content = "text<q:query xmlns:q='u' a='&lt;' xmlns='jabber:iq:roster'/><second xmlns='no'/>",
         .child_name = "q:query",
         .child_xmlns = "jabber:iq:roster",
         .id = "",
         .attributes = 1},
        {.text = "<iq xmlns='jabber:client'><a><b xmlns='deep'/></a></iq>",
         .name = "iq",
         .xmlns = "jabber:client",
         .content = "<a><b xmlns='deep'/></a>",
         .child_name = "a",
         .attributes = 1},
        {.text = "<stream:error><gone/> </stream:error>",
         .name = "stream:error",
         .content = "<gone/> ",
         .child_name = "gone"},
        {.text = "<a tO='1' ido='2' From='3' types='4' lang='5' xml:lan='6'/>",
         .name = "a",
         .content = "",
         .attributes = 6,
         .is_self_closing = true},
    };
    (void)state;
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    for (size_t i = 0; i < COUNT(rows) * 2; i++) {
        size_t used, r = i / 2;
        struct xml_item item;
        xml_scan_use_plain(i & 1);
        assert_int_equal(next(scan, XML_AT_CONTENT, rows[r].text, &item, &used), 0);
        assert_int_equal(used, strlen(rows[r].text));
        assert_int_equal(item.kind, XML_STANZA);
        assert_span(item.raw, rows[r].text);
        assert_span(item.name, rows[r].name);
        assert_span(item.xmlns, rows[r].xmlns);
        assert_span(item.content, rows[r].content);
        assert_span(item.child_name, rows[r].child_name);
        assert_span(item.child_xmlns, rows[r].child_xmlns);
        assert_span(item.to, rows[r].to);
        assert_span(item.from, rows[r].from);
        assert_span(item.id, rows[r].id);
        assert_span(item.type, rows[r].type);
        assert_span(item.lang, rows[r].lang);
        assert_int_equal(item.attribute_count, rows[r].attributes);
        assert_int_equal(item.is_self_closing, rows[r].is_self_closing);
        assert_int_equal(item.has_reference, rows[r].has_reference);
    }
    xml_scan_use_plain(false);
    xml_scan_free(scan);
}

static void test_kinds(void **state)
{
    (void)state;
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    struct xml_item item;
    size_t used;
    assert_int_equal(
        next(scan, XML_AT_HEADER, " <?xml version='1.0'?>\n<s:s xmlns:s='u' to='x'> ", &item, &used), 0);
    assert_int_equal(item.kind, XML_STREAM_OPEN);
    assert_span(item.raw, " <?xml version='1.0'?>\n<s:s xmlns:s='u' to='x'>");
    assert_span(item.name, "s:s");
    assert_span(item.to, "x");
    assert_null(item.content.ptr);
    assert_span(xml_item_attribute(&item, SPAN("xmlns:s")), "u");
    assert_span(xml_item_attribute(&item, SPAN("xmlns")), NULL);
    assert_int_equal(next(scan, XML_AT_CONTENT, " \t\r\n<a", &item, &used), 0);
    assert_int_equal(item.kind, XML_KEEPALIVE);
    assert_int_equal(used, 4);
    assert_int_equal(next(scan, XML_AT_CONTENT, "<a", &item, &used), XML_MORE);
    assert_int_equal(used, 0);
    assert_true(xml_scan_is_partial(scan));
    xml_scan_reset(scan);
    assert_false(xml_scan_is_partial(scan));
    assert_int_equal(next(scan, XML_AT_CONTENT, "</s:s >", &item, &used), 0);
    assert_int_equal(item.kind, XML_STREAM_CLOSE);
    assert_int_equal(used, 7);
    assert_false(xml_scan_is_partial(scan));
    assert_int_equal(next(scan, XML_AT_CONTENT, "", &item, &used), XML_MORE);
    xml_scan_free(scan);
}

/* Each limit lets its own value pass and refuses one more, before the item is whole. */
static void test_limits(void **state)
{
    static const struct {
        const char *name, *good, *bad;
    } rows[] = {
        {"depth", OPEN "<a><b><c/></b></a>", OPEN "<a><b><c><d"},
        {"depth, after a step back", OPEN "<a><b><c/></b><b><c/></b></a>", OPEN "<a><b></b><b><c><d"},
        {"attributes", OPEN "<a b='' c='' xmlns='' e='' />", OPEN "<a b='' c='' xmlns='' e='' f"},
        {"attributes, the last one whole", OPEN "<a b='' c='' d='' e=''/>",
         OPEN "<a b='' c='' d='' e='' f=''/>"},
        {"attributes of a child", OPEN "<a><a b='' c='' d='' e=''/></a>", OPEN "<a><a b='' c='' d='' e='' f"},
        {"name_bytes", OPEN "<a2345678/>", OPEN "<a23456789"},
        {"name_bytes of an attribute", OPEN "<a b2345678=''/>", OPEN "<a b23456789"},
        {"name_bytes with a prefix", OPEN "<xml:b567/>", OPEN "<xml:b5678"},
        {"name_bytes, not ASCII", OPEN "<b34\xD0\xB6\xE4\xB8\x80/>", OPEN "<b345\xD0\xB6\xE4\xB8\x80"},
    };
    const struct xml_limits limits = {.stanza_bytes = 100, .depth = 3, .attributes = 4, .name_bytes = 8};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct feed good = check_all_ways(&limits, span_of(rows[i].good), rows[i].name);
        if (good.outcome != 0)
            fail_msg("%s: refused at the limit: %d %d", rows[i].name, good.outcome, good.error);
        struct feed bad = check_all_ways(&limits, span_of(rows[i].bad), rows[i].name);
        if (bad.outcome != XML_BAD || bad.error != XML_POLICY_VIOLATION)
            fail_msg("%s: beyond the limit: %d %d", rows[i].name, bad.outcome, bad.error);
    }
}

/* A server's stream declares `db` in its header. That counts for the name of dialback's own elements only, whatever else the header declares, so
 * that a stanza that was accepted once can be read again outside of its stream. */
static void test_db(void **state)
{
    static const struct {
        const char *name, *text;
        bool is_good, is_stanza;
    } rows[] = {
        {"dialback", OPEN "<db:result from='a' to='b'>key</db:result>", true, false},
        {"within dialback", OPEN "<db:result><db:a/></db:result>", false, false},
        {"attribute of dialback", OPEN "<db:result db:a=''/>", false, false},
        {"child", OPEN "<message><db:a/></message>", false, true},
        {"grandchild", OPEN "<message><a><db:a/></a></message>", false, true},
        {"attribute", OPEN "<message db:a=''/>", false, true},
        {"another prefix of the header's",
         "<s:s xmlns:s='n' xmlns='m' xmlns:db='d' xmlns:o='o'><message><o:a/></message>", false, true},
        {"declared in the stanza", OPEN "<message xmlns:db='d' db:b=''><db:a/></message>", true, true},
        {"declared in the child", OPEN "<message><db:a xmlns:db='d'/></message>", true, true},
    };
    struct xml_limits limits = xml_limits_default;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        limits.has_db = true;
        struct feed f = check_all_ways(&limits, span_of(rows[i].text), rows[i].name);
        if ((f.outcome == 0) != rows[i].is_good || (f.outcome && f.error != XML_BAD_NAMESPACE_PREFIX))
            fail_msg("%s: %d %d", rows[i].name, f.outcome, f.error);
        limits.has_db = false;
        f = check_all_ways(&limits, span_of(rows[i].text), rows[i].name);
        if ((f.outcome == 0) != (rows[i].is_good && rows[i].is_stanza))
            fail_msg("%s, of no server: %d %d", rows[i].name, f.outcome, f.error);
    }
}

/* A stanza of `len` bytes, and a header of as many, pass up to the limit; what is not whole there is
 * refused. */
static void test_stanza_bytes(void **state)
{
    static const struct {
        const char *before, *open, *close;
    } rows[] = {
        {OPEN, "<a>", "</a>"}, {OPEN " \t ", "<a>", "</a>"}, {OPEN, "<a b='", "'/>"}, {"", "<s b='", "'>"}};
    const struct xml_limits limits = {.stanza_bytes = 42, .depth = 3, .attributes = 4, .name_bytes = 8};
    (void)state;
    for (size_t i = 0; i < COUNT(rows) * 10; i++) {
        char text[128];
        size_t r = i / 10, len = 38 + i % 10;
        size_t fill = len - strlen(rows[r].open) - strlen(rows[r].close);
        int n = snprintf(text, sizeof text, "%s%s%.*s%s", rows[r].before, rows[r].open, (int)fill,
                         "0123456789012345678901234567890123456789", rows[r].close);
        struct feed f = check_all_ways(&limits, span_make(text, (size_t)n), rows[r].open);
        assert_int_equal(f.outcome, len <= 42 ? 0 : XML_BAD);
        assert_true(len <= 42 || f.error == XML_POLICY_VIOLATION);
        f = check_all_ways(&limits, span_make(text, (size_t)n - 1), "not whole");
        assert_int_equal(f.outcome, len - 1 < 42 ? XML_MORE : XML_BAD);
    }
}

/* `count` of something made with `format`, between two texts. */
static struct span repeat(char *text, const char *before, uint32_t count, const char *format,
                          const char *after)
{
    size_t len = (size_t)sprintf(text, "%s", before);
    for (uint32_t i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, format, i, i);
    len += (size_t)sprintf(text + len, "%s", after);
    return span_make(text, len);
}

static void test_fixed_limits(void **state)
{
    static char text[ROW_BYTES_MAX];
    const struct xml_limits limits = {
        .stanza_bytes = ROW_BYTES_MAX, .depth = 1000, .attributes = 1000, .name_bytes = 1000};
    (void)state;
    struct xml_scan *scan = xml_scan_new(&limits);
    for (uint32_t over = 0; over < 2; over++) {
        int outcome = over ? XML_BAD : XML_MORE;
        struct span in = repeat(text, OPEN, XML_DEPTH_MAX + over, "<a>", "");
        assert_int_equal(run(scan, in, NULL, 0).outcome, outcome);
        in = repeat(text, OPEN "<a ", XML_ATTRIBUTES_MAX + over, "a%u='' ", "");
        assert_int_equal(run(scan, in, NULL, 0).outcome, outcome);
        in = repeat(text, OPEN, XML_BINDINGS_MAX + over, "<a xmlns:p%u='%u'>", "");
        struct feed f = run(scan, in, NULL, 0);
        assert_int_equal(f.outcome, outcome);
        assert_true(!over || f.error == XML_POLICY_VIOLATION);
        in = repeat(text, OPEN "<a>", XML_BINDINGS_MAX * 2, "<a xmlns:p%u='%u'/>", "</a>");
        assert_int_equal(run(scan, in, NULL, 0).outcome, 0);
    }
    xml_scan_free(scan);
}

/* A long stanza that comes byte by byte costs what it costs at once, give or take: nothing is scanned
 * again. */
static void test_no_rescan(void **state)
{
    static char text[ROW_BYTES_MAX];
    (void)state;
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    struct span in = repeat(text, OPEN "<a b='", 30000, "x", "'>");
    struct feed f;
    feed_init(&f, scan, in.ptr, NULL);
    for (size_t len = 1; len <= in.len; len++) {
        uint32_t before = scan->at;
        feed_to(&f, len);
        assert_true(f.used == len || scan->at == len - f.used);
        assert_true(f.used == len || scan->at == before + 1 || before == 0);
    }
    xml_scan_free(scan);
}

int main(void)
{
    fence = feed_fence_new(ROW_BYTES_MAX);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),      cmocka_unit_test(test_header),
        cmocka_unit_test(test_every_byte),   cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_fields),       cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_db),
        cmocka_unit_test(test_stanza_bytes), cmocka_unit_test(test_fixed_limits),
        cmocka_unit_test(test_no_rescan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
