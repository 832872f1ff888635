/* SPDX-License-Identifier: Apache-2.0 */
/* A roster's result made piece by piece, so that a hundred thousand contacts do not hold a worker. The caller
 * pulls: each step looks at some positions of the sources, one after another, and cuts what they wrote into
 * frames. When the last is through, the frames are one whole stanza, to be queued in one go. */
#ifndef MUSTER_ROSTER_WRITER_H
#define MUSTER_ROSTER_WRITER_H

#include "base/buffer.h"
#include "base/frame.h"
#include "roster/roster.h"

/* A frame of the result. Several fill a TLS record; small enough for the allocator to keep the memory at
 * hand. */
#define ROSTER_FRAME_BYTES 16384

/* Where items come from: the account's own roster, or whatever else shows contacts in it (shared groups). */
struct roster_source {
    struct roster_source *next;
    /* Append <item/>s; look at no more than `positions` contacts. Returns at how many; less than asked: it is
     * through. */
    uint32_t (*write)(struct roster_source *s, struct buffer *out, uint32_t positions);
};

struct roster_writer {
    struct roster_source *sources, **last; /* those that are not through */
    struct buffer chunk;
    struct frame **frames;
    uint32_t frame_count, frame_capacity;
    uint64_t bytes;  /* of all frames */
    bool has_failed; /* for want of memory */
    bool is_done;
    bool is_within; /* the last frame's stanza goes on */
};

struct roster_share;

/* The items of `roster`, which stays as it is meanwhile (roster_hold). */
struct roster_items {
    struct roster_source source;
    const struct roster *roster;
    uint32_t at;
    /* What else is to be said of an item; NULL: nothing. */
    void (*share)(struct roster_items *items, const struct roster_item *item, struct roster_share *ret);
};

void roster_writer_init(struct roster_writer *w);
/* Sources are borrowed until the writer is done or ended. */
void roster_writer_add(struct roster_writer *w, struct roster_source *s);
void roster_items_init(struct roster_items *items, const struct roster *roster);

/* Look at about `positions` more contacts. Returns at how many; is_done is set when all are through (or
 * memory failed). */
uint32_t roster_writer_step(struct roster_writer *w, uint32_t positions);
/* Append a frame of items (FRAME_PART) as it is, counted; for a source that has some that are everybody's. */
void roster_writer_put(struct roster_writer *w, struct frame *shared);
/* Append bytes that belong before the first or after the last item. */
void roster_writer_append(struct roster_writer *w, struct span bytes);
/* What was appended is a whole stanza: another may follow, in frames of its own. */
void roster_writer_stanza_ends(struct roster_writer *w);
/* Make a frame of what is left. 0 or -ENOMEM, also when something failed before. */
int roster_writer_finish(struct roster_writer *w);
/* Give back everything, also the frames that are still there. */
void roster_writer_fini(struct roster_writer *w);

#endif
