/* SPDX-License-Identifier: Apache-2.0 */
/* Elements as spans of the bytes they came in. */
#include "element.h"

#include <stdint.h>
#include <stdlib.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

enum tag_kind { TAG_START, TAG_EMPTY, TAG_END, TAG_CDATA, TAG_NONE };

/* The tag at s.ptr[at] == '<': its kind, *ret_end is behind its '>'. TAG_NONE when it does not end. */
static enum tag_kind tag_scan(struct span s, size_t at, size_t *ret_end)
{
    if (s.len - at >= 9 && memcmp(s.ptr + at, "<![CDATA[", 9) == 0) {
        const char *end = memmem(s.ptr + at, s.len - at, "]]>", 3);
        if (end == NULL)
            return TAG_NONE;
        *ret_end = (size_t)(end - s.ptr) + 3;
        return TAG_CDATA;
    }
    char quote = 0;
    for (size_t i = at + 1; i < s.len; i++) {
        char c = s.ptr[i];
        if (quote != 0) {
            if (c == quote)
                quote = 0;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '>') {
            *ret_end = i + 1;
            if (s.ptr[at + 1] == '/')
                return TAG_END;
            return s.ptr[i - 1] == '/' ? TAG_EMPTY : TAG_START;
        }
    }
    return TAG_NONE;
}

/* Name and attributes of the start tag that ends (with '>' or "/>") before `end`. */
static int start_tag_parse(struct span tag, enum tag_kind kind, struct element *e)
{
    size_t stop = tag.len - (kind == TAG_EMPTY ? 2 : 1);
    size_t at = 1;
    while (at < stop && !is_space(tag.ptr[at]))
        at++;
    struct span name = span_make(tag.ptr + 1, at - 1);
    const char *colon = memchr(name.ptr, ':', name.len);
    if (colon != NULL)
        name = span_skip(name, (size_t)(colon + 1 - name.ptr));
    if (name.len == 0)
        return ELEMENT_BAD;
    e->name = name;
    e->attributes = span_make(tag.ptr + at, stop - at);
    return 0;
}

int element_parse_start(struct span bytes, struct element *ret_element)
{
    size_t end;
    if (bytes.len < 3 || bytes.ptr[0] != '<')
        return ELEMENT_BAD;
    enum tag_kind kind = tag_scan(bytes, 0, &end);
    if (kind != TAG_START && kind != TAG_EMPTY)
        return ELEMENT_BAD;
    struct element e = {.raw = span_make(bytes.ptr, end), .body = span_make(bytes.ptr + end, 0)};
    if (start_tag_parse(e.raw, kind, &e) != 0)
        return ELEMENT_BAD;
    *ret_element = e;
    return 0;
}

int element_parse(struct span bytes, struct element *ret_element)
{
    struct element e;
    size_t end;
    if (element_parse_start(bytes, &e) != 0)
        return ELEMENT_BAD;
    if (e.raw.ptr[e.raw.len - 2] == '/') {
        *ret_element = e;
        return 0;
    }
    size_t body_at = e.raw.len;
    uint32_t depth = 1;
    for (size_t at = body_at;; at = end) {
        const char *less = memchr(bytes.ptr + at, '<', bytes.len - at);
        if (less == NULL)
            return ELEMENT_BAD;
        at = (size_t)(less - bytes.ptr);
        enum tag_kind kind = tag_scan(bytes, at, &end);
        if (kind == TAG_NONE)
            return ELEMENT_BAD;
        if (kind == TAG_START)
            depth++;
        if (kind == TAG_END && --depth == 0) {
            e.body = span_make(bytes.ptr + body_at, at - body_at);
            e.raw.len = end;
            *ret_element = e;
            return 0;
        }
    }
}

bool element_attribute(const struct element *e, const char *name, struct span *ret_value)
{
    struct span a = e->attributes;
    size_t name_len = strlen(name);
    size_t at = 0;
    for (;;) {
        while (at < a.len && is_space(a.ptr[at]))
            at++;
        size_t key = at;
        while (at < a.len && a.ptr[at] != '=' && !is_space(a.ptr[at]))
            at++;
        size_t key_len = at - key;
        while (at < a.len && a.ptr[at] != '\'' && a.ptr[at] != '"')
            at++;
        if (at >= a.len)
            return false;
        size_t value = at + 1;
        const char *close = memchr(a.ptr + value, a.ptr[at], a.len - value);
        if (close == NULL)
            return false;
        at = (size_t)(close - a.ptr) + 1;
        if (key_len == name_len && memcmp(a.ptr + key, name, name_len) == 0) {
            *ret_value = span_make(a.ptr + value, at - 1 - value);
            return true;
        }
    }
}

struct span element_attribute_or_empty(const struct element *e, const char *name)
{
    struct span value = {"", 0};
    element_attribute(e, name, &value);
    return value;
}

bool element_next_child(const struct element *e, size_t *cursor, struct element *ret_child)
{
    struct span body = e->body;
    while (*cursor < body.len) {
        const char *less = memchr(body.ptr + *cursor, '<', body.len - *cursor);
        if (less == NULL)
            return false;
        size_t at = (size_t)(less - body.ptr);
        size_t end;
        if (tag_scan(body, at, &end) == TAG_CDATA) {
            *cursor = end;
            continue;
        }
        if (element_parse(span_skip(body, at), ret_child) != 0)
            return false;
        *cursor = at + ret_child->raw.len;
        return true;
    }
    return false;
}

bool element_child(const struct element *e, const char *name, struct element *ret_child)
{
    size_t cursor = 0;
    while (element_next_child(e, &cursor, ret_child))
        if (span_equal(ret_child->name, span_of(name)))
            return true;
    return false;
}

/* The character of the entity at the start of `s` ("&...;"); *ret_used is its length; 0: none we know. */
static char entity_decode(struct span s, size_t *ret_used)
{
    static const struct {
        struct span name;
        char c;
    } known[] = {{{"&lt;", 4}, '<'},
                 {{"&gt;", 4}, '>'},
                 {{"&amp;", 5}, '&'},
                 {{"&apos;", 6}, '\''},
                 {{"&quot;", 6}, '"'}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (span_starts(s, known[i].name)) {
            *ret_used = known[i].name.len;
            return known[i].c;
        }
    }
    const char *semicolon = memchr(s.ptr, ';', s.len < 10 ? s.len : 10);
    if (s.len < 4 || s.ptr[1] != '#' || semicolon == NULL)
        return 0;
    char digits[10] = {0};
    bool hex = s.ptr[2] == 'x';
    size_t from = hex ? 3 : 2;
    memcpy(digits, s.ptr + from, (size_t)(semicolon - s.ptr) - from);
    long value = strtol(digits, NULL, hex ? 16 : 10);
    *ret_used = (size_t)(semicolon - s.ptr) + 1;
    return value > 0 && value < 128 ? (char)value : 0;
}

void element_decode(struct span raw, char *text, size_t size)
{
    size_t n = 0;
    for (size_t at = 0; at < raw.len && n + 1 < size;) {
        size_t used = 0;
        char c = raw.ptr[at] == '&' ? entity_decode(span_skip(raw, at), &used) : 0;
        text[n++] = c != 0 ? c : raw.ptr[at];
        at += c != 0 ? used : 1;
    }
    text[n] = '\0';
}
