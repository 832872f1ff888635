/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes. Appending never reports: a buffer that could not grow remembers it, keeps what it
 * had, and the one who finishes it asks buffer_ok() once. */
#ifndef MUSTER_BASE_BUFFER_H
#define MUSTER_BASE_BUFFER_H

#include <stdint.h>

#include "base/span.h"

struct buffer {
    char *ptr;
    uint32_t len, cap;
    bool failed; /* an append was lost for want of memory (or beyond 2 GiB) */
};

void buffer_init(struct buffer *b);
/* Give back the memory; the buffer is empty and usable again. */
void buffer_fini(struct buffer *b);
/* Forget the contents, keep the memory. */
void buffer_clear(struct buffer *b);

/* Room for `len` more bytes at the end; NULL (and failed) without memory. Does not change b->len. */
char *buffer_reserve(struct buffer *b, size_t len);
void buffer_append(struct buffer *b, struct span s);
void buffer_append_char(struct buffer *b, char c);
/* printf to the end. */
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drop the first `len` bytes; len <= b->len. */
void buffer_consume(struct buffer *b, size_t len);

static inline bool buffer_ok(const struct buffer *b)
{
    return !b->failed;
}

/* What is in it; borrowed until the next change. */
static inline struct span buffer_span(const struct buffer *b)
{
    return (struct span){b->ptr, b->len};
}

#define buffer_literal(b, literal) buffer_append((b), SPAN(literal))

#endif
