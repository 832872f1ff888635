/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping and its way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "xml/feed.h"
#include "xml/write.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void assert_span(struct span s, struct span expected)
{
    if (s.len != expected.len || (expected.ptr == NULL) != (s.ptr == NULL))
        fail_msg("'%.*s', not '%.*s'", (int)s.len, s.ptr ? s.ptr : "", (int)expected.len,
                 expected.ptr ? expected.ptr : "");
    if (s.len > 0)
        assert_memory_equal(s.ptr, expected.ptr, s.len);
}

static void test_escape(void **state)
{
    static const struct {
        struct span text, escaped;
    } rows[] = {
        {{"", 0}, {"", 0}},
        {{"plain", 5}, {"plain", 5}},
        {{"&", 1}, {"&amp;", 5}},
        {{"a<b>c", 5}, {"a&lt;b&gt;c", 11}},
        {{"'\"", 2}, {"&apos;&quot;", 12}},
        {{"\t\n\r ", 4}, {"&#9;&#10;&#13; ", 15}},
        {{"]]>", 3}, {"]]&gt;", 6}},
        {{"\xC3\xA4&", 3}, {"\xC3\xA4&amp;", 7}},
        {{"&amp;", 5}, {"&amp;amp;", 9}},
    };
    (void)state;
    char *fence = feed_fence_new(4096);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer b;
        buffer_init(&b);
        size_t len = rows[i].text.len;
        xml_escape(&b, span_make(memcpy(fence - len, rows[i].text.ptr, len), len));
        assert_true(buffer_ok(&b));
        assert_span(span_make(b.len ? b.ptr : "", b.len), rows[i].escaped);
        buffer_fini(&b);
    }
}

static void test_attribute(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    buffer_literal(&b, "<a");
    xml_write_attribute(&b, "to", SPAN("it's"));
    xml_write_attribute(&b, "empty", SPAN(""));
    assert_span(buffer_span(&b), SPAN("<a to='it&apos;s' empty=''"));
    buffer_fini(&b);
}

static void test_unescape(void **state)
{
    static const struct {
        struct span raw, text; /* text.ptr NULL: refused */
    } rows[] = {
        {{"&amp;&lt;&gt;&apos;&quot;", 25}, {"&<>'\"", 5}},
        {{"a&amp;b", 7}, {"a&b", 3}},
        {{"&amp;amp;", 9}, {"&amp;", 5}},
        {{"&#65;&#x41;&#x6a;&#x6A;", 23}, {"AAjj", 4}},
        {{"&#xE4;", 6}, {"\xC3\xA4", 2}},
        {{"&#x4E00;", 8}, {"\xE4\xB8\x80", 3}},
        {{"&#x7FF;&#x800;&#xFFFD;", 22}, {"\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBD", 8}},
        {{"&#x10000;&#x10FFFF;", 19}, {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8}},
        {{"&#0000000000000000065;", 22}, {"A", 1}},
        {{"&#9;\t", 5}, {"\t\t", 2}},
        {{"&", 1}, {NULL, 0}},
        {{"&amp", 4}, {NULL, 0}},
        {{"&;", 2}, {NULL, 0}},
        {{"&foo;", 5}, {NULL, 0}},
        {{"&#;", 3}, {NULL, 0}},
        {{"&#x;", 4}, {NULL, 0}},
        {{"&#65", 4}, {NULL, 0}},
        {{"&#6A;", 5}, {NULL, 0}},
        {{"&#xG;", 5}, {NULL, 0}},
        {{"&#X41;", 6}, {NULL, 0}},
        {{"&#0;", 4}, {NULL, 0}},
        {{"&#x1;", 5}, {NULL, 0}},
        {{"&#xD800;", 8}, {NULL, 0}},
        {{"&#xFFFF;", 8}, {NULL, 0}},
        {{"&#x110000;", 10}, {NULL, 0}},
        {{"&#x1000000041;", 14}, {NULL, 0}},
    };
    (void)state;
    char *fence = feed_fence_new(4096);
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = rows[i].raw.len;
        struct span raw = span_make(memcpy(fence - len, rows[i].raw.ptr, len), len);
        assert_span(xml_unescape(&arena, raw), rows[i].text);
        for (size_t cut = 0; cut < len; cut++) { /* no prefix does harm */
            raw = span_make(memcpy(fence - cut, rows[i].raw.ptr, cut), cut);
            xml_unescape(&arena, raw);
        }
    }
    struct span plain = SPAN("nothing to do");
    assert_ptr_equal(xml_unescape(&arena, plain).ptr, plain.ptr);
    arena_fini(&arena);
}

/* All bytes there and back. */
static void test_round_trip(void **state)
{
    (void)state;
    char text[256];
    for (int i = 0; i < 256; i++)
        text[i] = (char)i;
    struct buffer b;
    struct arena arena;
    buffer_init(&b);
    arena_init(&arena);
    xml_escape(&b, span_make(text, sizeof text));
    assert_span(xml_unescape(&arena, buffer_span(&b)), span_make(text, sizeof text));
    arena_fini(&arena);
    buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_attribute),
        cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
