/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of one size, one thread, never given back to the system before slab_fini. An object may
 * migrate to another thread's slab of the same kind (slab_adopt): chunks belong to a slab, free
 * objects to whoever freed them. So all slabs of one kind are finished together, after their threads. */
#ifndef MUSTER_BASE_SLAB_H
#define MUSTER_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab_chunk;

struct slab {
    const char *name;    /* for the memory report */
    size_t object_bytes; /* rounded up to 16 */
    void *free_objects;
    struct slab_chunk *chunks;
    int64_t live; /* may be negative on one worker while objects migrate; the sum is exact */
    size_t chunk_count;
};

/* Is what was given back handed out again? Not under AddressSanitizer, where each object is an allocation of its own. */
extern const bool slab_recycles;

void slab_init(struct slab *s, const char *name, size_t object_bytes);
void slab_fini(struct slab *s);
/* Of its chunks, in use or not. */
size_t slab_bytes(const struct slab *s);
/* A zeroed object; NULL without memory. */
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *object);

/* Count an object that came from another slab of this kind (and slab_disown there). */
static inline void slab_adopt(struct slab *s)
{
    s->live++;
}
static inline void slab_disown(struct slab *s)
{
    s->live--;
}

#endif
