/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1 /* what gcc calls it */
#endif
#endif
#define SLAB_OBJECTS_PER_CHUNK(bytes) ((bytes) < 4096 ? 65536 / (bytes) : 16)

struct slab_chunk {
    struct slab_chunk *older;
    alignas(max_align_t) char bytes[];
};

void slab_init(struct slab *s, const char *name, size_t object_bytes)
{
    *s = (struct slab){.name = name, .object_bytes = (object_bytes + 15) & ~(size_t)15};
}

void slab_fini(struct slab *s)
{
    while (s->chunks) {
        struct slab_chunk *older = s->chunks->older;
        free(s->chunks);
        s->chunks = older;
    }
    s->free_objects = NULL;
}

size_t slab_bytes(const struct slab *s)
{
    return s->chunk_count *
           (sizeof(struct slab_chunk) + SLAB_OBJECTS_PER_CHUNK(s->object_bytes) * s->object_bytes);
}

#ifdef __SANITIZE_ADDRESS__
const bool slab_recycles = false;

/* Every object is an allocation of its own, so that AddressSanitizer sees its edges, its end and its loss. */
void *slab_take(struct slab *s)
{
    void *object = calloc(1, s->object_bytes);
    s->live += object != NULL;
    return object;
}

void slab_give(struct slab *s, void *object)
{
    s->live -= object != NULL;
    free(object);
}
#else
const bool slab_recycles = true;

static int slab_grow(struct slab *s)
{
    size_t count = SLAB_OBJECTS_PER_CHUNK(s->object_bytes);
    struct slab_chunk *chunk = malloc(sizeof *chunk + count * s->object_bytes);
    if (!chunk)
        return -1;
    chunk->older = s->chunks;
    s->chunks = chunk;
    s->chunk_count++;
    for (size_t i = count; i-- > 0;) {
        void *object = chunk->bytes + i * s->object_bytes;
        memcpy(object, &s->free_objects, sizeof(void *));
        s->free_objects = object;
    }
    return 0;
}

void *slab_take(struct slab *s)
{
    if (!s->free_objects && slab_grow(s) < 0)
        return NULL;
    void *object = s->free_objects;
    memcpy(&s->free_objects, object, sizeof(void *));
    s->live++;
    return memset(object, 0, s->object_bytes);
}

void slab_give(struct slab *s, void *object)
{
    if (!object)
        return;
    memcpy(object, &s->free_objects, sizeof(void *));
    s->free_objects = object;
    s->live--;
}
#endif
