/* SPDX-License-Identifier: Apache-2.0 */
/* The element tree, as a canonical text: {namespace}name[attribute=value,...]("text" children...). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "xml/feed.h"
#include "xml/tree.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static char *fence;

static void show(struct buffer *out, const struct xml_node *node)
{
    buffer_printf(out, "{%.*s}%.*s", (int)node->xmlns.len, node->xmlns.ptr, (int)node->name.len,
                  node->name.ptr);
    const char *before = "[";
    for (const struct xml_node_attribute *a = node->attributes; a; a = a->next) {
        buffer_printf(out, "%s%.*s=%.*s", before, (int)a->name.len, a->name.ptr, (int)a->value.len,
                      a->value.ptr);
        before = ",";
    }
    buffer_printf(out, "%s(\"%.*s\"", node->attributes ? "]" : "", (int)node->text.len, node->text.ptr);
    for (const struct xml_node *child = node->children; child; child = child->next) {
        assert_ptr_equal(child->parent, node);
        assert_true(child->next || node->last_child == child);
        buffer_append_char(out, ' ');
        show(out, child);
    }
    buffer_append_char(out, ')');
}

static int build(struct arena *arena, const char *text, struct xml_node **ret_root)
{
    size_t len = strlen(text);
    struct span stanza = span_make(memcpy(fence - len, text, len), len);
    return xml_tree_build(arena, stanza, SPAN("jc"), ret_root);
}

static void test_build(void **state)
{
    static const struct {
        const char *text, *tree;
    } rows[] = {
        {"<a/>", "{jc}a(\"\")"},
        {"<a></a>", "{jc}a(\"\")"},
        {"<a b='1' c=\"it's\" />", "{jc}a[b=1,c=it's](\"\")"},
        {"<a\n b\t=\r'1'\n></a >", "{jc}a[b=1](\"\")"},
        {"<a>text</a>", "{jc}a(\"text\")"},
        {"<a>x<b>y</b>z</a>", "{jc}a(\"xz\" {jc}b(\"y\"))"},
        {"<a>1<![CDATA[<&amp;]]>2<![CDATA[]]>&lt;3</a>", "{jc}a(\"1<&amp;2<3\")"},
        {"<a>1<b/>2<b/>3<b>4<c>5</c>6</b>7</a>",
         "{jc}a(\"1237\" {jc}b(\"\") {jc}b(\"\") {jc}b(\"46\" {jc}c(\"5\")))"},
        {"<a>1\r\n2\r3\n4&#13;5<![CDATA[\r\n]]></a>", "{jc}a(\"1\n2\n3\n4\r5\n\")"},
        {"<a b='1\r\n2\t3&#9;4&#10;'/>", "{jc}a[b=1 2 3\t4\n](\"\")"},
        {"<a b='&lt;&#x4E00;&quot;/>'>&#x1F600;&amp;amp;</a>",
         "{jc}a[b=<\xE4\xB8\x80\"/>](\"\xF0\x9F\x98\x80&amp;\")"},
        {"<a xmlns='u'><b/></a>", "{u}a(\"\" {u}b(\"\"))"},
        {"<a><b xmlns='u'><c/></b><d/></a>", "{jc}a(\"\" {u}b(\"\" {u}c(\"\")) {jc}d(\"\"))"},
        {"<a xmlns='u'><b xmlns=''/></a>", "{u}a(\"\" {}b(\"\"))"},
        {"<a xmlns='u&amp;v'/>", "{u&v}a(\"\")"},
        {"<p:a xmlns:p='u' p:x='1'><b/><p:c/></p:a>", "{u}a[p:x=1](\"\" {jc}b(\"\") {u}c(\"\"))"},
        {"<a xmlns:p='u'><b xmlns:p='v'><p:c/></b><p:d/></a>",
         "{jc}a(\"\" {jc}b(\"\" {v}c(\"\")) {u}d(\"\"))"},
        {"<a b='1' xmlns='u' c='2'/>", "{u}a[b=1,c=2](\"\")"},
        {"<stream:error><gone xmlns='e'/></stream:error>",
         "{http://etherx.jabber.org/streams}error(\"\" {e}gone(\"\"))"},
        {"<a xml:lang='de'><xml:b/></a>",
         "{jc}a[xml:lang=de](\"\" {http://www.w3.org/XML/1998/namespace}b(\"\"))"},
        {"<a b='>'><c d='/>'/></a>", "{jc}a[b=>](\"\" {jc}c[d=/>](\"\"))"},
    };
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct xml_node *root;
        struct buffer out;
        buffer_init(&out);
        assert_int_equal(build(&arena, rows[i].text, &root), 0);
        assert_null(root->parent);
        assert_true(span_equal(root->raw, span_of(rows[i].text)));
        show(&out, root);
        buffer_append_char(&out, '\0');
        assert_string_equal(out.ptr, rows[i].tree);
        buffer_fini(&out);
        arena_reset(&arena);
    }
    arena_fini(&arena);
}

/* Everything but `raw` stays when the stanza's bytes are gone. */
static void test_outlives_bytes(void **state)
{
    (void)state;
    char text[] = "<p:a xmlns:p='u' b='c'>d<e xmlns='f'/></p:a>";
    struct arena arena;
    struct xml_node *root;
    struct buffer out;
    arena_init(&arena);
    buffer_init(&out);
    assert_int_equal(xml_tree_build(&arena, span_of(text), SPAN("jc"), &root), 0);
    assert_true(span_is(root->children->raw, "<e xmlns='f'/>"));
    memset(text, '#', sizeof text);
    show(&out, root);
    buffer_append_char(&out, '\0');
    assert_string_equal(out.ptr, "{u}a[b=c](\"d\" {f}e(\"\"))");
    buffer_fini(&out);
    arena_fini(&arena);
}

/* What is not one whole stanza is refused: every prefix of one, and more. */
static void test_refused(void **state)
{
    static const char *const rows[] = {"",
                                       " ",
                                       "x",
                                       "<a/> ",
                                       " <a/>",
                                       "<a/><b/>",
                                       "</a>",
                                       "<a>",
                                       "<a b='&x;'/>",
                                       "<p:a/>",
                                       "<a b='1' b='2'/>",
                                       "<?xml version='1.0'?><a/>",
                                       "<!-- -->"};
    static const char whole[] = "<a b='c&lt;'>d<![CDATA[e]]><p:f xmlns:p='u'/>&#65;<g></g></a>";
    (void)state;
    struct arena arena;
    struct xml_node *root = NULL;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(build(&arena, rows[i], &root), -EINVAL);
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        struct span prefix = span_make(memcpy(fence - len, whole, len), len);
        assert_int_equal(xml_tree_build(&arena, prefix, SPAN("jc"), &root), -EINVAL);
    }
    assert_null(root);
    assert_int_equal(build(&arena, whole, &root), 0);
    arena_fini(&arena);
}

static void test_depth(void **state)
{
    (void)state;
    char text[XML_DEPTH_MAX * 7 + 1] = "";
    struct arena arena;
    struct xml_node *root;
    arena_init(&arena);
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        strcat(text, "<a>");
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        strcat(text, "</a>");
    assert_int_equal(build(&arena, text, &root), 0);
    int depth = 0;
    for (struct xml_node *node = root; node; node = node->children)
        depth++;
    assert_int_equal(depth, XML_DEPTH_MAX);
    arena_fini(&arena);
}

static void test_find(void **state)
{
    (void)state;
    struct arena arena;
    struct xml_node *root;
    arena_init(&arena);
    assert_int_equal(build(&arena, "<a b='1' c=''><d xmlns='u' n='1'/><d n='2'/><d n='3'/></a>", &root), 0);
    assert_true(span_is(xml_node_attribute(xml_node_child(root, SPAN("d"), SPAN("u")), SPAN("n")), "1"));
    assert_true(span_is(xml_node_attribute(xml_node_child(root, SPAN("d"), SPAN("jc")), SPAN("n")), "2"));
    assert_null(xml_node_child(root, SPAN("d"), SPAN("v")));
    assert_null(xml_node_child(root, SPAN("e"), SPAN("u")));
    assert_true(span_is(xml_node_attribute(root, SPAN("b")), "1"));
    assert_non_null(xml_node_attribute(root, SPAN("c")).ptr);
    assert_null(xml_node_attribute(root, SPAN("d")).ptr);
    arena_fini(&arena);
}

static void test_write(void **state)
{
    static const struct {
        const char *text, *written; /* of the first child's first child */
    } rows[] = {
        {"<a><b><c d='1'>x&amp;<e/></c></b></a>", "<c xmlns='jc' d='1'>x&amp;<e/></c>"},
        {"<a><b xmlns='q'><c/></b></a>", "<c xmlns='q'/>"},
        {"<a><b xmlns='q'><c\nxmlns=\"own\"/></b></a>", "<c\nxmlns=\"own\"/>"},
        {"<a xmlns:p='1&amp;' xmlns:o='2'><b xmlns:p='3'><p:c o:d='e'/></b></a>",
         "<p:c xmlns:p='3' xmlns:o='2' xmlns='jc' o:d='e'/>"},
        {"<a><b xmlns:p='3'><p:c xmlns:p='4' xmlns=''><d xmlns:r='5'/></p:c></b></a>",
         "<p:c xmlns:p='4' xmlns=''><d xmlns:r='5'/></p:c>"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct buffer out = {0};
        struct xml_node *root;
        arena_init(&arena);
        assert_int_equal(build(&arena, rows[i].text, &root), 0);
        xml_node_write(&out, root->children->children);
        buffer_append_char(&out, 0);
        assert_string_equal(out.ptr, rows[i].written);
        buffer_clear(&out);
        xml_node_write(&out, root);
        buffer_append_char(&out, 0);
        assert_string_not_equal(out.ptr, rows[i].text); /* the default namespace that it was read with */
        assert_non_null(strstr(out.ptr, "xmlns='jc'"));
        buffer_fini(&out);
        arena_fini(&arena);
    }
}

int main(void)
{
    fence = feed_fence_new(8192);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build), cmocka_unit_test(test_outlives_bytes), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth), cmocka_unit_test(test_find),           cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
