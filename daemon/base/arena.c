/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

struct arena_block {
    struct arena_block *older;
    size_t size;
    alignas(max_align_t) char bytes[];
};

/* Most stanzas fit the first block; a larger one gets a block of its own size. */
#define ARENA_BLOCK_BYTES 8192

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

void arena_fini(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *older = a->blocks->older;
        free(a->blocks);
        a->blocks = older;
    }
    a->used = 0;
}

void arena_reset(struct arena *a)
{
    while (a->blocks && (a->blocks->older || a->blocks->size > ARENA_BLOCK_BYTES)) {
        struct arena_block *older = a->blocks->older;
        free(a->blocks);
        a->blocks = older;
    }
    a->used = 0;
}

void *arena_take(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    size = (size + align - 1) & ~(align - 1);
    if (!a->blocks || a->blocks->size - a->used < size) {
        size_t block_size = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
        struct arena_block *block = malloc(sizeof *block + block_size);
        if (!block)
            return NULL;
        block->older = a->blocks;
        block->size = block_size;
        a->blocks = block;
        a->used = 0;
    }
    void *taken = a->blocks->bytes + a->used;
    a->used += size;
    return memset(taken, 0, size);
}

struct span arena_copy(struct arena *a, struct span s)
{
    char *copy = arena_take(a, s.len + 1);
    if (!copy)
        return (struct span){0};
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return (struct span){copy, s.len};
}
