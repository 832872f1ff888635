/* SPDX-License-Identifier: Apache-2.0 */
/* Goes ahead of walk.c over what nearly all presence is made of: whole tags without prefixes, single blanks
 * between attributes, ASCII text, no references. It looks at 32 bytes at a time and finds where a name, a
 * value or a text ends without a branch per byte; tokens are short and their lengths differ, so a branch per
 * byte would mostly be mispredicted. Anything else is left, untouched and from its first byte on, to walk.c,
 * so that every rule stands there once. */
#include <emmintrin.h>

#include "xml/scan.h"

/* What is looked at ahead of a token's first byte; a view always has as much behind every token's start. */
#define WINDOW_BYTES 32
#define ROOM_BYTES (2 * WINDOW_BYTES)
/* Fewer bytes are not worth a copy of the tail. */
#define TAIL_BYTES_MIN 8

#define INLINE static inline __attribute__((always_inline))

/* The bytes as they are, or a copy of the last few with zeros behind them: a zero ends every token and is no
 * part of any, so nothing behind the end is ever taken for input. */
struct view {
    const uint8_t *base; /* of the item, as given */
    uintptr_t bias;      /* address in the view - bias = offset in the item */
    const uint8_t *last; /* a token may begin here at the latest */
    uint32_t len;        /* of the item as far as it has come */
};

INLINE uint32_t offset(const struct view *v, const uint8_t *p)
{
    return (uint32_t)((uintptr_t)p - v->bias);
}

INLINE __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

INLINE uint32_t mask(__m128i x)
{
    return (uint32_t)_mm_movemask_epi8(x);
}

/* 0xFF in each byte of x from `first` to `last`. */
INLINE __m128i in_range(__m128i x, uint8_t first, uint8_t last)
{
    __m128i moved = _mm_add_epi8(x, _mm_set1_epi8((char)(0x80 - first)));
    return _mm_cmplt_epi8(moved, _mm_set1_epi8((char)(last - first + 1 - 0x80)));
}

INLINE __m128i equals(__m128i x, char c)
{
    return _mm_cmpeq_epi8(x, _mm_set1_epi8(c));
}

INLINE uint32_t name_bytes(__m128i x)
{
    __m128i letter = in_range(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 'z');
    __m128i digit = _mm_andnot_si128(equals(x, '/'), in_range(x, '-', '9'));
    return mask(_mm_or_si128(_mm_or_si128(letter, digit), equals(x, '_')));
}

/* Control characters, tab and line ends too, and all above ASCII: below a blank, signed. */
INLINE __m128i odd(__m128i x)
{
    return _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(' ')), _mm_or_si128(equals(x, '<'), equals(x, '&')));
}

INLINE uint32_t value_stops(__m128i x)
{
    return mask(_mm_or_si128(odd(x), _mm_or_si128(equals(x, '\''), equals(x, '"'))));
}

INLINE uint32_t text_stops(__m128i x)
{
    return mask(_mm_or_si128(odd(x), equals(x, ']')));
}

/* The first byte at or behind p that does not stand for itself in text; v->last when there is none before. */
INLINE const uint8_t *text_end(const struct view *v, const uint8_t *p)
{
    for (; p <= v->last; p += WINDOW_BYTES) {
        uint32_t stops = text_stops(load(p)) | text_stops(load(p + 16)) << 16;
        if (stops)
            return p + __builtin_ctz(stops);
    }
    return p;
}

INLINE const uint8_t *value_end(const struct view *v, const uint8_t *p)
{
    for (; p <= v->last; p += WINDOW_BYTES) {
        uint32_t stops = value_stops(load(p)) | value_stops(load(p + 16)) << 16;
        if (stops)
            return p + __builtin_ctz(stops);
    }
    return NULL;
}

/* Take one attribute at the blank p: returns the byte behind its value, NULL for one to leave to walk.c. */
INLINE const uint8_t *take_attribute(struct xml_scan *s, const struct view *v, const uint8_t *p,
                                     struct scan_attribute *ret)
{
    p++;
    __m128i low = load(p), high = load(p + 16);
    uint32_t name_stops = ~(name_bytes(low) | name_bytes(high) << 16);
    uint32_t stops = value_stops(low) | value_stops(high) << 16;
    if (!(chars_class[*p] & CHAR_NAME_START) || !(name_stops & 0x1FFFFFFF))
        return NULL;
    uint32_t len = (uint32_t)__builtin_ctz(name_stops);
    const uint8_t *value = p + len + 2;
    uint8_t quote = value[-1];
    if (value[-2] != '=' || (quote != '\'' && quote != '"') || len > s->limits.name_bytes)
        return NULL;
    stops >>= len + 2;
    const uint8_t *end = stops ? value + __builtin_ctz(stops) : value_end(v, p + WINDOW_BYTES);
    if (!end || *end != quote)
        return NULL;
    *ret = (struct scan_attribute){offset(v, p), offset(v, value), (uint32_t)(end - value), (uint16_t)len, 0};
    return end + 1;
}

/* Go over the attributes from p, behind a name or a value, to the tag's end. Returns SCAN_ON with the state
 * and *pp set, or what scan_tag_close does. */
INLINE int take_attributes(struct xml_scan *s, const struct view *v, const uint8_t **pp)
{
    const uint8_t *p = *pp;
    struct scan_attribute *attributes = scan_attributes(s);
    uint32_t count = s->attribute_count;
    uint64_t seen = s->seen_names;
    while (*p == ' ' && p <= v->last && count < s->limits.attributes) {
        struct scan_attribute *a = &attributes[count];
        const uint8_t *end = take_attribute(s, v, p, a);
        if (!end)
            break;
        const uint8_t *name = p + 1;
        uint64_t bit = scan_name_bit(name, a->name_len);
        if (seen & bit) {
            s->attribute_count = (uint16_t)count;
            s->seen_names = seen;
            int r = scan_tag_attribute(s, v->base, a->name, a->name_len, 0);
            if (r != SCAN_ON)
                return r;
        }
        if (a->name_len == 5 && memcmp(name, "xmlns", 5) == 0)
            s->default_at = (uint16_t)count;
        seen |= bit;
        count++;
        p = end;
    }
    s->attribute_count = (uint16_t)count;
    s->seen_names = seen;
    bool is_empty = *p == '/' && p[1] == '>';
    *pp = p;
    s->state = SCAN_TAG;
    if (!is_empty && *p != '>')
        return SCAN_ON;
    *pp = p += is_empty ? 2 : 1;
    s->state = SCAN_CONTENT;
    return scan_tag_close(s, v->base, offset(v, p), is_empty);
}

/* A start tag at the '<' p. */
INLINE int take_start_tag(struct xml_scan *s, const struct view *v, const uint8_t **pp)
{
    const uint8_t *p = *pp + 1;
    uint32_t name_stops = ~(name_bytes(load(p)) | name_bytes(load(p + 16)) << 16);
    if (!(chars_class[*p] & CHAR_NAME_START) || !name_stops || s->depth >= s->limits.depth)
        return SCAN_ON;
    uint32_t len = (uint32_t)__builtin_ctz(name_stops);
    uint8_t next = p[len];
    if ((next != '>' && next != ' ' && next != '/') || len > s->limits.name_bytes)
        return SCAN_ON;
    scan_tag_begin(s, offset(v, p), (uint16_t)len, 0);
    *pp = p + len;
    return take_attributes(s, v, pp);
}

/* An end tag at the '<' p. SCAN_DONE at the stanza's end. */
INLINE int take_end_tag(struct xml_scan *s, const struct view *v, const uint8_t **pp)
{
    const uint8_t *p = *pp;
    if (s->depth == 0)
        return SCAN_ON;
    const struct scan_element *e = &s->open[s->depth - 1];
    uint32_t len = e->name_len;
    if (len > 16 || e->name + 16 > v->len) {
        if (len > WINDOW_BYTES || memcmp(v->base + e->name, p + 2, len) != 0)
            return SCAN_ON;
    } else {
        uint32_t same = mask(_mm_cmpeq_epi8(load(v->base + e->name), load(p + 2)));
        if (~same & ((1u << len) - 1))
            return SCAN_ON;
    }
    if (p[2 + len] != '>')
        return SCAN_ON;
    *pp = p + len + 3;
    if (s->depth == 1) {
        s->content_end = offset(v, p);
        return SCAN_DONE;
    }
    s->binding_count = e->bindings;
    s->depth--;
    return SCAN_ON;
}

/* Go on as far as tokens are plain and begin by v->last. */
INLINE int take_all(struct xml_scan *s, const struct view *v, const uint8_t **pp)
{
    const uint8_t *p = *pp;
    int r = SCAN_ON;
    if (s->state == SCAN_TAG)
        r = take_attributes(s, v, &p);
    while (r == SCAN_ON && s->state != SCAN_TAG && p <= v->last) {
        if (s->depth > 0)
            p = text_end(v, p);
        if (*p != '<' || p > v->last)
            break;
        const uint8_t *start = p;
        r = p[1] == '/' ? take_end_tag(s, v, &p) : take_start_tag(s, v, &p);
        if (p == start)
            break;
    }
    *pp = p;
    return r;
}

int scan_fast(struct xml_scan *s, const uint8_t *base, const uint8_t **pp, const uint8_t *end)
{
    if (s->state != SCAN_TAG && s->state != SCAN_BOUNDARY && (s->state != SCAN_CONTENT || s->brackets))
        return SCAN_ON;
    struct view v = {base, (uintptr_t)base, end - ROOM_BYTES, (uint32_t)(end - base)};
    int r = SCAN_ON;
    if (end - *pp >= ROOM_BYTES)
        r = take_all(s, &v, pp);
    size_t rest = (size_t)(end - *pp);
    if (r != SCAN_ON || rest >= ROOM_BYTES || rest < TAIL_BYTES_MIN)
        return r;
    uint8_t tail[2 * ROOM_BYTES + WINDOW_BYTES] = {0};
    memcpy(tail, *pp, rest);
    v.bias = (uintptr_t)tail - (size_t)(*pp - base);
    v.last = tail + rest - 1;
    const uint8_t *p = tail;
    r = take_all(s, &v, &p);
    *pp += p - tail;
    return r;
}
