/* SPDX-License-Identifier: Apache-2.0 */
#include "route/cost.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "presence/watch.h"
#include "route/internal.h"
#include "stream/held.h"

struct cost *cost_new(void)
{
    return calloc(1, sizeof(struct cost));
}

struct cost *cost_free(struct cost *c)
{
    for (uint32_t i = 0; c && i < COST_SLICES; i++)
        heaviest_clear(&c->slices[i].heaviest);
    free(c);
    return NULL;
}

/* ---- counting ---- */

static uint64_t slice_now(const struct router *r)
{
    return loop_now_ms(r->loop) / COST_SLICE_MS;
}

static struct heaviest *heaviest_now(struct router *r)
{
    uint64_t number = slice_now(r);
    struct cost_slice *slice = &r->cost->slices[number % COST_SLICES];
    if (slice->number != number) {
        heaviest_clear(&slice->heaviest);
        slice->number = number;
    }
    return &slice->heaviest;
}

static void stamp_put(struct cost *c, uint64_t told_ns)
{
    if (c->stamp_count < COST_STAMPS_MAX) {
        c->stamps[c->stamp_count++] = (struct cost_stamp){told_ns, 1};
        return;
    }
    /* As old as the oldest of them: rather too long than too short. */
    struct cost_stamp *last = &c->stamps[COST_STAMPS_MAX - 1];
    last->changes++;
    if (told_ns < last->told_ns)
        last->told_ns = told_ns;
}

void cost_change_ends(struct router *r, struct span publisher, const struct frame *frame,
                      const struct watch_cost *change)
{
    struct cost *c = r->cost;
    histogram_add(&c->queued_ns, clock_now_ns() - change->told_ns);
    histogram_add(&c->width, change->watchers);
    stamp_put(c, change->told_ns);
    const struct heavy_change heavy = {.watchers = change->watchers,
                                       .deliveries = change->deliveries,
                                       .bytes = (uint64_t)change->deliveries * frame->len};
    heaviest_add(heaviest_now(r), publisher, entity_hash(publisher), &heavy);
}

void cost_turn_ends(struct cost *c)
{
    if (!c->stamp_count)
        return;
    uint64_t now_ns = clock_now_ns();
    for (uint32_t i = 0; i < c->stamp_count; i++)
        histogram_add_many(&c->sent_ns, now_ns - c->stamps[i].told_ns, c->stamps[i].changes);
    c->stamp_count = 0;
}

/* ---- who costs most ---- */

void cost_top_init(struct cost_top *top)
{
    *top = (struct cost_top){0};
    arena_init(&top->arena);
}

void cost_top_fini(struct cost_top *top)
{
    arena_fini(&top->arena);
    free(top->parts);
}

static bool part_add(struct cost_top *top, uint64_t slice, uint64_t missed, const struct heavy *heavy)
{
    if (top->count == top->capacity) {
        uint32_t capacity = top->capacity ? top->capacity * 2 : HEAVIEST_MAX;
        struct cost_part *grown = reallocarray(top->parts, capacity, sizeof *grown);
        if (!grown)
            return false;
        top->parts = grown;
        top->capacity = capacity;
    }
    struct span name = arena_copy(&top->arena, span_make(heavy->name, heavy->name_len));
    if (!name.ptr)
        return false;
    struct cost_part *part = &top->parts[top->count++];
    *part = (struct cost_part){slice, missed, *heavy};
    part->heavy.name = (char *)(uintptr_t)name.ptr;
    return true;
}

bool cost_top_gather(struct cost_top *top, const struct router *r, uint32_t seconds)
{
    uint64_t now = slice_now(r), slices = ((uint64_t)seconds * 1000 + COST_SLICE_MS - 1) / COST_SLICE_MS;
    for (uint32_t i = 0; i < COST_SLICES; i++) {
        const struct cost_slice *slice = &r->cost->slices[i];
        if (slice->number + slices < now)
            continue;
        uint64_t missed = heaviest_missed(&slice->heaviest);
        top->missed += missed;
        top->total += slice->heaviest.total;
        for (uint32_t e = 0; e < slice->heaviest.count; e++)
            if (!part_add(top, slice->number, missed, &slice->heaviest.entries[e]))
                return false;
    }
    return true;
}

static int name_compare(const struct heavy *a, const struct heavy *b)
{
    uint32_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
    int order = memcmp(a->name, b->name, len);
    return order ? order : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static int part_compare(const void *a, const void *b)
{
    const struct cost_part *one = a, *other = b;
    int order = name_compare(&one->heavy, &other->heavy);
    return order ? order : (one->slice > other->slice) - (one->slice < other->slice);
}

static uint64_t weight_of(const struct heavy *h, enum cost_order order)
{
    return order == COST_BY_CHANGES ? h->changes : order == COST_BY_BYTES ? h->bytes : h->deliveries;
}

static int rank_compare(const void *a, const void *b, void *order)
{
    const struct heavy *one = &((const struct cost_part *)a)->heavy,
                       *other = &((const struct cost_part *)b)->heavy;
    uint64_t x = weight_of(one, *(enum cost_order *)order), y = weight_of(other, *(enum cost_order *)order);
    return x != y ? (x < y) - (x > y) : name_compare(one, other);
}

/* One slice of one publisher: every worker tells of its own watchers, but of the same changes. Returns where
 * the next slice begins. */
static uint32_t slice_add_up(const struct cost_top *top, uint32_t i, struct heavy *sum, uint64_t *missed)
{
    const struct cost_part *first = &top->parts[i];
    *sum = (struct heavy){.name = first->heavy.name, .name_len = first->heavy.name_len};
    for (; i < top->count && part_compare(&top->parts[i], first) == 0; i++) {
        const struct heavy *h = &top->parts[i].heavy;
        sum->watchers += h->watchers;
        sum->deliveries += h->deliveries;
        sum->error += h->error;
        sum->bytes += h->bytes;
        if (h->changes > sum->changes)
            sum->changes = h->changes;
        *missed += top->parts[i].missed;
    }
    return i;
}

void cost_top_merge(struct cost_top *top, enum cost_order order, uint32_t count_max)
{
    uint32_t merged = 0;
    if (top->count)
        qsort(top->parts, top->count, sizeof *top->parts, part_compare);
    for (uint32_t i = 0; i < top->count;) {
        struct heavy sum = {.name = top->parts[i].heavy.name, .name_len = top->parts[i].heavy.name_len},
                     slice;
        uint64_t missed = 0;
        while (i < top->count && name_compare(&top->parts[i].heavy, &sum) == 0) {
            i = slice_add_up(top, i, &slice, &missed);
            sum.deliveries += slice.deliveries;
            sum.error += slice.error;
            sum.bytes += slice.bytes;
            sum.changes += slice.changes;
            if (slice.watchers > sum.watchers)
                sum.watchers = slice.watchers;
        }
        /* Where it is in no sketch it may have caused that much all the same. */
        sum.error += top->missed - missed;
        top->parts[merged++].heavy = sum;
    }
    top->count = merged;
    if (merged)
        qsort_r(top->parts, merged, sizeof *top->parts, rank_compare, &order);
    if (top->count > count_max)
        top->count = count_max;
}

void cost_top_write(const struct cost_top *top, struct buffer *out)
{
    buffer_printf(out, "%10s %9s %11s %6s %11s %14s  %s\n", "CHANGES", "WATCHERS", "DELIVERIES", "SHARE",
                  "ERROR", "BYTES", "PUBLISHER");
    for (uint32_t i = 0; i < top->count; i++) {
        const struct heavy *h = &top->parts[i].heavy;
        double share = top->total ? 100.0 * (double)h->deliveries / (double)top->total : 0;
        buffer_printf(out, "%10llu %9u %11llu %5.1f%% %11llu %14llu  %.*s\n", (unsigned long long)h->changes,
                      h->watchers, (unsigned long long)h->deliveries, share, (unsigned long long)h->error,
                      (unsigned long long)h->bytes, (int)h->name_len, h->name);
    }
}

/* ---- who reads slowest ---- */

int cost_readers_init(struct cost_readers *c, uint32_t count_max)
{
    *c = (struct cost_readers){.count_max = count_max};
    arena_init(&c->arena);
    c->readers = calloc(count_max, sizeof *c->readers);
    return c->readers ? 0 : -ENOMEM;
}

void cost_readers_fini(struct cost_readers *c)
{
    arena_fini(&c->arena);
    free(c->readers);
}

static uint64_t reader_weight(const struct cost_reader *reader)
{
    return reader->queued_bytes + reader->held_bytes;
}

static void reader_add(struct cost_readers *c, struct cost_reader reader, struct span jid)
{
    if (c->count == c->count_max && reader_weight(&reader) <= reader_weight(&c->readers[c->count - 1]))
        return;
    struct span name = arena_copy(&c->arena, jid);
    if (!name.ptr)
        return;
    reader.jid = (char *)(uintptr_t)name.ptr;
    reader.jid_len = (uint32_t)name.len;
    uint32_t at = c->count < c->count_max ? c->count++ : c->count - 1;
    for (; at && reader_weight(&c->readers[at - 1]) < reader_weight(&reader); at--)
        c->readers[at] = c->readers[at - 1];
    c->readers[at] = reader;
}

void cost_readers_gather(struct cost_readers *c, const struct router *r)
{
    for (struct hash_node *n = hash_table_next(&r->entities.table, NULL); n;
         n = hash_table_next(&r->entities.table, n)) {
        const struct account *a = container_of(n, struct entity, node)->account;
        if (!a)
            continue;
        account_each_session(s, a)
        {
            const struct stream *stream = s->stream;
            const struct cost_reader reader = {.held = stream->held ? held_count(stream->held) : 0,
                                               .held_bytes = stream->held ? stream->held->bytes : 0,
                                               .queued_bytes = stream->conn.out.bytes,
                                               .is_inactive = stream->is_inactive};
            if (reader_weight(&reader))
                reader_add(c, reader, session_jid(s));
        }
    }
}

void cost_readers_write(const struct cost_readers *c, struct buffer *out)
{
    buffer_printf(out, "%12s %9s %12s %8s  %s\n", "QUEUED", "HELD", "HELD-BYTES", "CLIENT", "SESSION");
    for (uint32_t i = 0; i < c->count; i++) {
        const struct cost_reader *reader = &c->readers[i];
        buffer_printf(out, "%12llu %9u %12llu %8s  %.*s\n", (unsigned long long)reader->queued_bytes,
                      reader->held, (unsigned long long)reader->held_bytes,
                      reader->is_inactive ? "inactive" : "active", (int)reader->jid_len, reader->jid);
    }
}
