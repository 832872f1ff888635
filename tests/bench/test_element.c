/* SPDX-License-Identifier: Apache-2.0 */
/* Elements: the same answers whatever quotes, order, prefixes and white space the server chose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "element.h"

struct row {
    const char *name, *text;
    const char *local, *from, *type, *status; /* NULL: absent */
};

static const struct row rows[] = {
    {"single quotes", "<presence from='a@b/c' type='x'/>", "presence", "a@b/c", "x", NULL},
    {"double quotes, other order", "<presence type=\"x\" from=\"a@b/c\"/>", "presence", "a@b/c", "x", NULL},
    {"mixed, and quotes in quotes", "<presence type='\"' from=\"'\"/>", "presence", "'", "\"", NULL},
    {"white space everywhere", "<presence\n from = 'a'\t type\r\n= \"b\" ></presence >", "presence", "a", "b",
     NULL},
    {"name that ends alike", "<presence xfrom='1' from='2' fro='3'/>", "presence", "2", NULL, NULL},
    {"name in a value", "<presence x=\"from='1'\" from='2'/>", "presence", "2", NULL, NULL},
    {"attribute of a child is not ours", "<presence><x from='1'/></presence>", "presence", NULL, NULL, NULL},
    {"prefix", "<c:presence from='1'><c:status>t</c:status></c:presence>", "presence", "1", NULL, "t"},
    {"'>' in a value", "<presence from='>/' type='/>'>t</presence>", "presence", ">/", "/>", NULL},
    {"second child", "<presence><show>away</show><status>s</status></presence>", "presence", NULL, NULL, "s"},
    {"grandchild is not a child", "<presence><x><status>1</status></x><status>2</status></presence>",
     "presence", NULL, NULL, "2"},
    {"empty child", "<presence><a/><status/></presence>", "presence", NULL, NULL, ""},
    {"cdata is no tag", "<presence><![CDATA[<status>1</status>]]><status>2</status></presence>", "presence",
     NULL, NULL, "2"},
    {"something behind it", "<presence from='1'></presence><status>x</status>", "presence", "1", NULL, NULL},
};

static void assert_span(const char *name, bool is_there, struct span span, const char *expected)
{
    if (is_there != (expected != NULL) || (is_there && !span_equal(span, span_of(expected))))
        fail_msg("%s: '%.*s' instead of '%s'", name, is_there ? (int)span.len : 0, span.ptr,
                 expected ? expected : "nothing");
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct element e, child = {.body = {"", 0}};
        struct span value = {"", 0};
        assert_int_equal(element_parse(span_of(row->text), &e), 0);
        assert_span(row->name, true, e.name, row->local);
        bool there = element_attribute(&e, "from", &value);
        assert_span(row->name, there, value, row->from);
        there = element_attribute(&e, "type", &value);
        assert_span(row->name, there, value, row->type);
        there = element_child(&e, "status", &child);
        assert_span(row->name, there, child.body, row->status);
    }
}

static void test_no_prefix_is_an_element(void **state)
{
    (void)state;
    static const char text[] = "<presence from='a'><x y='>'>t</x><status>1</status></presence>";
    struct element e;
    for (size_t len = 0; len < sizeof text - 1; len++)
        assert_int_equal(element_parse(span_make(text, len), &e), ELEMENT_BAD);
    assert_int_equal(element_parse(SPAN(text), &e), 0);
}

static void test_decode(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *text;
    } cases[] = {
        {"a&amp;b&lt;&gt;&apos;&quot;", "a&b<>'\""},
        {"&#65;&#x42;", "AB"},
        {"&unknown;", "&unknown;"},
        {"&", "&"},
        {"&amp", "&amp"},
        {"", ""},
        {"&amp;amp;", "&amp;"},
        {"&#0;", "&#0;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        element_decode(span_of(cases[i].raw), text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
    char small[4];
    element_decode(SPAN("abcdef"), small, sizeof small);
    assert_string_equal(small, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_no_prefix_is_an_element),
        cmocka_unit_test(test_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
