/* SPDX-License-Identifier: Apache-2.0 */
/* A first-level element read as a stanza (RFC 6120 s. 8): kind, type, addressee; and stamped: written again
 * with the server's idea of `from` and `to`, everything else untouched (s. 8.4: unknown children are routed
 * unmodified). */
#ifndef MUSTER_STANZA_STANZA_H
#define MUSTER_STANZA_STANZA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/frame.h"
#include "base/span.h"
#include "jid/jid.h"
#include "xml/scanner.h"

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ };

/* What a frame carries, for queues that may conflate or drop, and who counts stanzas (frame.kind). A frame is one
 * stanza, or its beginning, and then those behind it that go on with it are FRAME_PART. */
enum frame_kind {
    FRAME_OTHER,
    FRAME_PRESENCE,
    FRAME_MESSAGE,
    FRAME_MESSAGE_AGAIN,
    FRAME_SUBSCRIPTION,
    FRAME_PART
};

enum presence_type {
    PRESENCE_AVAILABLE, /* no type attribute */
    PRESENCE_UNAVAILABLE,
    PRESENCE_SUBSCRIBE,
    PRESENCE_SUBSCRIBED,
    PRESENCE_UNSUBSCRIBE,
    PRESENCE_UNSUBSCRIBED,
    PRESENCE_PROBE,
    PRESENCE_ERROR,
    PRESENCE_UNKNOWN, /* bad-request (RFC 6121 s. 4.7.1) */
};
/* absent or unknown message types are `normal` (RFC 6121 s. 5.2.2). */
enum message_type { MESSAGE_NORMAL, MESSAGE_CHAT, MESSAGE_GROUPCHAT, MESSAGE_HEADLINE, MESSAGE_ERROR };
enum iq_type { IQ_GET, IQ_SET, IQ_RESULT, IQ_ERROR, IQ_UNKNOWN /* bad-request (RFC 6120 s. 8.2.3) */ };

struct stanza {
    enum stanza_kind kind;
    union {
        enum presence_type presence;
        enum message_type message;
        enum iq_type iq;
    } type;
    struct span raw;        /* the whole element, borrowed */
    struct span content;    /* between its tags */
    struct span id;         /* as written (escaped); ptr NULL when absent */
    struct span lang;       /* xml:lang as written; ptr NULL when absent */
    struct span child_name; /* of the first child, as the scanner gave it, prefix included */
    struct span child_xmlns;
    struct span
        aside; /* what this server knows of it, complete XML: goes along with its frames, and not within (e2e.h) */
    const struct xml_attribute *attributes; /* of the start tag */
    uint32_t attribute_count;
    bool has_to;
    struct jid to; /* text in to_storage: never copy a struct stanza */
    bool has_from;
    struct span from; /* as written; who checks it is the stream */
    char to_storage[JID_BYTES_MAX];
};

enum { STANZA_NOT = 1, STANZA_BAD_TO = 2 };

/* Read a scanned item as a stanza of a stream whose content namespace is `xmlns` ("jabber:client"). Spans
 * borrow from the item. Returns 0; STANZA_NOT: no stanza of that namespace (unsupported-stanza-type, or
 * invalid-namespace: the caller knows); STANZA_BAD_TO: a stanza whose `to` is no JID (has_to is false,
 * everything else in *ret_stanza is filled; answer jid-malformed); -ENOMEM. */
int stanza_read(const struct xml_item *item, struct span xmlns, struct arena *arena,
                struct stanza *ret_stanza);

/* child_name and child_xmlns anew, of a content that has changed. */
void stanza_first_child_read(struct stanza *s);

/* Write the stanza with its first tag's `from` and `to` replaced. `to.ptr` NULL leaves the gap for the
 * recipient's head (frame.head_at); an empty `from`, or `to` with a ptr, is left out. `lang`, as written in
 * the stream's header, is added when the stanza has none and lang.len > 0 (RFC 6120 s. 8.1.5). from, to:
 * JIDs, not yet escaped. The declaration of the content namespace on the start tag is dropped, other
 * attributes are kept as written. s->aside goes along. NULL without memory. */
struct frame *stanza_frame(const struct stanza *s, struct span from, struct span to, struct span lang);

/* A presence made by the server: ` from` and optional type, no children. `from` and `to` as above; id (as
 * written) may be empty. */
struct frame *stanza_presence_frame(enum presence_type type, struct span from, struct span to,
                                    struct span id);
/* The same with `content`, complete XML, in it. */
struct frame *stanza_presence_frame_with(enum presence_type type, struct span from, struct span to,
                                         struct span id, struct span content);

/* Who says the presence that a frame with a gap for its recipient carries: a broadcast's `from`, as written (the same full JID
 * is always written the same); empty: it is no such frame. Borrowed from `f`. */
struct span presence_frame_publisher(const struct frame *f);

/* The attribute value: NULL for PRESENCE_AVAILABLE and PRESENCE_UNKNOWN. */
const char *presence_type_name(enum presence_type type);

/* Who claims which capabilities (caps.h), as written: spans borrowed from the stanza. */
struct caps_claim {
    enum { CAPS_CLAIM_NONE, CAPS_CLAIM_0115, CAPS_CLAIM_0390 } kind;
    struct span algorithm, hash;
    struct span node; /* CAPS_CLAIM_0115 */
};

/* What a broadcast presence says (RFC 6121 s. 4.7.2), read off its content without a tree. */
struct presence_details {
    int8_t priority;
    struct caps_claim caps;
};
/* More than one show or priority, an unknown show, a priority out of range: bad-request. */
enum { PRESENCE_BAD = 1 };
int presence_read(const struct stanza *s, struct presence_details *ret_details);

/* The text of the first `status` in a whole presence, escaped as written; empty: there is none, or it is more
 * than text. */
struct span presence_status(struct span presence);

/* Is there exactly one element within? RFC 6120 s. 8.2.3 asks it of an iq request. */
bool stanza_has_one_child(const struct stanza *s);

/* Append the start tag of an iq's result, whose payload and end the caller appends. */
void stanza_result_open(struct buffer *out, const struct stanza *request, struct span from, struct span to);
/* An iq's answer without or with payload: `payload` is complete XML, may be empty. An empty `from` or `to` is
 * left out; id kept. NULL without memory. */
struct frame *stanza_result_frame(const struct stanza *request, struct span from, struct span to,
                                  struct span payload);

#endif
