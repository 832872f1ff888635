/* SPDX-License-Identifier: Apache-2.0 */
/* Random streams for test_differential.c: mostly well-formed by a small grammar with everything XML has, XMPP
 * or not; then, often, a few bytes are changed. */
#ifndef MUSTER_TESTS_XML_GENERATE_H
#define MUSTER_TESTS_XML_GENERATE_H

#include "base/buffer.h"

struct generator {
    uint64_t state;
    struct buffer out;
    uint32_t depth;
    bool is_clean;  /* no mistakes on purpose */
    bool has_scope; /* the stanza declares p and q */
};

static inline uint32_t generate_below(struct generator *g, uint32_t n)
{
    g->state = g->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((g->state >> 33) % n);
}

static inline bool generate_one_in(struct generator *g, uint32_t n)
{
    return generate_below(g, n) == 0;
}

/* Time for a mistake? */
static inline bool generate_slip(struct generator *g, uint32_t n)
{
    return !g->is_clean && generate_one_in(g, n);
}

static inline void generate_pick(struct generator *g, const char *const *choices, size_t count)
{
    buffer_append(&g->out, span_of(choices[generate_below(g, (uint32_t)count)]));
}

#define GENERATE_PICK(g, ...)                                                                                \
    generate_pick((g), (const char *const[]){__VA_ARGS__},                                                   \
                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static inline void generate_space(struct generator *g)
{
    if (generate_one_in(g, 8))
        GENERATE_PICK(g, " ", "\n", "\t", "\r\n", "  ", "\r");
}

static inline void generate_name(struct generator *g)
{
    GENERATE_PICK(g, "a", "b", "c", "show", "status", "presence", "message", "iq", "query", "item",
                  "priority", "to", "from", "id", "type", "a-b.c9", "_",
                  "averyverylongnamethatgoesonfortyeightbytesandsomemore");
    if (generate_slip(g, 60))
        GENERATE_PICK(g, "\xC3\xA4", "\xE4\xB8\x80", "\xCC\x80", "\xF0\x90\x80\x80", ":", ":x", "1",
                      "\xC3\x97");
}

static inline void generate_prefix(struct generator *g)
{
    if (g->has_scope && generate_one_in(g, 4))
        GENERATE_PICK(g, "p:", "q:", "xml:");
    else if (generate_slip(g, 20))
        GENERATE_PICK(g, "p:", "q:", "xml:", "stream:", "s:", "xmlns:");
}

static inline void generate_reference(struct generator *g)
{
    if (generate_slip(g, 20))
        GENERATE_PICK(g, "&", "&;", "&foo;", "&nbsp;", "&#0;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&#X41;",
                      "&#;");
    else
        GENERATE_PICK(g, "&amp;", "&lt;", "&gt;", "&apos;", "&quot;", "&#65;", "&#x4E00;", "&#10;",
                      "&#000065;", "&#x10FFFF;");
}

static inline void generate_text(struct generator *g, bool is_value)
{
    for (uint32_t n = generate_below(g, 5); n > 0; n--) {
        if (generate_one_in(g, 8))
            generate_reference(g);
        else if (generate_one_in(g, 8))
            GENERATE_PICK(g, "\xC3\xA4\xC3\xB6", "\xE4\xB8\x80", "\xF0\x9F\x98\x80", "\xEF\xBB\xBF",
                          "\xEF\xBF\xBD", "\x7F", "\xC2\x80", "\xED\x9F\xBF");
        else if (generate_slip(g, 100))
            GENERATE_PICK(g, "\xEF\xBF\xBE", "\xED\xA0\x80", "\xC0\x80", "\xFF", "\x01", "]]>", "<",
                          "\xF4\x90\x80\x80", "\xE0\x80\x80", "\xC3", "'", "\"");
        else if (is_value)
            GENERATE_PICK(g, "juliet@capulet.lit", "x", "/balcony", " ", "\t", ">", "]]>", "urn:xmpp:idle:1",
                          "http://jabber.org/protocol/caps");
        else
            GENERATE_PICK(g, "away", "some longer text that goes beyond one window of bytes", " ", "\n",
                          "\r\n", "]", "]]", ">", "'", "\"", "]]&gt;");
    }
}

static inline void generate_value(struct generator *g, bool is_declaration)
{
    char quote = generate_one_in(g, 3) ? '"' : '\'';
    generate_space(g);
    buffer_append_char(&g->out, '=');
    generate_space(g);
    buffer_append_char(&g->out, quote);
    if (!is_declaration)
        generate_text(g, true);
    else if (generate_slip(g, 6))
        GENERATE_PICK(g, "", "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/");
    else if (generate_slip(g, 6))
        GENERATE_PICK(g, "u v", "u\nv", "}", "u&#125;v", "u&lt;v", "u\x7F", "|u", "u\\", "^&#9;", "`");
    else
        GENERATE_PICK(g, "u", "u", "v", "&#117;", "jabber:client", "http://jabber.org/protocol/caps",
                      "u&amp;v", "u[&apos;]~", "\xC3\xA9");
    buffer_append_char(&g->out, quote);
}

/* The element's attribute number `n`: clean ones are named for it, so that none stands there twice. */
static inline void generate_attribute(struct generator *g, uint32_t n)
{
    static const char *const declarations[] = {"xmlns", "xmlns:p", "xmlns:q", "xmlns:r"};
    GENERATE_PICK(g, " ", " ", " ", " ", "\n", "  ");
    bool is_declaration = n < 4 && generate_one_in(g, 5);
    if (is_declaration && generate_slip(g, 8)) {
        GENERATE_PICK(g, "xmlns", "xmlns:p", "xmlns:q", "xmlns:xml", "xmlns:xmlns");
    } else if (is_declaration) {
        buffer_append(&g->out, span_of(declarations[n]));
    } else {
        generate_prefix(g);
        generate_name(g);
        if (!generate_slip(g, 10))
            buffer_printf(&g->out, "%u", n);
    }
    generate_value(g, is_declaration);
}

static inline void generate_element(struct generator *g);

static inline void generate_forbidden(struct generator *g)
{
    GENERATE_PICK(g, "<!-- x -->", "<?pi x?>", "<!DOCTYPE a>", "<?xml version='1.0'?>", "<!ELEMENT a ANY>",
                  "<!-->");
}

static inline void generate_content(struct generator *g)
{
    for (uint32_t n = generate_below(g, g->depth < 8 ? 4 : 1); n > 0; n--) {
        if (generate_one_in(g, 3))
            generate_element(g);
        else if (generate_slip(g, 300))
            generate_forbidden(g);
        else if (generate_one_in(g, 12))
            GENERATE_PICK(g, "<![CDATA[]]>", "<![CDATA[<a>&b;]]>", "<![CDATA[]]]]>", "<![CDATA[\xC3\xA4]>]]>",
                          "<![CDATA[x\r\n]]>");
        else
            generate_text(g, false);
    }
}

static inline void generate_element(struct generator *g)
{
    uint32_t start = g->out.len;
    buffer_append_char(&g->out, '<');
    generate_prefix(g);
    generate_name(g);
    uint32_t name_len = g->out.len - start - 1;
    if (g->depth == 0 && g->has_scope)
        buffer_literal(&g->out, " xmlns:p='u' xmlns:q='w'");
    for (uint32_t n = generate_below(g, 6), first = g->depth == 0 && g->has_scope ? 4 : 0, i = 0; i < n; i++)
        generate_attribute(g, first + i);
    generate_space(g);
    if (generate_one_in(g, 3)) {
        buffer_literal(&g->out, "/>");
        return;
    }
    buffer_append_char(&g->out, '>');
    g->depth++;
    generate_content(g);
    g->depth--;
    buffer_literal(&g->out, "</");
    char name[128];
    memcpy(name, g->out.ptr + start + 1, name_len);
    buffer_append(&g->out, span_make(name, name_len));
    if (generate_slip(g, 200))
        buffer_append_char(&g->out, 'x');
    generate_space(g);
    buffer_append_char(&g->out, '>');
}

static inline void generate_header(struct generator *g)
{
    if (g->is_clean && generate_one_in(g, 2))
        GENERATE_PICK(g, "<?xml version='1.0'?>", "\n<?xml version='1.0' encoding='utf-8'?>\r\n");
    else if (generate_slip(g, 6))
        GENERATE_PICK(g, "<?xml version='1.0'?>", "<?xml version='1.0' encoding='UTF-8'?>\n",
                      "<?xml version=\"1.1\" encoding='utf-8' standalone='yes' ?>", " <?xml version='1.0'?>",
                      "\n", "<?xml version='2.0'?>", "<?xml version='1.0' encoding='ISO-8859-1'?>",
                      "<?xml encoding='UTF-8'?>", "<?xml version='1.0' standalone='x'?>", "\xEF\xBB\xBF",
                      "<!-- -->", "<!DOCTYPE s>", "<?pi?>");
    buffer_literal(&g->out,
                   "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'");
    if (generate_slip(g, 4))
        generate_attribute(g, 1 + generate_below(g, 8));
    buffer_append_char(&g->out, '>');
}

/* Change up to three bytes or short runs. */
static inline void generate_mutation(struct generator *g)
{
    static const char bytes[] = "<>/='\"&;:! ?[]-\t\r\nax1.\0\x01\x7F\x80\xC3\xA4\xE4\xED\xEF\xF0\xFF";
    struct buffer *b = &g->out;
    for (uint32_t n = 1 + generate_below(g, 3); n > 0 && b->len > 1; n--) {
        uint32_t at = generate_below(g, b->len);
        char byte = bytes[generate_below(g, sizeof bytes - 1)];
        switch (generate_below(g, 4)) {
        case 0:
            b->ptr[at] = byte;
            break;
        case 1:
            memmove(b->ptr + at, b->ptr + at + 1, b->len - at - 1);
            b->len--;
            break;
        case 2:
            buffer_append_char(b, ' ');
            memmove(b->ptr + at + 1, b->ptr + at, b->len - at - 1);
            b->ptr[at] = byte;
            break;
        default: { /* one part again in another place */
            uint32_t from = generate_below(g, b->len), len = generate_below(g, 12);
            if (from + len <= b->len && at + len <= b->len)
                memmove(b->ptr + at, b->ptr + from, len);
            break;
        }
        }
    }
}

static inline void generate_stream(struct generator *g)
{
    buffer_clear(&g->out);
    g->is_clean = generate_one_in(g, 2);
    generate_header(g);
    for (uint32_t n = 1 + generate_below(g, 3); n > 0; n--) {
        g->has_scope = generate_one_in(g, 2);
        generate_element(g);
        if (generate_one_in(g, 5))
            GENERATE_PICK(g, " ", "\n", " \t ", "\r\n");
        if (generate_slip(g, 150))
            GENERATE_PICK(g, "text", "&#32;", "<![CDATA[ ]]>", "<!-- -->", "\xC3\xA4", "\x01");
    }
    if (generate_one_in(g, 2))
        buffer_literal(&g->out, "</stream:stream>");
    if (generate_one_in(g, 3))
        generate_mutation(g);
    if (generate_one_in(g, 10))
        g->out.len = generate_below(g, g->out.len) + 1;
}

#endif
