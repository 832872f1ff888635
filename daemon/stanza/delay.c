/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza/delay.h"

#include <stdio.h>

#include "xml/write.h"

#define DELAY_START "<delay xmlns='urn:xmpp:delay' from='"
#define MESSAGE_END "</message>"

void stanza_stamp_write(time_t at, char ret[static STANZA_STAMP_BYTES])
{
    struct tm utc;
    gmtime_r(&at, &utc);
    strftime(ret, STANZA_STAMP_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

struct frame *stanza_delay_frame(struct frame *message, struct span from, time_t at)
{
    struct span bytes = span_make(message->bytes, message->len), end = SPAN(MESSAGE_END);
    struct buffer out = {0};
    buffer_literal(&out, DELAY_START);
    xml_escape(&out, from);
    buffer_literal(&out, "'");
    if (!buffer_ok(&out) || bytes.len < end.len ||
        memcmp(bytes.ptr + bytes.len - end.len, end.ptr, end.len) != 0 ||
        memmem(bytes.ptr, bytes.len, out.ptr, out.len)) {
        buffer_fini(&out);
        return frame_ref(message);
    }
    char stamp[STANZA_STAMP_BYTES];
    stanza_stamp_write(at, stamp);
    buffer_printf(&out, " stamp='%s'/>" MESSAGE_END, stamp);
    struct frame *f = buffer_ok(&out) ? frame_new2(span_make(bytes.ptr, bytes.len - end.len),
                                                   buffer_span(&out), message->head_at, message->kind)
                                      : frame_ref(message);
    buffer_fini(&out);
    return f;
}
