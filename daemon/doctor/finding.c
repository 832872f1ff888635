/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/finding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "xml/chars.h"

/* Paths of a configuration file are the longest that comes; what is longer is cut. */
#define FINDING_TEXT_BYTES 2048

/* Both ends of it, a terminal and a JSON parser, want nothing but text. */
static void text_append(struct buffer *out, const char *text)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + strlen(text);
    while (at < end) {
        uint32_t code = 0;
        int len = chars_decode(at, end, &code);
        bool is_text = len > 0 && code >= ' ' && code != 0x7F && (code < 0x80 || code >= 0xA0);
        if (is_text)
            buffer_append(out, span_make((const char *)at, (size_t)len));
        else
            buffer_append_char(out, '?');
        at += len > 0 ? len : 1;
    }
}

static void __attribute__((format(printf, 2, 0)))
text_print(struct buffer *out, const char *format, va_list arguments)
{
    char text[FINDING_TEXT_BYTES];
    vsnprintf(text, sizeof text, format, arguments);
    text_append(out, text);
}

struct finding *finding_add(struct findings *all, const char *name, enum finding_need need,
                            enum finding_state state, const char *reason, ...)
{
    assert(all->count < FINDINGS_MAX);
    struct finding *f = &all->at[all->count++];
    *f = (struct finding){.name = name, .state = state, .need = need};
    va_list arguments;
    va_start(arguments, reason);
    text_print(&f->reason, reason, arguments);
    va_end(arguments);
    return f;
}

void finding_change(struct finding *f, const char *line, ...)
{
    va_list arguments;
    va_start(arguments, line);
    text_print(&f->change, line, arguments);
    va_end(arguments);
}

void findings_fini(struct findings *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        buffer_fini(&all->at[i].reason);
        buffer_fini(&all->at[i].change);
    }
    all->count = 0;
}

bool findings_let_run(const struct findings *all)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (all->at[i].need == FINDING_NEEDED && all->at[i].state == FINDING_MISSING)
            return false;
    return true;
}

const char *finding_state_name(enum finding_state s)
{
    static const char *const names[] = {"ok", "degraded", "missing", "not applicable"};
    return names[s];
}
