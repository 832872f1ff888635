/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

void json_string(struct buffer *out, struct span text)
{
    buffer_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20)
            buffer_printf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else
            buffer_append_char(out, (char)c);
    }
    buffer_append_char(out, '"');
}
