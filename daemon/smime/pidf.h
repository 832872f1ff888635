/* SPDX-License-Identifier: Apache-2.0 */
/* application/pidf+xml (RFC 3863) and application/xmpp+xml (RFC 3923 s. 10), read by the stream's own scanner: no DTD, no entities, no
 * comments, no processing instructions but the declaration. */
#ifndef MUSTER_SMIME_PIDF_H
#define MUSTER_SMIME_PIDF_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/span.h"
#include "smime/moment.h"

/* A tuple for each device; and each is compared with those before it. */
#define PIDF_TUPLES_MAX 32

enum { PIDF_BAD = 1 };

struct pidf {
    struct span entity; /* "pres:juliet@example.com", decoded */
    bool has_stamp;
    struct moment stamp; /* the newest of its tuples' */
};

/* RFC 3863 s. 4: 0, PIDF_BAD, -ENOMEM. Spans are on `arena`. The declaration is a must, and moments are in UTC, with Z (RFC 3923 s. 6.9). An
 * element that we do not know is passed over with all that is in it, also where it says mustUnderstand: in <status/> that is what s. 4.2.3
 * wants; elsewhere the word is refused. */
int pidf_read(struct arena *arena, struct span document, struct pidf *ret_pidf);
/* Append a document of one tuple, its lines ended by CRLF. `basic_open`: open or closed; `note`: characters that XML may hold, or empty. 0
 * or -ENOMEM. */
int pidf_write(struct buffer *out, struct span bare_jid, bool basic_open, struct span note,
               struct moment stamp);

struct xmpp_document {
    /* Its start tag to its end tag, as written, borrowed from the document: it has the default namespace, and may have prefixes, from the
     * wrapper's start tag, so it is no stanza by itself. */
    struct span stanza;
    bool has_from, has_to;
    struct span from, to; /* decoded, on the arena */
};
/* <xmpp xmlns='jabber:client'> (or jabber:server) around exactly one stanza of the same namespace: 0, PIDF_BAD, -ENOMEM. */
int xmpp_document_read(struct arena *arena, struct span document, struct xmpp_document *ret_document);

#endif
