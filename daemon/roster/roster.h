/* SPDX-License-Identifier: Apache-2.0 */
/* One account's roster in memory (RFC 6121 s. 2): items by contact, compact. No fd, no clock. */
#ifndef MUSTER_ROSTER_ROSTER_H
#define MUSTER_ROSTER_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "roster/subscription.h"
#include "session/entity.h"

/* At most 32 bytes a contact beyond the interned JID and the name: large rosters are what this is for. */
struct roster_item {
    struct entity *contact;   /* a reference */
    struct roster_text *text; /* name, groups, stored request; NULL when it has none of them */
    uint32_t watch_slot; /* presence/'s: where the owner stands in the contact's watch list; 0: nowhere */
    uint8_t state;       /* enum subscription_state */
    bool is_approved, is_listed;
    uint8_t unused;
    uint64_t version; /* of the roster when the item last changed */
};
_Static_assert(sizeof(struct roster_item) == 32, "a contact costs 32 bytes");

struct roster {
    struct roster_item *items; /* any order, no holes; moves when the roster grows or an item is removed */
    uint32_t *index; /* open addressing by the entity's hash: position + 1; 0 empty. NULL for small rosters */
    uint32_t count, capacity, index_size;
    uint32_t holds;  /* by those who walk it in slices */
    bool has_blanks; /* items that only wait for the last hold's end */
    uint64_t version;
};

enum { ROSTER_FULL = 1 };

void roster_init(struct roster *r);
void roster_fini(struct roster *r, struct entity_table *entities);
/* Room for `count` items, known beforehand. 0 or -ENOMEM (it grows as it must). */
int roster_reserve(struct roster *r, uint32_t count);
/* A step towards roster_fini: up to `items_max` of the last items. The rest is good for nothing but more of that. Returns how many. */
uint32_t roster_fini_some(struct roster *r, struct entity_table *entities, uint32_t items_max);

/* Borrowed until the roster changes; NULL when there is none. */
struct roster_item *roster_find(const struct roster *r, const struct entity *contact);
/* Add an item (state none, listed false) for a contact that has none; takes its own reference of `contact`.
 * 0, ROSTER_FULL (count >= items_max) or -ENOMEM. */
int roster_add(struct roster *r, struct entity *contact, uint32_t items_max, struct roster_item **ret_item);
/* Remove; moves the last item into its place. *ret_moved is the item that moved, NULL when none did. */
void roster_remove(struct roster *r, struct roster_item *item, struct entity_table *entities,
                   struct roster_item **ret_moved);

/* Until the hold is released no item is added, removed or moved; only roster_drop_blank may be called. */
void roster_hold(struct roster *r);
void roster_release(struct roster *r, struct entity_table *entities);
/* Remove an item that says nothing any more; in a roster that is held, when it is released. */
void roster_drop_blank(struct roster *r, struct roster_item *item, struct entity_table *entities);

/* Set the texts (copied; they may borrow from the item's present ones); groups: each followed by '\n'. 0 or
 * -ENOMEM (unchanged). */
int roster_item_set_text(struct roster_item *item, struct span name, struct span groups, struct span request);
/* Does it say anything at all? One that does not is in memory only because its watch is not over yet (presence/watch.h). */
static inline bool roster_item_is_blank(const struct roster_item *item)
{
    return item->state == SUBSCRIPTION_NONE && !item->is_listed && !item->is_approved;
}
struct span roster_item_name(const struct roster_item *item);
struct span roster_item_groups(const struct roster_item *item);
struct span roster_item_request(const struct roster_item *item);

/* Bytes this roster holds (items, index, texts; not the interned JIDs), for the memory report. */
size_t roster_bytes(const struct roster *r);

#endif
