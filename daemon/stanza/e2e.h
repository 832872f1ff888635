/* SPDX-License-Identifier: Apache-2.0 */
/* The element that carries what is signed or encrypted end to end (RFC 3923), and the mark that a server puts beside it for
 * clients of its own. Found among the children of a stanza and taken apart as octets; what is in the object is smime/'s. */
#ifndef MUSTER_STANZA_E2E_H
#define MUSTER_STANZA_E2E_H

#include "stanza/stanza.h"

#define E2E_XMLNS "urn:ietf:params:xml:ns:xmpp-e2e"
/* docs/smime.md has the schema. */
#define E2E_MARK_XMLNS "urn:xmpp:muster:e2e:0"
#define E2E_MARK_NAME "e2e-status"

enum { E2E_BAD = 1 };

struct e2e_found {
    uint32_t objects;   /* <e2e/>s among the children */
    uint32_t marks;     /* <e2e-status/>s: whoever has sent the stanza has put them there */
    bool has_body;      /* a message's, which no signature covers */
    struct span object; /* content of the first <e2e/>, as written */
};

/* Costs one search of the content when there is nothing of it. 0 or -ENOMEM. */
int e2e_find(const struct stanza *s, struct arena *arena, struct e2e_found *ret_found);

/* Append the character data of an <e2e/>: text and CDATA sections, references decoded, line ends as XML has them (XML 1.0 s. 2.11).
 * 0, -ENOMEM, or E2E_BAD: there is more than characters in it. */
int e2e_text(struct span object, struct buffer *out);

/* The stanza's content without marks, on `arena`; ptr NULL without memory. */
struct span e2e_content_unmarked(const struct stanza *s, struct arena *arena);
/* A whole stanza `s`, which the frame carries, without them. NULL without memory. */
struct frame *e2e_frame_unmarked(const struct stanza *s, struct arena *arena, const struct frame *frame);
/* What the frame carries with its aside, the mark, behind its children. NULL without memory. */
struct frame *e2e_frame_marked(const struct frame *frame);

#endif
