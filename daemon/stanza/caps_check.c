/* SPDX-License-Identifier: Apache-2.0 */
/* The input of the hash, by either specification, from a disco#info result; and all that makes a result
 * ill-formed. The two differ in their separators, in the order of the parts, and in what they refuse:
 *
 * - XEP-0115 s. 5.1, 5.4: a form that is not of the FORM_TYPE kind is left out of the hash; whatever is there
 * twice is ill-formed. A '<' within a value is written "&lt;", or one feature could be made to look like two.
 * - XEP-0390 s. 4.1: separators that XML cannot hold; anything that the hash would not cover is ill-formed.
 */
#include <errno.h>
#include <stdlib.h>

#include "sasl/digest.h"
#include "sasl/sasl.h"
#include "stanza/caps.h"
#include "xml/tree.h"

#define DISCO_INFO SPAN("http://jabber.org/protocol/disco#info")
#define DATA_FORM SPAN("jabber:x:data")

/* Texts to be put in order: by a key of their own, for a text's own bytes would let a separator decide. */
struct text {
    struct span key, text;
};
struct texts {
    struct text *at;
    uint32_t count;
};

struct check {
    const struct xml_node *query;
    struct arena *arena;
    struct span lang;
    bool is_old; /* XEP-0115 */
    bool is_ill_formed;
    bool is_out_of_memory;
    struct texts features, identities, forms;
};

static int span_compare(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static int text_compare(const void *left, const void *right)
{
    const struct text *a = left, *b = right;
    int order = span_compare(a->key, b->key);
    return order ? order : span_compare(a->text, b->text);
}

static void texts_sort(struct texts *t)
{
    if (t->count > 1)
        qsort(t->at, t->count, sizeof *t->at, text_compare);
}

static bool texts_have_twice(const struct texts *sorted)
{
    for (uint32_t i = 1; i < sorted->count; i++)
        if (span_equal(sorted->at[i - 1].key, sorted->at[i].key))
            return true;
    return false;
}

static void texts_add(struct texts *t, struct span key, struct span text)
{
    t->at[t->count++] = (struct text){key, text};
}

static struct texts texts_make(struct check *c, uint32_t count_max)
{
    struct texts t = {.at = arena_take(c->arena, (count_max + 1) * sizeof *t.at)};
    c->is_out_of_memory |= !t.at;
    return t;
}

static void texts_join(const struct texts *t, struct buffer *out)
{
    for (uint32_t i = 0; i < t->count; i++)
        buffer_append(out, t->at[i].text);
}

/* What was written, on the arena. Gives the buffer back. */
static struct span text_keep(struct check *c, struct buffer *written)
{
    struct span kept = buffer_ok(written) ? arena_copy(c->arena, buffer_span(written)) : (struct span){0};
    c->is_out_of_memory |= !kept.ptr;
    buffer_fini(written);
    return kept;
}

/* A value and what ends it. */
static void value_write(const struct check *c, struct buffer *out, struct span value)
{
    if (!c->is_old) {
        buffer_append(out, value);
        buffer_append_char(out, 0x1f);
        return;
    }
    for (const char *less; value.len && (less = memchr(value.ptr, '<', value.len));) {
        size_t before = (size_t)(less - value.ptr);
        buffer_append(out, span_make(value.ptr, before));
        buffer_literal(out, "&lt;");
        value = span_skip(value, before + 1);
    }
    buffer_append(out, value);
    buffer_append_char(out, '<');
}

/* Category, type, language and name, each with its end: three of them with `end`, the name as values are. */
static void identity_write(const struct check *c, const struct span parts[4], char end, struct buffer *out)
{
    for (int i = 0; i < 4; i++) {
        if (!c->is_old || i == 3) {
            value_write(c, out, parts[i]);
        } else {
            buffer_append(out, parts[i]);
            buffer_append_char(out, end);
        }
    }
}

static void identity_add(struct check *c, const struct xml_node *identity)
{
    struct buffer key = {0}, text = {0};
    struct span lang = xml_node_attribute(identity, SPAN("xml:lang"));
    const struct span parts[] = {
        xml_node_attribute(identity, SPAN("category")), xml_node_attribute(identity, SPAN("type")),
        lang.ptr || c->is_old ? lang : c->lang, xml_node_attribute(identity, SPAN("name"))};
    identity_write(c, parts, 1, &key);
    identity_write(c, parts, '/', &text);
    if (!c->is_old)
        buffer_append_char(&text, 0x1e);
    texts_add(&c->identities, text_keep(c, &key), text_keep(c, &text));
}

static uint32_t children_count(const struct xml_node *node)
{
    uint32_t count = 0;
    for (const struct xml_node *n = node->children; n; n = n->next)
        count++;
    return count;
}

static bool is_named(const struct xml_node *n, struct span name, struct span xmlns)
{
    return span_equal(n->name, name) && span_equal(n->xmlns, xmlns);
}

/* A field's values, in order, each with its end. */
static void values_write(struct check *c, const struct xml_node *field, struct buffer *out)
{
    struct texts values = texts_make(c, children_count(field));
    for (const struct xml_node *v = field->children; v && values.at; v = v->next)
        if (is_named(v, SPAN("value"), DATA_FORM))
            texts_add(&values, v->text, v->text);
    texts_sort(&values);
    for (uint32_t i = 0; i < values.count; i++)
        value_write(c, out, values.at[i].text);
}

static void field_add(struct check *c, const struct xml_node *field, struct texts *fields)
{
    struct buffer out = {0};
    struct span var = xml_node_attribute(field, SPAN("var"));
    value_write(c, &out, var);
    values_write(c, field, &out);
    if (!c->is_old)
        buffer_append_char(&out, 0x1e);
    struct span text = text_keep(c, &out);
    texts_add(fields, c->is_old ? var : text, text);
}

static bool is_form_type(const struct xml_node *n)
{
    return is_named(n, SPAN("field"), DATA_FORM) && span_is(xml_node_attribute(n, SPAN("var")), "FORM_TYPE");
}

/* The field that says what the form is about (XEP-0068); NULL: it does not say, and *ret_is_odd where that is
 * ill-formed. */
static const struct xml_node *form_type(const struct xml_node *form, bool *ret_is_odd)
{
    const struct xml_node *found = NULL;
    for (const struct xml_node *n = form->children; n; n = n->next) {
        if (!is_form_type(n))
            continue;
        const struct xml_node *first = xml_node_child(n, SPAN("value"), DATA_FORM);
        *ret_is_odd |= found != NULL;
        for (const struct xml_node *v = first; v; v = v->next)
            *ret_is_odd |= !span_equal(v->text, first->text);
        if (first && span_is(xml_node_attribute(n, SPAN("type")), "hidden"))
            found = n;
    }
    return found;
}

static void form_add(struct check *c, const struct xml_node *form)
{
    const struct xml_node *type = form_type(form, &c->is_ill_formed);
    bool is_table =
        xml_node_child(form, SPAN("reported"), DATA_FORM) || xml_node_child(form, SPAN("item"), DATA_FORM);
    c->is_ill_formed |= !c->is_old && (!type || is_table);
    if (!type || c->is_ill_formed)
        return;
    struct texts fields = texts_make(c, children_count(form));
    struct buffer out = {0};
    struct span type_text = xml_node_child(type, SPAN("value"), DATA_FORM)->text;
    if (c->is_old)
        value_write(c, &out, type_text);
    for (const struct xml_node *n = form->children; n && fields.at; n = n->next)
        if (is_named(n, SPAN("field"), DATA_FORM) && !(c->is_old && is_form_type(n)))
            field_add(c, n, &fields);
    texts_sort(&fields);
    texts_join(&fields, &out);
    if (!c->is_old)
        buffer_append_char(&out, 0x1d);
    struct span text = text_keep(c, &out);
    texts_add(&c->forms, c->is_old ? type_text : text, text);
}

static void query_read(struct check *c)
{
    uint32_t count = children_count(c->query);
    if (count > CAPS_FEATURES_MAX) {
        c->is_ill_formed = true;
        return;
    }
    c->features = texts_make(c, count);
    c->identities = texts_make(c, count);
    c->forms = texts_make(c, count);
    for (const struct xml_node *n = c->query->children; n && !c->is_out_of_memory && !c->is_ill_formed;
         n = n->next) {
        if (is_named(n, SPAN("feature"), DISCO_INFO))
            texts_add(&c->features, xml_node_attribute(n, SPAN("var")), (struct span){0});
        else if (is_named(n, SPAN("identity"), DISCO_INFO))
            identity_add(c, n);
        else if (is_named(n, SPAN("x"), DATA_FORM))
            form_add(c, n);
        else
            c->is_ill_formed |= !c->is_old;
    }
    texts_sort(&c->features);
    texts_sort(&c->identities);
    texts_sort(&c->forms);
    c->is_ill_formed |= c->is_old && (texts_have_twice(&c->features) || texts_have_twice(&c->identities) ||
                                      texts_have_twice(&c->forms));
}

static void input_write(const struct check *c, struct buffer *out)
{
    if (c->is_old)
        texts_join(&c->identities, out);
    for (uint32_t i = 0; i < c->features.count; i++)
        value_write(c, out, c->features.at[i].key);
    if (!c->is_old) {
        buffer_append_char(out, 0x1c);
        texts_join(&c->identities, out);
        buffer_append_char(out, 0x1c);
    }
    texts_join(&c->forms, out);
    if (!c->is_old)
        buffer_append_char(out, 0x1c);
}

/* 0 or CAPS_MISMATCH; or negative errno. */
static int input_compare(struct span input, const struct caps_claim *claim)
{
    uint8_t digest[DIGEST_BYTES_MAX];
    size_t bytes = 0;
    int outcome = digest_named(claim->algorithm, input, digest, &bytes);
    if (outcome < 0)
        return outcome;
    if (outcome == DIGEST_UNKNOWN)
        return CAPS_MISMATCH;
    struct buffer text = {0};
    sasl_base64_encode(span_make((const char *)digest, bytes), &text);
    outcome = !buffer_ok(&text) ? -ENOMEM : span_equal(buffer_span(&text), claim->hash) ? 0 : CAPS_MISMATCH;
    buffer_fini(&text);
    return outcome;
}

int caps_claim_check(const struct caps_claim *claim, const struct xml_node *query, struct span lang,
                     struct arena *arena, struct disco_info *ret_info)
{
    struct check c = {.query = query, .arena = arena, .lang = lang, .is_old = claim->kind == CAPS_CLAIM_0115};
    struct buffer input = {0};
    query_read(&c);
    if (c.is_out_of_memory)
        return -ENOMEM;
    if (c.is_ill_formed)
        return CAPS_ILL_FORMED;
    input_write(&c, &input);
    int outcome = buffer_ok(&input) ? input_compare(buffer_span(&input), claim) : -ENOMEM;
    buffer_fini(&input);
    struct span *features =
        outcome >= 0 ? arena_take(arena, (c.features.count + 1) * sizeof *features) : NULL;
    if (!features)
        return outcome < 0 ? outcome : -ENOMEM;
    for (uint32_t i = 0; i < c.features.count; i++)
        features[i] = c.features.at[i].key;
    *ret_info = (struct disco_info){features, c.features.count};
    return outcome;
}
