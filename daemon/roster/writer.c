/* SPDX-License-Identifier: Apache-2.0 */
#include "roster/writer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "roster/query.h"
#include "stanza/stanza.h"

#define FRAMES_FIRST 4
/* Looked at between two looks at the size of the chunk: a frame grows by at most so many items over its
 * measure. */
#define POSITIONS_AT_ONCE 32

static uint32_t items_write(struct roster_source *s, struct buffer *out, uint32_t positions)
{
    struct roster_items *items = container_of(s, struct roster_items, source);
    uint32_t left = items->roster->count - items->at, count = positions < left ? positions : left;
    for (uint32_t i = 0; i < count; i++) {
        const struct roster_item *item = &items->roster->items[items->at++];
        if (item->is_listed && items->share) {
            struct roster_share share;
            items->share(items, item, &share);
            roster_shared_item_write(out, entity_text(item->contact), item, &share);
        } else if (item->is_listed) {
            roster_item_write(out, item);
        }
    }
    return count;
}

void roster_items_init(struct roster_items *items, const struct roster *roster)
{
    *items = (struct roster_items){.source = {.write = items_write}, .roster = roster};
}

void roster_writer_init(struct roster_writer *w)
{
    *w = (struct roster_writer){.last = &w->sources};
}

void roster_writer_add(struct roster_writer *w, struct roster_source *s)
{
    s->next = NULL;
    *w->last = s;
    w->last = &s->next;
}

void roster_writer_append(struct roster_writer *w, struct span bytes)
{
    buffer_append(&w->chunk, bytes);
}

static int frames_grow(struct roster_writer *w)
{
    if (w->frame_count < w->frame_capacity)
        return 0;
    uint32_t capacity = w->frame_capacity ? w->frame_capacity * 2 : FRAMES_FIRST;
    struct frame **frames = reallocarray(w->frames, capacity, sizeof *frames);
    if (!frames)
        return -ENOMEM;
    w->frames = frames;
    w->frame_capacity = capacity;
    return 0;
}

static void chunk_cut(struct roster_writer *w)
{
    enum frame_kind kind = w->is_within ? FRAME_PART : FRAME_OTHER;
    struct frame *f = buffer_ok(&w->chunk) ? frame_new(buffer_span(&w->chunk), FRAME_NO_HEAD, kind) : NULL;
    if (!f || frames_grow(w) < 0) {
        frame_unref(f);
        w->has_failed = true;
        return;
    }
    w->bytes += f->len;
    w->frames[w->frame_count++] = f;
    w->is_within = true;
    buffer_clear(&w->chunk);
}

void roster_writer_stanza_ends(struct roster_writer *w)
{
    if (w->chunk.len)
        chunk_cut(w);
    w->is_within = false;
}

void roster_writer_put(struct roster_writer *w, struct frame *shared)
{
    if (w->chunk.len)
        chunk_cut(w);
    if (w->has_failed || frames_grow(w) < 0) {
        w->has_failed = true;
        return;
    }
    w->bytes += shared->len;
    w->frames[w->frame_count++] = frame_ref(shared);
}

uint32_t roster_writer_step(struct roster_writer *w, uint32_t positions)
{
    uint32_t used = 0;
    while (w->sources && !w->has_failed && used < positions) {
        uint32_t asked = positions - used < POSITIONS_AT_ONCE ? positions - used : POSITIONS_AT_ONCE;
        uint32_t looked_at = w->sources->write(w->sources, &w->chunk, asked);
        used += looked_at;
        if (looked_at < asked)
            w->sources = w->sources->next;
        if (w->chunk.len >= ROSTER_FRAME_BYTES || !buffer_ok(&w->chunk))
            chunk_cut(w);
    }
    w->is_done = !w->sources || w->has_failed;
    return used;
}

int roster_writer_finish(struct roster_writer *w)
{
    if (w->chunk.len && !w->has_failed)
        chunk_cut(w);
    return w->has_failed || !buffer_ok(&w->chunk) ? -ENOMEM : 0;
}

void roster_writer_fini(struct roster_writer *w)
{
    for (uint32_t i = 0; i < w->frame_count; i++)
        frame_unref(w->frames[i]);
    free(w->frames);
    buffer_fini(&w->chunk);
    roster_writer_init(w);
}
