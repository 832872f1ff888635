/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a Message/CPIM: what is read stays within it, and says the same when it is written by hand from what was read. Any bytes as two
 * addresses: what is written is read again, with just these. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "smime/cpim.h"

static void expect(bool fact)
{
    if (!fact)
        abort();
}

static void expect_within(struct span part, struct span whole)
{
    expect(part.ptr >= whole.ptr && part.len <= whole.len &&
           (size_t)(part.ptr - whole.ptr) <= whole.len - part.len);
}

static void expect_address(struct span uri, struct span body)
{
    expect_within(uri, body);
    expect(uri.len > 1 && uri.ptr[-1] == '<' && uri.ptr[uri.len] == '>' && memchr(uri.ptr, ':', uri.len));
    for (size_t i = 0; i < uri.len; i++)
        expect(uri.ptr[i] > ' ' && uri.ptr[i] != '<' && uri.ptr[i] != '>' && uri.ptr[i] != '\\');
}

static void header_append(struct buffer *out, const char *name, struct span uri)
{
    buffer_printf(out, "%s: <", name);
    buffer_append(out, uri);
    buffer_literal(out, ">\r\n");
}

static void check_again(const struct cpim *c)
{
    struct buffer out = {0};
    struct cpim again;
    char text[MOMENT_BYTES];
    moment_write(c->stamp, text);
    buffer_printf(&out, "DateTime: %s\r\n", text);
    header_append(&out, "From", c->from);
    for (uint32_t i = 0; i < c->to_count; i++)
        header_append(&out, "To", c->to[i]);
    buffer_literal(&out, "\r\n");
    buffer_append(&out, c->content.whole);
    expect(cpim_read(buffer_span(&out), &again) == 0);
    expect(span_equal(again.from, c->from) && again.to_count == c->to_count);
    for (uint32_t i = 0; i < c->to_count; i++)
        expect(span_equal(again.to[i], c->to[i]));
    expect(span_equal(again.content.whole, c->content.whole));
    /* Of the year 9999's leap second there is no next one. */
    expect(moment_compare(again.stamp, c->stamp) == 0 || c->stamp.seconds > 253402300799);
    buffer_fini(&out);
}

static void check_read(struct span body)
{
    struct cpim c;
    if (cpim_read(body, &c) != 0)
        return;
    expect_address(c.from, body);
    expect(c.to_count > 0 && c.to_count <= CPIM_RECIPIENTS_MAX && c.content.type.len);
    for (uint32_t i = 0; i < c.to_count; i++)
        expect_address(c.to[i], body);
    expect_within(c.content.whole, body);
    expect(c.content.whole.ptr + c.content.whole.len == body.ptr + body.len);
    check_again(&c);
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Is it "im:" and `jid`, with what may not stand in a URI as %XX? */
static void expect_jid(struct span uri, struct span jid)
{
    size_t at = 3;
    expect(span_starts(uri, SPAN("im:")));
    for (size_t i = 0; i < jid.len; i++, at++) {
        char c = uri.ptr[at];
        if (c == '%') {
            c = (char)(hex_value(uri.ptr[at + 1]) << 4 | hex_value(uri.ptr[at + 2]));
            at += 2;
        }
        expect(c == jid.ptr[i]);
    }
    expect(at == uri.len);
}

static void check_write(struct span from, struct span to)
{
    struct buffer out = {0};
    struct mime_entity e;
    struct cpim c;
    struct moment stamp = {(int64_t)from.len, (uint32_t)to.len};
    expect(cpim_write(&out, SPAN("im"), from, to, stamp, SPAN("Content-Type: text/plain\r\n\r\nx")) == 0);
    expect(mime_read(buffer_span(&out), &e) == 0 && mime_is(&e, SPAN("message/cpim")));
    expect(cpim_read(e.body, &c) == 0 && c.to_count == 1 && moment_compare(c.stamp, stamp) == 0);
    expect(span_is(c.content.body, "x"));
    expect_jid(c.from, from);
    expect_jid(c.to[0], to);
    buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long as the input, so that a byte too far is seen. */
    char *bytes = malloc(size ? size : 1);
    if (size)
        memcpy(bytes, data, size);
    check_read(span_make(bytes, size));
    if (size > 1 && size < 4096)
        check_write(span_make(bytes, size / 2), span_make(bytes + size / 2, size - size / 2));
    free(bytes);
    return 0;
}
