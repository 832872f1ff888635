/* SPDX-License-Identifier: Apache-2.0 */
/* The items in one array without holes, and beside it, for rosters that are not small, an index of positions:
 * linear probing, at most half full, removal by shifting back so that no tombstones pile up in a roster that
 * churns. */
#include "roster/roster.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define ROSTER_CAPACITY_FIRST 4
/* Up to here a walk over the items (they are 32 bytes: 8 cache lines) costs no more than probing an index
 * would. */
#define ROSTER_UNINDEXED_MAX 16
#define ROSTER_INDEX_FIRST (4 * ROSTER_UNINDEXED_MAX)

struct roster_text {
    uint32_t name_len, groups_len, request_len;
    char bytes[]; /* name, groups, request */
};

void roster_init(struct roster *r)
{
    *r = (struct roster){0};
}

uint32_t roster_fini_some(struct roster *r, struct entity_table *entities, uint32_t items_max)
{
    uint32_t some = items_max < r->count ? items_max : r->count;
    for (uint32_t i = 0; i < some; i++) {
        struct roster_item *item = &r->items[--r->count];
        free(item->text);
        entity_give(entities, item->contact);
    }
    return some;
}

void roster_fini(struct roster *r, struct entity_table *entities)
{
    roster_fini_some(r, entities, UINT32_MAX);
    free(r->items);
    free(r->index);
    roster_init(r);
}

/* The slot that holds `position`, or the empty one where it belongs. */
static uint32_t index_slot(const struct roster *r, const struct entity *contact, uint32_t position)
{
    uint32_t mask = r->index_size - 1;
    uint32_t slot = (uint32_t)contact->node.hash & mask;
    while (r->index[slot] != 0 && r->index[slot] != position + 1)
        slot = (slot + 1) & mask;
    return slot;
}

static uint32_t index_home(const struct roster *r, uint32_t slot)
{
    return (uint32_t)r->items[r->index[slot] - 1].contact->node.hash & (r->index_size - 1);
}

/* Make slot `hole` empty, moving into it what probing could not find behind it any more. */
static void index_clear(struct roster *r, uint32_t hole)
{
    uint32_t mask = r->index_size - 1;
    for (uint32_t slot = (hole + 1) & mask; r->index[slot] != 0; slot = (slot + 1) & mask) {
        /* An entry may move back to the hole unless its home lies behind the hole: distances are cyclic. */
        if (((slot - index_home(r, slot)) & mask) < ((slot - hole) & mask))
            continue;
        r->index[hole] = r->index[slot];
        hole = slot;
    }
    r->index[hole] = 0;
}

/* Make an index of `size` slots for the present items; 0 or -ENOMEM (then the old one stands). */
static int index_build(struct roster *r, uint32_t size)
{
    uint32_t *index = calloc(size, sizeof *index);
    if (!index)
        return -ENOMEM;
    free(r->index);
    r->index = index;
    r->index_size = size;
    for (uint32_t i = 0; i < r->count; i++)
        r->index[index_slot(r, r->items[i].contact, i)] = i + 1;
    return 0;
}

struct roster_item *roster_find(const struct roster *r, const struct entity *contact)
{
    if (!r->index) {
        for (uint32_t i = 0; i < r->count; i++)
            if (r->items[i].contact == contact)
                return &r->items[i];
        return NULL;
    }
    uint32_t mask = r->index_size - 1;
    for (uint32_t slot = (uint32_t)contact->node.hash & mask; r->index[slot]; slot = (slot + 1) & mask) {
        struct roster_item *item = &r->items[r->index[slot] - 1];
        if (item->contact == contact)
            return item;
    }
    return NULL;
}

/* Room for one more item and its index entry; 0 or -ENOMEM. */
static int roster_grow(struct roster *r)
{
    if (r->count == r->capacity) {
        uint32_t capacity = r->capacity ? r->capacity * 2 : ROSTER_CAPACITY_FIRST;
        struct roster_item *items = reallocarray(r->items, capacity, sizeof *items);
        if (!items)
            return -ENOMEM;
        r->items = items;
        r->capacity = capacity;
    }
    if (r->count < ROSTER_UNINDEXED_MAX)
        return 0;
    if (!r->index)
        return index_build(r, ROSTER_INDEX_FIRST);
    return r->count + 1 > r->index_size / 2 ? index_build(r, r->index_size * 2) : 0;
}

int roster_reserve(struct roster *r, uint32_t count)
{
    if (count <= r->capacity)
        return 0;
    struct roster_item *items = reallocarray(r->items, count, sizeof *items);
    if (!items)
        return -ENOMEM;
    r->items = items;
    r->capacity = count;
    uint32_t size = ROSTER_INDEX_FIRST;
    while (size / 2 < count)
        size *= 2;
    return count > ROSTER_UNINDEXED_MAX && size > r->index_size ? index_build(r, size) : 0;
}

int roster_add(struct roster *r, struct entity *contact, uint32_t items_max, struct roster_item **ret_item)
{
    assert(!r->holds && !roster_find(r, contact));
    if (r->count >= items_max)
        return ROSTER_FULL;
    int error = roster_grow(r);
    if (error)
        return error;
    struct roster_item *item = &r->items[r->count];
    *item = (struct roster_item){.contact = entity_ref(contact), .state = SUBSCRIPTION_NONE};
    if (r->index)
        r->index[index_slot(r, contact, r->count)] = r->count + 1;
    r->count++;
    *ret_item = item;
    return 0;
}

/* Give back memory when three quarters of it lie idle. Without memory to do so the larger arrays stand. */
static void roster_shrink(struct roster *r)
{
    if (r->capacity <= ROSTER_CAPACITY_FIRST || r->count > r->capacity / 4)
        return;
    uint32_t capacity = r->capacity / 2;
    struct roster_item *items = reallocarray(r->items, capacity, sizeof *items);
    if (!items)
        return;
    r->items = items;
    r->capacity = capacity;
    if (!r->index)
        return;
    if (r->index_size > ROSTER_INDEX_FIRST) {
        (void)index_build(r, r->index_size / 2);
    } else if (capacity < ROSTER_UNINDEXED_MAX) {
        free(r->index);
        r->index = NULL;
        r->index_size = 0;
    }
}

void roster_remove(struct roster *r, struct roster_item *item, struct entity_table *entities,
                   struct roster_item **ret_moved)
{
    uint32_t position = (uint32_t)(item - r->items), last = r->count - 1;
    assert(!r->holds && position < r->count);
    struct entity *contact = item->contact;
    free(item->text);
    if (r->index)
        index_clear(r, index_slot(r, contact, position));
    if (position != last) {
        if (r->index)
            r->index[index_slot(r, r->items[last].contact, last)] = position + 1;
        *item = r->items[last];
    }
    r->count = last;
    roster_shrink(r);
    *ret_moved = position != last ? &r->items[position] : NULL;
    entity_give(entities, contact);
}

void roster_hold(struct roster *r)
{
    r->holds++;
}

void roster_release(struct roster *r, struct entity_table *entities)
{
    struct roster_item *moved;
    assert(r->holds);
    if (--r->holds || !r->has_blanks)
        return;
    r->has_blanks = false;
    for (uint32_t i = r->count; i-- > 0;) /* from the end: a removal moves the last item into its place */
        if (roster_item_is_blank(&r->items[i]) && !r->items[i].watch_slot)
            roster_remove(r, &r->items[i], entities, &moved);
}

void roster_drop_blank(struct roster *r, struct roster_item *item, struct entity_table *entities)
{
    struct roster_item *moved;
    if (r->holds)
        r->has_blanks = true;
    else
        roster_remove(r, item, entities, &moved);
}

int roster_item_set_text(struct roster_item *item, struct span name, struct span groups, struct span request)
{
    struct roster_text *text = NULL;
    if (name.len || groups.len || request.len) {
        text = malloc(sizeof *text + name.len + groups.len + request.len);
        if (!text)
            return -ENOMEM;
        *text = (struct roster_text){(uint32_t)name.len, (uint32_t)groups.len, (uint32_t)request.len};
        char *end = text->bytes;
        if (name.len)
            end = mempcpy(end, name.ptr, name.len);
        if (groups.len)
            end = mempcpy(end, groups.ptr, groups.len);
        if (request.len)
            memcpy(end, request.ptr, request.len);
    }
    free(item->text); /* only now: the spans may borrow from it */
    item->text = text;
    return 0;
}

struct span roster_item_name(const struct roster_item *item)
{
    const struct roster_text *t = item->text;
    return t ? span_make(t->bytes, t->name_len) : (struct span){0};
}

struct span roster_item_groups(const struct roster_item *item)
{
    const struct roster_text *t = item->text;
    return t ? span_make(t->bytes + t->name_len, t->groups_len) : (struct span){0};
}

struct span roster_item_request(const struct roster_item *item)
{
    const struct roster_text *t = item->text;
    return t ? span_make(t->bytes + t->name_len + t->groups_len, t->request_len) : (struct span){0};
}

size_t roster_bytes(const struct roster *r)
{
    size_t bytes = r->capacity * sizeof *r->items + r->index_size * sizeof *r->index;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct roster_text *t = r->items[i].text;
        if (t)
            bytes += sizeof *t + t->name_len + t->groups_len + t->request_len;
    }
    return bytes;
}
