/* SPDX-License-Identifier: Apache-2.0 */
#include "roster/group.h"

#include <stdlib.h>

#include "session/entity.h"
#include "stanza/stanza.h"
#include "xml/write.h"

static void interest_unref(struct group_interest *i)
{
    if (i && atomic_fetch_sub(&i->references, 1) == 1)
        free(i);
}

struct group *group_ref(struct group *g)
{
    atomic_fetch_add_explicit(&g->references, 1, memory_order_relaxed);
    return g;
}

struct group *group_unref(struct group *g)
{
    if (!g || atomic_fetch_sub(&g->references, 1) != 1)
        return NULL;
    for (uint32_t i = 0; g->chunks && i < 2 * group_chunk_count(g); i++)
        frame_unref(atomic_load(&g->chunks[i]));
    interest_unref(g->interest);
    free(g->chunks);
    free(g->members);
    free(g->index);
    free(g->viewers);
    free(g->text);
    free(g);
    return NULL;
}

bool group_is_seen_by(const struct group *g, uint32_t viewer)
{
    for (uint32_t i = 0; i < g->viewer_count; i++)
        if (g->viewers[i] == viewer)
            return true;
    return false;
}

int64_t group_find(const struct group *g, struct span bare, uint64_t hash)
{
    if (!g->index_size)
        return GROUP_NOT_MEMBER;
    uint32_t mask = g->index_size - 1;
    for (uint32_t slot = (uint32_t)hash & mask; g->index[slot]; slot = (slot + 1) & mask) {
        uint32_t position = g->index[slot] - 1;
        if (g->members[position].hash == (uint32_t)hash && span_equal(group_member_jid(g, position), bare))
            return position;
    }
    return GROUP_NOT_MEMBER;
}

void group_item_write(struct buffer *out, const struct group *g, uint32_t position, bool is_both)
{
    buffer_literal(out, "<item");
    xml_write_attribute(out, "jid", group_member_jid(g, position));
    buffer_printf(out, " subscription='%s'><group>", is_both ? "both" : "to");
    xml_escape(out, g->title);
    buffer_literal(out, "</group></item>");
}

struct frame *group_chunk(const struct group *g, uint32_t chunk, bool is_both)
{
    struct frame *_Atomic *place = &g->chunks[2 * chunk + is_both];
    struct frame *made = atomic_load(place), *there = NULL;
    if (made)
        return made;
    struct buffer items = {0};
    uint32_t first = chunk * GROUP_CHUNK_MEMBERS;
    for (uint32_t i = first; i < g->count && i < first + GROUP_CHUNK_MEMBERS; i++)
        group_item_write(&items, g, i, is_both);
    made = buffer_ok(&items) ? frame_new(buffer_span(&items), FRAME_NO_HEAD, FRAME_PART) : NULL;
    buffer_fini(&items);
    /* Two workers may make it at once: one of them keeps its own for nothing. */
    if (made && !atomic_compare_exchange_strong(place, &there, made)) {
        frame_unref(made);
        made = there;
    }
    return made;
}

size_t group_bytes(const struct group *g)
{
    size_t text = g->name.len + g->title.len;
    for (uint32_t i = 0; i < g->count; i++)
        text += g->members[i].len;
    return sizeof *g + text + g->count * sizeof *g->members + g->index_size * sizeof *g->index +
           g->viewer_count * sizeof *g->viewers + 2 * group_chunk_count(g) * sizeof *g->chunks;
}
