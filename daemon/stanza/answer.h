/* SPDX-License-Identifier: Apache-2.0 */
/* How every answer to a stanza is written (RFC 6120 s. 8.2.3, 8.3.1): shared by results and errors, for this
 * room only. */
#ifndef MUSTER_STANZA_ANSWER_H
#define MUSTER_STANZA_ANSWER_H

#include "base/buffer.h"
#include "stanza/stanza.h"

/* Append a presence's content: that of an unavailable one without show and priority, which say nothing then (RFC 6121
 * s. 4.5.1); every other as written. */
void presence_content_write(struct buffer *out, const struct stanza *s);
/* Append `<kind type='type' id='...' from='...' to='...'`: the id of `s` as written; an empty address is left
 * out. */
void stanza_answer_start(struct buffer *out, const struct stanza *s, const char *type, struct span from,
                         struct span to);
/* Append the payload (complete XML, may be empty), close, and make the frame; ends the buffer. NULL without
 * memory. */
struct frame *stanza_answer_end(struct buffer *out, const struct stanza *s, struct span payload);

#endif
