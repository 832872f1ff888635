/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked when a start tag is whole: attributes that stand there twice, namespace declarations, the
 * prefixes in use (Namespaces in XML 1.0). Nothing is copied; names are compared where they stand. */
#include "xml/scan.h"
#include "xml/reference.h"

/* What a prefix means, beside an index into the bindings. */
enum { MEANS_XML = XML_BINDINGS_MAX, MEANS_NOTHING };

static bool text_is(const uint8_t *base, uint32_t at, uint32_t len, const char *text)
{
    return len == strlen(text) && memcmp(base + at, text, len) == 0;
}

static struct span value_of(const uint8_t *base, const struct scan_attribute *a)
{
    return span_make((const char *)base + a->value, a->value_len);
}

int scan_tag_attribute(struct xml_scan *s, const uint8_t *base, uint32_t name, uint16_t name_len,
                       uint16_t colon)
{
    struct scan_attribute *attributes = scan_attributes(s);
    const uint8_t *text = base + name;
    uint64_t bit = scan_name_bit(text, name_len);
    if (s->seen_names & bit) {
        for (uint32_t i = 0; i < s->attribute_count; i++)
            if (attributes[i].name_len == name_len && memcmp(base + attributes[i].name, text, name_len) == 0)
                return scan_refuse(s, XML_NOT_WELL_FORMED);
    }
    s->seen_names |= bit;
    s->prefixed_count += colon != 0;
    if (name_len == 5 && memcmp(text, "xmlns", 5) == 0)
        s->default_at = s->attribute_count;
    struct scan_attribute *a = &attributes[s->attribute_count];
    a->name = name;
    a->name_len = name_len;
    a->colon = colon;
    return SCAN_ON;
}

static bool is_declaration(const uint8_t *base, const struct scan_attribute *a)
{
    return a->colon == 5 && memcmp(base + a->name, "xmlns", 5) == 0;
}

static bool may_decode_to(struct span value, struct span text)
{
    return value.len == text.len || (value.len > text.len && memchr(value.ptr, '&', value.len));
}

/* Neither may be the default namespace, nor be bound to another prefix than its own (s. 3). */
static bool is_reserved(struct span value)
{
    const struct span xml = SPAN(SCAN_XML_NAMESPACE), xmlns = SPAN(SCAN_XMLNS_NAMESPACE);
    return (may_decode_to(value, xmlns) && reference_text_equal(value, xmlns)) ||
           (may_decode_to(value, xml) && reference_text_equal(value, xml));
}

/* A namespace name is a URI reference (Namespaces in XML s. 2.2). Who reads XML behind us relies on that: parsers put namespace and name
 * together with a separator that no URI has (a blank, '}'), and refuse the whole document when a namespace has it, so
 * that with one stanza somebody's client could be thrown off line. */
static bool is_name(struct span value)
{
    return reference_is_iri(value);
}

/* Bring the prefix that `a` declares into scope. */
static int bind(struct xml_scan *s, const uint8_t *base, const struct scan_attribute *a)
{
    uint32_t prefix = a->name + a->colon + 1u;
    uint16_t prefix_len = (uint16_t)(a->name_len - a->colon - 1);
    struct span value = value_of(base, a);
    bool is_xml = text_is(base, prefix, prefix_len, "xml");
    if (is_xml && reference_text_equal(value, SPAN(SCAN_XML_NAMESPACE)))
        return SCAN_ON;
    if (is_xml || value.len == 0 || text_is(base, prefix, prefix_len, "xmlns") || is_reserved(value))
        return scan_refuse(s, XML_BAD_NAMESPACE_PREFIX);
    if (!is_name(value))
        return scan_refuse(s, XML_NOT_WELL_FORMED);
    if (s->binding_count == XML_BINDINGS_MAX)
        return scan_refuse(s, XML_POLICY_VIOLATION);
    uint8_t meaning = 0;
    while (meaning < s->binding_count) {
        const struct scan_binding *b = &s->bindings[meaning];
        if (reference_text_equal(value, span_make((const char *)base + b->value, b->value_len)))
            break;
        meaning++;
    }
    s->bindings[s->binding_count++] =
        (struct scan_binding){prefix, prefix_len, meaning, a->value, a->value_len};
    return SCAN_ON;
}

static uint8_t meaning_of(const struct xml_scan *s, const uint8_t *base, uint32_t prefix, uint16_t len)
{
    for (uint32_t i = s->binding_count; i-- > 0;) {
        const struct scan_binding *b = &s->bindings[i];
        if (b->prefix_len == len && memcmp(base + b->prefix, base + prefix, len) == 0)
            return b->meaning;
    }
    return text_is(base, prefix, len, "xml") ? MEANS_XML : MEANS_NOTHING;
}

static int bind_all(struct xml_scan *s, const uint8_t *base, const struct scan_attribute *attributes)
{
    for (uint32_t i = 0; i < s->attribute_count; i++) {
        int r = is_declaration(base, &attributes[i]) ? bind(s, base, &attributes[i]) : SCAN_ON;
        if (r != SCAN_ON)
            return r;
    }
    return SCAN_ON;
}

/* Every prefixed attribute's prefix is in scope, and no two have the same expanded name (s. 6.3). */
static int check_attributes(struct xml_scan *s, const uint8_t *base, const struct scan_attribute *attributes)
{
    uint8_t meanings[XML_ATTRIBUTES_MAX];
    for (uint32_t i = 0; i < s->attribute_count; i++) {
        const struct scan_attribute *a = &attributes[i];
        meanings[i] = MEANS_NOTHING;
        if (a->colon == 0 || is_declaration(base, a))
            continue;
        meanings[i] = meaning_of(s, base, a->name, a->colon);
        if (meanings[i] == MEANS_NOTHING)
            return scan_refuse(s, XML_BAD_NAMESPACE_PREFIX);
        uint32_t local_len = (uint32_t)a->name_len - a->colon;
        for (uint32_t j = 0; j < i; j++) {
            const struct scan_attribute *b = &attributes[j];
            if (meanings[j] == meanings[i] && (uint32_t)b->name_len - b->colon == local_len &&
                memcmp(base + a->name + a->colon, base + b->name + b->colon, local_len) == 0)
                return scan_refuse(s, XML_NOT_WELL_FORMED);
        }
    }
    return SCAN_ON;
}

/* The element's own prefix. `stream` is declared in the stream header, out of this scan's sight. */
static int check_name(struct xml_scan *s, const uint8_t *base)
{
    if (meaning_of(s, base, s->tag_name, s->tag_colon) != MEANS_NOTHING)
        return SCAN_ON;
    bool is_first = s->kind == XML_STANZA && s->depth == 0;
    if (is_first && text_is(base, s->tag_name, s->tag_colon, "stream"))
        return SCAN_ON;
    if (is_first && s->limits.has_db && text_is(base, s->tag_name, s->tag_colon, "db"))
        return SCAN_ON;
    return scan_refuse(s, XML_BAD_NAMESPACE_PREFIX);
}

int scan_tag_namespaces(struct xml_scan *s, const uint8_t *base)
{
    const struct scan_attribute *attributes = scan_attributes(s);
    int r = SCAN_ON;
    if (s->default_at != SCAN_NO_DEFAULT && is_reserved(value_of(base, &attributes[s->default_at])))
        return scan_refuse(s, XML_BAD_NAMESPACE_PREFIX);
    if (s->default_at != SCAN_NO_DEFAULT && !is_name(value_of(base, &attributes[s->default_at])))
        return scan_refuse(s, XML_NOT_WELL_FORMED);
    if (s->prefixed_count)
        r = bind_all(s, base, attributes);
    if (r == SCAN_ON && s->tag_colon)
        r = check_name(s, base);
    if (r == SCAN_ON && s->prefixed_count)
        r = check_attributes(s, base, attributes);
    return r;
}
