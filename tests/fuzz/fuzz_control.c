/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a request to the admin socket and as a reply from it: the parts are the whole, in order. */
#include <stdint.h>
#include <stdlib.h>

#include "admin/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_make((const char *)data, size), command, body, text;
    if (control_request_parse(in, &command, &body) == 0 &&
        (command.ptr != in.ptr || command.len == 0 || command.len + 1 + body.len != in.len ||
         in.ptr[command.len] != '\n' || memchr(command.ptr, '\n', command.len)))
        abort();
    int result = control_reply_parse(in, &text);
    if (result >= 0 && (text.ptr != in.ptr + (result ? 6 : 3) || text.ptr + text.len != in.ptr + in.len))
        abort();
    return 0;
}
