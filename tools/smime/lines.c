/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include <stdarg.h>
#include <stdio.h>

/* Control characters of ASCII, and those of Latin-1 as UTF-8 writes them (C2 80 to C2 9F). */
static bool is_control(struct span value, size_t i)
{
    unsigned char c = (unsigned char)value.ptr[i];
    if (c < 0x20 || c == 0x7f)
        return true;
    return c == 0xc2 && i + 1 < value.len && (unsigned char)value.ptr[i + 1] < 0xa0;
}

void line_add(const struct lines *l, const char *label, struct span value)
{
    for (uint32_t i = 0; i < l->depth; i++)
        buffer_literal(l->out, "  ");
    buffer_append(l->out, span_of(label));
    if (value.ptr)
        buffer_literal(l->out, ": ");
    for (size_t i = 0; i < value.len; i++) {
        if (is_control(value, i))
            buffer_printf(l->out, "\\x%02x", (unsigned char)value.ptr[i]);
        else
            buffer_append_char(l->out, value.ptr[i]);
    }
    buffer_append_char(l->out, '\n');
}

void line_printf(const struct lines *l, const char *label, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    line_add(l, label, span_of(text));
}
