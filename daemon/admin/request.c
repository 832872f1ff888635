/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/request.h"

#include <errno.h>

/* The first line of `in`, and what is behind it. False without a newline. */
static bool line_cut(struct span in, struct span *ret_line, struct span *ret_rest)
{
    const char *end = in.len ? memchr(in.ptr, '\n', in.len) : NULL;
    if (!end)
        return false;
    *ret_line = span_make(in.ptr, (size_t)(end - in.ptr));
    *ret_rest = span_skip(in, ret_line->len + 1);
    return true;
}

int control_request_parse(struct span request, struct span *ret_command, struct span *ret_body)
{
    struct span command, body;
    if (!line_cut(request, &command, &body) || command.len == 0)
        return 1;
    *ret_command = command;
    *ret_body = body;
    return 0;
}

int control_reply_parse(struct span reply, struct span *ret_text)
{
    struct span status, text;
    if (!line_cut(reply, &status, &text))
        return -EPROTO;
    bool is_ok = span_is(status, "ok");
    if (!is_ok && !span_is(status, "error"))
        return -EPROTO;
    *ret_text = text;
    return is_ok ? 0 : 1;
}
