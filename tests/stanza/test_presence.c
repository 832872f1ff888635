/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "scanned.h"
#include "xml/tree.h"

#define CLIENT SPAN("jabber:client")
#define BAD 1000 /* no priority */

/* presence_read of this content: the priority, or BAD. */
static int read_content(struct span content)
{
    struct stanza s = {.kind = STANZA_PRESENCE, .content = content};
    struct presence_details details = {.priority = 99};
    int outcome = presence_read(&s, &details);
    if (outcome == 0)
        return details.priority;
    assert_int_equal(outcome, PRESENCE_BAD);
    assert_int_equal(details.priority, 99); /* written only on success */
    return BAD;
}

static const struct {
    const char *content;
    int want;
} rows[] = {
    {"", 0},
    {"text", 0},
    {"<priority>5</priority>", 5},
    {"<priority>0</priority>", 0},
    {"<priority>-0</priority>", 0},
    {"<priority>+7</priority>", 7},
    {"<priority>007</priority>", 7},
    {"<priority>127</priority>", 127},
    {"<priority>-128</priority>", -128},
    {"<priority>128</priority>", BAD},
    {"<priority>-129</priority>", BAD},
    {"<priority>4294967297</priority>", BAD},
    {"<priority>0000000000000000000000001</priority>", BAD},
    {"<priority> \t\r\n5 \n</priority>", 5},
    {"<priority>5 5</priority>", BAD},
    {"<priority>- 5</priority>", BAD},
    {"<priority>5x</priority>", BAD},
    {"<priority>--5</priority>", BAD},
    {"<priority>+</priority>", BAD},
    {"<priority>-</priority>", BAD},
    {"<priority>1.0</priority>", BAD},
    {"<priority></priority>", BAD},
    {"<priority> </priority>", BAD},
    {"<priority/>", BAD},
    {"<priority>5</priority><priority>5</priority>", BAD},
    {"<priority>1<x/></priority>", BAD},
    {"<priority>&#53;</priority>", 5},
    {"<priority>&#x2d;&#x35;</priority>", -5},
    {"<priority>&amp;</priority>", BAD},
    {"<priority>&#x665;</priority>", BAD}, /* ARABIC-INDIC DIGIT FIVE */
    {"<priority>&#305;</priority>", BAD},  /* whose low byte is '1' */
    {"<show>&#x178;&#x161;</show>", BAD},
    {"<priority><![CDATA[1]]>2</priority>", 12},
    {"<priority><![CDATA[1]]>&#50;</priority>", 12},
    {"<priority><![CDATA[<]]></priority>", BAD},
    {"<priority a='>/'>6</priority >", 6},
    {"<priority\n>6</priority\n>", 6},
    {"<show>away</show>", 0},
    {"<show>chat</show>", 0},
    {"<show>dnd</show>", 0},
    {"<show>xa</show>", 0},
    {"<show>\n xa </show>", 0},
    {"<show>&#x78;&#97;</show>", 0},
    {"<show><![CDATA[xa]]></show>", 0},
    {"<show>XA</show>", BAD},
    {"<show>online</show>", BAD},
    {"<show>x a</show>", BAD},
    {"<show>awayaway</show>", BAD},
    {"<show></show>", BAD},
    {"<show/>", BAD},
    {"<show>away<b/></show>", BAD},
    {"<show>away</show><show>away</show>", BAD},
    {"<show>away</show><priority>3</priority><status>x</status>", 3},
    {"<status>&lt;priority&gt;5&lt;/priority&gt;</status>", 0},
    {"<status><![CDATA[<priority>5</priority>]]></status>", 0},
    {"<![CDATA[<priority>5</priority>]]>", 0},
    {"<status a='<priority>'>x</status><priority>2</priority>",
     2}, /* no XML ('<' in a value), quotes hold all the same */
    {"<status a=\"'\" b='\"'/><priority>2</priority>", 2},
    /* deeper ones are not the presence's own */
    {"<x><priority>5</priority><show>nonsense</show></x>", 0},
    {"<x><x><show/></x><show/></x><priority>4</priority>", 4},
    {"<x/><x></x><priority>4</priority><x/>", 4},
    /* nor are those of another namespace */
    {"<priority xmlns='urn:x'>5</priority>", 0},
    {"<show xmlns='urn:x'>nonsense</show>", 0},
    {"<show a=\"xmlns='x'\"  xmlns = \"urn:x\"/>", 0},
    {"<show xmlns=''>nonsense</show>", 0},
    {"<priority xmlns='jabber:client'>5</priority>", 5},
    {"<priority a='b' xmlns='jabber:client'>5</priority>", 5},
    {"<priority xmlns:x='urn:x'>5</priority>", 5},
    {"<x:priority xmlns:x='urn:x'>5</x:priority>", 0},
    {"<priority1>5</priority1><priorit>5</priorit>", 0},
    {"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:n' "
     "ver='q07/='/><priority>1</priority>",
     1},
};
#define ROWS (sizeof rows / sizeof *rows)

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ROWS; i++) {
        int got = read_content(span_of(rows[i].content));
        if (got != rows[i].want)
            fail_msg("%s: %d", rows[i].content, got);
    }
}

/* The whole way, from the stream's bytes. */
static void test_scanned_presence(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int want;
    } whole[] = {
        {"<presence/>", 0},
        {"<presence></presence>", 0},
        {"<presence><show>dnd</show><priority>-1</priority></presence>", -1},
        {"<presence xmlns='jabber:client'><priority>9</priority></presence>", 9},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        struct scanned s;
        struct presence_details details;
        assert_int_equal(scanned_read(&s, span_of(whole[i].text), CLIENT), 0);
        assert_int_equal(presence_read(&s.stanza, &details), 0);
        assert_int_equal(details.priority, whole[i].want);
        scanned_fini(&s);
    }
}

/* The scanner never lets a cut content through; were it to, nothing behind the cut may be read. */
static void test_every_prefix_before_a_guard_page(void **unused)
{
    (void)unused;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    for (size_t i = 0; i < ROWS; i++) {
        size_t len = strlen(rows[i].content);
        for (size_t cut = 0; cut <= len; cut++) {
            char *at = pages + page - cut;
            memcpy(at, rows[i].content, cut);
            int got = read_content(span_make(at, cut));
            if (cut == len)
                assert_int_equal(got, rows[i].want);
        }
    }
    munmap(pages, 2 * page);
}

static void test_cut_elements_are_bad(void **unused)
{
    (void)unused;
    static const char *const cut[] = {
        "<",
        "<a",
        "<a>",
        "<>",
        "</a>",
        "</a><b>",
        "<></a>",
        "<a></a></a>",
        "<a b='>",
        "<a><b></a>",
        "<![CDATA[",
        "<a><![CDATA[</a>",
        "<a/",
        "<priority>1",
        "<priority>1<",
        "<priority>1</priority",
        "<show>away</show><",
    };
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        if (read_content(span_of(cut[i])) != BAD)
            fail_msg("%s", cut[i]);
}

/* The oracle: the same rules on an element tree. */
static int read_tree(struct span stanza)
{
    static const char *const shows[] = {"away", "chat", "dnd", "xa"};
    struct arena arena;
    struct xml_node *root;
    int result = 0, show_count = 0, priority_count = 0;
    arena_init(&arena);
    assert_int_equal(xml_tree_build(&arena, stanza, CLIENT, &root), 0);
    for (const struct xml_node *n = root->children; n; n = n->next) {
        bool is_show = span_is(n->name, "show"), is_priority = span_is(n->name, "priority");
        if (!span_is(n->xmlns, "jabber:client") || (!is_show && !is_priority))
            continue;
        char text[64], *end, *at = text;
        snprintf(text, sizeof text, "%.*s", (int)n->text.len, n->text.ptr);
        for (size_t len; (len = strlen(text)) > 0 && strchr(" \t\r\n", text[len - 1]);)
            text[len - 1] = '\0';
        at += strspn(at, " \t\r\n");
        bool is_known = false;
        for (size_t i = 0; i < 4; i++)
            is_known |= strcmp(at, shows[i]) == 0;
        long value = strtol(at, &end, 10);
        show_count += is_show;
        priority_count += is_priority;
        if (n->children || (is_show && !is_known) ||
            (is_priority && (end == at || *end || value < -128 || value > 127)) || show_count > 1 ||
            priority_count > 1)
            result = BAD;
        if (is_priority && result != BAD)
            result = (int)value;
    }
    arena_fini(&arena);
    return result;
}

static void write_random(struct buffer *b, unsigned *seed, int depth)
{
    static const char *const pieces[] = {
        "<show>away</show>",
        "<show>xa</show>",
        "<show> dnd </show>",
        "<show>no</show>",
        "<show/>",
        "<priority>5</priority>",
        "<priority>-128</priority>",
        "<priority>&#49;2</priority>",
        "<priority>200</priority>",
        "<status>x &lt;show&gt;</status>",
        "<![CDATA[<show/>]]>",
        " \n",
        "text &amp; ]",
        "<show xmlns='urn:x'>no</show>",
        "<c xmlns='urn:c' ver='/>'/>",
        "<priority xmlns=\"jabber:client\">3</priority>",
        "<priority\ta='xmlns'>+4</priority>",
        "<priority><![CDATA[ 6]]></priority>",
        "<show>aw<b/>ay</show>",
    };
    int count = rand_r(seed) % 4;
    for (int i = 0; i < count; i++) {
        if (depth < 3 && rand_r(seed) % 3 == 0) {
            buffer_literal(b, "<x>");
            write_random(b, seed, depth + 1);
            buffer_literal(b, "</x>");
        } else {
            buffer_append(b, span_of(pieces[(size_t)rand_r(seed) % (sizeof pieces / sizeof *pieces)]));
        }
    }
}

static void test_agrees_with_the_tree(void **unused)
{
    (void)unused;
    unsigned seed = 1;
    int good = 0, bad = 0;
    for (int round = 0; round < 20000; round++) {
        struct buffer b;
        buffer_init(&b);
        buffer_literal(&b, "<presence>");
        write_random(&b, &seed, 0);
        buffer_literal(&b, "</presence>");
        struct span whole = buffer_span(&b);
        int want = read_tree(whole);
        int got = read_content(span_make(whole.ptr + 10, whole.len - 21));
        if (got != want)
            fail_msg("%.*s: %d, tree says %d", (int)whole.len, whole.ptr, got, want);
        *(want == BAD ? &bad : &good) += 1;
        buffer_fini(&b);
    }
    assert_true(good > 1000 && bad > 1000); /* the pieces make both */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_scanned_presence),
        cmocka_unit_test(test_every_prefix_before_a_guard_page),
        cmocka_unit_test(test_cut_elements_are_bad),
        cmocka_unit_test(test_agrees_with_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
