/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smime/cpim.h"

#define FROM "From: <im:a@b>\r\n"
#define TO "To: <im:c@d>\r\n"
#define AT "DateTime: 2026-07-01T11:45:36Z\r\n"
#define CONTENT "\r\nContent-Type: text/plain\r\n\r\nx"

/* On memory exactly as long as it is, so that a byte too far is seen; its spans are not to be followed. */
static int read_exact(const char *text, size_t len, struct cpim *ret)
{
    char *exact = malloc(len + 1);
    memcpy(exact, text, len);
    int r = cpim_read(span_make(exact, len), ret);
    free(exact);
    return r;
}

static const struct {
    const char *name, *body, *from, *to;
    uint32_t to_count;
} good[] = {
    {"plain", FROM TO AT CONTENT, "im:a@b", "im:c@d", 1},
    {"another order (I2: it is the signature that minds)", AT TO FROM CONTENT, "im:a@b", "im:c@d", 1},
    {"names", "From: Juliet Capulet <im:a@b>\r\nTo: \"R.\\\"<im:x@y>\" <im:c@d>\r\n" AT CONTENT, "im:a@b",
     "im:c@d", 1},
    {"a quoted name without its space", "From: \"J\"<im:a@b>\r\n" TO AT CONTENT, "im:a@b", "im:c@d", 1},
    {"a name above ASCII", "From: J\xc3\xbcl. \xe2\x82\xac <im:a@b>\r\n" TO AT CONTENT, "im:a@b", "im:c@d",
     1},
    {"percent signs stay", "From: <im:a%20@b>\r\n" TO AT CONTENT, "im:a%20@b", "im:c@d", 1},
    {"recipients", FROM TO "To: <pres:e@f>\r\n" AT "cc: <im:g@h>\r\n" CONTENT, "im:a@b", "im:c@d", 2},
    {"languages", FROM TO AT "Subject:;lang=fr Objet\r\nSubject:;a=\"; b\";c=d x\\uzzzz\\\r\n" CONTENT,
     "im:a@b", "im:c@d", 1},
    {"unknown headers, also of other case",
     FROM TO AT "from: <im:x@y>\r\nfrom: z\r\nX-y: \"\r\nREQUIRE: x\r\n" CONTENT, "im:a@b", "im:c@d", 1},
    {"other namespaces",
     "NS: My <mid:x@y>\r\nMy.From: <im:x@y>\r\nMy.Require: x\r\nMy.DateTime: x\r\n" FROM TO AT CONTENT,
     "im:a@b", "im:c@d", 1},
    {"a prefix of ours",
     "NS: p <urn:ietf:params:cpim-headers:>\r\np.From: <im:a@b>\r\np.To: <im:c@d>\r\n" AT CONTENT, "im:a@b",
     "im:c@d", 1},
    {"another default", FROM TO AT "NS: <mid:x@y>\r\nFrom: <im:x@y>\r\nRequire: z\r\n" CONTENT, "im:a@b",
     "im:c@d", 1},
    {"a namespace without its space", "NS: p<mid:x@y>\r\np.To: z\r\n" FROM TO AT CONTENT, "im:a@b", "im:c@d",
     1},
    {"content of content", FROM TO AT "\r\ncontent-TYPE: application/pidf+xml\r\n\r\n", "im:a@b", "im:c@d",
     1},
};

static void test_read(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct cpim c, exact;
        size_t len = strlen(good[i].body);
        if (cpim_read(span_of(good[i].body), &c) != 0)
            fail_msg("%s: refused", good[i].name);
        if (!span_equal(c.from, span_of(good[i].from)) || !span_equal(c.to[0], span_of(good[i].to)) ||
            c.to_count != good[i].to_count)
            fail_msg("%s: %.*s, %.*s", good[i].name, (int)c.from.len, c.from.ptr, (int)c.to[0].len,
                     c.to[0].ptr);
        assert_int_equal(c.stamp.seconds, 1782906336);
        assert_true(c.content.type.len > 0);
        assert_int_equal(read_exact(good[i].body, len, &exact), 0);
        /* What is cut is bad as long as the content's blank line is missing. */
        size_t least = (size_t)(c.content.body.ptr - good[i].body);
        for (size_t cut = 0; cut < least; cut++)
            assert_int_equal(read_exact(good[i].body, cut, &exact), CPIM_BAD);
    }
}

static const struct {
    const char *name, *body;
} bad[] = {
    {"nothing", ""},
    {"no From", TO AT CONTENT},
    {"no To", FROM AT CONTENT},
    {"no DateTime (I12)", FROM TO CONTENT},
    {"two From", FROM TO AT FROM CONTENT},
    {"two DateTime (I12)", FROM TO AT AT CONTENT},
    {"the second under a prefix",
     "NS: p <urn:ietf:params:cpim-headers:>\r\n" FROM TO AT "p.From: <im:x@y>\r\n" CONTENT},
    {"an offset (I12)", FROM TO "DateTime: 2026-07-01T11:45:36+00:00\r\n" CONTENT},
    {"no moment", FROM TO "DateTime: yesterday\r\n" CONTENT},
    {"a parameter of a moment", FROM TO "DateTime:;a=b 2026-07-01T11:45:36Z\r\n" CONTENT},
    {"a parameter of an address", "From:;lang=en <im:a@b>\r\n" TO AT CONTENT},
    {"Require (I25)", FROM TO AT "Require: My.Vital\r\n" CONTENT},
    {"Require of a known one", FROM TO AT "Require: From\r\n" CONTENT},
    {"Require under a prefix",
     "NS: p <urn:ietf:params:cpim-headers:>\r\n" FROM TO AT "p.Require: x\r\n" CONTENT},
    {"an undeclared prefix", FROM TO AT "My.x: y\r\n" CONTENT},
    {"a prefix declared behind its use", FROM TO AT "My.x: y\r\nNS: My <mid:x@y>\r\n" CONTENT},
    {"a prefix declared twice",
     FROM TO AT "NS: p <mid:x@y>\r\nNS: p <urn:ietf:params:cpim-headers:>\r\n" CONTENT},
    {"no prefix before the dot", FROM TO AT ".x: y\r\n" CONTENT},
    {"two dots", FROM TO AT "NS: p <mid:x@y>\r\np.q.x: y\r\n" CONTENT},
    {"a namespace without a URI", FROM TO AT "NS: p\r\n" CONTENT},
    {"folding", FROM TO AT "Subject: a\r\n b\r\n" CONTENT},
    {"no space", "From:<im:a@b>\r\n" TO AT CONTENT},
    {"two spaces", "From:  <im:a@b>\r\n" TO AT CONTENT},
    {"a tab", "From:\t<im:a@b>\r\n" TO AT CONTENT},
    {"a space at the end", "From: <im:a@b> \r\n" TO AT CONTENT},
    {"a space before the colon", "From : <im:a@b>\r\n" TO AT CONTENT},
    {"a space at the start", " From: <im:a@b>\r\n" TO AT CONTENT},
    {"two spaces before any value", FROM TO AT "Subject:  a\r\n" CONTENT},
    {"a space behind any value", FROM TO AT "Subject: a \r\n" CONTENT},
    {"an empty value", FROM TO AT "Subject: \r\n" CONTENT},
    {"no colon", FROM TO AT "Subject\r\n" CONTENT},
    {"no name", FROM TO AT ": x\r\n" CONTENT},
    {"a control character", FROM TO AT "Subject: a\x01\r\n" CONTENT},
    {"the last of them", FROM TO AT "Subject: a\x7f\r\n" CONTENT},
    {"a lone CR", FROM TO AT "Subject: a\rFrom: <im:x@y>\r\n" CONTENT},
    {"a lone LF", FROM TO AT "Subject: a\nFrom: <im:x@y>\r\n" CONTENT},
    {"no UTF-8", FROM TO AT "Subject: a\xff\r\n" CONTENT},
    {"UTF-8 too long", FROM TO AT "Subject: a\xc0\xaf\r\n" CONTENT},
    {"UTF-8 cut", FROM TO AT "Subject: a\xe2\x82\r\n" CONTENT},
    {"a parameter without a value", FROM TO AT "Subject:;lang= x\r\n" CONTENT},
    {"a parameter without a name", FROM TO AT "Subject:;=x x\r\n" CONTENT},
    {"a string without end", FROM TO AT "Subject:;a=\"x x\r\n" CONTENT},
    {"no brackets", "From: im:a@b\r\n" TO AT CONTENT},
    {"no end of them", "From: <im:a@b\r\n" TO AT CONTENT},
    {"text behind them", "From: <im:a@b> x\r\n" TO AT CONTENT},
    {"brackets twice", "From: <im:a@b><im:x@y>\r\n" TO AT CONTENT},
    {"brackets within", "From: <im:a<@b>\r\n" TO AT CONTENT},
    {"a space within", "From: <im:a @b>\r\n" TO AT CONTENT},
    {"an escape within", "From: <im:a\\u0040b>\r\n" TO AT CONTENT},
    {"no scheme", "From: <a@b>\r\n" TO AT CONTENT},
    {"an empty scheme", "From: <:a@b>\r\n" TO AT CONTENT},
    {"nothing within", "From: <>\r\n" TO AT CONTENT},
    {"above ASCII within", "From: <im:\xc3\xbc@b>\r\n" TO AT CONTENT},
    {"a name without its space", "From: Juliet<im:a@b>\r\n" TO AT CONTENT},
    {"a name with two", "From: Juliet  <im:a@b>\r\n" TO AT CONTENT},
    {"a separator in a name", "From: Capulet, Juliet <im:a@b>\r\n" TO AT CONTENT},
    {"a quoted name without end", "From: \"J <im:a@b>\r\n" TO AT CONTENT},
    {"no blank line", FROM TO AT},
    {"no content", FROM TO AT "\r\n"},
    {"content without fields", FROM TO AT "\r\n\r\nx"},
    {"content without a type", FROM TO AT "\r\nX: y\r\n\r\nx"},
};

static void test_bad(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cpim c;
        if (read_exact(bad[i].body, strlen(bad[i].body), &c) != CPIM_BAD)
            fail_msg("%s: accepted", bad[i].name);
    }
    struct cpim c;
    static const char nul[] = FROM TO AT "Subject: a\0b\r\n" CONTENT;
    assert_int_equal(cpim_read(SPAN(nul), &c), CPIM_BAD);
}

static int read_many(uint32_t recipients, uint32_t namespaces, uint32_t others)
{
    struct buffer text = {0};
    struct cpim c;
    buffer_literal(&text, FROM AT);
    for (uint32_t i = 0; i < recipients; i++)
        buffer_literal(&text, TO);
    for (uint32_t i = 0; i < namespaces; i++)
        buffer_printf(&text, "NS: p%u <mid:x@y>\r\n", i);
    for (uint32_t i = 0; i < others; i++)
        buffer_literal(&text, "X: y\r\n");
    buffer_literal(&text, CONTENT);
    int r = cpim_read(buffer_span(&text), &c);
    buffer_fini(&text);
    return r;
}

static void test_limits(void **unused)
{
    (void)unused;
    assert_int_equal(read_many(CPIM_RECIPIENTS_MAX, 0, 0), 0);
    assert_int_equal(read_many(CPIM_RECIPIENTS_MAX + 1, 0, 0), CPIM_BAD);
    assert_int_equal(read_many(1, CPIM_NAMESPACES_MAX, 0), 0);
    assert_int_equal(read_many(1, CPIM_NAMESPACES_MAX + 1, 0), CPIM_BAD);
    assert_int_equal(read_many(1, 0, MIME_HEADER_LINES_MAX - 3), 0);
    assert_int_equal(read_many(1, 0, MIME_HEADER_LINES_MAX - 2), CPIM_BAD);
}

static void test_write(void **unused)
{
    static const char expected[] = "Content-Type: Message/CPIM\r\n\r\n"
                                   "From: <pres:m%C3%BCller@[::1]>\r\n"
                                   "To: <pres:100%25%27%3E@b.example>\r\n"
                                   "DateTime: 2026-07-01T11:45:36.66Z\r\n\r\n"
                                   "Content-Type: text/plain\r\n\r\nx";
    struct buffer out = {0};
    struct mime_entity e;
    struct cpim c;
    (void)unused;
    assert_int_equal(cpim_write(&out, SPAN("pres"), SPAN("m\xc3\xbcller@[::1]"), SPAN("100%'>@b.example"),
                                (struct moment){1782906336, 660000000},
                                SPAN("Content-Type: text/plain\r\n\r\nx")),
                     0);
    assert_true(span_equal(buffer_span(&out), SPAN(expected)));
    assert_int_equal(mime_read(buffer_span(&out), &e), 0);
    assert_true(mime_is(&e, SPAN("message/cpim")));
    assert_int_equal(cpim_read(e.body, &c), 0);
    assert_true(span_is(c.from, "pres:m%C3%BCller@[::1]"));
    assert_int_equal(c.stamp.nanoseconds, 660000000);
    assert_true(span_is(c.content.body, "x"));
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
