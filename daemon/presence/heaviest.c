/* SPDX-License-Identifier: Apache-2.0 */
#include "presence/heaviest.h"

#include <stdlib.h>

static uint32_t lightest(const struct heaviest *h)
{
    uint32_t least = 0;
    for (uint32_t i = 1; i < h->count; i++)
        if (h->entries[i].deliveries < h->entries[least].deliveries)
            least = i;
    return least;
}

/* Its entry, or the one that it takes over; NULL without memory. */
static struct heavy *heavy_for(struct heaviest *h, struct span name, uint64_t hash)
{
    for (uint32_t i = 0; i < h->count; i++) {
        struct heavy *e = &h->entries[i];
        if (h->hashes[i] == hash && span_equal(span_make(e->name, e->name_len), name))
            return e;
    }
    char *copy = malloc(name.len ? name.len : 1);
    if (!copy)
        return NULL;
    memcpy(copy, name.ptr, name.len);
    uint32_t at = h->count < HEAVIEST_MAX ? h->count++ : lightest(h);
    struct heavy *e = &h->entries[at];
    free(e->name);
    *e = (struct heavy){
        .name = copy, .name_len = (uint32_t)name.len, .deliveries = e->deliveries, .error = e->deliveries};
    h->hashes[at] = hash;
    return e;
}

void heaviest_add(struct heaviest *h, struct span name, uint64_t hash, const struct heavy_change *change)
{
    struct heavy *e = heavy_for(h, name, hash);
    if (!e)
        return;
    h->total += change->deliveries;
    e->deliveries += change->deliveries;
    e->bytes += change->bytes;
    e->watchers = change->watchers;
    e->changes++;
}

uint64_t heaviest_missed(const struct heaviest *h)
{
    return h->count < HEAVIEST_MAX ? 0 : h->entries[lightest(h)].deliveries;
}

void heaviest_clear(struct heaviest *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        free(h->entries[i].name);
    *h = (struct heaviest){0};
}
