/* SPDX-License-Identifier: Apache-2.0 */
/* Shared roster groups as sets: what a group is called, who its members are, and which groups' members see
 * them. A definition is constant and counted: every worker holds the same one by reference, and a change
 * makes a new one. The book is the list of the present definitions; one thread at a time changes it. */
#ifndef MUSTER_ROSTER_GROUP_H
#define MUSTER_ROSTER_GROUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/frame.h"
#include "base/span.h"

/* An account is looked up in every group when it comes into memory: with a thousand groups that is a tenth of
 * a millisecond. */
#define GROUPS_MAX 1000
/* Each broadcast names the groups that see its sender. */
#define GROUP_VIEWERS_MAX 32
/* Groups are named on command lines and in columns of files. */
#define GROUP_NAME_BYTES_MAX 255
/* As the name of a contact. */
#define GROUP_TITLE_BYTES_MAX 1023
/* Members in one piece of a roster result that is made once for all: some 10 KiB of items. */
#define GROUP_CHUNK_MEMBERS 128

/* What outlives a definition: how many available members each worker has, so that a broadcast goes only where
 * it is heard. A worker counts its member before it asks for anybody's presence; who still reads 0 will be
 * asked later. */
struct group_interest {
    _Atomic int32_t references;
    _Atomic uint32_t available[]; /* by worker */
};

struct group_member {
    uint32_t hash; /* the low half of entity_hash */
    uint32_t at;   /* of the address in the text */
    uint16_t len;
};

struct group {
    _Atomic int32_t references;
    uint32_t number;  /* never used again for another group */
    uint64_t version; /* of the store, at the last change */
    struct span name, title;
    uint32_t
        *viewers; /* groups whose members see the members of this one; its own number: they see each other */
    uint32_t viewer_count;
    uint32_t count;
    struct group_member *members; /* in the order in which they joined */
    uint32_t *index;              /* open addressing: position + 1; 0 empty */
    uint32_t index_size;
    char *text;
    struct group_interest *interest;
    struct frame *_Atomic *chunks; /* roster items, made when first asked for: group_chunk */
};

enum { GROUP_NOT_MEMBER = -1 };

struct group *group_ref(struct group *g);
/* Takes NULL, returns NULL. */
struct group *group_unref(struct group *g);
bool group_is_seen_by(const struct group *g, uint32_t viewer);
/* The member's position, or GROUP_NOT_MEMBER. `hash` is entity_hash(bare). */
int64_t group_find(const struct group *g, struct span bare, uint64_t hash);
static inline struct span group_member_jid(const struct group *g, uint32_t position)
{
    return span_make(g->text + g->members[position].at, g->members[position].len);
}
static inline uint32_t group_chunk_count(const struct group *g)
{
    return (g->count + GROUP_CHUNK_MEMBERS - 1) / GROUP_CHUNK_MEMBERS;
}
/* Append the roster item of a member as somebody sees it who has nothing else to say about it. */
void group_item_write(struct buffer *out, const struct group *g, uint32_t position, bool is_both);
/* The items of the members from GROUP_CHUNK_MEMBERS * `chunk` on, made once for all workers; borrowed; NULL
 * without memory. */
struct frame *group_chunk(const struct group *g, uint32_t chunk, bool is_both);
/* What the definition takes, without its chunks. */
size_t group_bytes(const struct group *g);

/* ---- the book, and changes to it ---- */

struct group_book {
    struct group **groups; /* by number */
    uint32_t count, workers;
};

/* What becomes of one group. */
struct group_step {
    struct group *before, *now;     /* references; before NULL: it is new; now NULL: it is removed */
    uint32_t *joined, joined_count; /* positions in now */
    uint32_t *left, left_count;     /* positions in before */
    uint32_t number;
};

struct group_change {
    struct group_step *steps;
    uint32_t count;
};

void group_book_init(struct group_book *b, uint32_t workers);
void group_book_fini(struct group_book *b);
/* Apply lines as the store tells them (store/command.h). 0 with a change (free it); -EINVAL for what is no
 * such line, and -ENOMEM: then the book is as before. */
int group_book_apply(struct group_book *b, struct span lines, struct group_change **ret_change);
struct group_change *group_change_free(struct group_change *c);

#endif
