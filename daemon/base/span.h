/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes: pointer and length, never NUL-terminated, never owned. */
#ifndef MUSTER_BASE_SPAN_H
#define MUSTER_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *ptr;
    size_t len;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline struct span span_of(const char *text)
{
    return (struct span){text, text ? strlen(text) : 0};
}

static inline struct span span_make(const char *ptr, size_t len)
{
    return (struct span){ptr, len};
}

/* The part of `s` from `from` on; `from` <= s.len. */
static inline struct span span_skip(struct span s, size_t from)
{
    return (struct span){s.ptr + from, s.len - from};
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Is `s` exactly the string literal? */
#define span_is(s, literal) span_equal((s), SPAN(literal))

static inline bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

#endif
