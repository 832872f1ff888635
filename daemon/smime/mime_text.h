/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and characters of MIME and of Message/CPIM. Internal to the room. */
#ifndef MUSTER_SMIME_MIME_TEXT_H
#define MUSTER_SMIME_MIME_TEXT_H

#include <strings.h>

#include "base/span.h"

/* Take a line off `text`, without its CRLF; false: there is no LF, or one without CR before it. */
static inline bool text_take_line(struct span *text, struct span *ret_line)
{
    const char *end = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
    if (!end || end == text->ptr || end[-1] != '\r')
        return false;
    *ret_line = span_make(text->ptr, (size_t)(end - text->ptr) - 1);
    *text = span_skip(*text, ret_line->len + 2);
    return true;
}

static inline bool text_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool text_is_space(char c)
{
    return text_is_blank(c) || c == '\r' || c == '\n';
}

static inline bool text_is_all_space(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!text_is_space(s.ptr[i]))
            return false;
    return true;
}

static inline bool text_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static inline struct span text_trim(struct span s)
{
    while (s.len && text_is_space(s.ptr[0]))
        s = span_skip(s, 1);
    while (s.len && text_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* The same but for ASCII case? */
static inline bool text_is_word(struct span s, struct span word)
{
    return s.len == word.len && (s.len == 0 || strncasecmp(s.ptr, word.ptr, s.len) == 0);
}

/* The type at the start of a Content-Type's trimmed value, and whether its parameters are well-formed (mime_type.c). False: malformed. */
bool mime_type_read(struct span value, struct span *ret_type);

#endif
