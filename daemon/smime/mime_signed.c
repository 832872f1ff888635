/* SPDX-License-Identifier: Apache-2.0 */
/* multipart/signed in its two parts (RFC 2046 s. 5.1, RFC 1847 s. 2.1), in exactly one way: what another reader could split elsewhere is
 * refused, since then it would show what nobody signed. */
#include "smime/mime.h"

#include "smime/mime_text.h"

/* RFC 2046 s. 5.1.1. */
static bool is_boundary(struct span boundary)
{
    for (size_t i = 0; i < boundary.len; i++) {
        char c = boundary.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("'()+_,-./:=? ", c))))
            return false;
    }
    return boundary.len > 0 && boundary.ptr[boundary.len - 1] != ' ';
}

enum line_kind { LINE_OTHER, LINE_DELIMITER, LINE_END, LINE_BAD };

/* `line`: with its line end, if it has one. */
static enum line_kind kind_of(struct span line, struct span boundary)
{
    if (!span_starts(line, SPAN("--")) || !span_starts(span_skip(line, 2), boundary))
        return LINE_OTHER;
    struct span rest = span_skip(line, 2 + boundary.len);
    enum line_kind kind = span_starts(rest, SPAN("--")) ? LINE_END : LINE_DELIMITER;
    if (kind == LINE_END)
        rest = span_skip(rest, 2);
    while (rest.len && text_is_blank(rest.ptr[0]))
        rest = span_skip(rest, 1);
    if (span_is(rest, "\r\n") || (kind == LINE_END && rest.len == 0))
        return kind;
    return LINE_BAD;
}

struct splitting {
    struct span body, boundary;
    size_t starts[3], ends[3]; /* of the two delimiters' and the end's lines, line end included */
};

/* Where the delimiters are: exactly two, then the end, and white space. */
static bool find_delimiters(struct splitting *s)
{
    struct span body = s->body;
    size_t at = 0;
    for (unsigned found = 0; found < 3;) {
        const char *lf = at < body.len ? memchr(body.ptr + at, '\n', body.len - at) : NULL;
        size_t next = lf ? (size_t)(lf - body.ptr) + 1 : body.len;
        if (at == next)
            return false;
        enum line_kind kind = kind_of(span_make(body.ptr + at, next - at), s->boundary);
        /* Behind a lone LF it is a delimiter for some readers only. */
        bool is_at_line = at == 0 || (at > 1 && body.ptr[at - 2] == '\r');
        if (kind != LINE_OTHER) {
            if (!is_at_line || kind != (found < 2 ? LINE_DELIMITER : LINE_END))
                return false;
            s->starts[found] = at;
            s->ends[found++] = next;
        }
        at = next;
    }
    return text_is_all_space(span_skip(body, at));
}

/* Between a delimiter's line and the next, without the CRLF that belongs to the latter. */
static bool part_of(const struct splitting *s, unsigned i, struct span *ret_part)
{
    if (s->starts[i + 1] < s->ends[i] + 2)
        return false;
    *ret_part = span_make(s->body.ptr + s->ends[i], s->starts[i + 1] - 2 - s->ends[i]);
    return true;
}

int mime_split_signed(const struct mime_entity *entity, bool strict, struct span *ret_signed,
                      struct mime_entity *ret_signature)
{
    char storage[MIME_BOUNDARY_BYTES_MAX];
    struct splitting s = {.body = entity->body};
    struct span content, signature;
    if (mime_parameter(entity, SPAN("boundary"), storage, sizeof storage, &s.boundary) != 0 ||
        !is_boundary(s.boundary) || !find_delimiters(&s))
        return MIME_BAD;
    if (strict && !text_is_all_space(span_make(s.body.ptr, s.starts[0])))
        return MIME_BAD;
    if (!part_of(&s, 0, &content) || !part_of(&s, 1, &signature) || mime_read(signature, ret_signature) != 0)
        return MIME_BAD;
    *ret_signed = content;
    return 0;
}
