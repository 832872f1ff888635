/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/uri.h"

/* RFC 3986 s. 2.3, the '@' between the parts, and what a literal IPv6 address needs. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~@:[]", c));
}

void uri_write(struct buffer *out, struct span scheme, struct span bare_jid)
{
    buffer_append(out, scheme);
    buffer_append_char(out, ':');
    for (size_t i = 0; i < bare_jid.len; i++) {
        if (is_plain(bare_jid.ptr[i]))
            buffer_append_char(out, bare_jid.ptr[i]);
        else
            buffer_printf(out, "%%%02X", (unsigned char)bare_jid.ptr[i]);
    }
}
