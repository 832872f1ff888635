/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A length must fit int, which is what vsnprintf and OpenSSL's calls take. */
#define BUFFER_BYTES_MAX ((size_t)INT32_MAX)
#define BUFFER_BYTES_FIRST 128

void buffer_init(struct buffer *b)
{
    *b = (struct buffer){0};
}

void buffer_fini(struct buffer *b)
{
    free(b->ptr);
    buffer_init(b);
}

void buffer_clear(struct buffer *b)
{
    b->len = 0;
    b->failed = false;
}

char *buffer_reserve(struct buffer *b, size_t len)
{
    size_t need = b->len + len;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : BUFFER_BYTES_FIRST;
        while (cap < need && cap < BUFFER_BYTES_MAX)
            cap *= 2;
        char *grown = need <= BUFFER_BYTES_MAX ? realloc(b->ptr, cap) : NULL;
        if (!grown) {
            b->failed = true;
            return NULL;
        }
        b->ptr = grown;
        b->cap = (uint32_t)cap;
    }
    return b->ptr + b->len;
}

void buffer_append(struct buffer *b, struct span s)
{
    if (s.len == 0)
        return;
    char *to = buffer_reserve(b, s.len);
    if (!to)
        return;
    memcpy(to, s.ptr, s.len);
    b->len += (uint32_t)s.len;
}

void buffer_append_char(struct buffer *b, char c)
{
    buffer_append(b, span_make(&c, 1));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = len < 0 ? NULL : buffer_reserve(b, (size_t)len + 1);
    if (!to) {
        b->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(to, (size_t)len + 1, format, args);
    va_end(args);
    b->len += (uint32_t)len;
}

void buffer_consume(struct buffer *b, size_t len)
{
    b->len -= (uint32_t)len;
    if (b->len)
        memmove(b->ptr, b->ptr + len, b->len);
}
