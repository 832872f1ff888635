/* SPDX-License-Identifier: Apache-2.0 */
/* The stanza around an end-to-end object: read from whatever form of character data XML allows, written as CDATA (RFC 3923 s. 3). */
#ifndef MUSTER_TOOLS_SMIME_STANZA_H
#define MUSTER_TOOLS_SMIME_STANZA_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/span.h"
#include "xml/scanner.h"

enum { STANZA_BAD = 1 };

/* Decoded; ptr NULL: absent. Of the arena, but for the two that are as written, which borrow from the input. */
struct stanza {
    struct span kind; /* "message", "presence", "iq" */
    struct span from, to, type, id;
    uint32_t object_count; /* <e2e/> elements */
    struct span object;    /* the first one's text */
    bool has_body;
    struct span raw, object_raw; /* as written: the whole, and the first <e2e/> */
};

/* Is it a stanza, and not a MIME object: does it begin with '<'? */
bool stanza_is(struct span in);
/* Exactly one stanza with white space around it: 0; STANZA_BAD: `ret_error` says why, XML_ERROR_NONE: it is XML, but no stanza, or not
 * one; -ENOMEM. */
int stanza_read(struct arena *arena, struct span in, struct stanza *ret_stanza, enum xml_error *ret_error);
/* The same for anybody's eyes. */
const char *stanza_error_text(enum xml_error error);

/* Append <e2e/> around `object`: its lines end in LF, for XML would make it so anyway (XML 1.0 s. 2.11). */
void stanza_object_write(struct buffer *out, struct span object);
/* Append a stanza: ptr NULL leaves type and body out. */
void stanza_write(struct buffer *out, const struct stanza *outline, struct span body, struct span object);
/* Append the stanza with another object in the first one's place; there is one. */
void stanza_rewrite(struct buffer *out, const struct stanza *s, struct span object);

#endif
