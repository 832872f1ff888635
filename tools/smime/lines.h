/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that show what strangers wrote: what could act upon a terminal is shown as its number. */
#ifndef MUSTER_TOOLS_SMIME_LINES_H
#define MUSTER_TOOLS_SMIME_LINES_H

#include <stdint.h>

#include "base/buffer.h"

struct lines {
    struct buffer *out;
    uint32_t depth; /* two blanks each */
};

/* "label: value", the label alone where value.ptr is NULL. */
void line_add(const struct lines *l, const char *label, struct span value);
void line_printf(const struct lines *l, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline struct lines lines_within(const struct lines *l)
{
    return (struct lines){l->out, l->depth + 1};
}

#endif
