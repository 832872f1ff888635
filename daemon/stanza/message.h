/* SPDX-License-Identifier: Apache-2.0 */
/* What a message holds, as far as its way depends on it, and the message written again: with an id or a stamp
 * of ours, or within another. Read off the bytes of its content, without a tree. */
#ifndef MUSTER_STANZA_MESSAGE_H
#define MUSTER_STANZA_MESSAGE_H

#include "stanza/stanza.h"

enum message_content {
    MESSAGE_HAS_BODY = 1 << 0,
    MESSAGE_HAS_CHAT_STATE = 1 << 1, /* XEP-0085 */
    MESSAGE_HAS_RECEIPT = 1 << 2,    /* XEP-0184: a receipt */
    MESSAGE_HAS_MARKER = 1 << 3,     /* XEP-0333: a marker */
    MESSAGE_HAS_RIDER = 1 << 4,      /* asks for a receipt or a marker */
    MESSAGE_HAS_INVITATION = 1 << 5, /* to a room, direct (XEP-0249) or mediated (XEP-0045 s. 7.8) */
    MESSAGE_HAS_ROOM = 1 << 6,       /* a room's element: said in a room, or by it */
    MESSAGE_HAS_STORE = 1 << 7,      /* hints (XEP-0334) */
    MESSAGE_HAS_NO_STORE = 1 << 8,
    MESSAGE_HAS_NO_PERMANENT_STORE = 1 << 9,
    MESSAGE_HAS_NO_COPY = 1 << 10,   /* the hint, or carbons' <private/> */
    MESSAGE_HAS_CARBON = 1 << 11,    /* <sent/> or <received/> of XEP-0280, whoever wrote it */
    MESSAGE_HAS_STANZA_ID = 1 << 12, /* XEP-0359, by whomever */
    MESSAGE_HAS_OTHER = 1 << 13,     /* anything else that says something */
    MESSAGE_HAS_OBJECT = 1 << 14,    /* signed or encrypted end to end (RFC 3923): it stands for a body */
};

/* The flags of what stands directly within. 0 or -ENOMEM; `arena` for values with references in them. */
int message_read(const struct stanza *s, struct arena *arena, uint32_t *ret_content);

/* XEP-0160 s. 3, XEP-0334: is it kept for somebody who is offline? */
bool message_is_kept(enum message_type type, uint32_t content);
/* XEP-0313 s. 6.1.1: does it go into archives? */
bool message_is_archived(enum message_type type, uint32_t content);

/* The message of a frame that a router has stamped, `s->raw`, again: without the <stanza-id/>s `by` (a
 * prepared JID; empty: all stay), which only that account's server may say, and with `more` (complete XML,
 * may be empty) behind its children. NULL without memory. */
struct frame *message_frame(const struct stanza *s, struct arena *arena, struct span by, struct span more);
/* A stamped message (a frame's bytes) with `more` behind its children. NULL without memory. */
struct frame *message_frame_more(struct span message, struct span more);
/* Is there such a <stanza-id/>? Without memory: true. */
bool message_has_stanza_id(const struct stanza *s, struct arena *arena, struct span by);

/* A stamped message (a frame's bytes), marked as kept by `from` (a JID) since `us` (XEP-0203), unless `from` has marked it before: it
 * is kept since the first time. NULL without memory. */
struct frame *message_frame_delayed(struct span message, struct span from, uint64_t us);
/* Append such a mark. */
void message_delay_write(struct buffer *out, struct span from, uint64_t us);
/* Append the id that the archive of `by` knows it by. */
void message_stanza_id_write(struct buffer *out, struct span by, uint64_t id);
/* Append a stamped message (a frame's bytes) as it stands within <forwarded/>: with its namespace, and `more`
 * behind its children. */
void message_forwarded_write(struct buffer *out, struct span message, struct span more);

/* How an archive's id is written: 16 hexadecimal digits. */
#define MESSAGE_ID_BYTES 17
void message_id_write(uint64_t id, char text[static MESSAGE_ID_BYTES]);
/* False: it is none of ours. */
bool message_id_read(struct span text, uint64_t *ret_id);

#endif
